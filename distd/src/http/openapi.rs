//! The description of the API, made from the handlers themselves.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi as Document, OpenApiBuilder};

use super::router;

#[derive(OpenApi)]
#[openapi(components(schemas(protocol::ErrorBody)))]
struct Base;

/// What is said before the routes.
pub(super) fn base() -> Document {
    let info = InfoBuilder::new()
        .title("dist")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Releases as objects, channels as refs. Times are RFC 3339 UTC, sizes bytes, digests SHA-256.",
        ))
        .license(None)
        .build();
    let mut document = OpenApiBuilder::from(Base::openapi()).info(info).build();
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("dist_<id>_<secret><checksum>").build();
    document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(token));
    document
}

/// The whole document.
pub fn document() -> Document {
    let mut document = router::api().split_for_parts().1;
    for path in document.paths.paths.values_mut() {
        let operations =
            [&mut path.get, &mut path.head, &mut path.put, &mut path.post, &mut path.patch, &mut path.delete];
        operations.into_iter().flatten().for_each(add_common_answers);
    }
    document
}

/// Where a credential can fail, it can fail too often; where a body is taken in, it can take too long.
fn add_common_answers(operation: &mut Operation) {
    let has_body = operation.request_body.is_some();
    let answers = &mut operation.responses.responses;
    let mut add = |status: &str, like: &str| {
        if let Some(answer) = answers.get(like).cloned() {
            answers.entry(status.to_owned()).or_insert(answer);
        }
    };
    add("429", "401");
    if has_body {
        add("408", "400");
    }
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server", operation_id = "openapi", extensions(("x-requires" = json!("none"))), responses((status = 200, description = "OpenAPI 3.1")))]
pub(super) async fn serve() -> Json<Document> {
    Json(document())
}
