//! `/api/v1/apps/{app}/channels/{channel}/promotion` and `…/pin`, and revoking and restoring releases.

use axum::Json;
use axum::extract::State;
use protocol::api::{Channel, PinRequest, Promotion, PromotionQuery, RestoreRequest, RevokeRequest, Withdrawn};
use protocol::{AppSlug, ChannelName, ErrorBody};

use super::extract::{Answer, JsonOf, Params, QueryOf};
use crate::Server;
use crate::ops::{self, Caller, OpError};

/// What promoting a release to the channel would do, and what its gates say. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/channels/{channel}/promotion", tag = "channels", operation_id = "channels_promotion", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), ("channel" = String, Path), PromotionQuery), security((), ("token" = [])),
    responses((status = 200, body = Promotion), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn plan(
    State(server): State<Server>,
    caller: Caller,
    Params((app, channel)): Params<(AppSlug, ChannelName)>,
    QueryOf(query): QueryOf<PromotionQuery>,
) -> Answer<Promotion> {
    Ok(Json(ops::promotion::show(&server, caller, app, channel, query).await?))
}

/// Pin a channel: nothing is published or promoted onto it until it is unpinned. Needs `promote:APP/CHANNEL`.
#[utoipa::path(put, path = "/api/v1/apps/{app}/channels/{channel}/pin", tag = "channels", operation_id = "channels_pin", extensions(("x-requires" = json!("promote:{app}/{channel}"))),
    params(("app" = String, Path), ("channel" = String, Path)), request_body = PinRequest, security(("token" = [])),
    responses((status = 200, body = Channel), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(super) async fn pin(
    State(server): State<Server>,
    caller: Caller,
    Params((app, channel)): Params<(AppSlug, ChannelName)>,
    JsonOf(request): JsonOf<PinRequest>,
) -> Answer<Channel> {
    Ok(Json(ops::pins::pin(&server, caller, app, channel, request).await?))
}

/// Unpin a channel. Needs `promote:APP/CHANNEL`.
#[utoipa::path(delete, path = "/api/v1/apps/{app}/channels/{channel}/pin", tag = "channels", operation_id = "channels_unpin", extensions(("x-requires" = json!("promote:{app}/{channel}"))),
    params(("app" = String, Path), ("channel" = String, Path)), security(("token" = [])),
    responses((status = 200, body = Channel), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn unpin(
    State(server): State<Server>,
    caller: Caller,
    Params((app, channel)): Params<(AppSlug, ChannelName)>,
) -> Answer<Channel> {
    Ok(Json(ops::pins::unpin(&server, caller, app, channel).await?))
}

/// Revoke a release: it is kept and shown, and not promoted, installed or downloaded any more. Needs `promote:APP`.
#[utoipa::path(post, path = "/api/v1/apps/{app}/releases/{revision}/revoke", tag = "releases", operation_id = "releases_revoke", extensions(("x-requires" = json!("promote:{app}"))),
    params(("app" = String, Path), ("revision" = String, Path)), request_body = RevokeRequest, security(("token" = [])),
    responses((status = 200, body = Withdrawn), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 413, body = ErrorBody)))]
pub(super) async fn revoke(
    State(server): State<Server>,
    caller: Caller,
    Params((app, revision)): Params<(AppSlug, String)>,
    JsonOf(request): JsonOf<RevokeRequest>,
) -> Answer<Withdrawn> {
    let revision = revision.parse().map_err(OpError::RevisionInvalid)?;
    Ok(Json(ops::revoke::revoke(&server, caller, app, revision, request).await?))
}

/// Undo the revocation of a release. Needs `promote:APP`.
#[utoipa::path(post, path = "/api/v1/apps/{app}/releases/{revision}/restore", tag = "releases", operation_id = "releases_restore", extensions(("x-requires" = json!("promote:{app}"))),
    params(("app" = String, Path), ("revision" = String, Path)), request_body = RestoreRequest, security(("token" = [])),
    responses((status = 200, body = Withdrawn), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 413, body = ErrorBody)))]
pub(super) async fn restore(
    State(server): State<Server>,
    caller: Caller,
    Params((app, revision)): Params<(AppSlug, String)>,
    JsonOf(request): JsonOf<RestoreRequest>,
) -> Answer<Withdrawn> {
    let revision = revision.parse().map_err(OpError::RevisionInvalid)?;
    Ok(Json(ops::revoke::restore(&server, caller, app, revision, request).await?))
}
