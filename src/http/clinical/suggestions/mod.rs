//! Advice over HTTP (contract §5.9): a doctor tells how a patient is and hears what to think of.
//! The answer comes from the rules that are built in or, where one is configured, from an
//! [`advisor`]; either way it is kept, and the audit trail knows of it.

pub mod advisor;

use axum::Extension;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::warn;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::advisor::Advisor;
use super::viewer::{PatientRef, Standing, Viewer};
use crate::auth::new_id;
use crate::domain::clinical::health::HealthProfile;
use crate::domain::clinical::suggestion::case::{Case, Person};
use crate::domain::clinical::suggestion::{DISCLAIMER, Provider, Question, Suggestion, rules};
use crate::domain::date::Date;
use crate::domain::id::{DoctorId, SuggestionId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::contacts::{self, Contacts, Holder};
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::row::hold;
use crate::persistence::clinical::{health_profiles, suggestions};
use crate::telemetry::traces::TraceContext;

/// What callers are told failed.
const SERVICE: &str = "the provider of suggestions";

/// The routes of suggestions.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(suggest))
}

/// What a doctor may want to think of. Nothing of it is a diagnosis.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "sg_4Zk1", "provider": "rules", "suggestions": [{"code": "I10",
    "description": "Essential (primary) hypertension", "confidence": 0.6,
    "evidence": ["systolic 150 ≥ 140"]}], "disclaimer": "decision support; a doctor must confirm"}))]
#[schema(as = Suggestions)]
struct Advice {
    /// What a diagnosis that began here refers to.
    #[schema(value_type = String)]
    id: SuggestionId,
    provider: Provider,
    /// The surest first.
    suggestions: Vec<Suggestion>,
    disclaimer: &'static str,
}

/// Suggests diagnoses to think of, from symptoms and measurements.
#[utoipa::path(
    post, path = "/api/v1/diagnosis/suggestions", tag = "diagnoses", operation_id = "suggest_diagnoses",
    request_body = Question,
    responses(
        (status = 200, body = Advice),
        (status = 403, description = "Neither a doctor nor an administrator", body = ProblemBody),
        (status = 404, description = "No such patient of the caller's", body = ProblemBody),
        (status = 502, description = "The provider failed", body = ProblemBody),
        (status = 504, description = "The provider did not answer in time", body = ProblemBody),
    ),
)]
async fn suggest(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    trace: Option<Extension<TraceContext>>,
    Json(asked): Json<Question>,
) -> Result<Json<Advice>> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let doctor = asker(&viewer)?;
    let patient = viewer.patient(&app, PatientRef::Id(asked.patient_id)).await?;
    let known = health_profiles::find(&app.store, patient.id).await?.unwrap_or_default();
    let profile = asked.vitals.clone().unwrap_or_default().over(known);
    let id = SuggestionId::from(new_id("sg_"));

    let (provider, found) = match &app.advisor {
        None => (Provider::Rules, rules::suggestions(&profile)),
        Some(advisor) => {
            let trace = trace.map(|Extension(trace)| trace);
            let contacts = contacts::of(&app.store, Holder::Patient, &[patient.id.0]).await?;
            let contacts = contacts.into_values().next().unwrap_or_default();
            let case = case(&patient, &contacts, &profile, &asked);
            (Provider::Openai, advised(&author, advisor, &id, &asked, &case, trace).await?)
        }
    };

    let now = Timestamp::now();
    let mut tx = app.store.begin().await?;
    hold::<Patient>(&mut tx, patient.id).await?;
    suggestions::insert(&mut tx, &id, doctor, provider, &asked, &found, now).await?;
    record(&mut tx, &author, &id, "created", &asked, provider).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(Json(Advice { id, provider, suggestions: found, disclaimer: DISCLAIMER }))
}

/// The doctor who asks, or none for an administrator.
fn asker(viewer: &Viewer) -> Result<Option<DoctorId>> {
    match viewer.standing {
        Standing::Doctor(doctor) => Ok(Some(doctor)),
        Standing::House if viewer.is_admin() => Ok(None),
        _ => Err(Kind::Forbidden("suggestions are for doctors and administrators").into()),
    }
}

/// What somebody else is told of a patient.
fn case(patient: &Patient, contacts: &Contacts, profile: &HealthProfile, asked: &Question) -> Case {
    let texts = [
        &patient.email,
        &patient.document_number,
        &patient.external_ref,
        &patient.emergency_contact_name,
        &patient.emergency_contact_phone,
    ];
    let known_as: Vec<&str> = [patient.first_name.as_str(), &patient.last_name]
        .into_iter()
        .chain(texts.into_iter().flatten().map(String::as_str))
        .chain(contacts.phones.iter().map(|phone| phone.number.as_str()))
        .collect();
    let person =
        Person { born: patient.date_of_birth.civil(), sex: patient.sex, known_as: &known_as };
    Case::of(&person, profile, asked, Date::of(Timestamp::now()).civil())
}

/// What the advisor thinks of. That something leaves the hub is written down before it does.
async fn advised(
    author: &Author<'_>,
    advisor: &Advisor,
    id: &SuggestionId,
    asked: &Question,
    case: &Case,
    trace: Option<TraceContext>,
) -> Result<Vec<Suggestion>> {
    note(author, id, "asked", asked).await?;
    match advisor.ask(case, trace).await {
        Ok(found) => Ok(found),
        Err(failure) => {
            warn!(error = %failure, "no suggestions from the provider");
            note(author, id, "failed", asked).await?;
            Err(failure.of(SERVICE).into())
        }
    }
}

/// Keeps a step of asking the advisor in the audit trail.
async fn note(
    author: &Author<'_>,
    id: &SuggestionId,
    action: &'static str,
    asked: &Question,
) -> Result<()> {
    let mut tx = author.app.store.begin().await?;
    record(&mut tx, author, id, action, asked, Provider::Openai).await?;
    tx.commit_attempt().await?;
    author.app.hub.outbox_ready();
    Ok(())
}

async fn record(
    tx: &mut Tx,
    author: &Author<'_>,
    id: &SuggestionId,
    action: &'static str,
    asked: &Question,
    provider: Provider,
) -> Result<()> {
    let data: [(&str, Value); 2] =
        [("patient_id", asked.patient_id.0.into()), ("provider", provider.name().into())];
    let data = Map::from_iter(data.map(|(name, value)| (name.to_owned(), value)));
    author.record(tx, "suggestion", id.as_str().into(), action, data).await
}
