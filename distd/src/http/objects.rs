//! `/api/v1/apps/{app}/objects/{digest}`: where an object is uploaded to, asked about and downloaded from.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use objstore::Digest;
use protocol::{AppSlug, ErrorBody, ErrorCode, digest_field};

use super::error::{ApiError, UPLOAD_OFFSET};
use super::extract::Params;
use super::ranges::{Wanted, wanted};
use super::{body, disposition};
use crate::Server;
use crate::ops::download::Download;
use crate::ops::install::counts;
use crate::ops::install::files::Reach;
use crate::ops::upload::{Part, Progress};
use crate::ops::{self, Caller, OpError};

const UPLOAD_COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
const REPR_DIGEST: HeaderName = HeaderName::from_static(digest_field::NAME);

/// Bytes from outside do nothing even where a browser is made to show them.
const BYTES_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");

/// Bytes of an object are the same for ever, but only for those who may read the app.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// The same where anyone may have them.
const PUBLIC_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The bytes of an artifact or of a manifest. Range, several ranges, If-Range and If-None-Match are understood; the ETag is
/// the digest. Needs `read:APP` unless the app is public.
#[utoipa::path(get, path = "/api/v1/apps/{app}/objects/{digest}", tag = "objects", operation_id = "objects_download", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), ("digest" = String, Path)), security((), ("token" = [])),
    responses((status = 200, description = "All bytes", content_type = "application/octet-stream"),
        (status = 206, description = "The bytes asked for", content_type = "application/octet-stream"),
        (status = 304, description = "The client has them"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 416, body = ErrorBody)))]
pub(super) async fn download(
    State(server): State<Server>,
    caller: Caller,
    Params((app, digest)): Params<(AppSlug, Digest)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let download = ops::download::open(&server, caller, app, digest).await?;
    let delivery = Delivery { server: &server, method: Method::GET, headers: &headers, reach: Reach::Private };
    Ok(deliver(&delivery, download).await)
}

/// The headers of the download; for an object that no release holds yet, how far its upload has got.
#[utoipa::path(head, path = "/api/v1/apps/{app}/objects/{digest}", tag = "objects", operation_id = "objects_head", extensions(("x-requires" = json!("read:{app}"))),
    params(("app" = String, Path), ("digest" = String, Path)), security((), ("token" = [])),
    responses((status = 200, description = "As GET, without the bytes"), (status = 206, description = "As GET"),
        (status = 204, description = "Being uploaded: `Upload-Offset` and `Upload-Complete` say how far"),
        (status = 304, description = "The client has them"), (status = 400), (status = 401), (status = 403),
        (status = 404), (status = 416)))]
