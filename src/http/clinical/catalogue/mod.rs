//! The catalogue over HTTP: five resources with the same six operations.
//!
//! [`read`] and [`write`](mod@write) hold the operations once, for any [`Resource`]; [`resources`]
//! gives each resource its paths and its page in the OpenAPI document.

mod bulk;
mod filters;
mod read;
mod resources;
mod restoring;
mod write;

use garde::Validate;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::clinical::catalogue::PriceDraft;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::catalogue::{CatalogKind, CatalogUpdate};
use crate::domain::money::Currency;
use crate::error::{Error, Result};
use crate::http::App;
use crate::http::cache::Cache;
use crate::persistence::clinical::catalogue::{Category, Entry, Exam, Location, Package, Price};

/// Cache keys of everything this module answers. The lists of one resource depend on the rows of
/// others, so a change to any invalidates all.
const CACHED: &str = "catalog:*";

/// Forgets what is kept of the catalogue when told of an event that changes it, on whichever node.
pub fn forgetful(cache: Cache) -> impl Fn(&str) + Send + Sync {
    move |event| {
        if event == CatalogUpdate::NAME {
            cache.invalidate(CACHED);
        }
    }
}

/// A table of the catalogue with its place on the wire.
trait Resource: Entry<Draft: Validate<Context = ()>> {
    const KIND: CatalogKind;

    /// Fills in what the configuration decides where the caller is silent.
    fn complete(_draft: &mut Self::Draft, _app: &App) -> Result<()> {
        Ok(())
    }
}

impl Resource for Exam {
    const KIND: CatalogKind = CatalogKind::Exam;
}

impl Resource for Price {
    const KIND: CatalogKind = CatalogKind::Price;

    fn complete(draft: &mut PriceDraft, app: &App) -> Result<()> {
        if draft.currency.is_none() {
            let configured: Currency =
                app.settings.default_currency.parse().map_err(Error::internal)?;
            draft.currency = Some(configured);
        }
        Ok(())
    }
}

impl Resource for Category {
    const KIND: CatalogKind = CatalogKind::Category;
}

impl Resource for Package {
    const KIND: CatalogKind = CatalogKind::Package;
}

impl Resource for Location {
    const KIND: CatalogKind = CatalogKind::Location;
}

/// The routes of the catalogue.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(bulk::change_prices))
        .routes(routes!(restoring::restore_exam))
        .merge(resources::exams::routes())
        .merge(resources::prices::routes())
        .merge(resources::categories::routes())
        .merge(resources::packages::routes())
        .merge(resources::locations::routes())
}

/// `/api/v1/catalog/` and the plural, which is the table's name.
fn path<R: Resource>() -> String {
    format!("/api/v1/catalog/{}", R::TABLE)
}
