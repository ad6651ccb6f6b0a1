//! Who may look at a result and who may write it, what is noted of a reading, and who hears of a move.

use serde_json::{Map, json};

use crate::domain::clinical::result::ResultStatus;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::clinical::ResultUpdate;
use crate::domain::id::{FileId, ResultId};
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::{Standing, Viewer, since};
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::relations;
use crate::persistence::clinical::results::{self, ExamResult};
use crate::persistence::clinical::row::{find, hold};
use crate::persistence::files::{self, File};
use crate::persistence::{Tx, audit, outbox};

/// Whether the caller may look at a result: one of a patient of theirs, or, once it is released, their
/// own.
pub(in crate::http) async fn sees(app: &App, viewer: &Viewer, result: &ExamResult) -> Result<bool> {
    let is_patient = matches!(viewer.standing, Standing::Patient(_));
    let is_related = viewer.is_related(app, result.patient_id).await?;
    Ok(is_related && (result.status.is_released() || !is_patient))
}

/// A result the caller may look at. Any other is not there.
pub(super) async fn visible(app: &App, viewer: &Viewer, id: ResultId) -> Result<ExamResult> {
    let result: ExamResult = find(&app.store, id).await?;
    if !sees(app, viewer, &result).await? {
        return Err(missing());
    }
    // To the house too the results of a removed patient are gone.
    find::<Patient>(&app.store, result.patient_id).await?;
    Ok(result)
}

/// A result the caller may write: the house any, a doctor or an institution what they ordered.
pub(super) async fn writable(app: &App, viewer: &Viewer, id: ResultId) -> Result<ExamResult> {
    let result = visible(app, viewer, id).await?;
    let is_theirs = match viewer.standing {
        Standing::House => true,
        Standing::Doctor(_) | Standing::Institution(_) => {
            result.ordered_by == Some(viewer.caller.user)
        }
        _ => false,
    };
    if is_theirs {
        return Ok(result);
    }
    Err(Kind::Forbidden("a result is written by who ordered it").into())
}

/// The file of a result, and the result, for a caller who may look at it.
pub(in crate::http) async fn document(
    app: &App,
    viewer: &Viewer,
    id: ResultId,
) -> Result<(ExamResult, File)> {
    let result = visible(app, viewer, id).await?;
    let file: FileId = result.file_id.clone().ok_or(Kind::NotFound("file"))?;
    let file = files::find(&app.store, &file).await?;
    Ok((result, file))
}

/// Results on their way to a caller. Their patient has read those without a file.
pub(in crate::http::clinical) async fn seen_all(
    author: &Author<'_>,
    viewer: &Viewer,
    rows: Vec<ExamResult>,
) -> Result<Vec<ExamResult>> {
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        shown.push(seen(author, viewer, row).await?);
    }
    Ok(shown)
}

/// The same of one.
pub(super) async fn seen(
    author: &Author<'_>,
    viewer: &Viewer,
    row: ExamResult,
) -> Result<ExamResult> {
    match viewer.standing {
        Standing::Patient(_) if row.is_read_by_sight() => read_by_patient(author, row.id).await,
        _ => Ok(row),
    }
}

/// A result as its patient reads it. One without a file is delivered by that.
async fn read_by_patient(author: &Author<'_>, id: ResultId) -> Result<ExamResult> {
    let app = author.app;
    let mut tx = app.store.begin().await?;
    let mut result = hold_released(&mut tx, id).await?;
    if result.is_read_by_sight() {
        result = deliver(&mut tx, author, result, Timestamp::now()).await?;
    }
    tx.commit().await?;
    app.hub.outbox_ready();
    Ok(result)
}

/// Keeps in the audit trail that the file of a result is read. A patient's first reading delivers it.
pub(in crate::http) async fn note_reading(
    author: &Author<'_>,
    viewer: &Viewer,
    result: &ExamResult,
) -> Result<()> {
    let (app, now) = (author.app, Timestamp::now());
    let mut tx = app.store.begin().await?;
    let mut entry = author.context.audit(Some(author.caller), "file_read", "result", &result.id);
    entry.data = Map::from_iter([("patient_id".to_owned(), json!(result.patient_id))]);
    audit::append(&mut tx, &entry, now).await?;
    if let Standing::Patient(_) = viewer.standing {
        let result = hold_released(&mut tx, result.id).await?;
        if result.status == ResultStatus::Ready {
            deliver(&mut tx, author, result, now).await?;
        }
    }
    tx.commit().await?;
    app.hub.outbox_ready();
    Ok(())
}

/// Holds a result that its patient reads, unless it was taken back since it was looked at.
async fn hold_released(tx: &mut Tx, id: ResultId) -> Result<ExamResult> {
    let result: ExamResult = hold(tx, id).await?;
    if result.status.is_released() { Ok(result) } else { Err(missing()) }
}

/// Notes that the patient has a result that was ready.
async fn deliver(
    tx: &mut Tx,
    author: &Author<'_>,
    mut result: ExamResult,
    now: Timestamp,
) -> Result<ExamResult> {
    result.move_to(ResultStatus::Delivered, now);
    let result = results::update(tx, &result, now).await?;
    record(tx, author, &result, "delivered").await?;
    announce(tx, author, &result, now).await?;
    Ok(result)
}

/// Keeps a change in the audit trail.
pub(super) async fn record(
    tx: &mut Tx,
    author: &Author<'_>,
    result: &ExamResult,
    action: &'static str,
) -> Result<()> {
    let data = [("patient_id", json!(result.patient_id)), ("status", json!(result.status))];
    let data = Map::from_iter(data.map(|(name, value)| (name.to_owned(), value)));
    author.record(tx, "result", result.id.0.into(), action, data).await
}

/// Tells of a new status: who ordered it and may still see it, the administrators, those who follow it, and the patient of
/// what is released.
pub(super) async fn announce(
    tx: &mut Tx,
    author: &Author<'_>,
    result: &ExamResult,
    now: Timestamp,
) -> Result<()> {
    let update = ResultUpdate {
        result_id: result.id.0,
        patient_id: result.patient_id.0,
        exam_name: result.exam_name.clone(),
        status: result.status,
        timestamp: now,
    };
    let accounts = relations::accounts(tx, result.patient_id, None, None).await?;
    let patient = accounts.patient.filter(|_| result.status.is_released());
    let mut orderer = result.ordered_by;
    if let Some(user) = orderer {
        let may_hear =
            relations::of_account(tx, user, result.patient_id, since(author.app)).await?;
        orderer = orderer.filter(|_| may_hear);
    }
    let mut topics = update.topics();
    topics.extend(patient.into_iter().chain(orderer).map(Topic::User));
    topics.dedup();
    outbox::append(tx, &update.event_to(topics), Some(&author.app.settings.node)).await.map(drop)
}

fn missing() -> Error {
    Kind::NotFound("result").into()
}
