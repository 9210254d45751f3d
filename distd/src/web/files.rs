//! Files by address: `/download/…` leads to what a channel points at, `/artifacts/…` is a file for good, `/f/…` is fetched by a
//! capability.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{AppSlug, ChannelName, Platform};

use super::page;
use super::reader::Reader;
use crate::Server;
use crate::http::{Delivery, Visitor, deliver};
use crate::ops::OpError;
use crate::ops::install::fetch::{self, Fetched};
use crate::ops::install::files::{self, CurrentFile, Reach, ReleasedFile};

/// Leads to the file of a platform that a channel points at now.
pub(super) async fn current(
    State(server): State<Server>,
    visitor: Visitor,
    reader: Reader,
    Path((app, channel, platform)): Path<(String, String, String)>,
) -> Response {
    lead(&server, visitor, &reader, [&app, &channel, &platform], None).await
}

/// The same for one processor.
pub(super) async fn current_arch(
    State(server): State<Server>,
    visitor: Visitor,
    reader: Reader,
    Path((app, channel, platform, arch)): Path<(String, String, String, String)>,
) -> Response {
    lead(&server, visitor, &reader, [&app, &channel, &platform], Some(&arch)).await
}

async fn lead(server: &Server, visitor: Visitor, reader: &Reader, place: [&str; 3], arch: Option<&str>) -> Response {
    let found = match read_current(place, arch, reader.asked("kind")) {
        Ok(wanted) => files::current(server, visitor.caller, wanted).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(path) => lead_to(&path),
        Err(error) => page::problem(reader, visitor.session.as_ref(), &error),
    }
}

fn read_current(place: [&str; 3], arch: Option<&str>, kind: Option<&str>) -> Result<CurrentFile, OpError> {
    let [app, channel, platform] = place;
    Ok(CurrentFile {
        app: parse::<AppSlug>(app)?,
        channel: parse::<ChannelName>(channel)?,
        platform: parse::<Platform>(platform)?,
        arch: arch.map(|arch| protocol::Arch::from_spelling(arch).map_err(invalid)).transpose()?,
        kind: kind.map(parse).transpose()?,
    })
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, OpError> {
    text.parse().map_err(invalid)
}

fn invalid(error: impl std::fmt::Display) -> OpError {
    OpError::RequestInvalid(error.to_string())
}

/// A redirection that nobody keeps: the channel moves.
pub(super) fn lead_to(path: &str) -> Response {
    let place = HeaderValue::from_str(path).expect("paths are percent-encoded");
    let headers = [(header::LOCATION, place), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// A file of a release.
pub(super) async fn artifact(
    State(server): State<Server>,
    method: Method,
    visitor: Visitor,
    reader: Reader,
    Path((app, release, filename)): Path<(String, String, String)>,
) -> Response {
    let opened = match read_released(&app, &release, &filename, reader.asked("sha256")) {
        Ok(wanted) => files::open(&server, visitor.caller, wanted).await,
        Err(error) => Err(error),
    };
    match opened {
        Ok((download, reach)) => {
            deliver(&Delivery { server: &server, method, headers: &reader.headers, reach }, download).await
        }
        Err(error) => page::problem(&reader, visitor.session.as_ref(), &error),
    }
}

fn read_released(app: &str, release: &str, filename: &str, sha256: Option<&str>) -> Result<ReleasedFile, OpError> {
    Ok(ReleasedFile {
        app: parse(app)?,
        release: parse(release)?,
        filename: parse(filename)?,
        sha256: sha256.map(parse).transpose()?,
    })
}

/// What a capability is for.
pub(super) async fn fetched(
    State(server): State<Server>,
    method: Method,
    reader: Reader,
    Path((file, _)): Path<(String, String)>,
) -> Response {
    match fetch::redeem(&server, &file).await {
        Ok(Fetched::Bytes(download)) => {
            deliver(&Delivery { server: &server, method, headers: &reader.headers, reach: Reach::Private }, *download)
                .await
        }
        Ok(Fetched::Manifest(bytes)) => small("text/xml", "no-store", bytes),
        Ok(Fetched::Icon(bytes)) => small("image/png", "private, max-age=3600", bytes),
        Err(error) => page::problem(&reader, None, &error),
    }
}

fn small(media_type: &'static str, cache_control: &'static str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache_control)),
    ];
    (headers, bytes).into_response()
}
