//! Who looks after patients, before and after a change.

use serde_json::{Map, Value};

use crate::domain::id::{DoctorId, InstitutionId};
use crate::error::Result;
use crate::http::author::Author;
use crate::persistence::Tx;
use crate::persistence::clinical::relations;

/// The doctor and the institution that patients are theirs by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ties {
    pub(super) doctor: Option<DoctorId>,
    pub(super) institution: Option<InstitutionId>,
}

impl Ties {
    pub(super) fn to_institution(institution: Option<InstitutionId>) -> Self {
        Self { doctor: None, institution }
    }
}

/// Tells the accounts that lose somebody, and those that gain them; `whom` names the row. Told before
/// the change itself, so who loses the row does not hear of that any more.
pub(super) async fn tell_change(
    tx: &mut Tx,
    author: &Author<'_>,
    whom: (&str, i64),
    before: Ties,
    after: Ties,
) -> Result<()> {
    if before == after {
        return Ok(());
    }
    let had = relations::carers(tx, before.doctor, before.institution).await?;
    let have = relations::carers(tx, after.doctor, after.institution).await?;
    let changes = Map::from_iter([(whom.0.to_owned(), Value::from(whom.1))]);
    for user in had.iter().filter(|user| !have.contains(user)) {
        author.tell(tx, *user, "membership", "deleted", changes.clone()).await?;
    }
    for user in have.iter().filter(|user| !had.contains(user)) {
        author.tell(tx, *user, "membership", "created", changes.clone()).await?;
    }
    Ok(())
}
