//! `/l/{link}`: what a capability link shows.

use axum::extract::{Path, State};
use axum::response::Response;
use protocol::Digest;

use super::reader::Reader;
use super::{files, install, page};
use crate::Server;
use crate::ops::{self, OpError};

/// What the channel of a link points at.
pub(super) async fn show(State(server): State<Server>, reader: Reader, Path(link): Path<String>) -> Response {
    match ops::links::open(&server, &link).await {
        Ok(shown) => install::respond(&server, &reader, None, &shown, Some(&link)),
        Err(error) => page::problem(&reader, None, &error),
    }
}

/// Begins a download: leads on to an address of the file that works for a while.
pub(super) async fn begin(
    State(server): State<Server>,
    reader: Reader,
    Path((link, digest)): Path<(String, String)>,
) -> Response {
    let begun = match Digest::parse(&digest) {
        Ok(digest) => ops::links::begin_download(&server, &link, digest).await,
        Err(_) => Err(OpError::LinkInvalid),
    };
    match begun {
        Ok(path) => files::lead_to(&path),
        Err(error) => page::problem(&reader, None, &error),
    }
}
