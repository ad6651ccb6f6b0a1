//! Accounts that the auth service beside the hub keeps, as this database repeats them.
//!
//! The number of such an account is the service's, so it means the same person on every surface of
//! the platform. An identity with the provider [`SERVICE`] marks it; an account without that mark
//! was made here, and no token of the service speaks for it.

use super::accounts;
use super::identities::{self, SERVICE};
use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::consultations::removals;
use crate::persistence::{Store, Tx};

/// An account as the service describes it.
#[derive(Debug, Clone, Copy)]
pub struct Mirror<'a> {
    pub id: UserId,
    /// In lower case.
    pub email: Option<&'a str>,
    pub primary_role: Role,
    /// The primary role included.
    pub roles: &'a [Role],
    pub reference_id: Option<i64>,
    /// When the service said so, if it told.
    pub as_of: Option<Timestamp>,
}

/// When the account was last changed here, if it is one of the service's and not deleted.
pub async fn changed_at(store: &Store, id: UserId) -> Result<Option<Timestamp>> {
    const SQL: &str = "
        select users.updated_at from users
        join auth_identities on auth_identities.user_id = users.id
        where users.id = $1 and users.deleted_at is null
            and auth_identities.provider = $2 and auth_identities.subject = $3";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(id)
        .bind(SERVICE)
        .bind(id.to_string())
        .fetch_optional(conn)
        .await)?)
}

/// Makes the account or brings it in step. False when its number belongs to an account made here.
pub async fn put(tx: &mut Tx, mirror: Mirror<'_>, now: Timestamp) -> Result<bool> {
    if insert(tx, mirror, now).await? {
        return Ok(true);
    }
    let holder = identities::holder(tx, SERVICE, &mirror.id.to_string()).await?;
    if holder != Some(mirror.id) {
        return Ok(false);
    }
    if let Some(as_of) = mirror.as_of
        && update(tx, mirror, as_of, now).await?
    {
        set_roles(tx, mirror).await?;
        removals::review_account(tx, mirror.id, now).await?;
    }
    Ok(true)
}

/// False when there is an account of that number.
async fn insert(tx: &mut Tx, mirror: Mirror<'_>, now: Timestamp) -> Result<bool> {
    const SQL: &str = "
        insert into users (id, email, primary_role, reference_id, created_at, updated_at, search)
        values ($1, $2, $3, $4, $5, $5, $6)
        on conflict do nothing";
    // Tables want an address. Where the service tells none, or one that an account made here has,
    // this one reaches nobody (RFC 2606).
    let nobody = format!("{}@auth-service.invalid", mirror.id);
    for email in mirror.email.into_iter().chain([nobody.as_str()]) {
        let inserted = on!(tx, |conn| sqlx::query(SQL)
            .bind(mirror.id)
            .bind(email)
            .bind(mirror.primary_role.user_type())
            .bind(mirror.reference_id)
            .bind(now)
            .bind(accounts::search(email, None, None))
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        if inserted == 1 {
            set_roles(tx, mirror).await?;
            let subject = mirror.id.to_string();
            identities::insert(tx, mirror.id, SERVICE, &subject, now).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// False when the account was changed after the service said this.
async fn update(tx: &mut Tx, mirror: Mirror<'_>, as_of: Timestamp, now: Timestamp) -> Result<bool> {
    const SQL: &str = "
        update users set primary_role = $2, reference_id = $3, updated_at = $4, version = version + 1
        where id = $1 and updated_at < $5 and deleted_at is null";
    let updated = on!(tx, |conn| sqlx::query(SQL)
        .bind(mirror.id)
        .bind(mirror.primary_role.user_type())
        .bind(mirror.reference_id)
        .bind(now)
        .bind(as_of)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(updated == 1)
}

async fn set_roles(tx: &mut Tx, mirror: Mirror<'_>) -> Result<()> {
    const SQL: &str = "delete from user_roles where user_id = $1";
    on!(tx, |conn| sqlx::query(SQL).bind(mirror.id).execute(conn).await.map(drop))?;
    for role in mirror.roles {
        accounts::add_role(tx, mirror.id, *role).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::store::tests::stores;

    const DOCTOR: Mirror<'_> = Mirror {
        id: UserId(7),
        email: Some("ana@example.com"),
        primary_role: Role::Doctor,
        roles: &[Role::Doctor],
        reference_id: Some(45),
        as_of: None,
    };

    async fn put_at(store: &Store, mirror: Mirror<'_>, at: i64) -> bool {
        let mut tx = store.begin().await.unwrap();
        let put = put(&mut tx, mirror, Timestamp(at)).await.unwrap();
        tx.commit().await.unwrap();
        put
    }

    #[tokio::test]
    async fn an_account_has_the_services_number_and_follows_what_it_said_last() {
        for store in stores().await {
            assert!(put_at(&store, DOCTOR, 1000).await);
            let client = [Role::Patient, Role::Client];
            let later = Mirror { primary_role: Role::Patient, roles: &client, ..DOCTOR };

            assert!(put_at(&store, Mirror { as_of: Some(Timestamp(999)), ..later }, 1001).await);
            let user = accounts::by_id(&store, UserId(7)).await.unwrap().unwrap();
            assert_eq!((user.primary_role, user.email.as_str()), (Role::Doctor, "ana@example.com"));
            assert_eq!(changed_at(&store, UserId(7)).await.unwrap(), Some(Timestamp(1000)));

            assert!(put_at(&store, Mirror { as_of: Some(Timestamp(2000)), ..later }, 2001).await);
            let user = accounts::by_id(&store, UserId(7)).await.unwrap().unwrap();
            assert_eq!((user.primary_role, &user.roles.0[..]), (Role::Patient, &client[..]));
        }
    }

    #[tokio::test]
    async fn an_account_made_here_is_not_the_services_to_speak_for() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            let new = accounts::NewUser {
                email: "ana@example.com",
                password_hash: None,
                nombre: None,
                apellido: None,
                telefono: None,
                primary_role: Role::Admin,
                is_active: true,
            };
            let id = accounts::insert(&mut tx, new, Timestamp(0)).await.unwrap();
            tx.commit().await.unwrap();

            assert!(!put_at(&store, Mirror { id, ..DOCTOR }, 1).await);
            assert_eq!(changed_at(&store, id).await.unwrap(), None);
            let other = UserId(id.0 + 1);
            assert!(put_at(&store, Mirror { id: other, ..DOCTOR }, 1).await, "the e-mail is taken");
            let user = accounts::by_id(&store, other).await.unwrap().unwrap();
            assert_eq!(user.email, format!("{other}@auth-service.invalid"));
        }
    }
}
