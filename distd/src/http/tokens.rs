//! `/api/v1/tokens` and `/api/v1/whoami`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::ErrorBody;
use protocol::api::{CreateToken, CreatedToken, RotateToken, Token, Tokens, Whoami};

use super::error::ApiError;
use super::extract::{Answer, JsonOf, Params};
use crate::Server;
use crate::ops::{self, Caller};

/// Who the caller is and what they may do.
#[utoipa::path(get, path = "/api/v1/whoami", tag = "tokens", operation_id = "whoami", extensions(("x-requires" = json!("none"))), security((), ("token" = [])),
    responses((status = 200, body = Whoami), (status = 401, body = ErrorBody)))]
pub(super) async fn whoami(caller: Caller) -> Json<Whoami> {
    Json(caller.whoami())
}

/// All tokens, without their secrets. Needs `admin`.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", operation_id = "tokens_list", extensions(("x-requires" = json!("admin"))), security(("token" = [])),
    responses((status = 200, body = Tokens), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn list(State(server): State<Server>, caller: Caller) -> Answer<Tokens> {
    Ok(Json(ops::tokens::list(&server, caller).await?))
}

/// Make a token. Its text is in this answer and nowhere else. Needs `admin`.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", operation_id = "tokens_create", extensions(("x-requires" = json!("admin"))), request_body = CreateToken, security(("token" = [])),
    responses((status = 201, body = CreatedToken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(super) async fn create(
    State(server): State<Server>,
    caller: Caller,
    JsonOf(wanted): JsonOf<CreateToken>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    Ok((StatusCode::CREATED, Json(ops::tokens::create(&server, caller, wanted).await?)))
}

/// Revoke a token; the next request with it is refused. Needs `admin`.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", operation_id = "tokens_revoke", extensions(("x-requires" = json!("admin"))), params(("id" = String, Path)), security(("token" = [])),
    responses((status = 200, body = Token), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn revoke(State(server): State<Server>, caller: Caller, Params(id): Params<String>) -> Answer<Token> {
    Ok(Json(ops::tokens::revoke(&server, caller, id).await?))
}

/// Make a token in place of another: same name, scopes and lifetime. The old one works on for a while. Needs `admin`, or the
/// token itself.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/rotate", tag = "tokens", operation_id = "tokens_rotate", params(("id" = String, Path)),
    request_body = RotateToken, security(("token" = [])), extensions(("x-requires" = json!("admin"))),
    responses((status = 201, body = CreatedToken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(super) async fn rotate(
    State(server): State<Server>,
    caller: Caller,
    Params(id): Params<String>,
    JsonOf(wanted): JsonOf<RotateToken>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    Ok((StatusCode::CREATED, Json(ops::tokens::rotate(&server, caller, id, wanted).await?)))
}
