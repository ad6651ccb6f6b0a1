//! Who may have a file: the house, whoever may read a row that refers to it, and its owner as long as none does.

use crate::domain::identity::Principal;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::clinical::results::access::sees;
use crate::http::clinical::viewer::{Standing, Viewer};
use crate::persistence::clinical::results::ExamResult;
use crate::persistence::clinical::row::find;
use crate::persistence::files::{self, File, Whose};

/// By what right a caller has a file.
pub(in crate::http) enum Right {
    /// Their own, which belongs to no record yet, or in the name of the house.
    Own,
    /// As someone who may read this result.
    Reader(Box<(Viewer, ExamResult)>),
}

/// The files a caller may have a row refer to.
pub(in crate::http) fn whose(caller: &Principal) -> Whose {
    if caller.acts_for_the_house() { Whose::Anyones } else { Whose::Own(caller.user) }
}

/// The right of the caller to a file. Without one the file is not there.
pub(super) async fn right(app: &App, caller: &Principal, file: &File) -> Result<Right> {
    if caller.acts_for_the_house() {
        return Ok(Right::Own);
    }
    let results = files::results_of(&app.store, &file.id).await?;
    if results.is_empty() {
        return if file.owner_id == Some(caller.user) { Ok(Right::Own) } else { Err(missing()) };
    }
    let standing = Standing::of(&app.store, caller).await?;
    if matches!(standing, Standing::Company | Standing::Outsider) {
        return Err(missing());
    }
    let viewer = Viewer { caller: caller.clone(), standing };
    for id in results {
        let result: ExamResult = find(&app.store, id).await?;
        if sees(app, &viewer, &result).await? {
            return Ok(Right::Reader(Box::new((viewer, result))));
        }
    }
    Err(missing())
}

fn missing() -> Error {
    Kind::NotFound("file").into()
}
