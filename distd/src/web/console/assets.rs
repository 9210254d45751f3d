//! The style and the script of the console, under names that change with what is in them: browsers keep them for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::Digest;

const STYLE: &str = include_str!("console.css");
const SCRIPT: &str = include_str!("console.js");

const FOLDER: &str = "/console/assets/";

static STYLE_NAME: LazyLock<String> = LazyLock::new(|| format!("console-{}.css", Digest::of(STYLE.as_bytes()).short()));
static SCRIPT_NAME: LazyLock<String> =
    LazyLock::new(|| format!("console-{}.js", Digest::of(SCRIPT.as_bytes()).short()));

pub(super) fn style_path() -> String {
    format!("{FOLDER}{}", *STYLE_NAME)
}

pub(super) fn script_path() -> String {
    format!("{FOLDER}{}", *SCRIPT_NAME)
}

/// One of the two.
pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let (media_type, text) = match name {
        name if name == *STYLE_NAME => ("text/css; charset=utf-8", STYLE),
        name if name == *SCRIPT_NAME => ("text/javascript; charset=utf-8", SCRIPT),
        _ => return (StatusCode::NOT_FOUND, "there is nothing at this address").into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, text).into_response()
}
