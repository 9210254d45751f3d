//! Talking to the server: one wrapper over HTTP that authenticates, counts, retries and reads errors.
//!
//! Requests with a JSON answer go through [`Client::get`], [`Client::post`], [`Client::put`] and [`Client::delete`], which retry by
//! themselves. Uploads and downloads make single attempts with [`Client::attempt`] and decide themselves how to go on.
//!
//! Redirects are not followed: a `POST` would silently become a `GET`, and the token would travel.

mod failure;
mod retry;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use protocol::{ErrorCode, ServerUrl};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

pub(crate) use failure::Failure;
pub(crate) use retry::{Again, Repeat, RetryPolicy};

use crate::error::CliError;
use crate::ui::Terminal;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server may take for an ordinary answer.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// How long the server may take where it inspects artifacts or makes gigabytes durable.
pub(crate) const WORK_TIMEOUT: Duration = Duration::from_mins(10);

/// Largest JSON answer that is read, in bytes: a full page of the largest manifests does not fit, and does not occur.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A connection to one server as one actor.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: ServerUrl,
    policy: RetryPolicy,
    terminal: Arc<Terminal>,
    requests: AtomicU64,
}

/// A successful answer, and whether an earlier attempt may have been carried out before it.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// What the server said.
    pub(crate) value: T,
    /// An earlier attempt lost its answer.
    pub(crate) was_repeated: bool,
}

impl Client {
    /// A client of `server` that sends `bearer`, a token, with every request.
    ///
    /// # Errors
    /// When no HTTP client can be built, for example for want of root certificates.
    pub(crate) fn new(
        server: ServerUrl,
        bearer: Option<&str>,
        policy: RetryPolicy,
        terminal: Arc<Terminal>,
    ) -> Result<Self, CliError> {
        let http = build_http(&server, bearer)?;
        Ok(Self { http, server, policy, terminal, requests: AtomicU64::new(0) })
    }

    /// The server.
    pub(crate) fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// How failures are retried.
    pub(crate) fn policy(&self) -> RetryPolicy {
        self.policy
    }

    /// Requests sent so far, retries included.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Gets a JSON document.
    ///
    /// # Errors
    /// What the server refuses, or [`ErrorCode::ServerUnreachable`] after all retries.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.call(Repeat::Freely, ANSWER_TIMEOUT, || self.request(Method::GET, path)).await.map(|answer| answer.value)
    }

    /// Gets a JSON document of a route that takes a query.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn get_query<Q: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Q,
    ) -> Result<T, CliError> {
        self.get(&with_query(path, query)).await
    }

    /// Posts a JSON document and reads the answer.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        repeat: Repeat,
    ) -> Result<Answer<T>, CliError> {
        self.call(repeat, WORK_TIMEOUT, || self.request(Method::POST, path).json(body)).await
    }

    /// Puts a JSON document in place of the one at a path, and reads the answer.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn put<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, CliError> {
        let request = || self.request(Method::PUT, path).json(body);
        self.call(Repeat::Freely, ANSWER_TIMEOUT, request).await.map(|answer| answer.value)
    }

    /// Changes what is at a path, and reads the answer.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn patch<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, CliError> {
        let request = || self.request(Method::PATCH, path).json(body);
        self.call(Repeat::Freely, ANSWER_TIMEOUT, request).await.map(|answer| answer.value)
    }

    /// Deletes what is at a path and reads the answer.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.call(Repeat::Freely, ANSWER_TIMEOUT, || self.request(Method::DELETE, path))
            .await
            .map(|answer| answer.value)
    }

    /// A request to a path of the server, to be sent with [`Client::attempt`].
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.server.join(path))
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// When there is no answer, or none that is a success.
    pub(crate) async fn attempt(&self, request: RequestBuilder) -> Result<Response, Failure> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let response = request.send().await.map_err(|error| Failure::transport(&self.server, &error))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(Failure::answer(response, Timestamp::now()).await)
        }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The failure itself, when there is no point in another attempt or enough were made.
    pub(crate) async fn wait(&self, failure: Failure, failed: u32, repeat: Repeat) -> Result<(), CliError> {
        let Some(delay) = self.policy.delay(failed, failure.again, repeat, fastrand::f64()) else {
            return Err(gave_up(failure, failed));
        };
        let seconds = delay.as_secs_f64();
        let retries = self.policy.retries;
        self.terminal.note(&format!("{}; trying again in {seconds:.1} s ({failed} of {retries})", failure.error));
        tokio::time::sleep(delay).await;
        Ok(())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        repeat: Repeat,
        timeout: Duration,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Answer<T>, CliError> {
        let mut was_repeated = false;
        for failed in 1.. {
            let attempt = async { self.read(self.attempt(request()).await?).await };
            let outcome = tokio::time::timeout(timeout, attempt).await;
            match outcome.unwrap_or_else(|_| Err(Failure::timeout(&self.server, timeout))) {
                Ok(value) => return Ok(Answer { value, was_repeated }),
                Err(failure) => {
                    was_repeated |= failure.again == Again::Unknown;
                    self.wait(failure, failed, repeat).await?;
                }
            }
        }
        Err(CliError::new(ErrorCode::Internal, "retries never end"))
    }

    /// Reads the JSON document of an answer.
    ///
    /// # Errors
    /// When the answer breaks off, or is something else.
    pub(crate) async fn read<T: DeserializeOwned>(&self, mut response: Response) -> Result<T, Failure> {
        let url = response.url().to_string();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Failure::transport(&self.server, &error))? {
            if body.len() + chunk.len() > ANSWER_BYTES {
                let message = format!("{url} answered more than {ANSWER_BYTES} bytes");
                return Err(Failure::last(CliError::new(ErrorCode::ServerAnswerInvalid, message)));
            }
            body.extend_from_slice(&chunk);
        }
        // An answer without a body is the JSON null, for callers that expect nothing.
        let text = if body.is_empty() { b"null".as_slice() } else { &body };
        serde_json::from_slice(text).map_err(|error| {
            let told = CliError::new(ErrorCode::ServerAnswerInvalid, format!("the answer of {url} is not understood"));
            Failure::last(told.caused_by(error).hint("check --server, and that client and server are of similar age"))
        })
    }
}

