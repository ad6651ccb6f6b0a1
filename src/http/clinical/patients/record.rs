//! The medical record: all that is kept of a patient, on one page. Every look at it is written down.

use std::collections::HashSet;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::{IntoParams, ToSchema};

use super::view::{Complete, PatientView, read, today};
use crate::domain::clinical::health::HealthProfile;
use crate::domain::clinical::validation::ValidationStatus;
use crate::domain::id::PatientId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::results::access::seen_all;
use crate::http::clinical::viewer::{PatientRef, Standing, Viewer};
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::Query;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::appointments::{self, Appointment};
use crate::persistence::clinical::consultations::{self, Consultation};
use crate::persistence::clinical::diagnoses::{self, Diagnosis};
use crate::persistence::clinical::health_profiles::{self, Recorded};
use crate::persistence::clinical::notes::{self, Note};
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::prescriptions::{self, Prescription};
use crate::persistence::clinical::results::{self, ExamResult};
use crate::persistence::consultations::recordings::{self, Film};
use crate::persistence::{Store, audit};

/// Rows a section shows at most.
const MOST: usize = 200;
/// One more tells that there are more.
const FETCH: i64 = 201;

/// Which sections are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::clinical) struct Asked {
    /// Any of `history`, `appointments`, `consultations`, `notes`, `diagnoses`, `prescriptions`,
    /// `results`, `recordings`, with commas between them; absent: all.
    #[param(example = "notes,results")]
    sections: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Section {
    History,
    Appointments,
    Consultations,
    Notes,
    Diagnoses,
    Prescriptions,
    Results,
    Recordings,
}

const ALL: [Section; 8] = [
    Section::History,
    Section::Appointments,
    Section::Consultations,
    Section::Notes,
    Section::Diagnoses,
    Section::Prescriptions,
    Section::Results,
    Section::Recordings,
];

/// All that is kept of a patient, each section newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::clinical) struct MedicalRecord {
    patient: PatientView,
    health_profile: Option<HealthProfile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Recorded>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointments: Option<Vec<Appointment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consultations: Option<Vec<Consultation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Vec<Note>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnoses: Option<Vec<Diagnosis>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prescriptions: Option<Vec<Prescription>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<ExamResult>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recordings: Option<Vec<Film>>,
    generated_at: Timestamp,
    truncated: Truncated,
}

/// Which sections have more than they show.
#[derive(Debug, Default, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "one of each section, as the wire has them")]
struct Truncated {
    history: bool,
    appointments: bool,
    consultations: bool,
    notes: bool,
    diagnoses: bool,
    prescriptions: bool,
    results: bool,
    recordings: bool,
}

/// Shows the medical record of a patient. Patients see what was released to them; institutions see it
/// once they have validated the patient.
#[utoipa::path(
    get, path = "/api/v1/patients/{id}/medical-record", tag = "patients",
    operation_id = "get_medical_record",
    params(("id" = String, Path, description = "An id, or `me`", example = "77"), Asked),
    responses(
        (status = 200, body = MedicalRecord),
        (status = 400, description = "There is no such section", body = ProblemBody),
    ),
)]
pub(super) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<PatientRef>,
    Query(asked): Query<Asked>,
) -> Result<Json<MedicalRecord>> {
    let id = viewer.patient(&app, id).await?.id;
    opened(&app, &viewer, &context, id, &asked).await.map(Json)
}

/// Shows a doctor the medical record of one of their patients.
#[utoipa::path(
    get, path = "/api/v1/doctors/me/patients/{patient_id}/medical-record", tag = "doctors",
    operation_id = "get_own_patient_record",
    params(("patient_id" = i64, Path), Asked),
    responses(
        (status = 200, body = MedicalRecord),
        (status = 400, description = "There is no such section", body = ProblemBody),
    ),
)]
pub(in crate::http::clinical) async fn of_own_patient(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<PatientId>,
    Query(asked): Query<Asked>,
) -> Result<Json<MedicalRecord>> {
    viewer.doctor()?;
    let id = viewer.patient(&app, PatientRef::Id(id)).await?.id;
    opened(&app, &viewer, &context, id, &asked).await.map(Json)
}

