//! `/api/v1/apps/{app}/publishers` and `/api/v1/oidc/exchange`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::api::{CreatedToken, ExchangeRequest, Publisher, PublisherRule, Publishers};
use protocol::{AppSlug, ErrorBody};

use super::error::ApiError;
use super::extract::{Answer, JsonOf, Params};
use crate::Server;
use crate::ops::{self, Caller};

/// The trusted publishers of an app. Needs `admin:APP`.
#[utoipa::path(get, path = "/api/v1/apps/{app}/publishers", tag = "publishers", operation_id = "publishers_list", extensions(("x-requires" = json!("admin:{app}"))),
    params(("app" = String, Path)), security(("token" = [])),
    responses((status = 200, body = Publishers), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn list(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
) -> Answer<Publishers> {
    Ok(Json(ops::publishers::list(&server, caller, app).await?))
}

/// Add a trusted publisher to an app. Needs `admin:APP`.
#[utoipa::path(post, path = "/api/v1/apps/{app}/publishers", tag = "publishers", operation_id = "publishers_add", extensions(("x-requires" = json!("admin:{app}"))),
    params(("app" = String, Path)), request_body = PublisherRule, security(("token" = [])),
    responses((status = 201, body = Publisher), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody)))]
pub(super) async fn add(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
    JsonOf(rule): JsonOf<PublisherRule>,
) -> Result<(StatusCode, Json<Publisher>), ApiError> {
    Ok((StatusCode::CREATED, Json(ops::publishers::add(&server, caller, app, rule).await?)))
}

/// Remove a trusted publisher; tokens that it got work until they expire. Needs `admin:APP`.
#[utoipa::path(delete, path = "/api/v1/apps/{app}/publishers/{id}", tag = "publishers", operation_id = "publishers_remove", extensions(("x-requires" = json!("admin:{app}"))),
    params(("app" = String, Path), ("id" = String, Path)), security(("token" = [])),
    responses((status = 200, body = Publisher), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn remove(
    State(server): State<Server>,
    caller: Caller,
    Params((app, id)): Params<(AppSlug, String)>,
) -> Answer<Publisher> {
    Ok(Json(ops::publishers::remove(&server, caller, app, id).await?))
}

/// Turn a pipeline's identity token into a token for one app that works for 15 minutes. Needs no token.
#[utoipa::path(post, path = "/api/v1/oidc/exchange", tag = "publishers", operation_id = "oidc_exchange", extensions(("x-requires" = json!("identity"))),
    request_body = ExchangeRequest, security(()),
    responses((status = 201, body = CreatedToken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn exchange(
    State(server): State<Server>,
    caller: Caller,
    JsonOf(wanted): JsonOf<ExchangeRequest>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    Ok((StatusCode::CREATED, Json(ops::exchange::exchange(&server, caller, wanted).await?)))
}
