//! Locations.

use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;

use super::entry::{Entry, Search};
use crate::domain::address::Address;
use crate::domain::clinical::catalogue::LocationDraft;
use crate::domain::id::LocationId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;
use crate::persistence::clinical::row::{Row, Stamp, taken};
use crate::persistence::search::folded_sql;

/// A place of care.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": 1, "name": "Sede Centro", "address": {"type": "work",
    "line1": "Av. Colón 1234", "line2": null, "city": "Córdoba", "region": null,
    "postal_code": "X5000", "country": "AR", "lat": null, "lon": null, "primary": true},
    "lat": -31.4167, "lon": -64.1833, "active": true, "version": 1,
    "created_at": "2025-10-13T04:58:18.128Z", "updated_at": "2025-10-13T04:58:18.128Z",
    "deleted_at": null}))]
pub struct Location {
    pub id: LocationId,
    pub name: String,
    #[schema(value_type = Address)]
    pub address: Json<Address>,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub active: bool,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

impl Row for Location {
    type Id = LocationId;

    const TABLE: &'static str = "locations";
    const COLUMNS: &'static str =
        "id, name, address, lat, lon, active, version, created_at, updated_at, deleted_at";
    const NOUN: &'static str = "location";

    fn id(&self) -> LocationId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl Entry for Location {
    type Draft = LocationDraft;

    const SEARCH: Search = Search {
        text: concat!(folded_sql!("name"), r" like ? escape '\'"),
        category:
            "id in (
            select prices.location_id from prices join exams on prices.exam_id = exams.id
            where exams.category_id = ? and prices.deleted_at is null and exams.deleted_at is null)",
        location: "id = ?",
        active: "active = ?",
    };

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn draft(&self) -> LocationDraft {
        let Self { name, address, lat, lon, active, .. } = self.clone();
        LocationDraft { name, address: address.0, lat, lon, active }
    }

    async fn insert(tx: &mut Tx, draft: &LocationDraft, now: Timestamp) -> Result<Self> {
        const SQL: &str = "
            insert into locations (name, address, lat, lon, active, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $6)
            returning id, name, address, lat, lon, active, version, created_at, updated_at, deleted_at";
        on!(tx, |conn| sqlx::query_as(SQL)
            .bind(&draft.name)
            .bind(Json(&draft.address))
            .bind(draft.lat)
            .bind(draft.lon)
            .bind(draft.active)
            .bind(now)
            .fetch_one(conn)
            .await)
        .map_err(taken("name"))
    }

    async fn update(&self, tx: &mut Tx, draft: &LocationDraft, now: Timestamp) -> Result<Self> {
        const SQL: &str = "
            update locations
            set name = $2, address = $3, lat = $4, lon = $5, active = $6, updated_at = $7,
                version = version + 1
            where id = $1
            returning id, name, address, lat, lon, active, version, created_at, updated_at, deleted_at";
        on!(tx, |conn| sqlx::query_as(SQL)
            .bind(self.id)
            .bind(&draft.name)
            .bind(Json(&draft.address))
            .bind(draft.lat)
            .bind(draft.lon)
            .bind(draft.active)
            .bind(now)
            .fetch_one(conn)
            .await)
        .map_err(taken("name"))
    }
}
