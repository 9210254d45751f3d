//! `/api/v1/apps/{app}/staging`.

use axum::Json;
use axum::extract::State;
use protocol::api::{FinalizeRequest, Finalized, Stage, StageRequest, Stages};
use protocol::{AppSlug, ErrorBody, PartName, ReleaseName};

use super::extract::{Answer, JsonOf, Params};
use crate::Server;
use crate::ops::{self, Caller};

/// Every part of a release that is staged and not published yet. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/staging", tag = "staging", operation_id = "staging_list", extensions(("x-requires" = json!("read:{app}"))), params(("app" = String, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = Stages), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn list(State(server): State<Server>, caller: Caller, Params(app): Params<AppSlug>) -> Answer<Stages> {
    Ok(Json(ops::staging::list(&server, caller, app).await?))
}

/// Stage a part of a release whose objects were uploaded, in place of the part of the same name. Needs `publish:APP`.
#[utoipa::path(put, path = "/api/v1/apps/{app}/staging/{release}/parts/{part}", tag = "staging", operation_id = "staging_put", extensions(("x-requires" = json!("publish:{app}"))),
    params(("app" = String, Path), ("release" = String, Path), ("part" = String, Path)), request_body = StageRequest,
    security(("token" = [])),
    responses((status = 200, body = Stage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 422, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(super) async fn put(
    State(server): State<Server>,
    caller: Caller,
    Params((app, release, part)): Params<(AppSlug, ReleaseName, PartName)>,
    JsonOf(request): JsonOf<StageRequest>,
) -> Answer<Stage> {
    Ok(Json(ops::staging::put(&server, caller, app, (release, part), request).await?))
}

/// Publish a release from its parts and move a channel to it, all or nothing. Needs `publish:APP`, and `publish:APP/CHANNEL` or
/// `promote:APP/CHANNEL` for the channel.
#[utoipa::path(post, path = "/api/v1/apps/{app}/staging/{release}/finalize", tag = "staging", operation_id = "staging_finalize", extensions(("x-requires" = json!("publish:{app}/{channel}"))),
    params(("app" = String, Path), ("release" = String, Path)), request_body = FinalizeRequest, security(("token" = [])),
    responses((status = 200, body = Finalized), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 422, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(super) async fn finalize(
    State(server): State<Server>,
    caller: Caller,
    Params((app, release)): Params<(AppSlug, ReleaseName)>,
    JsonOf(request): JsonOf<FinalizeRequest>,
) -> Answer<Finalized> {
    Ok(Json(ops::finalize::finalize(&server, caller, app, release, request).await?))
}
