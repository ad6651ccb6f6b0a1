//! Prices of exams and packages.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::entry::{Entry, Search};
use super::{Exam, Location, Package};
use crate::domain::clinical::catalogue::PriceDraft;
use crate::domain::clinical::catalogue::price::Validity;
use crate::domain::date::Date;
use crate::domain::id::{ExamId, LocationId, PackageId, PriceId};
use crate::domain::money::{Cents, Currency};
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::persistence::Tx;
use crate::persistence::clinical::row::{Row, Stamp, refer};
use crate::persistence::search::folded_sql;

/// What an exam or a package costs.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": 9, "exam_id": 3, "package_id": null, "location_id": null,
    "amount_cents": 450_000, "currency": "ARS", "valid_from": null, "valid_to": null, "version": 1,
    "created_at": "2025-10-13T04:58:18.128Z", "updated_at": "2025-10-13T04:58:18.128Z",
    "deleted_at": null}))]
pub struct Price {
    pub id: PriceId,
    pub exam_id: Option<ExamId>,
    pub package_id: Option<PackageId>,
    pub location_id: Option<LocationId>,
    pub amount_cents: Cents,
    pub currency: Currency,
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

impl Row for Price {
    type Id = PriceId;

    const TABLE: &'static str = "prices";
    const COLUMNS: &'static str = "id, exam_id, package_id, location_id, amount_cents, currency, \
        valid_from, valid_to, version, created_at, updated_at, deleted_at";
    const NOUN: &'static str = "price";

    fn id(&self) -> PriceId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl Entry for Price {
    type Draft = PriceDraft;

    const SEARCH: Search = Search {
        text: concat!(
            r"exam_id in (
                select id from exams where ",
            folded_sql!("name"),
            r" like ? escape '\' or ",
            folded_sql!("code"),
            r" like ? escape '\')
            or package_id in (select id from packages where ",
            folded_sql!("name"),
            r" like ? escape '\')"
        ),
        category: "exam_id in (select id from exams where category_id = ?)",
        location: "location_id = ?",
        active: "exam_id in (select id from exams where active = ?)
            or package_id in (select id from packages where active = ?)",
    };

    fn name(&self) -> Option<&str> {
        None
    }

    fn draft(&self) -> PriceDraft {
        let Self { exam_id, package_id, location_id, amount_cents, .. } = *self;
        PriceDraft {
            exam_id,
            package_id,
            location_id,
            amount_cents,
            currency: Some(self.currency.clone()),
            valid_from: self.valid_from.clone(),
            valid_to: self.valid_to.clone(),
        }
    }

    async fn insert(tx: &mut Tx, draft: &PriceDraft, now: Timestamp) -> Result<Self> {
        const SQL: &str = "
            insert into prices
                (exam_id, package_id, location_id, amount_cents, currency, valid_from, valid_to, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
            returning id, exam_id, package_id, location_id, amount_cents, currency, valid_from, valid_to,
                version, created_at, updated_at, deleted_at";
        check(tx, None, draft).await?;
        Ok(on!(tx, |conn| sqlx::query_as(SQL)
            .bind(draft.exam_id)
            .bind(draft.package_id)
            .bind(draft.location_id)
            .bind(draft.amount_cents)
            .bind(currency(draft)?)
            .bind(&draft.valid_from)
            .bind(&draft.valid_to)
            .bind(now)
            .fetch_one(conn)
            .await)?)
    }

    async fn update(&self, tx: &mut Tx, draft: &PriceDraft, now: Timestamp) -> Result<Self> {
        const SQL: &str = "
            update prices
            set exam_id = $2, package_id = $3, location_id = $4, amount_cents = $5, currency = $6,
                valid_from = $7, valid_to = $8, updated_at = $9, version = version + 1
            where id = $1
            returning id, exam_id, package_id, location_id, amount_cents, currency, valid_from, valid_to,
                version, created_at, updated_at, deleted_at";
        check(tx, Some(self), draft).await?;
        Ok(on!(tx, |conn| sqlx::query_as(SQL)
            .bind(self.id)
            .bind(draft.exam_id)
            .bind(draft.package_id)
            .bind(draft.location_id)
            .bind(draft.amount_cents)
            .bind(currency(draft)?)
            .bind(&draft.valid_from)
            .bind(&draft.valid_to)
            .bind(now)
            .fetch_one(conn)
            .await)?)
    }
}

/// Changes the amount alone. A price that is gone is [`Kind::NotFound`].
pub async fn change_amount(
    tx: &mut Tx,
    id: PriceId,
    amount: Cents,
    now: Timestamp,
) -> Result<Price> {
    const SQL: &str = "
        update prices set amount_cents = $2, updated_at = $3, version = version + 1
        where id = $1 and deleted_at is null
        returning id, exam_id, package_id, location_id, amount_cents, currency, valid_from, valid_to,
            version, created_at, updated_at, deleted_at";
    let changed: Option<Price> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(id)
        .bind(amount)
        .bind(now)
        .fetch_optional(conn)
        .await)?;
    changed.ok_or_else(|| Kind::NotFound(Price::NOUN).into())
}

/// Holds what is priced, so that prices of one thing are written one after the other, then looks
/// for a price that contradicts this one.
async fn check(tx: &mut Tx, current: Option<&Price>, draft: &PriceDraft) -> Result<()> {
    const SQL: &str = "
        select id, valid_from, valid_to from prices
        where (exam_id = $1 or package_id = $2)
          and coalesce(location_id, 0) = coalesce($3, 0) and deleted_at is null";
    if let Some(exam) = draft.exam_id {
        refer::<Exam>(tx, exam, "/exam_id").await?;
    }
    if let Some(package) = draft.package_id {
        refer::<Package>(tx, package, "/package_id").await?;
    }
    if let Some(location) = draft.location_id {
        refer::<Location>(tx, location, "/location_id").await?;
    }
    let standing: Vec<(PriceId, Option<Date>, Option<Date>)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(draft.exam_id)
        .bind(draft.package_id)
        .bind(draft.location_id)
        .fetch_all(conn)
        .await)?;
    let wanted = Validity { from: draft.valid_from.as_ref(), to: draft.valid_to.as_ref() };
    let contradicts = standing.iter().any(|(id, from, to)| {
        current.is_none_or(|current| current.id != *id)
            && wanted.overlaps(&Validity { from: from.as_ref(), to: to.as_ref() })
    });
    if contradicts { Err(Kind::Overlap { field: "valid_from" }.into()) } else { Ok(()) }
}

fn currency(draft: &PriceDraft) -> Result<&Currency> {
    let absent = || Error::field("/currency", FieldCode::Required, "is required");
    draft.currency.as_ref().ok_or_else(absent)
}
