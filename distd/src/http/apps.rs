//! `/api/v1/apps`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::api::{App, Apps, CreateApp, UpdateApp};
use protocol::{AppSlug, ErrorBody};

use super::error::ApiError;
use super::extract::{Answer, JsonOf, Params};
use crate::Server;
use crate::ops::{self, Caller};

/// The apps that the caller may read.
#[utoipa::path(get, path = "/api/v1/apps", tag = "apps", operation_id = "apps_list", extensions(("x-requires" = json!("none"))), security((), ("token" = [])),
    responses((status = 200, body = Apps), (status = 401, body = ErrorBody)))]
pub(super) async fn list(State(server): State<Server>, caller: Caller) -> Answer<Apps> {
    Ok(Json(ops::apps::list(&server, caller).await?))
}

/// Create an app. Needs `admin:APP`.
#[utoipa::path(post, path = "/api/v1/apps", tag = "apps", operation_id = "apps_create", extensions(("x-requires" = json!("admin:{app}"))), request_body = CreateApp, security(("token" = [])),
    responses((status = 201, body = App), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(super) async fn create(
    State(server): State<Server>,
    caller: Caller,
    JsonOf(wanted): JsonOf<CreateApp>,
) -> Result<(StatusCode, Json<App>), ApiError> {
    Ok((StatusCode::CREATED, Json(ops::apps::create(&server, caller, wanted).await?)))
}

/// One app. Needs `read:APP` unless it is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}", tag = "apps", operation_id = "apps_show", extensions(("x-requires" = json!("read:{app}"))), params(("app" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = App), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn show(State(server): State<Server>, caller: Caller, Params(app): Params<AppSlug>) -> Answer<App> {
    Ok(Json(ops::apps::show(&server, caller, app).await?))
}

/// Change the name of an app, or who may see it. Needs `admin:APP`.
#[utoipa::path(patch, path = "/api/v1/apps/{app}", tag = "apps", operation_id = "apps_update", params(("app" = String, Path)),
    request_body = UpdateApp, security(("token" = [])), extensions(("x-requires" = json!("admin:{app}"))),
    responses((status = 200, body = App), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(super) async fn update(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
    JsonOf(wanted): JsonOf<UpdateApp>,
) -> Answer<App> {
    Ok(Json(ops::apps::update(&server, caller, app, wanted).await?))
}
