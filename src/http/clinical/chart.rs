//! What notes, prescriptions and diagnoses have in common: who reads and who writes them (contract
//! §4), and how they are listed. Doctors related to the patient do both, administrators read, patients
//! read what is released to them; to everyone else the chart is closed.

use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::reading;
use super::viewer::{PatientRef, Standing, Viewer};
use crate::domain::id::{ConsultationId, DoctorId, PatientId};
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::precondition::etag;
use crate::persistence::Tx;
use crate::persistence::clinical::chart::{Entry, Filter};
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::relations;
use crate::persistence::clinical::row::find;

/// Which rows of a patient's chart a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
    /// Removed rows as well; administrators only.
    include_deleted: Option<bool>,
}

impl Filters {
    /// The filter over the chart of a patient, if this caller may read it.
    /// That the list is looked at is written down.
    pub(super) async fn of<E: Entry>(
        self,
        app: &App,
        viewer: &Viewer,
        context: &Context,
        id: PatientRef,
    ) -> Result<Filter> {
        must_read(viewer)?;
        let include_deleted = self.include_deleted.unwrap_or(false);
        if include_deleted && !viewer.is_admin() {
            return Err(Kind::Forbidden("removed rows are for administrators only").into());
        }
        let patient = viewer.patient(app, id).await?.id;
        reading::note_list(app, viewer, context, E::TABLE, [patient]).await?;
        Ok(Filter {
            patient,
            released_only: is_the_patient(viewer),
            created_from: self.created_from,
            created_to: self.created_to,
            include_deleted,
        })
    }
}

/// A row the caller may read. One about somebody else's patient is not there.
pub(super) async fn read<E: Entry>(app: &App, viewer: &Viewer, id: E::Id) -> Result<E> {
    must_read(viewer)?;
    let row: E = find(&app.store, id).await?;
    let is_shown = row.is_released() || !is_the_patient(viewer);
    if !is_shown || !viewer.is_related(app, row.patient()).await? {
        return Err(Kind::NotFound(E::NOUN).into());
    }
    find::<Patient>(&app.store, row.patient()).await?;
    Ok(row)
}

/// The same to be shown, which is written down.
pub(super) async fn show<E: Entry>(
    app: &App,
    viewer: &Viewer,
    context: &Context,
    id: E::Id,
) -> Result<E> {
    let row = read::<E>(app, viewer, id).await?;
    reading::note(app, viewer, context, (E::NOUN, id.into()), row.patient()).await?;
    Ok(row)
}

/// The doctor who calls, and the patient whose chart may be written by them.
pub(super) async fn written(
    app: &App,
    viewer: &Viewer,
    id: PatientRef,
) -> Result<(DoctorId, PatientId)> {
    let doctor = viewer.doctor()?;
    Ok((doctor, viewer.patient(app, id).await?.id))
}

/// Whether the doctor who calls may write a row. One about somebody else's patient is not there.
pub(super) async fn check_written<E: Entry>(app: &App, viewer: &Viewer, id: E::Id) -> Result<()> {
    viewer.doctor()?;
    read::<E>(app, viewer, id).await.map(drop)
}

/// Refuses a visit that is none of the patient's.
pub(super) async fn check_visit(
    tx: &mut Tx,
    visit: Option<&ConsultationId>,
    patient: PatientId,
) -> Result<()> {
    let Some(visit) = visit else { return Ok(()) };
    if relations::is_visit_of(tx, visit, patient).await? {
        return Ok(());
    }
    let detail = "there is no such consultation of the patient";
    Err(Error::field("/consultation_id", FieldCode::Reference, detail))
}

/// A change of a row of a chart.
pub(super) struct Change {
    /// `note`, `prescription`, `diagnosis`
    pub(super) kind: &'static str,
    pub(super) id: i64,
    pub(super) patient: PatientId,
    /// A past participle.
    pub(super) done: &'static str,
    /// What the audit trail keeps besides.
    pub(super) data: Map<String, Value>,
    /// What became of it to the patient; nothing where it is not released to them.
    pub(super) seen: Option<&'static str>,
    /// What those it concerns are told besides the id: closed words.
    pub(super) told: Map<String, Value>,
}

/// Keeps a change in the audit trail, and tells the doctors who treat the patient, the author's other
/// devices among them, and the patient of what is released.
pub(super) async fn announce(tx: &mut Tx, author: &Author<'_>, change: Change) -> Result<()> {
    let Change { kind, id, patient, done, mut data, seen, told } = change;
    data.extend(of_patient(patient));
    author.record(tx, kind, id.into(), done, data).await?;

    let mut changes = told;
    changes.insert(format!("{kind}_id"), id.into());
    let mut known = changes.clone();
    known.extend(of_patient(patient));
    let mut doctors = relations::treating(tx, patient).await?;
    let own = author.user().filter(|user| !doctors.contains(user));
    doctors.extend(own);
    let became = if matches!(done, "created" | "deleted") { done } else { "updated" };
    for doctor in doctors {
        author.tell(tx, doctor, kind, became, known.clone()).await?;
    }
    let account = relations::accounts(tx, patient, None, None).await?.patient;
    if let (Some(user), Some(became)) = (account, seen) {
        author.tell(tx, user, kind, became, changes).await?;
    }
    Ok(())
}

/// Whose chart it is.
fn of_patient(patient: PatientId) -> Map<String, Value> {
    Map::from_iter([("patient_id".to_owned(), patient.0.into())])
}

/// A row that is new, at its place.
pub(super) fn created(place: &str, version: i64, row: impl Serialize) -> Result<Response> {
    let place = HeaderValue::try_from(place).map_err(Error::internal)?;
    let headers = [(LOCATION, place), (ETAG, etag(version))];
    Ok((StatusCode::CREATED, headers, Json(row)).into_response())
}

/// Refuses to whom charts are closed.
pub(super) fn must_read(viewer: &Viewer) -> Result<()> {
    match viewer.standing {
        Standing::Doctor(_) | Standing::Patient(_) => Ok(()),
        Standing::House if viewer.is_admin() => Ok(()),
        _ => {
            let sentence = "charts are for the patient, related doctors and administrators";
            Err(Kind::Forbidden(sentence).into())
        }
    }
}

fn is_the_patient(viewer: &Viewer) -> bool {
    matches!(viewer.standing, Standing::Patient(_))
}
