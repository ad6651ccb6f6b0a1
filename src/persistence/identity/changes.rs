//! Changing an account that others may want to change too.

use super::accounts::{self, User};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::Tx;
use crate::persistence::store::{Either, is_unique_violation};

/// The account; until the transaction ends nobody else can change it.
pub async fn hold(tx: &mut Tx, id: UserId) -> Result<User> {
    accounts::hold(tx, id).await?.ok_or_else(|| Kind::NotFound("account").into())
}

/// Writes a held account as it is to be, its roles included, and answers it at its next version.
/// Fails with [`Kind::Conflict`] when the e-mail is taken.
pub async fn update(tx: &mut Tx, user: &User, now: Timestamp) -> Result<User> {
    const SQL: &str = "
        update users
        set email = $2, nombre = $3, apellido = $4, telefono = $5, primary_role = $6, reference_id = $7,
            is_active = $8, email_verified = $9, avatar_file_id = $10, version = version + 1,
            updated_at = $11, search = $12
        where id = $1";
    let written = on!(tx, |conn| sqlx::query(SQL)
        .bind(user.id)
        .bind(&user.email)
        .bind(&user.nombre)
        .bind(&user.apellido)
        .bind(&user.telefono)
        .bind(user.primary_role.user_type())
        .bind(user.reference_id)
        .bind(user.is_active)
        .bind(user.email_verified)
        .bind(&user.avatar_file_id)
        .bind(now)
        .bind(accounts::search(&user.email, user.nombre.as_deref(), user.apellido.as_deref()))
        .execute(conn)
        .await
        .map(drop));
    match written {
        Err(error) if is_unique_violation(&error) => {
            return Err(Kind::Conflict { field: "email" }.into());
        }
        outcome => outcome?,
    }
    replace_roles(tx, user).await?;
    accounts::within(tx, user.id).await?.ok_or_else(|| Kind::NotFound("account").into())
}

async fn replace_roles(tx: &mut Tx, user: &User) -> Result<()> {
    const SQL: &str = "delete from user_roles where user_id = $1";
    on!(tx, |conn| sqlx::query(SQL).bind(user.id).execute(conn).await.map(drop))?;
    for role in &user.roles.0 {
        accounts::add_role(tx, user.id, *role).await?;
    }
    Ok(())
}

/// Keeps who administers from changing until the transaction ends, so that it can be counted. To be
/// held again costs nothing.
pub async fn hold_administrators(tx: &mut Tx) -> Result<()> {
    const SQL: &str = "select pg_advisory_xact_lock($1)";
    /// Any number that no other lock of ours has.
    const ADMINISTRATORS: i64 = 0x006c_6174_6964_6f01;
    match tx.engine() {
        // A transaction is the only one that writes.
        Either::Sqlite(_) => Ok(()),
        Either::Postgres(conn) => {
            Ok(sqlx::query(SQL).bind(ADMINISTRATORS).execute(conn).await.map(drop)?)
        }
    }
}

/// Whether an active account besides this one administers.
pub async fn others_administer(tx: &mut Tx, user: UserId) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from users join user_roles on user_roles.user_id = users.id
            where user_roles.role = 'admin' and users.is_active and users.deleted_at is null
                and users.id <> $1)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(user).fetch_one(conn).await)?)
}
