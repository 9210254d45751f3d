//! `/api/v1/apps/{app}/channels/{channel}/update` and `…/downloads`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::api::{Downloads, DownloadsQuery, Update, UpdateQuery};
use protocol::{AppSlug, ChannelName, ErrorBody};

use super::error::ApiError;
use super::extract::{Answer, Params, QueryOf};
use crate::Server;
use crate::ops::{self, Caller};

/// Whether the channel has something newer than what is installed, with a file for the device. Cheap enough to be asked hourly
/// by everyone. Needs `read:APP` unless the channel is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/channels/{channel}/update", tag = "channels", operation_id = "channels_update", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), ("channel" = String, Path), UpdateQuery), security((), ("token" = [])),
    responses((status = 200, description = "There is something newer", body = Update),
        (status = 204, description = "There is nothing newer for the device"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub(super) async fn update(
    State(server): State<Server>,
    caller: Caller,
    Params((app, channel)): Params<(AppSlug, ChannelName)>,
    QueryOf(query): QueryOf<UpdateQuery>,
) -> Result<Response, ApiError> {
    let found = ops::install::update::find(&server, caller, app, channel, query).await?;
    let answer = match found {
        Some(update) => Json(update).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    };
    // A channel moves at any time.
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], answer).into_response())
}

/// How often the artifacts of an app were downloaded, by day (UTC). Nothing is kept of who did. Needs `read:APP`.
#[utoipa::path(get, path = "/api/v1/apps/{app}/downloads", tag = "apps", operation_id = "downloads_list", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), DownloadsQuery), security((), ("token" = [])),
    responses((status = 200, body = Downloads), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn downloads(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
    QueryOf(query): QueryOf<DownloadsQuery>,
) -> Answer<Downloads> {
    Ok(Json(ops::install::counts::list(&server, caller, app, query).await?))
}
