//! Reading the catalogue. Public answers are kept in the cache.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Resource;
use super::filters::Filters;
use crate::auth::digest;
use crate::domain::identity::Principal;
use crate::error::{Error, Result};
use crate::http::App;
use crate::http::cache::Answer;
use crate::http::page::List;
use crate::http::precondition::{IfNoneMatch, etag};
use crate::persistence::clinical::catalogue::{Filter, count, page};
use crate::persistence::clinical::row::find;

/// Kept by whoever likes, asked about before each use.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A page of the rows the filters show. `query` is the query as it came, the key of the cache.
pub(super) async fn list<R: Resource>(
    app: &App,
    caller: Option<&Principal>,
    query: Option<&str>,
    had: &IfNoneMatch,
    list: List<Filters>,
) -> Result<Response> {
    let (filters, list) = list.split();
    let filter = filters.allowed_to(caller)?;
    let make = listed::<R>(app, &filter, &list);
    if filter.include_deleted {
        return Ok(answered(had, make.await?, None));
    }
    let key = format!("catalog:{}?{}", R::TABLE, query.unwrap_or_default());
    Ok(answered(had, app.cache.answer(&key, make).await?, Some(REVALIDATE)))
}

async fn listed<R: Resource>(app: &App, filter: &Filter, list: &List<()>) -> Result<Answer> {
    let rows: Vec<R> = page(&app.store, filter, list.after_id()?, list.fetch()).await?;
    let total = if list.count { Some(count::<R>(&app.store, filter).await?) } else { None };
    let page = list.page(rows, |row| row.id().to_string()).with_total(total);
    let body = json(&page)?;
    let tag = HeaderValue::try_from(format!("\"{}\"", &digest(&body)[..32]));
    Ok(Answer { body: body.into(), tag: tag.map_err(Error::internal)? })
}

/// One row.
pub(super) async fn one<R: Resource>(app: &App, id: i64, had: &IfNoneMatch) -> Result<Response> {
    let make = async {
        let row: R = find(&app.store, id.into()).await?;
        Ok(Answer { body: json(&row)?.into(), tag: etag(row.stamp().version) })
    };
    let key = format!("catalog:{}:{id}", R::TABLE);
    Ok(answered(had, app.cache.answer(&key, make).await?, Some(REVALIDATE)))
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

fn answered(had: &IfNoneMatch, answer: Answer, caching: Option<HeaderValue>) -> Response {
    let mut response = if had.has(&answer.tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, JSON)], answer.body).into_response()
    };
    response.headers_mut().insert(ETAG, answer.tag);
    if let Some(caching) = caching {
        response.headers_mut().insert(CACHE_CONTROL, caching);
    }
    response
}
