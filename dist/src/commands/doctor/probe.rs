//! What is sent and asked to see what becomes of it on its way.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use jiff::Timestamp;
use protocol::api::{Arrival, Echo, byte_at};
use protocol::{Digest, paths};
use reqwest::header::{CONTENT_LENGTH, RANGE};
use reqwest::{Body, Method, StatusCode, Version};

use super::judge::{self, Check, NOBODY};
use super::mend;
use crate::client::{Client, Failure, WORK_TIMEOUT};
use crate::error::CliError;

/// What is sent at once.
const PIECE_BYTES: usize = 256 * 1024;
/// What goes slowly: so many pieces of so many bytes, with so much time between them.
const SLOW_PIECES: usize = 5;
const SLOW_BYTES: usize = 2 * 1024;
const PAUSE: Duration = Duration::from_millis(100);
/// An answer that any buffer holds.
const SLOW_ANSWER_BYTES: u64 = 1_000;
/// The answer of which a part is asked for, and the part.
const WHOLE_BYTES: u64 = 100_000;
const PART: std::ops::Range<u64> = 1_000..2_000;

/// The answer to the first question.
pub(super) struct Met {
    pub(super) plain: Arrival,
    pub(super) forged: Arrival,
    pub(super) version: Version,
    pub(super) named: Option<String>,
    /// Just before and after the server looked at its clock.
    pub(super) asked: [Timestamp; 2],
}

/// Asks twice how a request arrives, the second time with an address that is not ours.
///
/// # Errors
/// When nothing of ours answers.
pub(super) async fn meet(client: &Client) -> Result<Met, CliError> {
    let untold = |error: Failure| error.error;
    let before = Timestamp::now();
    let response = client.attempt(client.request(Method::GET, paths::DOCTOR)).await.map_err(untold)?;
    let after = Timestamp::now();
    let version = response.version();
    let named = ["server", "via"].iter().find_map(|name| response.headers().get(*name)?.to_str().ok());
    let named = named.map(str::to_owned);
    let plain = client.read(response).await.map_err(untold)?;
    let forged = client.request(Method::GET, paths::DOCTOR).header("X-Forwarded-For", NOBODY);
    let forged = client.read(client.attempt(forged).await.map_err(untold)?).await.map_err(untold)?;
    Ok(Met { plain, forged, version, named, asked: [before, after] })
}

/// Sends a body in pieces and a large one at once.
pub(super) async fn send(client: &Client, large_bytes: usize) -> Vec<Check> {
    let small: Vec<Bytes> = (0..SLOW_PIECES).map(|_| Bytes::from(vec![0; SLOW_BYTES])).collect();
    let buffering = put(client, slowly(small), SLOW_PIECES * SLOW_BYTES).await;
    let buffering = match buffering {
        Ok(echo) => judge::request_buffering(Duration::from_millis(echo.arrival_ms)),
        Err(failure) => Check::fail("request_buffering", failure.error.to_string()).mended_by(mend::BODY_LIMIT),
    };
    vec![buffering, send_large(client, large_bytes).await]
}

async fn send_large(client: &Client, size: usize) -> Check {
    let all = Bytes::from((0..size as u64).map(byte_at).collect::<Vec<u8>>());
    let digest = Digest::of(&all).to_string();
    let pieces: Vec<Bytes> =
        (0..size).step_by(PIECE_BYTES).map(|at| all.slice(at..size.min(at + PIECE_BYTES))).collect();
    let mib = size / (1024 * 1024);
    match put(client, stream::iter(pieces), size).await {
        Ok(echo) if echo.sha256 == digest => Check::ok("body_limit", format!("{mib} MiB arrived whole")),
        Ok(echo) => {
            Check::fail("body_changed", format!("{} of {size} bytes arrived, and not those sent", echo.size_bytes))
        }
        Err(failure) if failure.status == Some(StatusCode::PAYLOAD_TOO_LARGE) => {
            Check::fail("body_limit", format!("a body of {mib} MiB is refused with 413")).mended_by(mend::BODY_LIMIT)
        }
        Err(failure) => {
            let seen = format!("a body of {mib} MiB does not arrive: {}", failure.error);
            Check::fail("body_limit", seen).mended_by(mend::BODY_LIMIT)
        }
    }
}

async fn put(
    client: &Client,
    pieces: impl Stream<Item = Bytes> + Send + 'static,
    size: usize,
) -> Result<Echo, Failure> {
    let body = Body::wrap_stream(pieces.map(Ok::<_, io::Error>));
    let request = client.request(Method::PUT, paths::DOCTOR_ECHO).header(CONTENT_LENGTH, size).body(body);
    let sent = async { client.read(client.attempt(request).await?).await };
    let outcome = tokio::time::timeout(WORK_TIMEOUT, sent).await;
    outcome.unwrap_or_else(|_| Err(Failure::timeout(client.server(), WORK_TIMEOUT)))
}

fn slowly(pieces: Vec<Bytes>) -> impl Stream<Item = Bytes> + Send {
    stream::iter(pieces).enumerate().then(|(place, piece)| async move {
        if place > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        piece
    })
}

/// Asks for an answer in pieces and for a part of one.
pub(super) async fn receive(client: &Client) -> Vec<Check> {
    vec![receive_slowly(client).await, receive_part(client).await]
}

async fn receive_slowly(client: &Client) -> Check {
    let spread = async {
        let path = format!("{}?size={SLOW_ANSWER_BYTES}&slow=true", paths::DOCTOR_BYTES);
        let mut response = client.attempt(client.request(Method::GET, &path)).await?;
        let (mut first, mut last) = (None, None);
        while let Some(_piece) = response.chunk().await.map_err(|error| Failure::transport(client.server(), &error))? {
            last = Some(Instant::now());
            first = first.or(last);
        }
        Ok::<_, Failure>(last.zip(first).map_or(Duration::ZERO, |(last, first)| last - first))
    };
    match spread.await {
        Ok(spread) => judge::response_buffering(spread),
        Err(failure) => Check::fail("response_buffering", failure.error.to_string()),
    }
}

async fn receive_part(client: &Client) -> Check {
    let (code, ranges) = ("range", format!("bytes={}-{}", PART.start, PART.end - 1));
    let path = format!("{}?size={WHOLE_BYTES}", paths::DOCTOR_BYTES);
    let request = client.request(Method::GET, &path).header(RANGE, ranges);
    let outcome = async {
        let response = client.attempt(request).await?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| Failure::transport(client.server(), &error))?;
        Ok::<_, Failure>((status, body))
    };
    match outcome.await {
        Ok((StatusCode::PARTIAL_CONTENT, body)) if body.iter().copied().eq(PART.map(byte_at)) => {
            Check::ok(code, "a part that is asked for is answered")
        }
        Ok((StatusCode::OK, _)) => {
            let seen = "a part is asked for and everything is answered: downloads that break off begin again";
            Check::fail(code, seen).mended_by(mend::RANGE)
        }
        Ok((status, _)) => {
            Check::fail(code, format!("a part is asked for and answered wrongly, with {status}")).mended_by(mend::RANGE)
        }
        Err(failure) => Check::fail(code, failure.error.to_string()).mended_by(mend::RANGE),
    }
}
