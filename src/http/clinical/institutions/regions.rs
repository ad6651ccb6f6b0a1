//! Where institutions are, and who works and is cared for there.

use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::Result;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::json::Json;
use crate::http::page::Query;
use crate::persistence::clinical::institutions::{self, Region};

/// Of which country.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Of {
    /// ISO 3166-1 alpha-2; absent: of all.
    #[param(example = "AR")]
    country: Option<String>,
}

/// A region and the kinds of institutions it has.
#[derive(Debug, Serialize, ToSchema)]
struct Distribution {
    #[serde(flatten)]
    region: Region,
    by_type: BTreeMap<String, i64>,
}

/// Every region with an institution, by country and name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [{"region": "Córdoba", "country": "AR", "institutions": 4,
    "verified": 3, "doctors": 51, "patients": 420, "by_type": {"hospital": 2}}]}))]
pub(super) struct Regions {
    items: Vec<Distribution>,
}

/// Shows how institutions, their doctors and patients are spread over regions.
#[utoipa::path(
    get, path = "/api/v1/institutions/regions", tag = "institutions", operation_id = "list_regions",
    params(Of),
    responses((status = 200, body = Regions)),
)]
pub(super) async fn regions(
    State(app): State<App>,
    _: Caller,
    Query(of): Query<Of>,
) -> Result<Json<Regions>> {
    let country = of.country.as_deref();
    let mut kinds: HashMap<(String, String), BTreeMap<String, i64>> = HashMap::new();
    for (region, country, kind, number) in
        institutions::kinds_by_region(&app.store, country).await?
    {
        kinds.entry((region, country)).or_default().insert(kind, number);
    }
    let regions = institutions::regions(&app.store, country).await?;
    let items = regions.into_iter().map(|region| Distribution {
        by_type: kinds.remove(&(region.region.clone(), region.country.clone())).unwrap_or_default(),
        region,
    });
    Ok(Json(Regions { items: items.collect() }))
}
