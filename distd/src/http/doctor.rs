//! `/api/v1/doctor`: how requests and bodies arrive, for who looks at the proxies in between.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use futures_util::{Stream, StreamExt, stream};
use protocol::api::{Arrival, BytesQuery, Echo, byte_at};
use protocol::{ErrorBody, ErrorCode, limits};
use ring::digest;

use super::error::ApiError;
use super::extract::{Answer, QueryOf, address};
use super::ranges::{Wanted, wanted};
use crate::Server;
use crate::ops::{self, Caller, OpError};
use crate::proxies;

/// How long a body may stand still.
const SILENCE: Duration = Duration::from_secs(30);
/// What a slow answer is cut into, and how long it waits between two pieces.
const PIECES: u64 = 5;
const PAUSE: Duration = Duration::from_millis(100);
/// How many bytes are sent where nothing is asked.
const DEFAULT_BYTES: u64 = 64 * 1024;

/// How this request arrived: what proxies said of the client, and what the server made of it. Needs a token.
#[utoipa::path(get, path = "/api/v1/doctor", tag = "server", operation_id = "doctor_show", extensions(("x-requires" = json!("token"))), security(("token" = [])),
    responses((status = 200, body = Arrival), (status = 401, body = ErrorBody)))]
pub(super) async fn show(State(server): State<Server>, caller: Caller, request: Request) -> Answer<Arrival> {
    ops::doctor::check_caller(&caller)?;
    let settings = server.settings();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let said = |name: HeaderName| joined(request.headers(), &name);
    Ok(Json(Arrival {
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        now: server.clock.now(),
        public_url: settings.site.public_url.as_ref().map(ToString::to_string),
        http_version: format!("{:?}", request.version()),
        // In HTTP/2 it stands in the address.
        host: said(header::HOST).or_else(|| request.uri().authority().map(ToString::to_string)),
        forwarded_for: said(HeaderName::from_static("x-forwarded-for")),
        forwarded_proto: said(HeaderName::from_static("x-forwarded-proto")),
        peer_address: peer.map(|peer| peer.to_string()),
        is_peer_trusted: peer.is_some_and(|peer| proxies::is_trusted(peer, &settings.site.proxies)),
        client_address: address(request.extensions()).map(|client| client.to_string()),
    }))
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Take in a body of at most 64 MiB and say how it arrived. Nothing of it is kept. Needs a token.
#[utoipa::path(put, path = "/api/v1/doctor/echo", tag = "server", operation_id = "doctor_echo", extensions(("x-requires" = json!("token"))),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), security(("token" = [])),
    responses((status = 200, body = Echo), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 408, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(super) async fn echo(caller: Caller, request: Request) -> Answer<Echo> {
    ops::doctor::check_caller(&caller)?;
    let mut body = request.into_body().into_data_stream();
    let mut sum = digest::Context::new(&digest::SHA256);
    let (mut size_bytes, mut first, mut last) = (0, None, None);
    while let Some(piece) = next(&mut body).await? {
        size_bytes += piece.len() as u64;
        if size_bytes > limits::DOCTOR_BODY_BYTES {
            let message = format!("the body is over {} bytes", limits::DOCTOR_BODY_BYTES);
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::BodyTooLarge, message));
        }
        sum.update(&piece);
        last = Some(Instant::now());
        first = first.or(last);
    }
    let arrival = last.zip(first).map_or(Duration::ZERO, |(last, first)| last - first);
    let arrival_ms = u64::try_from(arrival.as_millis()).unwrap_or(u64::MAX);
    Ok(Json(Echo { size_bytes, sha256: HEXLOWER.encode(sum.finish().as_ref()), arrival_ms }))
}

async fn next<E>(body: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin)) -> Result<Option<Bytes>, ApiError> {
    let Ok(next) = tokio::time::timeout(SILENCE, body.next()).await else {
        let message = format!("nothing of the body arrived for {} s", SILENCE.as_secs());
        return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::RequestTimeout, message));
    };
    next.transpose().map_err(|_| OpError::RequestInvalid("the body broke off".to_owned()).into())
}

/// Bytes that can be told without asking: whole, a range of them, or in pieces with time between them. Needs a token.
#[utoipa::path(get, path = "/api/v1/doctor/bytes", tag = "server", operation_id = "doctor_bytes", extensions(("x-requires" = json!("token"))),
    params(BytesQuery), security(("token" = [])),
    responses((status = 200, description = "All bytes", content_type = "application/octet-stream"),
        (status = 206, description = "The bytes asked for", content_type = "application/octet-stream"),
        (status = 304, description = "The client has them"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 416, body = ErrorBody)))]
pub(super) async fn bytes(
    caller: Caller,
    QueryOf(query): QueryOf<BytesQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    ops::doctor::check_caller(&caller)?;
    let size = query.size.unwrap_or(DEFAULT_BYTES);
    if size > limits::DOCTOR_ANSWER_BYTES {
        let message = format!("size is at most {}", limits::DOCTOR_ANSWER_BYTES);
        return Err(OpError::RequestInvalid(message).into());
    }
    let about = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ];
    if query.slow {
        // As downloads have: nginx keeps an answer back only where it knows how long it is.
        let length = [(header::CONTENT_LENGTH, HeaderValue::from(size))];
        return Ok((about, length, Body::from_stream(slowly(size))).into_response());
    }
    let etag = HeaderValue::from_str(&format!("\"doctor-{size}\"")).expect("a number is visible ASCII");
    let asked = wanted(&headers, &etag, size);
    let about = (about, [(header::ETAG, etag)]);
    Ok(match asked {
        Wanted::NotModified => (StatusCode::NOT_MODIFIED, about).into_response(),
        Wanted::Nothing => {
            let message = format!("there are {size} bytes, none of those asked for");
            let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::RangeNotSatisfiable, message);
            ([(header::CONTENT_RANGE, format!("bytes */{size}"))], error).into_response()
        }
        Wanted::Part(range) => {
            let place = [(header::CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1))];
            (StatusCode::PARTIAL_CONTENT, about, place, content(range)).into_response()
        }
        // Several parts are what objects are asked for.
        Wanted::Whole | Wanted::Parts(_) => (about, content(0..size)).into_response(),
    })
}

fn content(range: std::ops::Range<u64>) -> Vec<u8> {
    range.map(byte_at).collect()
}

/// The bytes in pieces, each sent by itself.
fn slowly(size: u64) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::iter(0..PIECES).then(move |piece| async move {
        if piece > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Bytes::from(content(size * piece / PIECES..size * (piece + 1) / PIECES)))
    })
}
