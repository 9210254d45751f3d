//! The description of the API, made from the handlers themselves.

use axum::Json;
use utoipa::OpenApi;
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
    router::api().split_for_parts().1
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server", operation_id = "openapi", extensions(("x-requires" = json!("none"))), responses((status = 200, description = "OpenAPI 3.1")))]
pub(super) async fn serve() -> Json<Document> {
    Json(document())
}
