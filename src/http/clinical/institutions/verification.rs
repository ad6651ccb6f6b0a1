//! Judging the papers of an institution (contract §9.9).

use axum::extract::State;
use garde::Validate;
use serde::Deserialize;
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::view::FullInstitution;
use super::write::{Shown, shown};
use crate::domain::clinical::institution::Verification;
use crate::domain::contact::one_line;
use crate::domain::date::Date;
use crate::domain::id::InstitutionId;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::Admin;
use crate::http::context::{Context, Path};
use crate::http::given::Given;
use crate::http::json::Json;
use crate::http::precondition::IfMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::institutions::{self, Finding, Institution};
use crate::persistence::clinical::row::hold;
use crate::persistence::deed::passage;

/// What was found.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"status": "verified", "accreditation": "ITAES",
    "accredited_until": "2027-06-30"}))]
pub(super) struct Judgement {
    #[garde(skip)]
    status: Verification,
    /// Kept in the audit trail.
    #[serde(default)]
    #[garde(inner(length(chars, max = 500)))]
    #[schema(max_length = 500)]
    note: Option<String>,
    /// Absent: as it stands.
    #[serde(default)]
    #[garde(inner(length(chars, max = 200), custom(one_line)))]
    #[schema(value_type = Option<String>, max_length = 200)]
    accreditation: Given<String>,
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<Date>)]
    accredited_until: Given<Date>,
}

/// Keeps what was found of an institution's papers.
#[utoipa::path(
    post, path = "/api/v1/institutions/{id}/verification", tag = "institutions",
    operation_id = "verify_institution",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Judgement,
    responses(
        (status = 200, body = FullInstitution, headers(("ETag" = String))),
        (status = 409, description = "The status cannot follow", body = ProblemBody),
    ),
)]
pub(super) async fn verify(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<InstitutionId>,
    Json(judgement): Json<Judgement>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    let institution: Institution = hold(&mut tx, id).await?;
    condition.check(institution.stamp.version)?;
    institution.verification_status.check(judgement.status)?;
    let mut data = passage(institution.verification_status, judgement.status);
    data.insert("note".to_owned(), json!(judgement.note));
    let mut finding = Finding {
        status: judgement.status,
        accreditation: institution.accreditation,
        accredited_until: institution.accredited_until,
    };
    judgement.accreditation.write(&mut finding.accreditation);
    judgement.accredited_until.write(&mut finding.accredited_until);
    institutions::verify(&mut tx, id, &finding, Timestamp::now()).await?;
    author.record(&mut tx, "institution", id.0.into(), "verification_changed", data).await?;
    if let Some(user) = institution.user_id {
        let changes = Map::from_iter([("verification_status".to_owned(), json!(judgement.status))]);
        author.tell(&mut tx, user, "profile", "updated", changes).await?;
    }
    tx.commit().await?;

    app.hub.outbox_ready();
    shown(&app, id).await
}
