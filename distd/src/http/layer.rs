//! What surrounds every request: an id, a line in the log, security headers, and the body of an error.

use axum::Json;
use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use protocol::{ErrorBody, ErrorCode, token};
use tracing::Instrument;

use super::error::{ApiError, Damaged, Refused};
use super::extract::ClientAddress;
use super::refusal::Watch;
use crate::metrics::Measured;
use crate::{Server, ops};

/// Names one request, in answers, in the log and in the audit log: 16 hexadecimal digits.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a page of ours may load and do, and who may show it.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

static SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), usb=()",
        ),
    ),
];

/// Parameters of routes that may stand in the log. What fills in any other one may be a secret.
const PLAIN_PARAMETERS: &[&str] = &["{app}", "{channel}", "{digest}", "{id}", "{revision}"];

/// Runs a request under its id.
pub(crate) async fn surround(State(server): State<Server>, mut request: Request, next: Next) -> Response {
    let id = new_id();
    request.extensions_mut().insert(RequestId(id.clone()));
    if let Some(address) = ClientAddress::of(&request, &server.settings().site.proxies) {
        request.extensions_mut().insert(address);
    }
    hide_credentials(request.headers_mut());
    let template = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let path = shown_path(template.as_deref(), request.uri().path());
    let method = request.method().clone();
    let measured = Measured::begin(&method, template.as_deref(), length(request.headers()));
    let watch = Watch::begin(&mut request, template.as_deref(), &id);
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(body) = response.extensions_mut().get_mut::<ErrorBody>() {
        hide_tokens(body);
    }
    measured.end(&server.metrics, response.status().as_u16(), response.body().size_hint().exact());
    span.in_scope(|| log(&method, &path, &response));
    let refused = response.extensions_mut().remove::<Refused>();
    if let Some(Damaged(digest)) = response.extensions_mut().remove::<Damaged>() {
        tokio::spawn(ops::care::examine(server.clone(), digest));
    }
    watch.end(&server, refused).instrument(span).await;
    if let Some(body) = response.extensions_mut().remove::<ErrorBody>() {
        response = write_error(response, ErrorBody { request_id: Some(id.clone()), ..body });
    }
    add_headers(response.headers_mut(), &id);
    response
}

fn add_headers(headers: &mut HeaderMap, id: &str) {
    for (name, value) in &SECURITY_HEADERS {
        headers.insert(name, value.clone());
    }
    // Bytes that came from outside have a stricter one.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(PAGE_POLICY);
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
}

/// Marks what must not be shown by whoever prints headers.
fn hide_credentials(headers: &mut HeaderMap) {
    for name in [header::AUTHORIZATION, header::COOKIE] {
        if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(true);
        }
    }
}

/// A request that has a token at the wrong place gets it back in no message.
fn hide_tokens(body: &mut ErrorBody) {
    body.message = token::redacted(&body.message).into_owned();
    body.hint = body.hint.as_deref().map(|hint| token::redacted(hint).into_owned());
}

/// The path as it may stand in the log: without what fills in parameters that may be secrets, and without what no route
/// takes.
fn shown_path(template: Option<&str>, path: &str) -> String {
    let Some(template) = template else {
        let first = path.split('/').nth(1).unwrap_or_default();
        return token::redacted(&format!("/{first}…")).into_owned();
    };
    let segments = template.split('/').zip(path.split('/')).map(|(pattern, segment)| {
        if pattern.starts_with('{') && !PLAIN_PARAMETERS.contains(&pattern) { pattern } else { segment }
    });
    token::redacted(&segments.collect::<Vec<_>>().join("/")).into_owned()
}

/// What the headers say of the length of the body.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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
    fn the_log_shows_of_a_path_what_cannot_be_a_secret() {
        let check = |template: Option<&str>, path: &str, expect: &str| {
            assert_eq!(shown_path(template, path), expect);
        };
        check(Some("/api/v1/apps/{app}/log"), "/api/v1/apps/acme/log", "/api/v1/apps/acme/log");
        check(Some("/l/{link}/{app}"), "/l/s3cret/acme", "/l/{link}/acme");
        check(None, "/install/acme/s3cret/x", "/install…");
        check(Some("/api/v1/tokens/{id}"), "/api/v1/tokens/dist_6n2343sd_ufpp", "/api/v1/tokens/dist_6n2343sd…");
    }
}
