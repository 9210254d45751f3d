//! `/l/{link}`: what a capability link shows; `/f/{file}/…`: a file that is fetched through one.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{Digest, paths};

use super::{install, page};
use crate::Server;
use crate::http::respond;
use crate::ops::{self, OpError};

/// What the channel of a link points at.
pub(super) async fn show(State(server): State<Server>, Path(link): Path<String>) -> Response {
    match ops::links::open(&server, &link).await {
        Ok(shown) => {
            let address = |digest: &Digest| paths::link_download(&link, digest);
            let content = install::content(&shown.name, Some(shown.channel.as_str()), &shown.release, &address);
            page::page(&format!("{} {}", shown.name, shown.release.name), &content)
        }
        Err(error) => page::problem(&error),
    }
}

/// Begins a download: leads on to an address of the file that works for a while.
pub(super) async fn begin(State(server): State<Server>, Path((link, digest)): Path<(String, String)>) -> Response {
    let Ok(digest) = Digest::parse(&digest) else { return page::problem(&OpError::LinkInvalid) };
    match ops::links::begin_download(&server, &link, digest).await {
        Ok((file, filename)) => {
            let place = HeaderValue::from_str(&paths::linked_file(&file, &filename));
            let place = place.expect("paths are percent-encoded");
            let headers = [(header::LOCATION, place), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(error) => page::problem(&error),
    }
}

/// The file of a download that was begun.
pub(super) async fn file(
    State(server): State<Server>,
    method: Method,
    Path((file, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    match ops::links::open_file(&server, &file).await {
        Ok(download) => {
            let mut response = respond(download, &headers);
            if method == Method::HEAD {
                *response.body_mut() = Body::empty();
            }
            response
        }
        Err(error) => page::problem(&error),
    }
}
