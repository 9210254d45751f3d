//! `/api/v1/apps/{app}/links` and `/api/v1/keys/rotate`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::api::{CreateLink, Link, Links, RotateKey, RotatedKey};
use protocol::{AppSlug, ErrorBody};

use super::error::ApiError;
use super::extract::{Answer, JsonOf, Params};
use crate::Server;
use crate::ops::{self, Caller};

/// The links to channels that the caller may promote to. Needs `read:APP` at least.
#[utoipa::path(get, path = "/api/v1/apps/{app}/links", tag = "links", operation_id = "links_list", params(("app" = String, Path)),
    security(("token" = [])), extensions(("x-requires" = json!("read:{app}"))),
    responses((status = 200, body = Links), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn list(State(server): State<Server>, caller: Caller, Params(app): Params<AppSlug>) -> Answer<Links> {
    Ok(Json(ops::links::list(&server, caller, app).await?))
}

/// Make a capability link: whoever has its address sees what the channel points at and downloads its files. Needs
/// `promote:APP/CHANNEL`, and access `link` or `public` of the channel.
#[utoipa::path(post, path = "/api/v1/apps/{app}/links", tag = "links", operation_id = "links_create", params(("app" = String, Path)),
    request_body = CreateLink, security(("token" = [])), extensions(("x-requires" = json!("promote:{app}/{channel}"))),
    responses((status = 201, body = Link), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(super) async fn create(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
    JsonOf(wanted): JsonOf<CreateLink>,
) -> Result<(StatusCode, Json<Link>), ApiError> {
    Ok((StatusCode::CREATED, Json(ops::links::create(&server, caller, app, wanted).await?)))
}

/// Revoke a link; the next request with it is refused, and so are downloads begun through it. Needs `promote:APP/CHANNEL`.
#[utoipa::path(delete, path = "/api/v1/apps/{app}/links/{id}", tag = "links", operation_id = "links_revoke",
    params(("app" = String, Path), ("id" = String, Path)), security(("token" = [])),
    extensions(("x-requires" = json!("promote:{app}/{channel}"))),
    responses((status = 200, body = Link), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn revoke(
    State(server): State<Server>,
    caller: Caller,
    Params((app, id)): Params<(AppSlug, String)>,
) -> Answer<Link> {
    Ok(Json(ops::links::revoke(&server, caller, app, id).await?))
}

/// Make a new key that signs links; those that older keys signed stay good unless they are dropped. Needs `admin`.
#[utoipa::path(post, path = "/api/v1/keys/rotate", tag = "links", operation_id = "keys_rotate", request_body = RotateKey,
    security(("token" = [])), extensions(("x-requires" = json!("admin"))),
    responses((status = 200, body = RotatedKey), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(super) async fn rotate_key(
    State(server): State<Server>,
    caller: Caller,
    JsonOf(wanted): JsonOf<RotateKey>,
) -> Answer<RotatedKey> {
    Ok(Json(ops::links::rotate_key(&server, caller, wanted).await?))
}