/// Reads the record, and writes down that it was read before anyone sees it.
async fn opened(
    app: &App,
    viewer: &Viewer,
    context: &Context,
    id: PatientId,
    asked: &Asked,
) -> Result<MedicalRecord> {
    let sections = asked.sections()?;
    let patient = read(app, id).await?;
    if let Standing::Institution(_) = viewer.standing {
        patient.must_be_validated()?;
    }
    let mut record = record(app, viewer, patient, &sections).await?;
    if let Some(rows) = record.results.take() {
        let author = Author { app, context, caller: &viewer.caller };
        record.results = Some(seen_all(&author, viewer, rows).await?);
    }
    let mut entry = context.audit(Some(&viewer.caller), "read", "medical_record", &id);
    entry.data = Map::from_iter([("sections".to_owned(), asked.sections.clone().into())]);
    let mut tx = app.store.begin().await?;
    audit::append(&mut tx, &entry, Timestamp::now()).await?;
    tx.commit().await?;
    Ok(record)
}

async fn record(
    app: &App,
    viewer: &Viewer,
    patient: Complete,
    sections: &HashSet<Section>,
) -> Result<MedicalRecord> {
    let (store, id) = (&app.store, patient.row.id);
    let is_own = matches!(viewer.standing, Standing::Patient(_));
    let mut truncated = Truncated::default();
    /// A section, if it is asked for.
    macro_rules! section {
        ($section:ident, $name:ident, $rows:expr) => {
            if sections.contains(&Section::$section) {
                let mut rows = $rows.await?;
                truncated.$name = rows.len() > MOST;
                rows.truncate(MOST);
                Some(rows)
            } else {
                None
            }
        };
    }
    let today = today().into();
    let row = patient.row.clone();
    Ok(MedicalRecord {
        health_profile: patient.profile.clone(),
        patient: patient.view(),
        history: section!(
            History,
            history,
            health_profiles::history(store, id, (None, None), None, FETCH)
        ),
        appointments: section!(Appointments, appointments, appointments::newest(store, id, FETCH)),
        consultations: section!(
            Consultations,
            consultations,
            consultations::newest(store, id, FETCH)
        ),
        notes: section!(Notes, notes, notes::newest(store, id, is_own, FETCH)),
        diagnoses: section!(Diagnoses, diagnoses, diagnoses::newest(store, id, is_own, FETCH)),
        prescriptions: section!(
            Prescriptions,
            prescriptions,
            prescriptions::newest(store, id, &today, FETCH)
        ),
        results: section!(Results, results, results::newest(store, id, is_own, FETCH)),
        recordings: section!(Recordings, recordings, films(store, viewer, &row, FETCH)),
        generated_at: Timestamp::now(),
        truncated,
    })
}

/// The films the caller may see: patients those that were opened to them, once they have full access,
/// institutions none.
async fn films(store: &Store, viewer: &Viewer, patient: &Patient, limit: i64) -> Result<Vec<Film>> {
    let is_own = match viewer.standing {
        Standing::Patient(_) => true,
        Standing::Institution(_) => return Ok(Vec::new()),
        _ => false,
    };
    if is_own && patient.validation_status != ValidationStatus::FullAccess {
        return Ok(Vec::new());
    }
    recordings::newest(store, patient.id, is_own, limit).await
}

impl Asked {
    fn sections(&self) -> Result<HashSet<Section>> {
        let Some(names) = &self.sections else { return Ok(HashSet::from(ALL)) };
        let section = |name: &str| {
            serde_json::from_value(name.trim().into())
                .map_err(|_| Kind::Malformed("sections names one that is not there".into()).into())
        };
        names.split(',').map(section).collect()
    }
}
