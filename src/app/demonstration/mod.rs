//! `serve --demo`: data to look at, the same every time, and who may sign in.
//!
//! One transaction writes all of it, once. A database where someone else already has an account is
//! left alone.

mod accounts;
mod catalogue;
mod people;
mod results;
mod visits;

use std::io::{self, Write as _};

use super::Failure;
use crate::auth::Passwords;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::persistence::Store;
use crate::persistence::identity::accounts::{by_email, holds_any};
use crate::storage::Files;

/// The password of every demonstration account.
const PASSWORD: &str = "password123";

/// A way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignIn {
    pub(super) email: &'static str,
    pub(super) role: Role,
}

/// Why there is no demonstration.
#[derive(Debug, thiserror::Error)]
enum Unprepared {
    #[error("the database holds other accounts")]
    Occupied,
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Fills the database unless it is filled, and answers who may sign in.
pub(super) async fn prepare(store: &Store, files: &Files) -> Result<Vec<SignIn>, Failure> {
    let passwords = Passwords::new(1, 0)?;
    seed(store, files, &passwords).await.map_err(|unprepared| match unprepared {
        Unprepared::Occupied => {
            Failure::Refused("serve --demo needs a database without other accounts")
        }
        Unprepared::Failed(error) => error.into(),
    })
}

/// Writes accounts, catalogue, people and what they have to do with each other, or finds them written by an earlier start.
async fn seed(
    store: &Store,
    files: &Files,
    passwords: &Passwords,
) -> Result<Vec<SignIn>, Unprepared> {
    let sign_ins: Vec<_> = accounts::ACCOUNTS.iter().map(accounts::Account::sign_in).collect();
    if by_email(store, sign_ins[0].email).await?.is_some() {
        return Ok(sign_ins);
    }
    let now = Timestamp::now();
    let hash = passwords.hash_new(PASSWORD, sign_ins[0].email, "/password").await?;
    let mut tx = store.begin().await?;
    if holds_any(&mut tx).await? {
        return Err(Unprepared::Occupied);
    }
    let known = accounts::write(&mut tx, &hash, now).await?;
    catalogue::write(&mut tx, now).await?;
    let people = people::write(&mut tx, known, &hash, now).await?;
    visits::write(&mut tx, &people, now).await?;
    results::write(&mut tx, files, &people, now).await?;
    tx.commit().await?;
    Ok(sign_ins)
}

/// Prints who may sign in, and where. Standard output may be closed; that is for the caller to say.
pub(super) fn invite(port: u16, is_tls: bool, sign_ins: &[SignIn]) -> io::Result<()> {
    let scheme = if is_tls { "https" } else { "http" };
    let place = format!("{scheme}://localhost:{port}");
    let mut out = io::stdout().lock();
    writeln!(out, "\nDemonstration data is ready at {place} (documentation: {place}/docs).")?;
    writeln!(out, "Sign in with the password {PASSWORD} as")?;
    for sign_in in sign_ins {
        writeln!(out, "  {:<26} {}", sign_in.email, sign_in.role.user_type())?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::clinical::catalogue::{Category, Entry, Exam, Filter, Price, count};
    use crate::persistence::identity::accounts::{self, NewUser};
    use crate::persistence::store::tests::stores;
    use crate::storage;

    fn files() -> Files {
        let directory = std::env::temp_dir().join(format!("latido-demo-{}", uuid::Uuid::now_v7()));
        let settings = storage::Settings { directory, bucket: None, key: [7; 32], limit: 1 << 20 };
        Files::new(settings).unwrap()
    }

    async fn rows<E: Entry>(store: &Store) -> i64 {
        count::<E>(store, &Filter::default()).await.unwrap()
    }

    #[tokio::test]
    async fn the_data_is_written_once() {
        let passwords = Passwords::new(1, 0).unwrap();
        for store in stores().await {
            let first = seed(&store, &files(), &passwords).await.unwrap();
            let again = seed(&store, &files(), &passwords).await.unwrap();

            assert_eq!(first, again);
            assert_eq!(first.len(), 7);
            assert_eq!(rows::<Exam>(&store).await, 60);
            assert!(rows::<Price>(&store).await >= 60);
            assert!(rows::<Category>(&store).await > 0);
            let patient = by_email(&store, "patient@demo.latido").await.unwrap().unwrap();
            assert_eq!(patient.primary_role, Role::Patient);
            assert!(patient.reference_id.is_some());
        }
    }

    #[tokio::test]
    async fn a_database_with_another_account_is_left_alone() {
        let passwords = Passwords::new(1, 0).unwrap();
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            let someone = NewUser {
                email: "someone@example.com",
                password_hash: Some("x"),
                nombre: None,
                apellido: None,
                telefono: None,
                primary_role: Role::Client,
                is_active: true,
            };
            accounts::insert(&mut tx, someone, Timestamp(1)).await.unwrap();
            tx.commit().await.unwrap();

            let outcome = seed(&store, &files(), &passwords).await;

            assert!(matches!(outcome, Err(Unprepared::Occupied)));
            assert_eq!(rows::<Exam>(&store).await, 0);
        }
    }
}
