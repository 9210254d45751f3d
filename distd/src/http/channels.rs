//! `/api/v1/apps/{app}/channels`.

use axum::Json;
use axum::extract::State;
use protocol::api::{Channel, Channels, Moved, PageQuery, PromoteRequest, ReflogPage, RollbackRequest};
use protocol::{AppSlug, ChannelName, ErrorBody};

use super::extract::{Answer, JsonOf, Params, QueryOf};
use crate::Server;
use crate::ops::{self, Caller, page::Page};

/// All channels. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/channels", tag = "channels", operation_id = "channels_list", extensions(("x-requires" = json!("read:{app}"))), params(("app" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = Channels), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn list(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
) -> Answer<Channels> {
    Ok(Json(ops::channels::list(&server, caller, app).await?))
}

/// One channel. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/channels/{channel}", tag = "channels", operation_id = "channels_show", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), ("channel" = String, Path)), security((), ("token" = [])),
    responses((status = 200, body = Channel), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn show(
    State(server): State<Server>,
    caller: Caller,
    Params((app, channel)): Params<(AppSlug, ChannelName)>,
) -> Answer<Channel> {
    Ok(Json(ops::channels::show(&server, caller, app, channel).await?))
}

/// How a channel moved, newest first. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/channels/{channel}/reflog", tag = "channels", operation_id = "channels_reflog", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), ("channel" = String, Path), PageQuery), security((), ("token" = [])),
    responses((status = 200, body = ReflogPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn reflog(
    State(server): State<Server>,
    caller: Caller,
    Params((app, channel)): Params<(AppSlug, ChannelName)>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<ReflogPage> {
    let page = Page::parse(query.after.as_deref(), query.limit)?;
    Ok(Json(ops::channels::reflog(&server, caller, app, channel, page).await?))
}

/// Move a channel to a release; a channel that does not exist is made. Needs `promote:APP/CHANNEL`.
#[utoipa::path(post, path = "/api/v1/apps/{app}/channels/{channel}/promote", tag = "channels", operation_id = "channels_promote", extensions(("x-requires" = json!("promote:{app}/{channel}"))),
    params(("app" = String, Path), ("channel" = String, Path)), request_body = PromoteRequest, security(("token" = [])),
    responses((status = 200, body = Moved), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 413, body = ErrorBody)))]
pub(super) async fn promote(
    State(server): State<Server>,
    caller: Caller,
    Params((app, channel)): Params<(AppSlug, ChannelName)>,
    JsonOf(request): JsonOf<PromoteRequest>,
) -> Answer<Moved> {
    Ok(Json(ops::channels::promote(&server, caller, app, channel, request).await?))
}

/// Move a channel back along its own reflog. Needs `promote:APP/CHANNEL`.
#[utoipa::path(post, path = "/api/v1/apps/{app}/channels/{channel}/rollback", tag = "channels", operation_id = "channels_rollback", extensions(("x-requires" = json!("promote:{app}/{channel}"))),
    params(("app" = String, Path), ("channel" = String, Path)), request_body = RollbackRequest, security(("token" = [])),
    responses((status = 200, body = Moved), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 413, body = ErrorBody)))]
pub(super) async fn rollback(
    State(server): State<Server>,
    caller: Caller,
    Params((app, channel)): Params<(AppSlug, ChannelName)>,
    JsonOf(request): JsonOf<RollbackRequest>,
) -> Answer<Moved> {
    Ok(Json(ops::rollback::rollback(&server, caller, app, channel, request).await?))
}
