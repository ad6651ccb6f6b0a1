//! Packages and the exams in them.

use std::num::ParseIntError;

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::Exam;
use super::entry::{Entry, Search};
use crate::domain::clinical::catalogue::PackageDraft;
use crate::domain::id::{ExamId, PackageId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;
use crate::persistence::clinical::row::{Row, Stamp, hold, refer, taken};
use crate::persistence::search::folded_sql;

/// Exams sold together.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": 2, "name": "Chequeo anual", "exam_ids": [3, 4, 5],
    "description": null, "active": true, "version": 1, "created_at": "2025-10-13T04:58:18.128Z",
    "updated_at": "2025-10-13T04:58:18.128Z", "deleted_at": null}))]
pub struct Package {
    pub id: PackageId,
    pub name: String,
    #[sqlx(try_from = "String")]
    #[schema(value_type = Vec<ExamId>)]
    pub exam_ids: ExamIds,
    pub description: Option<String>,
    pub active: bool,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// The exams of a package by ascending id, read from one comma-separated column.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct ExamIds(pub Vec<ExamId>);

impl TryFrom<String> for ExamIds {
    type Error = ParseIntError;

    fn try_from(text: String) -> Result<Self, ParseIntError> {
        let ids = text.split(',').filter(|id| !id.is_empty());
        ids.map(|id| id.parse().map(ExamId)).collect::<Result<_, _>>().map(Self)
    }
}

impl Row for Package {
    type Id = PackageId;

    const TABLE: &'static str = "packages";
    const COLUMNS: &'static str =
        "id, name, description, active, version, created_at, updated_at, \
        deleted_at, coalesce((
            select string_agg(cast(exam_id as text), ',' order by exam_id)
            from package_exams where package_id = packages.id), '') as exam_ids";
    const NOUN: &'static str = "package";

    fn id(&self) -> PackageId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl Entry for Package {
    type Draft = PackageDraft;

    const SEARCH: Search = Search {
        text: concat!(folded_sql!("name"), r" like ? escape '\'"),
        category: "id in (
            select package_id from package_exams join exams on package_exams.exam_id = exams.id
            where exams.category_id = ?)",
        location: "id in (
            select package_id from prices where location_id = ? and deleted_at is null)",
        active: "active = ?",
    };

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn draft(&self) -> PackageDraft {
        let Self { name, exam_ids, description, active, .. } = self.clone();
        PackageDraft { name, exam_ids: exam_ids.0, description, active }
    }

    async fn insert(tx: &mut Tx, draft: &PackageDraft, now: Timestamp) -> Result<Self> {
        const SQL: &str = "
            insert into packages (name, description, active, created_at, updated_at)
            values ($1, $2, $3, $4, $4)
            returning id";
        let id: PackageId = on!(tx, |conn| sqlx::query_scalar(SQL)
            .bind(&draft.name)
            .bind(&draft.description)
            .bind(draft.active)
            .bind(now)
            .fetch_one(conn)
            .await)
        .map_err(taken("name"))?;
        fill(tx, id, &draft.exam_ids, &[]).await?;
        hold(tx, id).await
    }

    async fn update(&self, tx: &mut Tx, draft: &PackageDraft, now: Timestamp) -> Result<Self> {
        const SQL: &str = "
            update packages
            set name = $2, description = $3, active = $4, updated_at = $5, version = version + 1
            where id = $1";
        on!(tx, |conn| sqlx::query(SQL)
            .bind(self.id)
            .bind(&draft.name)
            .bind(&draft.description)
            .bind(draft.active)
            .bind(now)
            .execute(conn)
            .await
            .map(drop))
        .map_err(taken("name"))?;
        fill(tx, self.id, &draft.exam_ids, &self.exam_ids.0).await?;
        hold(tx, self.id).await
    }
}

/// Makes `wanted` the exams of the package; those it has already may have been removed meanwhile.
async fn fill(tx: &mut Tx, package: PackageId, wanted: &[ExamId], had: &[ExamId]) -> Result<()> {
    const ADD: &str = "insert into package_exams (package_id, exam_id) values ($1, $2)";
    const TAKE: &str = "delete from package_exams where package_id = $1 and exam_id = $2";
    let mut added: Vec<(usize, ExamId)> =
        wanted.iter().copied().enumerate().filter(|(_, exam)| !had.contains(exam)).collect();
    // Rows are held in one order everywhere, or two writers would wait for each other.
    added.sort_unstable_by_key(|(_, exam)| *exam);
    for (position, exam) in added {
        refer::<Exam>(tx, exam, &format!("/exam_ids/{position}")).await?;
        on!(tx, |conn| sqlx::query(ADD).bind(package).bind(exam).execute(conn).await.map(drop))?;
    }
    for exam in had.iter().filter(|exam| !wanted.contains(exam)) {
        on!(tx, |conn| sqlx::query(TAKE).bind(package).bind(exam).execute(conn).await.map(drop))?;
    }
    Ok(())
}
