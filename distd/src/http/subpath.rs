//! Serving below a path, such as `https://example.com/dist`: the path of the public address.
//!
//! Inside, every address begins at the root. Requests are taken with the path and, from proxies that cut it off, without;
//! what leads a browser back to us gets it in front.

use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header, uri::PathAndQuery};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use protocol::ServerUrl;
use tower::ServiceExt;

/// The largest page that is looked through, in bytes; larger than any that we make.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// Attributes of pages that hold an address.
const ATTRIBUTES: &[&str] = &[" href=\"/", " src=\"/", " action=\"/", " formaction=\"/", " data-path=\"/"];

/// The same routes below the path of the public address.
pub(super) fn mount(routes: Router, public_url: Option<&ServerUrl>) -> Router {
    let prefix = public_url.map_or("", ServerUrl::path).to_owned();
    if prefix.is_empty() {
        return routes;
    }
    let stripped = prefix.clone();
    let inner = routes.map_request(move |request: Request| strip(request, &stripped));
    Router::new().fallback_service(inner).layer(from_fn_with_state(prefix, lead_back))
}

/// Cuts the path off a request.
fn strip(mut request: Request, prefix: &str) -> Request {
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let rest = match target.strip_prefix(prefix) {
        Some(rest) if rest.is_empty() || rest.starts_with('?') => format!("/{rest}"),
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => return request,
    };
    if let Ok(uri) = rest.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request
}

/// Puts the path in front of what an answer leads to.
async fn lead_back(State(prefix): State<String>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(place) = response.headers().get(header::LOCATION).and_then(|place| with_prefix(place, &prefix)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    let is_bounded = response.body().size_hint().exact().is_some_and(|len| len <= PAGE_BYTES);
    if !is_page(response.headers()) || !is_bounded {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // A page is in memory already: reading it does not fail.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let page = String::from_utf8_lossy(&bytes);
    let page = ATTRIBUTES.iter().fold(page.into_owned(), |page, attribute| {
        page.replace(attribute, &format!("{}{prefix}/", attribute.trim_end_matches('/')))
    });
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(page))
}

fn with_prefix(place: &HeaderValue, prefix: &str) -> Option<HeaderValue> {
    let place = place.to_str().ok().filter(|place| place.starts_with('/') && !place.starts_with("//"))?;
    HeaderValue::from_str(&format!("{prefix}{place}")).ok()
}

fn is_page(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_itself_is_cut_off() {
        let check = |target: &str, expect: &str| {
            let request = Request::builder().uri(target).body(Body::empty()).unwrap();
            assert_eq!(strip(request, "/dist").uri().to_string(), expect);
        };
        check("/dist/api/v1/apps?limit=1", "/api/v1/apps?limit=1");
        check("/dist", "/");
        check("/dist?x=1", "/?x=1");
        check("/distance/api", "/distance/api");
        check("/api/v1/apps", "/api/v1/apps");
        check("/dist/dist/x", "/dist/x");
    }
}
