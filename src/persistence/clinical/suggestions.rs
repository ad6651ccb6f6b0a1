//! The `ai_suggestions` table: what doctors were offered to think of, and what was asked.

use sqlx::types::Json;

use crate::domain::clinical::suggestion::{Provider, Question, Suggestion};
use crate::domain::id::{DoctorId, PatientId, SuggestionId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;

/// Keeps an answer with its question; the doctor is absent where an administrator asked.
pub async fn insert(
    tx: &mut Tx,
    id: &SuggestionId,
    doctor: Option<DoctorId>,
    provider: Provider,
    asked: &Question,
    suggestions: &[Suggestion],
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        insert into ai_suggestions (id, patient_id, doctor_id, provider, request, response, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(asked.patient_id)
        .bind(doctor)
        .bind(provider)
        .bind(Json(asked))
        .bind(Json(suggestions))
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// What was suggested under this id, if it is about that patient.
pub async fn about(
    tx: &mut Tx,
    id: &SuggestionId,
    patient: PatientId,
) -> Result<Option<Vec<Suggestion>>> {
    const SQL: &str = "select response from ai_suggestions where id = $1 and patient_id = $2";
    let found: Option<Json<Vec<Suggestion>>> =
        on!(tx, |conn| sqlx::query_scalar(SQL).bind(id).bind(patient).fetch_optional(conn).await)?;
    Ok(found.map(|Json(suggestions)| suggestions))
}
