//! Accounts found and listed.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::Account;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::caller::Admin;
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams, text};
use crate::http::problem::ProblemBody;
use crate::persistence::identity::list::{self, Filter};

/// Which accounts a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    /// Words that stand in the e-mail or the name, in any order, with or without accents.
    #[param(max_length = 400, example = "ana")]
    q: Option<String>,
    /// Any name of the primary role.
    #[param(value_type = Option<String>, example = "doctor")]
    user_type: Option<Role>,
    is_active: Option<bool>,
    /// Created at this time or later.
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    /// Created at this time or earlier.
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
    /// Removed accounts as well.
    include_deleted: Option<bool>,
}

/// Lists accounts, newest first.
#[utoipa::path(
    get, path = "/users", tag = "users", operation_id = "list_users",
    params(Filters, PageParams),
    responses(
        (status = 200, body = Page<Account>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    _: Admin,
    list: List<Filters>,
) -> Result<Json<Page<Account>>> {
    let (filters, list) = list.split();
    let filter = filters.read()?;
    let rows = list::page(&app.store, &filter, list.after_id()?, list.fetch()).await?;
    let total = if list.count { Some(list::count(&app.store, &filter).await?) } else { None };
    Ok(Json(list.page(rows, |user| user.id.to_string()).with_total(total).map(Account::from)))
}

impl Filters {
    fn read(self) -> Result<Filter> {
        Ok(Filter {
            text: text(self.q)?,
            primary_role: self.user_type,
            is_active: self.is_active,
            created_from: self.created_from,
            created_to: self.created_to,
            include_deleted: self.include_deleted.unwrap_or(false),
        })
    }
}
