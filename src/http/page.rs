//! Lists: filters, a page at a time, and cursors that fit only the list they came from.
//!
//! A cursor is the position of the last row seen and a seal over path, filters and position, so it
//! can neither be made up nor carried to another list.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::error::{Error, Kind, Result};

const DEFAULT_LIMIT: i64 = 20;
const MAX_LIMIT: i64 = 100;
const MAX_CURSOR: usize = 256;
/// Bytes of the seal that travel.
const SEAL: usize = 16;

/// The query of a list: its own filters, and which page of it.
///
/// `F` holds the filters and must `deny_unknown_fields`, so that an unknown name is refused.
#[derive(Debug)]
pub struct List<F> {
    pub filters: F,
    /// Rows on a page, 1 to 100.
    pub limit: i64,
    /// The position after which the page starts, as [`List::page`] was given it.
    pub after: Option<String>,
    /// Whether the caller wants the total as well.
    pub count: bool,
    sealer: Sealer,
}

/// The query parameters every list has, for the OpenAPI document.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Rows on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    #[param(max_length = 256)]
    pub cursor: Option<String>,
    /// Adds `total` to the answer.
    pub count: Option<bool>,
}

/// A query without pages; `T` must `deny_unknown_fields`.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// A page of rows on the `snake_case` surfaces.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
    pub has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}

/// A page of rows on the `camelCase` surfaces.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CamelPage<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
    pub has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}

impl<F> List<F> {
    /// The filters by themselves, for a list that makes something else of them.
    pub fn split(self) -> (F, List<()>) {
        let Self { filters, limit, after, count, sealer } = self;
        (filters, List { filters: (), limit, after, count, sealer })
    }

    /// How many rows to ask the database for: one more than the page shows.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The position as an id, for lists ordered by id.
    pub fn after_id(&self) -> Result<Option<i64>> {
        self.after.as_deref().map(|text| text.parse().map_err(|_| bad("cursor"))).transpose()
    }

    /// The page made of what [`List::fetch`] rows came back; `position` orders a row.
    pub fn page<T>(&self, mut rows: Vec<T>, position: impl Fn(&T) -> String) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(0);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| has_more);
        Page {
            next_cursor: last.map(|row| self.sealer.seal(&position(row))),
            items: rows,
            has_more,
            total: None,
        }
    }
}

impl<T> Page<T> {
    #[must_use]
    pub fn with_total(self, total: Option<i64>) -> Self {
        Self { total, ..self }
    }

    /// Turns every row into what the answer shows of it.
    pub fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(show).collect(),
            next_cursor: self.next_cursor,
            has_more: self.has_more,
            total: self.total,
        }
    }

    /// The same page for a `camelCase` surface.
    pub fn camel(self) -> CamelPage<T> {
        CamelPage {
            items: self.items,
            next_cursor: self.next_cursor,
            has_more: self.has_more,
            total: self.total,
        }
    }
}

impl<F: DeserializeOwned> FromRequestParts<App> for List<F> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let mut pairs = pairs(parts)?;
        let mut take = |name: &'static str| {
            let (mut own, others) =
                std::mem::take(&mut pairs).into_iter().partition(|(key, _)| key == name);
            pairs = others;
            let value = Vec::pop(&mut own).map(|(_, value)| value);
            if own.is_empty() { Ok(value) } else { Err(twice(name)) }
        };
        let (limit, cursor, count) = (take("limit")?, take("cursor")?, take("count")?);
        let limit = match limit {
            Some(text) => text.parse().map_err(|_| bad("limit"))?,
            None => DEFAULT_LIMIT,
        };
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(bad("limit"));
        }
        let count = match count.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(bad("count")),
        };
        pairs.sort();
        let sealer = Sealer::new(&app.settings.cursor_key, parts.uri.path(), &pairs);
        let after = cursor.map(|cursor| sealer.open(&cursor)).transpose()?;
        Ok(Self { filters: filters(&pairs)?, limit, after, count, sealer })
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        Ok(Self(filters(&pairs(parts)?)?))
    }
}

fn pairs(parts: &Parts) -> Result<Vec<(String, String)>> {
    let query = parts.uri.query().unwrap_or_default();
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(query).map_err(|_| bad("query"))?;
    if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(bad("query"));
    }
    Ok(pairs)
}

fn filters<F: DeserializeOwned>(pairs: &[(String, String)]) -> Result<F> {
    let text = serde_urlencoded::to_string(pairs).map_err(Error::internal)?;
    serde_urlencoded::from_str(&text)
        .map_err(|error| Kind::Malformed(format!("bad query: {error}")).into())
}

/// Longest text that is searched for, in bytes.
const MAX_TEXT: usize = 400;

/// The text of a search box; an empty one asks for nothing.
pub fn text(q: Option<String>) -> Result<Option<String>> {
    match q {
        Some(text) if text.len() > MAX_TEXT => Err(Kind::Malformed("q is too long".into()).into()),
        q => Ok(q.filter(|text| !text.is_empty())),
    }
}

fn twice(name: &'static str) -> Error {
    Kind::Malformed(format!("{name} is given twice")).into()
}

fn bad(name: &'static str) -> Error {
    Kind::Malformed(format!("bad {name}")).into()
}

/// Seals positions for one list.
#[derive(Debug)]
struct Sealer(Hmac<Sha256>);

impl Sealer {
    fn new(key: &[u8], path: &str, filters: &[(String, String)]) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC key may have any length");
        let parts = filters.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        for part in std::iter::once(path).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Self(mac)
    }

    fn seal(&self, position: &str) -> String {
        let mut bytes = self.tag(position.as_bytes())[..SEAL].to_vec();
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn open(&self, cursor: &str) -> Result<String> {
        let refused = || bad("cursor");
        if cursor.len() > MAX_CURSOR {
            return Err(refused());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        let (seal, position) = bytes.split_at_checked(SEAL).ok_or_else(refused)?;
        if !bool::from(self.tag(position)[..SEAL].ct_eq(seal)) {
            return Err(refused());
        }
        String::from_utf8(position.to_vec()).map_err(|_| refused())
    }

    fn tag(&self, position: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(position);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(path: &str, filters: &[(&str, &str)]) -> Sealer {
        let filters: Vec<_> =
            filters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Sealer::new(b"key", path, &filters)
    }

    #[test]
    fn a_cursor_opens_only_the_list_it_came_from() {
        let exams = sealer("/exams", &[("q", "a")]);
        let cursor = exams.seal("17");

        assert_eq!(exams.open(&cursor).unwrap(), "17");
        assert!(sealer("/exams", &[("q", "b")]).open(&cursor).is_err());
        assert!(sealer("/prices", &[("q", "a")]).open(&cursor).is_err());
        assert!(sealer("/exams", &[]).open(&cursor).is_err());
        assert!(exams.open("MTc").is_err());
        assert!(exams.open(&"A".repeat(257)).is_err());
    }

    #[test]
    fn a_page_ends_with_a_cursor_only_when_more_follows() {
        let list = |limit| List {
            filters: (),
            limit,
            after: None,
            count: false,
            sealer: sealer("/exams", &[]),
        };

        let short = list(3).page(vec![3, 2, 1], ToString::to_string);
        let long = list(2).page(vec![3, 2, 1], ToString::to_string);

        assert_eq!((short.items.len(), short.has_more, short.next_cursor), (3, false, None));
        assert_eq!((long.items.as_slice(), long.has_more), ([3, 2].as_slice(), true));
        assert_eq!(list(2).sealer.open(&long.next_cursor.unwrap()).unwrap(), "2");
    }
}
