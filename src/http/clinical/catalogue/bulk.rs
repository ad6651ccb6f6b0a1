//! Many prices at once.

use std::collections::{HashMap, HashSet};

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::write::{Author, committed, record};
use crate::domain::clinical::catalogue::NewAmount;
use crate::domain::events::catalogue::ChangeAction;
use crate::domain::id::PriceId;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::caller::AdminOrService;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::catalogue::{Price, change_amount};

/// New amounts, each for another price.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"items": [{"id": 1, "amount_cents": 5000}]}))]
pub(super) struct NewAmounts {
    #[garde(length(min = 1, max = 500), custom(each_once), dive)]
    #[schema(min_items = 1, max_items = 500)]
    items: Vec<NewAmount>,
}

/// The prices as they stand now, in the order they were asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changed {
    items: Vec<Price>,
}

/// Changes the amounts of up to 500 prices, all or none.
#[utoipa::path(
    post, path = "/api/v1/catalog/prices/bulk", tag = "catalog", operation_id = "change_prices",
    request_body = NewAmounts,
    responses(
        (status = 200, body = Changed),
        (status = 422, description = "A rule is broken, or a price does not exist", body = ProblemBody),
    ),
)]
pub(super) async fn change_prices(
    State(app): State<App>,
    AdminOrService(caller): AdminOrService,
    context: Context,
    Json(wanted): Json<NewAmounts>,
) -> Result<Json<Changed>> {
    let (author, now) = (Author { caller, context }, Timestamp::now());
    // Rows are taken in one order, or two of these would wait for each other.
    let mut order: Vec<(usize, &NewAmount)> = wanted.items.iter().enumerate().collect();
    order.sort_unstable_by_key(|(_, item)| item.id);

    let mut tx = app.store.begin().await?;
    let mut changed: HashMap<PriceId, Price> = HashMap::with_capacity(order.len());
    for (position, item) in order {
        let price = change_amount(&mut tx, item.id, item.amount_cents, now)
            .await
            .map_err(|error| unknown(error, position))?;
        record(&app, &mut tx, &author, &price, ChangeAction::Updated, now).await?;
        changed.insert(price.id, price);
    }
    tx.commit().await?;
    committed(&app);

    let items = wanted.items.iter().filter_map(|item| changed.remove(&item.id)).collect();
    Ok(Json(Changed { items }))
}

/// A price that is not there is a fault of the body, not of the path.
fn unknown(error: Error, position: usize) -> Error {
    if !matches!(error.kind(), Kind::NotFound(_)) {
        return error;
    }
    let pointer = format!("/items/{position}/id");
    Error::field(pointer, FieldCode::Reference, "there is no such price")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature garde calls")]
fn each_once(items: &[NewAmount], (): &()) -> garde::Result {
    let mut seen = HashSet::new();
    if items.iter().all(|item| seen.insert(item.id)) {
        return Ok(());
    }
    Err(garde::Error::new("unique: names a price twice"))
}
