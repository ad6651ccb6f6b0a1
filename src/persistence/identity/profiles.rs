//! The rows a registration creates beside the account.

use crate::domain::id::UserId;
use crate::domain::identity::registration::Applicant;
use crate::domain::text::searchable;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::Tx;
use crate::persistence::store::is_unique_violation;

/// Who the row is about.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub user: UserId,
    pub nombre: &'a str,
    pub apellido: &'a str,
    pub email: &'a str,
    /// ISO 4217, for a professional's future prices.
    pub currency: &'a str,
}

/// Creates the row of the role, if it has one, and answers its id.
pub async fn insert(
    tx: &mut Tx,
    applicant: &Applicant,
    holder: Holder<'_>,
    now: Timestamp,
) -> Result<Option<i64>> {
    match applicant {
        Applicant::Client => Ok(None),
        Applicant::Professional => professional(tx, holder, now).await.map(Some),
        Applicant::Patient { born } => patient(tx, holder, &born.to_string(), now).await.map(Some),
        Applicant::Company { name, tax_id } => {
            company(tx, holder, name, tax_id, now).await.map(Some)
        }
    }
}

/// Unavailable, with an empty headline.
async fn professional(tx: &mut Tx, holder: Holder<'_>, now: Timestamp) -> Result<i64> {
    const SQL: &str = "
        insert into professionals (user_id, headline, currency, available, created_at, updated_at)
        values ($1, '', $2, false, $3, $3)
        returning id";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(holder.user)
        .bind(holder.currency)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Unassociated and unvalidated (decision D-16).
async fn patient(tx: &mut Tx, holder: Holder<'_>, born: &str, now: Timestamp) -> Result<i64> {
    const SQL: &str = "
        insert into patients
            (user_id, first_name, last_name, date_of_birth, sex, association_status, validation_status,
             search, created_at, updated_at)
        values ($1, $2, $3, $4, 'unspecified', 'unassociated', 'pending', $5, $6, $6)
        returning id";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(holder.user)
        .bind(holder.nombre)
        .bind(holder.apellido)
        .bind(born)
        .bind(searchable([holder.nombre, holder.apellido, holder.email]))
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

async fn company(
    tx: &mut Tx,
    holder: Holder<'_>,
    name: &str,
    tax_id: &str,
    now: Timestamp,
) -> Result<i64> {
    const SQL: &str = "
        insert into companies (user_id, name, tax_id, contact_email, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $5)
        returning id";
    let inserted = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(holder.user)
        .bind(name)
        .bind(tax_id)
        .bind(holder.email)
        .bind(now)
        .fetch_one(conn)
        .await);
    match inserted {
        Err(error) if is_unique_violation(&error) => Err(Kind::Conflict { field: "tax_id" }.into()),
        outcome => Ok(outcome?),
    }
}
