//! `/api/v1/store`: how the store is, checking it, gc.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use protocol::ErrorBody;
use protocol::api::{CheckEvent, CheckRequest, GcReport, GcRequest, StoreStatus};
use tokio_stream::wrappers::ReceiverStream;

use super::error::ApiError;
use super::extract::{Answer, JsonOf};
use crate::Server;
use crate::ops::{self, Caller};

/// How the store is, and when it was last cared for. Needs `admin`.
#[utoipa::path(get, path = "/api/v1/store", tag = "store", operation_id = "store_show", extensions(("x-requires" = json!("admin"))), security(("token" = [])),
    responses((status = 200, body = StoreStatus), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn show(State(server): State<Server>, caller: Caller) -> Answer<StoreStatus> {
    Ok(Json(ops::care::status(&server, caller).await?))
}

/// Check the store: one JSON document a line, progress and findings as they come, the report at the end. What is damaged is
/// moved to quarantine. It ends when the client goes away. Needs `admin`.
#[utoipa::path(post, path = "/api/v1/store/check", tag = "store", operation_id = "store_check", extensions(("x-requires" = json!("admin"))), request_body = CheckRequest, security(("token" = [])),
    responses((status = 200, body = CheckEvent, content_type = "application/x-ndjson"), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(super) async fn check(
    State(server): State<Server>,
    caller: Caller,
    JsonOf(request): JsonOf<CheckRequest>,
) -> Result<Response, ApiError> {
    let events = ops::care::over_api(&server, caller, request).await?;
    let lines = ReceiverStream::new(events).map(|event| {
        serde_json::to_vec(&event).map(|mut line| {
            line.push(b'\n');
            Bytes::from(line)
        })
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// Delete what nothing names any more, or say what would be deleted. Needs `admin`.
#[utoipa::path(post, path = "/api/v1/store/gc", tag = "store", operation_id = "store_gc", extensions(("x-requires" = json!("admin"))), request_body = GcRequest, security(("token" = [])),
    responses((status = 200, body = GcReport), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(super) async fn gc(
    State(server): State<Server>,
    caller: Caller,
    JsonOf(request): JsonOf<GcRequest>,
) -> Answer<GcReport> {
    Ok(Json(ops::care::gc_over_api(&server, caller, request).await?))
}
