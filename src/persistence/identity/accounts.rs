//! The `users` and `user_roles` tables.

use sqlx::FromRow;
use sqlx::types::Json;

use super::moments::Moments;
use crate::auth::Account;
use crate::domain::id::{FileId, UserId};
use crate::domain::identity::role::NotARole;
use crate::domain::identity::{Failures, Holding, Role};
use crate::domain::text::searchable;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::store::is_unique_violation;
use crate::persistence::{Store, Tx};

/// An account that is not deleted.
#[derive(Clone, PartialEq, FromRow)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub password_hash: Option<String>,
    pub nombre: Option<String>,
    pub apellido: Option<String>,
    pub telefono: Option<String>,
    pub avatar_file_id: Option<FileId>,
    #[sqlx(try_from = "String")]
    pub primary_role: Role,
    #[sqlx(try_from = "Option<String>")]
    pub roles: Roles,
    pub reference_id: Option<i64>,
    pub is_active: bool,
    pub email_verified: bool,
    recent_failures: Json<Moments>,
    locked_until: Option<Timestamp>,
    pub version: i64,
    pub created_at: Timestamp,
}

/// The roles of an account, in the order of [`Role`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(pub Vec<Role>);

/// An account about to be.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// In lower case.
    pub email: &'a str,
    /// Absent for those who sign in elsewhere.
    pub password_hash: Option<&'a str>,
    pub nombre: Option<&'a str>,
    pub apellido: Option<&'a str>,
    pub telefono: Option<&'a str>,
    pub primary_role: Role,
    pub is_active: bool,
}

impl User {
    pub fn holding(&self) -> Holding {
        Holding { roles: self.roles.0.clone(), primary: self.primary_role }
    }

    pub fn failures(&self) -> Failures {
        let recent = self.recent_failures.0.read();
        Failures { recent, locked_until: self.locked_until }
    }
}

/// What it may do.
impl From<&User> for Account {
    fn from(user: &User) -> Self {
        Self {
            user: user.id,
            primary_role: user.primary_role,
            roles: user.roles.0.clone(),
            reference_id: user.reference_id,
            active: user.is_active,
            version: user.version,
        }
    }
}

/// As the database joins them with commas.
impl TryFrom<Option<String>> for Roles {
    type Error = NotARole;

    fn try_from(joined: Option<String>) -> Result<Self, NotARole> {
        let joined = joined.unwrap_or_default();
        let names = joined.split(',').filter(|name| !name.is_empty());
        let mut roles: Vec<_> =
            names.map(|name| Role::parse(name).ok_or(NotARole)).collect::<Result<_, _>>()?;
        roles.sort_unstable();
        Ok(Self(roles))
    }
}

/// The columns of a [`User`], in a statement about `users`.
macro_rules! columns {
    () => {
        "id, email, password_hash, nombre, apellido, telefono, avatar_file_id, primary_role, reference_id,
         is_active, email_verified, recent_failures, locked_until, version, created_at,
         (select string_agg(role, ',') from user_roles where user_id = users.id) as roles"
    };
}
pub(super) use columns;

const BY_ID: &str =
    concat!("select ", columns!(), " from users where id = $1 and deleted_at is null");

/// The account that signs in with this e-mail, given in lower case.
pub async fn by_email(store: &Store, email: &str) -> Result<Option<User>> {
    const SQL: &str =
        concat!("select ", columns!(), " from users where email = $1 and deleted_at is null");
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(email).fetch_optional(conn).await)?)
}

/// The highest cost among bcrypt hashes that imported accounts still have.
pub async fn dearest_bcrypt(store: &Store) -> Result<Option<u32>> {
    // `$2b$12$…`; the index `users_dated_hash` holds just these.
    const SQL: &str = "
        select substr(password_hash, 5, 2) from users
        where substr(password_hash, 1, 2) = '$2'
        order by substr(password_hash, 5, 2) desc limit 1";
    let cost: Option<String> =
        on!(store, |conn| sqlx::query_scalar(SQL).fetch_optional(conn).await)?;
    Ok(cost.and_then(|cost| cost.parse().ok()))
}

pub async fn by_id(store: &Store, id: UserId) -> Result<Option<User>> {
    Ok(on!(store, |conn| sqlx::query_as(BY_ID).bind(id).fetch_optional(conn).await)?)
}

/// The account as the transaction sees it.
pub async fn within(tx: &mut Tx, id: UserId) -> Result<Option<User>> {
    Ok(on!(tx, |conn| sqlx::query_as(BY_ID).bind(id).fetch_optional(conn).await)?)
}

/// The account that has this e-mail, given in lower case, as the transaction sees it.
pub async fn holder_of(tx: &mut Tx, email: &str) -> Result<Option<UserId>> {
    const SQL: &str = "select id from users where email = $1 and deleted_at is null";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(email).fetch_optional(conn).await)?)
}

/// Whether there is any account, a deleted one included.
pub async fn holds_any(tx: &mut Tx) -> Result<bool> {
    const SQL: &str = "select exists (select 1 from users)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).fetch_one(conn).await)?)
}

