//! `/api/v1/apps/{app}/refs`, `…/releases` and `…/log`.

use axum::Json;
use axum::extract::State;
use protocol::api::{LogQuery, PageQuery, RefsAnswer, ReleasePage, ShownRelease};
use protocol::{AppSlug, ErrorBody, Revision};

use super::error::ApiError;
use super::extract::{Answer, Params, QueryOf};
use crate::Server;
use crate::ops::{self, Caller, OpError};

/// All refs and where they point. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/refs", tag = "releases", operation_id = "refs_list", extensions(("x-requires" = json!("read:{app}"))), params(("app" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = RefsAnswer), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn refs(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
) -> Answer<RefsAnswer> {
    Ok(Json(ops::releases::refs(&server, caller, app).await?))
}

/// All releases, newest first. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/releases", tag = "releases", operation_id = "releases_list", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), PageQuery), security((), ("token" = [])),
    responses((status = 200, body = ReleasePage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn list(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<ReleasePage> {
    Ok(Json(ops::releases::list(&server, caller, app, query).await?))
}

/// One release, by any revision: `beta`, `2.4.0+241`, `9f3ac01`, `beta~1`, `beta@{1}`. Needs `read:APP` unless the app is
/// public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/releases/{revision}", tag = "releases", operation_id = "releases_show", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), ("revision" = String, Path)), security((), ("token" = [])),
    responses((status = 200, body = ShownRelease), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn show(
    State(server): State<Server>,
    caller: Caller,
    Params((app, revision)): Params<(AppSlug, String)>,
) -> Answer<ShownRelease> {
    let revision: Revision = revision.parse().map_err(|error| ApiError::from(OpError::RevisionInvalid(error)))?;
    Ok(Json(ops::releases::show(&server, caller, app, revision).await?))
}

/// A release and its parents, nearest first; a range `A..B`; or every release, newest first. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/log", tag = "releases", operation_id = "releases_log", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), LogQuery), security((), ("token" = [])),
    responses((status = 200, body = ReleasePage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn log(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
    QueryOf(query): QueryOf<LogQuery>,
) -> Answer<ReleasePage> {
    Ok(Json(ops::log::log(&server, caller, app, query).await?))
}