pub(super) async fn head(
    State(server): State<Server>,
    caller: Caller,
    Params((app, digest)): Params<(AppSlug, Digest)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    match ops::download::open(&server, caller.clone(), app.clone(), digest).await {
        Ok(download) => {
            let delivery = Delivery { server: &server, method: Method::HEAD, headers: &headers, reach: Reach::Private };
            Ok(deliver(&delivery, download).await)
        }
        Err(OpError::ObjectNotFound { .. }) => {
            match ops::upload::progress(&server, &caller, app.clone(), digest).await? {
                Some(progress) => Ok(progress_response(progress)),
                None => Err(OpError::ObjectNotFound { app, digest }.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Send bytes of a negotiated object, from `Upload-Offset` on. `Upload-Complete: ?1` says that the object ends with them; the
/// answer to it comes when the object is verified and durable. Needs `publish:APP`.
#[utoipa::path(patch, path = "/api/v1/apps/{app}/objects/{digest}", tag = "objects", operation_id = "objects_upload", extensions(("x-requires" = json!("publish:{app}"))),
    params(("app" = String, Path), ("digest" = String, Path),
        ("upload-offset" = u64, Header, description = "Where the first byte of the body belongs"),
        ("upload-complete" = Option<String>, Header, description = "`?1` (also when left out): the object ends with this body; `?0`: more will follow"),
        ("repr-digest" = Option<String>, Header, description = "`sha-256=:…:`, with the last part: what the object is, where the address is a name that was made up")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), security(("token" = [])),
    responses((status = 204, description = "`Upload-Offset` and `Upload-Complete` say how far it got"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 408, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
        (status = 507, body = ErrorBody)))]
pub(super) async fn upload(
    State(server): State<Server>,
    caller: Caller,
    Params((app, digest)): Params<(AppSlug, Digest)>,
    request: Request,
) -> Result<Response, ApiError> {
    let (offset, is_last) = upload_headers(request.headers())?;
    let turns_out = if is_last { repr_digest(request.headers())? } else { None };
    let part = Part { app, digest, offset, is_last, turns_out };
    let progress = ops::upload::receive(&server, caller, part, request.into_body().into_data_stream()).await?;
    Ok(progress_response(progress))
}

/// `Upload-Offset` is an integer, `Upload-Complete` a boolean of structured fields (RFC 9651).
fn upload_headers(headers: &HeaderMap) -> Result<(u64, bool), OpError> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let offset = text(&UPLOAD_OFFSET)
        .ok_or_else(|| OpError::RequestInvalid("the header Upload-Offset is missing".to_owned()))?
        .parse()
        .map_err(|_| OpError::RequestInvalid("Upload-Offset is not a number of bytes".to_owned()))?;
    match text(&UPLOAD_COMPLETE) {
        None | Some("?1") => Ok((offset, true)),
        Some("?0") => Ok((offset, false)),
        Some(_) => Err(OpError::RequestInvalid("Upload-Complete is ?0 or ?1".to_owned())),
    }
}

/// The SHA-256 among the digests of `Repr-Digest` (RFC 9530), where it is given.
fn repr_digest(headers: &HeaderMap) -> Result<Option<Digest>, OpError> {
    let Some(value) = headers.get(REPR_DIGEST) else { return Ok(None) };
    digest_field::parse(value.to_str().unwrap_or_default())
        .map_err(|error| OpError::RequestInvalid(format!("Repr-Digest: {error}")))
}

fn progress_response(progress: Progress) -> Response {
    let complete = HeaderValue::from_static(if progress.is_complete { "?1" } else { "?0" });
    let headers = [
        (UPLOAD_OFFSET, HeaderValue::from(progress.offset)),
        (UPLOAD_COMPLETE, complete),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// A request for bytes, as far as it decides the answer.
pub(crate) struct Delivery<'a> {
    pub(crate) server: &'a Server,
    pub(crate) method: Method,
    pub(crate) headers: &'a HeaderMap,
    /// Who may keep the answer.
    pub(crate) reach: Reach,
}

/// What a request for an object gets. An artifact that is sent from its first byte on counts as downloaded. Where not even the
/// first of the bytes are what was written, that is an error with a code; further on it can only end the body.
pub(crate) async fn deliver(delivery: &Delivery<'_>, download: Download) -> Response {
    let len = download.content.len();
    let mut headers = download_headers(&download, delivery.reach);
    let etag = headers[header::ETAG].clone();
    let asked = wanted(delivery.headers, &etag, len);
    let is_head = delivery.method == Method::HEAD;
    if let Some(first) = first_byte(&asked).filter(|_| !is_head)
        && let Err(error) = download.check(first).await
    {
        return ApiError::from(error).into_response();
    }
    if !is_head && download.is_artifact() && begins_at_first_byte(&asked) {
        counts::note(delivery.server, &download.app, &download.digest);
    }
    let (status, mut body, body_len) = match asked {
        Wanted::NotModified => return (StatusCode::NOT_MODIFIED, headers).into_response(),
        Wanted::Nothing => return unsatisfiable(len),
        Wanted::Whole => match delivery.server.settings().site.handover.header(&download.digest) {
            Some((name, place)) if !is_head => return hand_over(headers, name, &place),
            _ => (StatusCode::OK, body::part(download.content, 0..len), len),
        },
        Wanted::Part(range) => {
            let content_range = format!("bytes {}-{}/{len}", range.start, range.end - 1);
            headers.insert(header::CONTENT_RANGE, ascii(&content_range));
            let body_len = range.end - range.start;
            (StatusCode::PARTIAL_CONTENT, body::part(download.content, range), body_len)
        }
        Wanted::Parts(parts) => {
            let (body, media_type, body_len) =
                body::multipart(download.content, &download.digest, download.media_type, parts);
            headers.insert(header::CONTENT_TYPE, ascii(&media_type));
            (StatusCode::PARTIAL_CONTENT, body, body_len)
        }
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body_len));
    if is_head {
        body = Body::empty();
    }
    (status, headers, body).into_response()
}

/// What resumes a download goes on with one that was counted.
fn begins_at_first_byte(asked: &Wanted) -> bool {
    first_byte(asked) == Some(0)
}

fn first_byte(asked: &Wanted) -> Option<u64> {
    match asked {
        Wanted::Whole => Some(0),
        Wanted::Part(range) => Some(range.start),
        Wanted::Parts(parts) => parts.first().map(|range| range.start),
        Wanted::Nothing | Wanted::NotModified => None,
    }
}

/// The proxy puts the bytes in.
fn hand_over(mut headers: HeaderMap, name: &'static str, place: &str) -> Response {
    match HeaderValue::from_str(place) {
        Ok(place) => headers.insert(HeaderName::from_static(name), place),
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    (StatusCode::OK, headers).into_response()
}

fn download_headers(download: &Download, reach: Reach) -> HeaderMap {
    let digest = digest_field::render(&download.digest);
    let (cache_control, vary) = match reach {
        Reach::Public => (PUBLIC_CACHE_CONTROL, None),
        Reach::Private => (CACHE_CONTROL, Some(HeaderValue::from_static("Authorization, Cookie"))),
    };
    let vary = vary.map(|vary| (header::VARY, vary));
    let others = [
        (header::CONTENT_TYPE, HeaderValue::from_static(download.media_type)),
        (header::CONTENT_DISPOSITION, disposition::attachment(&download.filename)),
        (header::ETAG, ascii(&format!("\"{}\"", download.digest))),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::CACHE_CONTROL, cache_control),
        (header::CONTENT_SECURITY_POLICY, BYTES_POLICY),
        (REPR_DIGEST, ascii(&digest)),
    ];
    others.into_iter().chain(vary).collect()
}

fn unsatisfiable(len: u64) -> Response {
    let message = format!("the object has {len} bytes, none of those asked for");
    let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::RangeNotSatisfiable, message);
    ([(header::CONTENT_RANGE, ascii(&format!("bytes */{len}")))], error).into_response()
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("digests, numbers and our own words are visible ASCII")
}
