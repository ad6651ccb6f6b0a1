//! Telephones, addresses and e-mails of people and places, in tables they share.

use std::collections::HashMap;

use sqlx::FromRow;
use sqlx::types::Json;

use crate::domain::address::{Address, AddressKind};
use crate::domain::contact::{Phone, PhoneKind};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Source, Tx};

/// Whose contacts they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Doctor,
    Patient,
    Institution,
}

impl Holder {
    fn name(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Patient => "patient",
            Self::Institution => "institution",
        }
    }
}

/// How to reach one of them; in the order they were given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contacts {
    pub phones: Vec<Phone>,
    pub addresses: Vec<Address>,
}

#[derive(FromRow)]
struct PhoneRow {
    entity_id: i64,
    #[sqlx(rename = "type")]
    kind: PhoneKind,
    number: String,
    is_primary: bool,
}

#[derive(FromRow)]
struct AddressRow {
    entity_id: i64,
    #[sqlx(rename = "type")]
    kind: AddressKind,
    line1: String,
    line2: Option<String>,
    city: String,
    region: Option<String>,
    postal_code: Option<String>,
    country: String,
    lat: Option<f64>,
    lon: Option<f64>,
    is_primary: bool,
}

/// The contacts of each of `ids` that has any.
pub async fn of(
    source: impl Into<Source<'_>>,
    holder: Holder,
    ids: &[i64],
) -> Result<HashMap<i64, Contacts>> {
    const PHONES_SQLITE: &str = "
        select entity_id, type, number, is_primary from phones
        where entity_type = $1 and entity_id in (select value from json_each($2))
            and deleted_at is null
        order by id";
    const PHONES_POSTGRES: &str = "
        select entity_id, type, number, is_primary from phones
        where entity_type = $1 and entity_id in (select value::bigint from jsonb_array_elements_text($2))
            and deleted_at is null
        order by id";
    const ADDRESSES_SQLITE: &str = "
        select entity_id, type, line1, line2, city, region, postal_code, country, lat, lon, is_primary
        from addresses
        where entity_type = $1 and entity_id in (select value from json_each($2))
            and deleted_at is null
        order by id";
    const ADDRESSES_POSTGRES: &str = "
        select entity_id, type, line1, line2, city, region, postal_code, country, lat, lon, is_primary
        from addresses
        where entity_type = $1 and entity_id in (select value::bigint from jsonb_array_elements_text($2))
            and deleted_at is null
        order by id";
    let mut source = source.into();
    let sql = source.text(PHONES_SQLITE, PHONES_POSTGRES);
    let phones: Vec<PhoneRow> = on_source!(source, |conn| sqlx::query_as(sql)
        .bind(holder.name())
        .bind(Json(ids))
        .fetch_all(conn)
        .await)?;
    let sql = source.text(ADDRESSES_SQLITE, ADDRESSES_POSTGRES);
    let addresses: Vec<AddressRow> = on_source!(source, |conn| sqlx::query_as(sql)
        .bind(holder.name())
        .bind(Json(ids))
        .fetch_all(conn)
        .await)?;
    let mut found: HashMap<i64, Contacts> = HashMap::new();
    for row in phones {
        let phone = Phone { kind: row.kind, number: row.number, primary: row.is_primary };
        found.entry(row.entity_id).or_default().phones.push(phone);
    }
    for row in addresses {
        let id = row.entity_id;
        found.entry(id).or_default().addresses.push(row.into());
    }
    Ok(found)
}

/// Makes these the contacts of a row, and `email` the address it is written to.
pub async fn replace(
    tx: &mut Tx,
    holder: Holder,
    id: i64,
    contacts: &Contacts,
    email: &str,
    now: Timestamp,
) -> Result<()> {
    const NO_PHONES: &str = "delete from phones where entity_type = $1 and entity_id = $2";
    const NO_ADDRESSES: &str = "delete from addresses where entity_type = $1 and entity_id = $2";
    for sql in [NO_PHONES, NO_ADDRESSES] {
        on!(tx, |conn| sqlx::query(sql)
            .bind(holder.name())
            .bind(id)
            .execute(conn)
            .await
            .map(drop))?;
    }
    for phone in &contacts.phones {
        insert_phone(tx, holder, id, phone, now).await?;
    }
    for address in &contacts.addresses {
        insert_address(tx, holder, id, address, now).await?;
    }
    write_to(tx, holder, id, email, now).await
}

async fn insert_phone(
    tx: &mut Tx,
    holder: Holder,
    id: i64,
    phone: &Phone,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        insert into phones (entity_type, entity_id, type, number, is_primary, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $6)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(holder.name())
        .bind(id)
        .bind(phone.kind)
        .bind(&phone.number)
        .bind(phone.primary)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

async fn insert_address(
    tx: &mut Tx,
    holder: Holder,
    id: i64,
    address: &Address,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        insert into addresses
            (entity_type, entity_id, type, line1, line2, city, region, postal_code, country, lat, lon,
             is_primary, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(holder.name())
        .bind(id)
        .bind(address.kind)
        .bind(&address.line1)
        .bind(&address.line2)
        .bind(&address.city)
        .bind(&address.region)
        .bind(&address.postal_code)
        .bind(&address.country)
        .bind(address.lat)
        .bind(address.lon)
        .bind(address.primary)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

async fn write_to(tx: &mut Tx, holder: Holder, id: i64, email: &str, now: Timestamp) -> Result<()> {
    const KNOWN: &str = "
        update emails set email = $3, updated_at = $4, version = version + 1
        where entity_type = $1 and entity_id = $2 and is_primary";
    const NEW: &str = "
        insert into emails (entity_type, entity_id, type, email, is_primary, created_at, updated_at)
        values ($1, $2, 'contact', $3, true, $4, $4)";
    let known = on!(tx, |conn| sqlx::query(KNOWN)
        .bind(holder.name())
        .bind(id)
        .bind(email)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if known > 0 {
        return Ok(());
    }
    Ok(on!(tx, |conn| sqlx::query(NEW)
        .bind(holder.name())
        .bind(id)
        .bind(email)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Follows an account to its new e-mail: its rows are written to there, and shown anew. Fails with
/// [`Kind::Conflict`](crate::error::Kind::Conflict) when an institution would be written to like
/// another one.
pub async fn follow(tx: &mut Tx, user: UserId, email: &str, now: Timestamp) -> Result<()> {
    const EMAILS: &str = "
        update emails set email = $2, updated_at = $3, version = version + 1
        where is_primary and (
            entity_type = 'doctor' and entity_id in (select id from doctors where user_id = $1)
            or entity_type = 'patient' and entity_id in (select id from patients where user_id = $1)
            or entity_type = 'institution'
                and entity_id in (select id from medical_institutions where user_id = $1))";
    const DOCTORS: &str = "
        update doctors set updated_at = $2, version = version + 1
        where user_id = $1 and deleted_at is null";
    on!(tx, |conn| sqlx::query(EMAILS)
        .bind(user)
        .bind(email)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    on!(tx, |conn| sqlx::query(DOCTORS).bind(user).bind(now).execute(conn).await.map(drop))?;
    super::institutions::follow(tx, user, email, now).await?;
    super::patients::follow(tx, user, email, now).await
}

impl From<AddressRow> for Address {
    fn from(row: AddressRow) -> Self {
        Self {
            kind: row.kind,
            line1: row.line1,
            line2: row.line2,
            city: row.city,
            region: row.region,
            postal_code: row.postal_code,
            country: row.country,
            lat: row.lat,
            lon: row.lon,
            primary: row.is_primary,
        }
    }
}
