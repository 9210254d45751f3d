//! Is it alive, can it work.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::extract::Answer;
use crate::Server;
use crate::ops;

/// A server that answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
    /// Version of the server.
    version: &'static str,
}

const OK: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "server", operation_id = "healthz", extensions(("x-requires" = json!("none"))), responses((status = 200, body = Health)))]
pub(super) async fn healthz() -> Json<Health> {
    Json(OK)
}

/// The database and the object store answer.
#[utoipa::path(get, path = "/readyz", tag = "server", operation_id = "readyz", extensions(("x-requires" = json!("none"))),
    responses((status = 200, body = Health), (status = 500, body = protocol::ErrorBody)))]
pub(super) async fn readyz(State(server): State<Server>) -> Answer<Health> {
    ops::ready(&server).await.map_err(ApiError::from)?;
    Ok(Json(OK))
}
