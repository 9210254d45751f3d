//! What surrounds every request: an id, a line in the log, security headers, and the body of an error.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use protocol::{ErrorBody, ErrorCode};
use tracing::Instrument;

use super::error::ApiError;

/// Names one request, in answers, in the log and in the audit log: 16 hexadecimal digits.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

static SECURITY_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Runs a request under its id.
pub(crate) async fn surround(mut request: Request, next: Next) -> Response {
    let id = new_id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let (method, path) = (request.method().clone(), without_secrets(request.uri().path()));
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| log(&method, &path, &response));
    if let Some(body) = response.extensions_mut().remove::<ErrorBody>() {
        response = write_error(response, ErrorBody { request_id: Some(id.clone()), ..body });
    }
    for (name, value) in &SECURITY_HEADERS {
        response.headers_mut().insert(name, value.clone());
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The path for the log. That of a capability link or of a file fetched through one is a credential.
fn without_secrets(path: &str) -> String {
    let mut parts = path.splitn(4, '/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(""), Some(what @ ("l" | "f")), Some(_), rest) => {
            format!("/{what}/…{}", rest.map(|rest| format!("/{rest}")).unwrap_or_default())
        }
        _ => path.to_owned(),
    }
}

fn new_id() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has a source of random bytes");
    HEXLOWER.encode(&bytes)
}

fn log(method: &Method, path: &str, response: &Response) {
    let status = response.status().as_u16();
    if let Some(error) = response.extensions().get::<ErrorBody>() {
        tracing::info!(%method, path, status, code = %error.code, message = error.message);
    } else {
        tracing::debug!(%method, path, status);
    }
}

/// Writes the body of an error into a response that has its status and headers already.
fn write_error(response: Response, body: ErrorBody) -> Response {
    let (mut parts, _) = response.into_parts();
    let (json_parts, json) = Json(body).into_response().into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(json_parts.headers);
    Response::from_parts(parts, json)
}

/// There is no route of this address.
pub(crate) async fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, "there is nothing at this address")
}

/// The route does not take this method.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, "this address does not take this method")
}

/// A defect must not take the connection down without an answer.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, "the server could not do this")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_holds_no_link() {
        let check = |path: &str, expect: &str| assert_eq!(without_secrets(path), expect);
        check("/l/AbC", "/l/…");
        check("/l/AbC/get/7370", "/l/…/get/7370");
        check("/f/AbC/acme.apk", "/f/…/acme.apk");
        check("/api/v1/apps/l", "/api/v1/apps/l");
        check("/", "/");
    }
}
