//! Accounts as somebody who writes to them sees them: where, about what portal, in which language.

use sqlx::FromRow;

use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::error::Result;
use crate::persistence::Tx;

/// The holder of an account that is not deleted.
#[derive(Debug, Clone, FromRow)]
pub struct Addressee {
    pub id: UserId,
    pub email: String,
    #[sqlx(try_from = "String")]
    pub primary_role: Role,
    pub is_active: bool,
    pub email_verified: bool,
    /// Absent where the account never chose one.
    pub locale: Option<String>,
}

pub async fn by_id(tx: &mut Tx, id: UserId) -> Result<Option<Addressee>> {
    const SQL: &str = "
        select id, email, primary_role, is_active, email_verified,
               (select locale from user_settings where user_id = users.id) as locale
        from users where id = $1 and deleted_at is null";
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(id).fetch_optional(conn).await)?)
}

/// By e-mail, given in lower case.
pub async fn by_email(tx: &mut Tx, email: &str) -> Result<Option<Addressee>> {
    const SQL: &str = "
        select id, email, primary_role, is_active, email_verified,
               (select locale from user_settings where user_id = users.id) as locale
        from users where email = $1 and deleted_at is null";
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(email).fetch_optional(conn).await)?)
}
