//! The query of a list.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::page::text;
use crate::persistence::clinical::catalogue::Filter;

/// Which rows a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    /// Found anywhere in a name or code, in any case; prices are found by what they are of.
    #[param(max_length = 400, example = "hemo")]
    q: Option<String>,
    /// Rows of this category: its exams and their prices, packages and places, its subcategories.
    category_id: Option<i64>,
    /// Rows with a price of their own at this location.
    location_id: Option<i64>,
    /// Active rows, prices of active things, categories with an active exam; or the others.
    active: Option<bool>,
    /// Created at this time or later.
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    /// Created at this time or earlier.
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
    /// Removed rows as well; administrators only.
    include_deleted: Option<bool>,
}

impl Filters {
    /// The filter, if this caller may use it.
    pub(super) fn allowed_to(self, caller: Option<&Principal>) -> Result<Filter> {
        let include_deleted = self.include_deleted.unwrap_or(false);
        if include_deleted && !caller.is_some_and(Principal::is_admin) {
            return Err(Kind::Forbidden("removed rows are for administrators only").into());
        }
        Ok(Filter {
            text: text(self.q)?,
            category: self.category_id,
            location: self.location_id,
            active: self.active,
            created_from: self.created_from,
            created_to: self.created_to,
            include_deleted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Filters, serde_urlencoded::de::Error> {
        serde_urlencoded::from_str(query)
    }

    #[test]
    fn an_unknown_filter_is_refused() {
        assert!(read("q=x&category_id=1&location_id=2&active=true").is_ok());
        assert!(read("colour=red").is_err());
        assert!(read("category_id=one").is_err());
    }

    #[test]
    fn removed_rows_are_not_for_everyone() {
        let refused = read("include_deleted=true").unwrap().allowed_to(None);

        assert!(matches!(refused.unwrap_err().kind(), Kind::Forbidden(_)));
    }
}