/// What to tell after the last attempt.
fn gave_up(failure: Failure, failed: u32) -> CliError {
    let error = failure.error;
    if failed > 1 {
        error.or_hint(format!("{failed} attempts were made; the same command can be run again"))
    } else {
        error
    }
}

fn build_http(server: &ServerUrl, bearer: Option<&str>) -> Result<reqwest::Client, CliError> {
    let mut headers = HeaderMap::new();
    if let Some(bearer) = bearer {
        let mut value = HeaderValue::try_from(format!("Bearer {bearer}"))
            .map_err(|_| CliError::new(ErrorCode::Unauthenticated, "the token holds what no header can"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("dist/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if !server.is_https() {
        // Without this a machine without root certificates could not even reach a server that needs none.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        CliError::new(ErrorCode::ServerUnreachable, "no encrypted connection can be made from this machine")
            .caused_by(error)
            .hint("install the root certificates of the system, such as Debian's ca-certificates")
    })
}

/// The path with the fields of `query` that have a value.
fn with_query<Q: Serialize>(path: &str, query: &Q) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(query) else { return path.to_owned() };
    // The base only carries the pairs through the encoder; it never shows.
    let mut url = Url::parse("http://x/").expect("a constant address");
    for (name, value) in &fields {
        match value {
            Value::Null => {}
            Value::String(text) => drop(url.query_pairs_mut().append_pair(name, text)),
            other => drop(url.query_pairs_mut().append_pair(name, &other.to_string())),
        }
    }
    match url.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use protocol::api::{AuditAction, AuditQuery, LogQuery, PageQuery};

    use super::*;

    #[test]
    fn a_query_holds_what_has_a_value() {
        assert_eq!(with_query("/log", &PageQuery::default()), "/log");
        let log = LogQuery { revision: Some("2.4.0+241".to_owned()), limit: Some(3), ..LogQuery::default() };
        assert_eq!(with_query("/log", &log), "/log?limit=3&revision=2.4.0%2B241");
        let audit = AuditQuery {
            actor: Some("ana & co".to_owned()),
            action: Some(AuditAction::AppCreate),
            ..AuditQuery::default()
        };
        assert_eq!(with_query("/audit", &audit), "/audit?action=app.create&actor=ana+%26+co");
    }
}
