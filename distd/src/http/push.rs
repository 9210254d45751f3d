//! `/api/v1/apps/{app}/push`.

use axum::Json;
use axum::extract::State;
use protocol::api::{CommitRequest, Committed, NegotiateRequest, Negotiated};
use protocol::{AppSlug, ErrorBody};

use super::extract::{Answer, JsonOf, Params};
use crate::Server;
use crate::ops::{self, Caller};

/// Say what a push needs; learn what to send and where each ref is. Needs `publish:APP`.
#[utoipa::path(post, path = "/api/v1/apps/{app}/push/negotiate", tag = "push", operation_id = "push_negotiate", extensions(("x-requires" = json!("publish:{app}"))), params(("app" = String, Path)),
    request_body = NegotiateRequest, security(("token" = [])),
    responses((status = 200, body = Negotiated), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 507, body = ErrorBody)))]
pub(super) async fn negotiate(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
    JsonOf(request): JsonOf<NegotiateRequest>,
) -> Answer<Negotiated> {
    Ok(Json(ops::negotiate::negotiate(&server, caller, app, request).await?))
}

/// Publish a release and move channels to it, all or nothing. Needs `publish:APP`, and `publish:APP/CHANNEL` or
/// `promote:APP/CHANNEL` for each channel.
#[utoipa::path(post, path = "/api/v1/apps/{app}/push/commit", tag = "push", operation_id = "push_commit", extensions(("x-requires" = json!("publish:{app}/{channel}"))), params(("app" = String, Path)),
    request_body = CommitRequest, security(("token" = [])),
    responses((status = 200, body = Committed), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 422, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(super) async fn commit(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
    JsonOf(request): JsonOf<CommitRequest>,
) -> Answer<Committed> {
    Ok(Json(ops::commit::commit(&server, caller, app, request).await?))
}
