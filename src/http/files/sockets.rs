//! The desk at which sockets ask for files and bring them.

use super::kept::Unclaimed;
use crate::actors::hub::{Asker, Desk, Found, Sent, Waiting};
use crate::domain::id::{FileId, ResultId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::results::access::{document, note_reading};
use crate::http::clinical::viewer::{Standing, Viewer};
use crate::http::context::Context;

/// Answers sockets by the rules of the routes.
pub struct SocketDesk(pub App);

impl Desk for SocketDesk {
    fn result_file<'a>(&'a self, by: Asker<'a>, id: ResultId, most: usize) -> Waiting<'a, Found> {
        Box::pin(self.result_file(by, id, most))
    }

    fn keep_file<'a>(&'a self, by: Asker<'a>, sent: Sent) -> Waiting<'a, FileId> {
        Box::pin(self.keep_file(by, sent))
    }
}

impl SocketDesk {
    /// As `GET /api/v1/results/{id}/file`.
    async fn result_file(&self, by: Asker<'_>, id: ResultId, most: usize) -> Result<Found> {
        let app = &self.0;
        let standing = Standing::of(&app.store, by.principal).await?;
        let viewer = Viewer { caller: by.principal.clone(), standing };
        let (result, file) = document(app, &viewer, id).await?;
        let size = u64::try_from(file.size).unwrap_or_default();
        if size > most as u64 {
            let house = app.settings.portals.house.trim_end_matches('/');
            return Ok(Found::At(format!("{house}/api/v1/results/{id}/file")));
        }
        let outlet = app.files.give(&super::kept::place(&file), 0, size).await?;
        let bytes = outlet.all().await?;
        let context = Context::of_socket(by.provenance);
        let author = Author { app, context: &context, caller: by.principal };
        note_reading(&author, &viewer, &result).await?;
        Ok(Found::Whole { name: file.name, media: file.content_type, bytes })
    }

    /// As `POST /files`.
    async fn keep_file(&self, by: Asker<'_>, sent: Sent) -> Result<FileId> {
        let app = &self.0;
        let context = Context::of_socket(by.provenance);
        let author = Author { app, context: &context, caller: by.principal };
        let mut intake = Unclaimed::begin(app, sent.purpose.is_sealed()).await?;
        intake.push(&sent.bytes).await?;
        let bytes = Unclaimed::keep(app, intake).await?;

        let mut tx = app.store.begin().await?;
        let now = Timestamp::now();
        let file = bytes.claim(&mut tx, &author, &sent.name, sent.purpose, now).await?;
        tx.commit().await?;

        bytes.settle();
        app.hub.outbox_ready();
        Ok(file.id)
    }
}
