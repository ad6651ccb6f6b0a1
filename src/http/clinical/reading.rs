//! Who looked at what is known of a patient's health: a line of the audit trail for each look of somebody else.

use serde_json::Map;

use super::viewer::{Standing, Viewer};
use crate::domain::id::PatientId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::context::Context;
use crate::persistence::audit;

/// Writes down, before it is shown, that a row of this kind about a patient is looked at.
pub(super) async fn note(
    app: &App,
    viewer: &Viewer,
    context: &Context,
    (what, id): (&'static str, i64),
    patient: PatientId,
) -> Result<()> {
    note_all(app, viewer, context, what, &[(id, patient)]).await
}

/// The same of a list, for each patient in it; its lines are known by the patients.
pub(super) async fn note_list(
    app: &App,
    viewer: &Viewer,
    context: &Context,
    what: &'static str,
    patients: impl IntoIterator<Item = PatientId>,
) -> Result<()> {
    let mut looks: Vec<_> = patients.into_iter().map(|patient| (patient.0, patient)).collect();
    looks.sort_unstable();
    looks.dedup();
    note_all(app, viewer, context, what, &looks).await
}

async fn note_all(
    app: &App,
    viewer: &Viewer,
    context: &Context,
    what: &'static str,
    looks: &[(i64, PatientId)],
) -> Result<()> {
    if looks.is_empty() || matches!(viewer.standing, Standing::Patient(_)) {
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    for (id, patient) in looks {
        let mut entry = context.audit(Some(&viewer.caller), "read", what, id);
        entry.data = Map::from_iter([("patient_id".to_owned(), patient.0.into())]);
        audit::append(&mut tx, &entry, Timestamp::now()).await?;
    }
    tx.commit().await
}
