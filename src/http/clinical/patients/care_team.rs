//! Who cares for a patient.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;

use crate::domain::id::{DoctorId, InstitutionId, PatientId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::doctors::view::{self as doctor_view, DoctorView, PublicDoctor};
use crate::http::clinical::institutions::view::{self as institution_view, InstitutionView};
use crate::http::clinical::viewer::{PatientRef, Standing, Viewer};
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::precondition::IfMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::care_teams::{self, Part};
use crate::persistence::clinical::doctors::{self, Doctor};
use crate::persistence::clinical::institutions::Institution;
use crate::persistence::clinical::patients::{self, Patient};
use crate::persistence::clinical::relations;
use crate::persistence::clinical::row::{find, hold, refer};

/// Everyone who cares for a patient.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::clinical) struct CareTeam {
    primary_doctor: Option<DoctorView>,
    institution: Option<InstitutionView>,
    members: Vec<Member>,
}

/// A doctor of the team.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CareTeamMember)]
struct Member {
    doctor: PublicDoctor,
    role: Part,
    since: Timestamp,
}

/// A doctor to join the team.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewCareTeamMember, example = json!({"doctor_id": 46, "role": "specialist"}))]
pub(super) struct NewMember {
    #[garde(skip)]
    doctor_id: DoctorId,
    /// Absent: `specialist`.
    #[serde(default)]
    #[garde(skip)]
    role: Option<Part>,
}

/// Shows who cares for a patient.
#[utoipa::path(
    get, path = "/api/v1/patients/{id}/care-team", tag = "patients", operation_id = "get_care_team",
    params(("id" = String, Path, description = "An id, or `me`", example = "77")),
    responses((status = 200, body = CareTeam)),
)]
pub(super) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<PatientRef>,
) -> Result<Json<CareTeam>> {
    let patient = viewer.patient(&app, id).await?;
    read(&app, &viewer, &patient).await.map(Json)
}

/// The team of a patient, as the caller may see it.
pub(in crate::http::clinical) async fn read(
    app: &App,
    viewer: &Viewer,
    patient: &Patient,
) -> Result<CareTeam> {
    let team = care_teams::of(&app.store, patient.id).await?;
    let ids: Vec<DoctorId> =
        team.iter().map(|member| member.doctor_id).chain(patient.doctor_id).collect();
    let rows = doctors::some(&app.store, &ids).await?;
    let complete = doctor_view::complete(&app.store, rows).await?;
    let mut known: HashMap<DoctorId, _> =
        complete.into_iter().map(|doctor| (doctor.row.id, doctor)).collect();
    let mut members = Vec::new();
    for member in team {
        if let Some(doctor) = known.get(&member.doctor_id).cloned() {
            let (role, since) = (member.role, member.since);
            members.push(Member { doctor: doctor.public(), role, since });
        }
    }
    let primary = patient.doctor_id.and_then(|id| known.remove(&id));
    let institution = match patient.institution_id {
        Some(id) => institution(app, viewer, id).await?,
        None => None,
    };
    Ok(CareTeam {
        primary_doctor: primary.map(|doctor| doctor.of(viewer)).transpose()?,
        institution,
        members,
    })
}

async fn institution(
    app: &App,
    viewer: &Viewer,
    id: InstitutionId,
) -> Result<Option<InstitutionView>> {
    let row: Institution = match find(&app.store, id).await {
        Ok(row) => row,
        Err(error) if matches!(error.kind(), Kind::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let complete = institution_view::complete(&app.store, vec![row]).await?.pop();
    complete.map(|institution| institution.of(viewer)).transpose()
}

/// Adds a doctor to the team of a patient.
#[utoipa::path(
    post, path = "/api/v1/patients/{id}/care-team", tag = "patients", operation_id = "join_care_team",
    params(
        ("id" = String, Path, description = "An id, or `me`", example = "77"),
        ("If-Match" = Option<String>, Header, description = "The version of the patient")
    ),
    request_body = NewMember,
    responses(
        (status = 201, body = CareTeam, headers(("Location" = String))),
        (status = 409, description = "The doctor is of the team", body = ProblemBody),
    ),
)]
pub(super) async fn add(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<PatientRef>,
    Json(new): Json<NewMember>,
) -> Result<Response> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let (id, now) = (arranged(&app, &viewer, id).await?, Timestamp::now());

    let mut tx = app.store.begin().await?;
    let patient: Patient = hold(&mut tx, id).await?;
    condition.check(patient.stamp.version)?;
    refer::<Doctor>(&mut tx, new.doctor_id, "/doctor_id").await?;
    let role = new.role.unwrap_or(Part::Specialist);
    care_teams::add(&mut tx, id, new.doctor_id, role, now).await?;
    announce(&mut tx, &author, &patient, new.doctor_id, "created", now).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    let patient: Patient = find(&app.store, id).await?;
    let team = read(&app, &viewer, &patient).await?;
    let place = format!("/api/v1/patients/{id}/care-team");
    Ok((StatusCode::CREATED, [(LOCATION, place)], Json(team)).into_response())
}

/// Takes a doctor off the team of a patient.
#[utoipa::path(
    delete, path = "/api/v1/patients/{id}/care-team/{doctor_id}", tag = "patients",
    operation_id = "leave_care_team",
    params(
        ("id" = String, Path, description = "An id, or `me`", example = "77"),
        ("doctor_id" = i64, Path),
        ("If-Match" = Option<String>, Header, description = "The version of the patient")
    ),
    responses((status = 204)),
)]
pub(super) async fn remove(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path((id, doctor)): Path<(PatientRef, DoctorId)>,
) -> Result<StatusCode> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let (id, now) = (arranged(&app, &viewer, id).await?, Timestamp::now());

    let mut tx = app.store.begin().await?;
    let patient: Patient = hold(&mut tx, id).await?;
    condition.check(patient.stamp.version)?;
    care_teams::remove(&mut tx, id, doctor).await?;
    announce(&mut tx, &author, &patient, doctor, "deleted", now).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(StatusCode::NO_CONTENT)
}

/// A patient whose team the caller may arrange.
async fn arranged(app: &App, viewer: &Viewer, id: PatientRef) -> Result<PatientId> {
    let may = match viewer.standing {
        Standing::House => viewer.is_admin(),
        Standing::Doctor(_) | Standing::Institution(_) => true,
        _ => false,
    };
    if !may {
        let sentence = "care teams are arranged by doctors, institutions and administrators";
        return Err(Kind::Forbidden(sentence).into());
    }
    Ok(viewer.patient(app, id).await?.id)
}

async fn announce(
    tx: &mut Tx,
    author: &Author<'_>,
    patient: &Patient,
    doctor: DoctorId,
    action: &'static str,
    now: Timestamp,
) -> Result<()> {
    patients::touch(tx, patient.id, now).await?;
    let changes = [("patient_id", json!(patient.id)), ("doctor_id", json!(doctor))];
    let changes = Map::from_iter(changes.map(|(name, value)| (name.to_owned(), value)));
    let carers = relations::carers(tx, Some(doctor), None).await?;
    for user in carers.into_iter().chain(patient.user_id) {
        author.tell(tx, user, "membership", action, changes.clone()).await?;
    }
    let deed = if action == "created" { "care_team_joined" } else { "care_team_left" };
    author.record(tx, "patient", patient.id.0.into(), deed, changes).await
}
