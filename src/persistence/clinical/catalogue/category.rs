//! Categories: a tree of shelves.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::entry::{Entry, Search};
use crate::domain::clinical::catalogue::CategoryDraft;
use crate::domain::clinical::catalogue::category::{Tree, place};
use crate::domain::id::CategoryId;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Result};
use crate::persistence::Tx;
use crate::persistence::clinical::row::{Row, Stamp, refer, taken};
use crate::persistence::search::folded_sql;
use crate::persistence::store::Either;

/// A shelf of the catalogue.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": 1, "name": "Laboratorio", "parent_id": null, "version": 1,
    "created_at": "2025-10-13T04:58:18.128Z", "updated_at": "2025-10-13T04:58:18.128Z",
    "deleted_at": null}))]
pub struct Category {
    pub id: CategoryId,
    pub name: String,
    pub parent_id: Option<CategoryId>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

impl Row for Category {
    type Id = CategoryId;

    const TABLE: &'static str = "categories";
    const COLUMNS: &'static str =
        "id, name, parent_id, version, created_at, updated_at, deleted_at";
    const NOUN: &'static str = "category";

    fn id(&self) -> CategoryId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl Entry for Category {
    type Draft = CategoryDraft;

    const SEARCH: Search = Search {
        text: concat!(folded_sql!("name"), r" like ? escape '\'"),
        category: "parent_id = ?",
        location: "id in (
            select exams.category_id from exams join prices on prices.exam_id = exams.id
            where prices.location_id = ? and prices.deleted_at is null and exams.deleted_at is null)",
        active: "? = exists (
            select 1 from exams
            where exams.category_id = categories.id and exams.active and exams.deleted_at is null)",
    };

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn draft(&self) -> CategoryDraft {
        CategoryDraft { name: self.name.clone(), parent_id: self.parent_id }
    }

    async fn insert(tx: &mut Tx, draft: &CategoryDraft, now: Timestamp) -> Result<Self> {
        const SQL: &str = "
            insert into categories (name, parent_id, created_at, updated_at)
            values ($1, $2, $3, $3)
            returning id, name, parent_id, version, created_at, updated_at, deleted_at";
        if let Some(parent) = draft.parent_id {
            check_place(tx, None, parent).await?;
        }
        on!(tx, |conn| sqlx::query_as(SQL)
            .bind(&draft.name)
            .bind(draft.parent_id)
            .bind(now)
            .fetch_one(conn)
            .await)
        .map_err(taken("name"))
    }

    async fn update(&self, tx: &mut Tx, draft: &CategoryDraft, now: Timestamp) -> Result<Self> {
        const SQL: &str = "
            update categories
            set name = $2, parent_id = $3, updated_at = $4, version = version + 1
            where id = $1
            returning id, name, parent_id, version, created_at, updated_at, deleted_at";
        if let Some(parent) = draft.parent_id.filter(|_| draft.parent_id != self.parent_id) {
            check_place(tx, Some(self.id), parent).await?;
        }
        on!(tx, |conn| sqlx::query_as(SQL)
            .bind(self.id)
            .bind(&draft.name)
            .bind(draft.parent_id)
            .bind(now)
            .fetch_one(conn)
            .await)
        .map_err(taken("name"))
    }
}

/// Holds the shape of the tree, then asks the rule.
async fn check_place(tx: &mut Tx, moved: Option<CategoryId>, parent: CategoryId) -> Result<()> {
    // Removed categories are part of the tree as long as others name them as parent.
    const TREE: &str = "select id, parent_id from categories";
    // Any constant will do, as long as nothing else locks by it.
    const LOCK: &str = "select pg_advisory_xact_lock(6021023)";
    // Two moves that are harmless alone can close a cycle together. SQLite has one writer anyway.
    if let Either::Postgres(conn) = tx.engine() {
        sqlx::query(LOCK).execute(conn).await?;
    }
    refer::<Category>(tx, parent, "/parent_id").await?;
    let rows: Vec<(CategoryId, Option<CategoryId>)> =
        on!(tx, |conn| sqlx::query_as(TREE).fetch_all(conn).await)?;
    let tree: Tree = rows.into_iter().collect();
    place(&tree, moved, parent)
        .map_err(|refused| Error::field("/parent_id", FieldCode::Rule, refused.to_string()))
}
