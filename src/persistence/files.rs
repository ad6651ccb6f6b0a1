//! The `files` table: what is known of a file. Its bytes are elsewhere.

use sqlx::FromRow;

use super::{Store, Tx};
use crate::domain::file::FilePurpose;
use crate::domain::id::{FileId, ResultId, UserId};
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};

/// A file's row.
#[derive(Debug, Clone, FromRow)]
pub struct File {
    pub id: FileId,
    /// Absent when a service brought it.
    pub owner_id: Option<UserId>,
    pub name: String,
    pub content_type: String,
    pub size: i64,
    /// Of the plain bytes, in hexadecimal.
    pub sha256: String,
    pub purpose: FilePurpose,
    pub storage: Storage,
    pub storage_key: String,
    /// Present when the stored bytes are encrypted.
    pub enc_nonce: Option<String>,
    pub created_at: Timestamp,
}

/// Where the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Storage {
    Local,
    S3,
}

/// Who may have a row refer to which file.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    Anyones,
    Own(UserId),
}

macro_rules! columns {
    () => {
        "id, owner_id, name, content_type, size, sha256, purpose, storage, storage_key, enc_nonce, created_at"
    };
}

/// Writes the row of a file whose bytes are kept.
pub async fn insert(tx: &mut Tx, file: &File) -> Result<()> {
    const SQL: &str = concat!(
        "insert into files (",
        columns!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    );
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(&file.id)
        .bind(file.owner_id)
        .bind(&file.name)
        .bind(&file.content_type)
        .bind(file.size)
        .bind(&file.sha256)
        .bind(file.purpose)
        .bind(file.storage)
        .bind(&file.storage_key)
        .bind(&file.enc_nonce)
        .bind(file.created_at)
        .execute(conn)
        .await
        .map(drop))?)
}

/// The file, unless it was removed.
pub async fn find(store: &Store, id: &FileId) -> Result<File> {
    const SQL: &str =
        concat!("select ", columns!(), " from files where id = $1 and deleted_at is null");
    let found: Option<File> =
        on!(store, |conn| sqlx::query_as(SQL).bind(id).fetch_optional(conn).await)?;
    found.ok_or_else(|| Kind::NotFound("file").into())
}

/// The file, unless it was removed; until the transaction ends nobody else can remove it.
pub async fn hold(tx: &mut Tx, id: &FileId) -> Result<File> {
    const SQL: &str = concat!(
        "update files set deleted_at = deleted_at where id = $1 and deleted_at is null returning ",
        columns!()
    );
    let held: Option<File> =
        on!(tx, |conn| sqlx::query_as(SQL).bind(id).fetch_optional(conn).await)?;
    held.ok_or_else(|| Kind::NotFound("file").into())
}

/// Holds a file that a row is about to refer to by the field at `pointer`. Somebody else's, and one
/// brought for another purpose, is as good as none.
pub async fn refer(
    tx: &mut Tx,
    id: &FileId,
    whose: Whose,
    purpose: FilePurpose,
    pointer: &str,
) -> Result<File> {
    let missing = || Error::field(pointer, FieldCode::Reference, "there is no such file");
    let file = match hold(tx, id).await {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), Kind::NotFound(_)) => return Err(missing()),
        Err(error) => return Err(error),
    };
    let is_theirs = match whose {
        Whose::Anyones => true,
        Whose::Own(user) => file.owner_id == Some(user),
    };
    if is_theirs && file.purpose == purpose { Ok(file) } else { Err(missing()) }
}

/// Whether a row refers to a file that the transaction holds.
pub async fn is_referred_to(tx: &mut Tx, id: &FileId) -> Result<bool> {
    const SQL: &str = "
        select exists (select 1 from results where file_id = $1)
            or exists (select 1 from users where avatar_file_id = $1)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(id).fetch_one(conn).await)?)
}

/// The results whose file it is.
pub async fn results_of(store: &Store, id: &FileId) -> Result<Vec<ResultId>> {
    const SQL: &str =
        "select id from results where file_id = $1 and deleted_at is null order by id limit 100";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(id).fetch_all(conn).await)?)
}

/// Hides a file that the transaction holds.
pub async fn remove(tx: &mut Tx, id: &FileId, now: Timestamp) -> Result<()> {
    const SQL: &str = "update files set deleted_at = $2 where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(now).execute(conn).await.map(drop))?)
}
