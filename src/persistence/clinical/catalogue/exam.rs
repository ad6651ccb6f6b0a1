//! Exams.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::Category;
use super::entry::{Entry, Search};
use crate::domain::clinical::catalogue::ExamDraft;
use crate::domain::id::{CategoryId, ExamId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;
use crate::persistence::clinical::row::{Row, Stamp, refer, taken};
use crate::persistence::search::folded_sql;

/// A bookable examination.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": 3, "code": "HEM", "name": "Hemograma", "description": null,
    "category_id": 1, "preparation": "ayuno 8 h", "duration_minutes": 10, "active": true,
    "version": 1, "created_at": "2025-10-13T04:58:18.128Z",
    "updated_at": "2025-10-13T04:58:18.128Z", "deleted_at": null}))]
pub struct Exam {
    pub id: ExamId,
    pub code: String,
    pub name: String,
    pub description: Option<String>,
    pub category_id: Option<CategoryId>,
    pub preparation: Option<String>,
    pub duration_minutes: Option<i64>,
    pub active: bool,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

impl Row for Exam {
    type Id = ExamId;

    const TABLE: &'static str = "exams";
    const COLUMNS: &'static str = "id, code, name, description, category_id, preparation, \
        duration_minutes, active, version, created_at, updated_at, deleted_at";
    const NOUN: &'static str = "exam";

    fn id(&self) -> ExamId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl Entry for Exam {
    type Draft = ExamDraft;

    const SEARCH: Search = Search {
        text: concat!(
            folded_sql!("name"),
            r" like ? escape '\' or ",
            folded_sql!("code"),
            r" like ? escape '\'"
        ),
        category: "category_id = ?",
        location: "id in (select exam_id from prices where location_id = ? and deleted_at is null)",
        active: "active = ?",
    };

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn draft(&self) -> ExamDraft {
        let Self { code, name, description, category_id, preparation, duration_minutes, .. } =
            self.clone();
        let active = self.active;
        ExamDraft { code, name, description, category_id, preparation, duration_minutes, active }
    }

    async fn insert(tx: &mut Tx, draft: &ExamDraft, now: Timestamp) -> Result<Self> {
        const SQL: &str = "
            insert into exams
                (code, name, description, category_id, preparation, duration_minutes, active, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
            returning id, code, name, description, category_id, preparation, duration_minutes, active,
                version, created_at, updated_at, deleted_at";
        if let Some(category) = draft.category_id {
            refer::<Category>(tx, category, "/category_id").await?;
        }
        on!(tx, |conn| sqlx::query_as(SQL)
            .bind(&draft.code)
            .bind(&draft.name)
            .bind(&draft.description)
            .bind(draft.category_id)
            .bind(&draft.preparation)
            .bind(draft.duration_minutes)
            .bind(draft.active)
            .bind(now)
            .fetch_one(conn)
            .await)
        .map_err(taken("code"))
    }

    async fn update(&self, tx: &mut Tx, draft: &ExamDraft, now: Timestamp) -> Result<Self> {
        const SQL: &str = "
            update exams
            set code = $2, name = $3, description = $4, category_id = $5, preparation = $6,
                duration_minutes = $7, active = $8, updated_at = $9, version = version + 1
            where id = $1
            returning id, code, name, description, category_id, preparation, duration_minutes, active,
                version, created_at, updated_at, deleted_at";
        if let Some(category) = draft.category_id.filter(|_| draft.category_id != self.category_id)
        {
            refer::<Category>(tx, category, "/category_id").await?;
        }
        on!(tx, |conn| sqlx::query_as(SQL)
            .bind(self.id)
            .bind(&draft.code)
            .bind(&draft.name)
            .bind(&draft.description)
            .bind(draft.category_id)
            .bind(&draft.preparation)
            .bind(draft.duration_minutes)
            .bind(draft.active)
            .bind(now)
            .fetch_one(conn)
            .await)
        .map_err(taken("code"))
    }
}