/// Creates an account with its primary role. Fails with [`Kind::Conflict`] when the e-mail is taken.
pub async fn insert(tx: &mut Tx, new: NewUser<'_>, now: Timestamp) -> Result<UserId> {
    const SQL: &str = "
        insert into users
            (email, password_hash, nombre, apellido, telefono, primary_role, is_active, created_at,
             updated_at, search)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)
        returning id";
    let inserted = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(new.email)
        .bind(new.password_hash)
        .bind(new.nombre)
        .bind(new.apellido)
        .bind(new.telefono)
        .bind(new.primary_role.user_type())
        .bind(new.is_active)
        .bind(now)
        .bind(search(new.email, new.nombre, new.apellido))
        .fetch_one(conn)
        .await);
    match inserted {
        Ok(id) => {
            add_role(tx, id, new.primary_role).await?;
            Ok(id)
        }
        Err(error) if is_unique_violation(&error) => Err(Kind::Conflict { field: "email" }.into()),
        Err(error) => Err(error.into()),
    }
}

/// What an account is found by, folded: its e-mail and its names.
pub(super) fn search(email: &str, nombre: Option<&str>, apellido: Option<&str>) -> String {
    searchable([email, nombre.unwrap_or_default(), apellido.unwrap_or_default()])
}

/// Gives an account one more role. Fails with [`Kind::Conflict`] when it has it.
pub async fn add_role(tx: &mut Tx, id: UserId, role: Role) -> Result<()> {
    const SQL: &str = "insert into user_roles (user_id, role) values ($1, $2)";
    let added = on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(role.user_type())
        .execute(conn)
        .await
        .map(drop));
    match added {
        Err(error) if is_unique_violation(&error) => Err(Kind::Conflict { field: "rol" }.into()),
        outcome => Ok(outcome?),
    }
}

/// Points an account to the row of its primary role.
pub async fn refer(tx: &mut Tx, id: UserId, reference: i64, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        update users set reference_id = $2, version = version + 1, updated_at = $3 where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(reference)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Notes the failed sign-ins of an account.
pub async fn note_failures(tx: &mut Tx, id: UserId, failures: &Failures) -> Result<()> {
    const SQL: &str = "
        update users set failed_logins = $2, recent_failures = $3, locked_until = $4 where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(i64::try_from(failures.recent.len()).unwrap_or(i64::MAX))
        .bind(Json(Moments::of(&failures.recent)))
        .bind(failures.locked_until)
        .execute(conn)
        .await
        .map(drop))?)
}

/// The account as it stands, kept from others until the transaction ends.
pub async fn hold(tx: &mut Tx, id: UserId) -> Result<Option<User>> {
    // Writing first takes the row's lock on PostgreSQL; SQLite holds the writer's already.
    const LOCK: &str = "update users set failed_logins = failed_logins where id = $1";
    on!(tx, |conn| sqlx::query(LOCK).bind(id).execute(conn).await.map(drop))?;
    within(tx, id).await
}

/// Notes a sign-in that worked.
pub async fn note_login(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        update users set failed_logins = 0, recent_failures = '[]', locked_until = null, last_login_at = $2
        where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(now).execute(conn).await.map(drop))?)
}

/// Notes a sign-in that another service vouched for, which says nothing of who guesses passwords here.
pub async fn note_vouched_login(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<()> {
    const SQL: &str = "update users set last_login_at = $2 where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(now).execute(conn).await.map(drop))?)
}

/// Notes that the e-mail of an account is its holder's, and forgets the password of whoever had not
/// proven that.
pub async fn claim(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        update users set email_verified = true, password_hash = null, updated_at = $2,
            version = version + 1
        where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(now).execute(conn).await.map(drop))?)
}

/// Notes that an e-mail was verified elsewhere.
pub async fn note_verified(tx: &mut Tx, id: UserId) -> Result<()> {
    const SQL: &str = "update users set email_verified = true where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).execute(conn).await.map(drop))?)
}

/// Stores a password hash without telling anyone: the password stays the same.
pub async fn rehash(tx: &mut Tx, id: UserId, password_hash: &str) -> Result<()> {
    const SQL: &str = "update users set password_hash = $2 where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(password_hash).execute(conn).await.map(drop))?)
}

/// Sets a new password, which also ends a lock-out.
pub async fn set_password(
    tx: &mut Tx,
    id: UserId,
    password_hash: &str,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update users
        set password_hash = $2, failed_logins = 0, recent_failures = '[]', locked_until = null,
            version = version + 1, updated_at = $3
        where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(password_hash)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Notes that the account's e-mail is its owner's, if it still is `email`. False otherwise.
pub async fn verify_email(tx: &mut Tx, id: UserId, email: &str, now: Timestamp) -> Result<bool> {
    const SQL: &str = "
        update users set email_verified = true, version = version + 1, updated_at = $3
        where id = $1 and email = $2 and deleted_at is null";
    let verified = on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(email)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(verified == 1)
}

/// Accounts that changed at `since` or later, on any node, as they are now.
pub async fn changed_since(store: &Store, since: Timestamp) -> Result<Vec<User>> {
    const SQL: &str =
        concat!("select ", columns!(), " from users where updated_at >= $1 and deleted_at is null");
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(since).fetch_all(conn).await)?)
}
