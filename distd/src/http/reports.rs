//! `/api/v1/apps/{app}/rules` and `…/reports`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use protocol::{AppRules, AppSlug, Digest, ErrorBody};

use super::error::ApiError;
use super::extract::{Answer, JsonOf, Params};
use crate::Server;
use crate::ops::{self, Caller};

/// What an app asks of its artifacts and channels. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/rules", tag = "apps", operation_id = "rules_show", extensions(("x-requires" = json!("read:{app}"))), params(("app" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = AppRules), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn rules(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
) -> Answer<AppRules> {
    Ok(Json(ops::rules::show(&server, caller, app).await?))
}

/// Replace what an app asks of its artifacts and channels. Needs `admin:APP`.
#[utoipa::path(put, path = "/api/v1/apps/{app}/rules", tag = "apps", operation_id = "rules_replace", extensions(("x-requires" = json!("admin:{app}"))), params(("app" = String, Path)),
    request_body = AppRules, security(("token" = [])),
    responses((status = 200, body = AppRules), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody)))]
pub(super) async fn replace_rules(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
    JsonOf(rules): JsonOf<AppRules>,
) -> Answer<AppRules> {
    Ok(Json(ops::rules::replace(&server, caller, app, rules).await?))
}

/// Everything that inspection read out of an artifact, as `dist inspect --json` prints it. Needs `read:APP` unless the app is
/// public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/reports/{digest}", tag = "releases", operation_id = "reports_show", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), ("digest" = String, Path)), security((), ("token" = [])),
    responses((status = 200, description = "The report", body = Value), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn show(
    State(server): State<Server>,
    caller: Caller,
    Params((app, digest)): Params<(AppSlug, Digest)>,
) -> Answer<inspect::Report> {
    Ok(Json(ops::reports::show(&server, caller, app, digest).await?))
}

/// The icon of an artifact, as PNG. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/reports/{digest}/icon", tag = "releases", operation_id = "reports_icon", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), ("digest" = String, Path)), security((), ("token" = [])),
    responses((status = 200, description = "The icon", content_type = "image/png", body = Vec<u8>), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn icon(
    State(server): State<Server>,
    caller: Caller,
    Params((app, digest)): Params<(AppSlug, Digest)>,
) -> Result<([(HeaderName, &'static str); 1], Vec<u8>), ApiError> {
    let png = ops::reports::icon(&server, caller, app, digest).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png))
}
