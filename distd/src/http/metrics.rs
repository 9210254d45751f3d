//! `/metrics`.

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::error::ApiError;
use crate::Server;
use crate::metrics::OPEN_METRICS;
use crate::ops::Caller;
use crate::ops::gauges::{self, Gauges};

/// Where they are.
const PATH: &str = "/metrics";

/// What the server does and how it is, for Prometheus.
#[utoipa::path(get, path = PATH, tag = "server", operation_id = "metrics", extensions(("x-requires" = json!("admin"))),
    responses((status = 200, body = String, content_type = "application/openmetrics-text"), (status = "default", body = protocol::ErrorBody)))]
pub(super) async fn show(State(server): State<Server>, caller: Caller) -> Result<Response, ApiError> {
    let now = gauges::show(&server, &caller).await.map_err(ApiError::from)?;
    Ok(document(&server, &now))
}

/// `/metrics` alone, for an address that only the monitoring reaches: it asks for no token.
pub(crate) fn routes(server: &Server) -> Router {
    Router::new().route(PATH, get(show_openly)).with_state(server.clone())
}

async fn show_openly(State(server): State<Server>) -> Result<Response, ApiError> {
    let now = gauges::read(&server).await.map_err(ApiError::from)?;
    Ok(document(&server, &now))
}

fn document(server: &Server, now: &Gauges) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], server.metrics.document(now)).into_response()
}
