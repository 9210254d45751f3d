//! `/api/v1/apps/{app}/webhooks`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::api::{CreateWebhook, CreatedWebhook, Delivery, DeliveryPage, PageQuery, Webhook, Webhooks};
use protocol::{AppSlug, ErrorBody};

use super::error::ApiError;
use super::extract::{Answer, JsonOf, Params, QueryOf};
use crate::Server;
use crate::ops::{self, Caller};

/// The webhooks of an app. Needs `admin:APP`.
#[utoipa::path(get, path = "/api/v1/apps/{app}/webhooks", tag = "webhooks", operation_id = "webhooks_list", extensions(("x-requires" = json!("admin:{app}"))),
    params(("app" = String, Path)), security(("token" = [])),
    responses((status = 200, body = Webhooks), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn list(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
) -> Answer<Webhooks> {
    Ok(Json(ops::webhooks::list(&server, caller, app).await?))
}

/// Make a webhook; its secret is shown only now. Needs `admin:APP`.
#[utoipa::path(post, path = "/api/v1/apps/{app}/webhooks", tag = "webhooks", operation_id = "webhooks_create", extensions(("x-requires" = json!("admin:{app}"))),
    params(("app" = String, Path)), request_body = CreateWebhook, security(("token" = [])),
    responses((status = 201, body = CreatedWebhook), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody)))]
pub(super) async fn create(
    State(server): State<Server>,
    caller: Caller,
    Params(app): Params<AppSlug>,
    JsonOf(wanted): JsonOf<CreateWebhook>,
) -> Result<(StatusCode, Json<CreatedWebhook>), ApiError> {
    Ok((StatusCode::CREATED, Json(ops::webhooks::create(&server, caller, app, wanted).await?)))
}

/// One webhook. Needs `admin:APP`.
#[utoipa::path(get, path = "/api/v1/apps/{app}/webhooks/{webhook}", tag = "webhooks", operation_id = "webhooks_show", extensions(("x-requires" = json!("admin:{app}"))),
    params(("app" = String, Path), ("webhook" = String, Path)), security(("token" = [])),
    responses((status = 200, body = Webhook), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn show(
    State(server): State<Server>,
    caller: Caller,
    Params((app, id)): Params<(AppSlug, String)>,
) -> Answer<Webhook> {
    Ok(Json(ops::webhooks::show(&server, caller, app, id).await?))
}

/// Delete a webhook, with what waits to be sent and its log. Needs `admin:APP`.
#[utoipa::path(delete, path = "/api/v1/apps/{app}/webhooks/{webhook}", tag = "webhooks", operation_id = "webhooks_delete", extensions(("x-requires" = json!("admin:{app}"))),
    params(("app" = String, Path), ("webhook" = String, Path)), security(("token" = [])),
    responses((status = 200, body = Webhook), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn delete(
    State(server): State<Server>,
    caller: Caller,
    Params((app, id)): Params<(AppSlug, String)>,
) -> Answer<Webhook> {
    Ok(Json(ops::webhooks::delete(&server, caller, app, id).await?))
}

/// Send a `ping` now and wait for the answer. Needs `admin:APP`.
#[utoipa::path(post, path = "/api/v1/apps/{app}/webhooks/{webhook}/test", tag = "webhooks", operation_id = "webhooks_test", extensions(("x-requires" = json!("admin:{app}"))),
    params(("app" = String, Path), ("webhook" = String, Path)), security(("token" = [])),
    responses((status = 200, body = Delivery), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn test(
    State(server): State<Server>,
    caller: Caller,
    Params((app, id)): Params<(AppSlug, String)>,
) -> Answer<Delivery> {
    Ok(Json(ops::webhooks::test(&server, caller, app, id).await?))
}

/// What was sent and what is to be, newest first. Needs `admin:APP`.
#[utoipa::path(get, path = "/api/v1/apps/{app}/webhooks/{webhook}/deliveries", tag = "webhooks", operation_id = "webhooks_deliveries", extensions(("x-requires" = json!("admin:{app}"))),
    params(("app" = String, Path), ("webhook" = String, Path), PageQuery), security(("token" = [])),
    responses((status = 200, body = DeliveryPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn deliveries(
    State(server): State<Server>,
    caller: Caller,
    Params((app, id)): Params<(AppSlug, String)>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<DeliveryPage> {
    Ok(Json(ops::webhooks::deliveries(&server, caller, app, id, query).await?))
}

/// Send a delivery again now, with the same `webhook-id`, and wait for the answer. Needs `admin:APP`.
#[utoipa::path(post, path = "/api/v1/apps/{app}/webhooks/{webhook}/deliveries/{delivery}/redeliver", tag = "webhooks", operation_id = "webhooks_redeliver", extensions(("x-requires" = json!("admin:{app}"))),
    params(("app" = String, Path), ("webhook" = String, Path), ("delivery" = u64, Path)), security(("token" = [])),
    responses((status = 200, body = Delivery), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn redeliver(
    State(server): State<Server>,
    caller: Caller,
    Params((app, id, delivery)): Params<(AppSlug, String, u64)>,
) -> Answer<Delivery> {
    Ok(Json(ops::webhooks::redeliver(&server, caller, app, id, delivery).await?))
}
