//! `/api/v1/apps/{app}/compare`.

use axum::Json;
use axum::extract::State;
use protocol::api::CompareQuery;
use protocol::compare::Comparison;
use protocol::{AppSlug, ErrorBody, RevisionRange};

use super::error::ApiError;
use super::extract::{Answer, Params, QueryOf};
use crate::Server;
use crate::ops::{self, Caller, OpError};

/// What differs between two releases, from `A` to `B` of `A..B`. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/compare/{range}", tag = "releases", operation_id = "releases_compare", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), ("range" = String, Path, description = "`A..B`, two revisions"), CompareQuery), security((), ("token" = [])),
    responses((status = 200, body = Comparison), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn compare(
    State(server): State<Server>,
    caller: Caller,
    Params((app, range)): Params<(AppSlug, String)>,
    QueryOf(query): QueryOf<CompareQuery>,
) -> Answer<Comparison> {
    let range: RevisionRange = range.parse().map_err(|error| ApiError::from(OpError::RevisionInvalid(error)))?;
    Ok(Json(ops::compare::compare(&server, caller, app, range, query.files()).await?))
}
