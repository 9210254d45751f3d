//! Another server, which releases and objects are taken from.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use objstore::{Digest, Store, Upload, UploadError};
use protocol::{AppSlug, ErrorBody, ErrorCode, ServerUrl, paths};
use reqwest::StatusCode;
use reqwest::header::RANGE;
use serde::de::DeserializeOwned;

use crate::blocking::blocking;

/// How long the other server may take to answer at all, and between one byte and the next.
const PATIENCE: Duration = Duration::from_mins(1);

/// Pieces of a body that are written at a time.
const PIECES: usize = 32;

/// Another server, with a token that may read there.
#[derive(Debug, Clone)]
pub struct Remote {
    url: ServerUrl,
    token: Option<String>,
    client: reqwest::Client,
}

/// Why something is not to be had from another server.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// It does not answer, or stopped in the middle of it.
    #[error("{url} does not answer: {source}", source = innermost(.source))]
    Unreachable {
        /// The server.
        url: ServerUrl,
        /// Why.
        source: reqwest::Error,
    },
    /// It refuses.
    #[error("{url} says: {message} ({code})")]
    Refused {
        /// The server.
        url: ServerUrl,
        /// What kind of refusal.
        code: ErrorCode,
        /// What it says.
        message: String,
    },
    /// What it answers is not what a server of ours answers.
    #[error("{url} is no distd, or one that this one does not understand: {why}")]
    Strange {
        /// The server.
        url: ServerUrl,
        /// What it answered instead.
        why: String,
    },
    /// What it sent cannot be written here, or is not what it was asked for.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// What an earlier attempt left cannot be read or removed.
    #[error("cannot go on with an earlier attempt: {0}")]
    Partial(#[from] io::Error),
}

/// The cause that says most: the ones around it repeat the address.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

impl RemoteError {
    /// The code with which the other server refuses.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether another token might help. To who may not see it, an app does not exist.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::Unauthenticated | ErrorCode::Forbidden | ErrorCode::AppNotFound))
    }
}

impl Remote {
    /// The server at an address.
    ///
    /// # Errors
    /// When the system gives no connection that is safe.
    pub fn new(url: ServerUrl, token: Option<String>) -> Result<Self, RemoteError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("distd/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .build()
            .map_err(|source| RemoteError::Unreachable { url: url.clone(), source })?;
        Ok(Self { url, token, client })
    }

    /// Its address.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    fn unreachable(&self) -> impl Fn(reqwest::Error) -> RemoteError + Send + Sync + 'static {
        let url = self.url.clone();
        move |source| RemoteError::Unreachable { url: url.clone(), source }
    }

    async fn request(&self, path: &str, offset: u64) -> Result<reqwest::Response, RemoteError> {
        let mut request = self.client.get(self.url.join(path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = request.send().await.map_err(self.unreachable())?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    async fn refusal(&self, response: reqwest::Response) -> RemoteError {
        let status = response.status();
        let url = self.url.clone();
        match response.json::<ErrorBody>().await {
            Ok(ErrorBody { code, message, .. }) => RemoteError::Refused { url, code, message },
            Err(_) => RemoteError::Strange { url, why: status.to_string() },
        }
    }

    /// Asks for a document.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RemoteError> {
        let bytes = self.request(path, 0).await?.bytes().await.map_err(self.unreachable())?;
        let strange = |why: serde_json::Error| RemoteError::Strange { url: self.url.clone(), why: why.to_string() };
        serde_json::from_slice(&bytes).map_err(strange)
    }

    /// Takes what is lacking of an object, and hears how many bytes came. The bytes are not verified yet: that is for whoever
    /// makes an object of the upload.
    ///
    /// # Errors
    /// When the other server does not give it whole; what arrived until then is kept, and the next call goes on there.
    pub(crate) async fn fetch(
        &self,
        store: &Store,
        owner: &str,
        (app, digest): (&AppSlug, Digest),
        arrived: impl Fn(u64),
    ) -> Result<Upload, RemoteError> {
        let path = paths::object(app, &digest);
        let had = store.upload_offset(owner, &digest)?.unwrap_or(0);
        let asked = self.request(&path, had).await;
        let response = match asked {
            // All of it had arrived, or more than there is of it.
            Err(error) if had > 0 && error.code() == Some(ErrorCode::RangeNotSatisfiable) => {
                store.discard_upload(owner, &digest)?;
                self.request(&path, 0).await?
            }
            other => other?,
        };
        let rest = response.content_length();
        let offset = if response.status() == StatusCode::PARTIAL_CONTENT { had } else { 0 };
        let Some(size) = rest.map(|rest| rest + offset) else {
            return Err(RemoteError::Strange { url: self.url.clone(), why: "an object without its length".to_owned() });
        };
        if offset != had {
            store.discard_upload(owner, &digest)?;
        }
        let (worker, owner) = (store.clone(), owner.to_owned());
        let upload = blocking(move || worker.upload(&owner, digest, size)).await?;
        write(upload, response.bytes_stream(), self.unreachable(), arrived).await
    }
}

async fn write(
    mut upload: Upload,
    body: impl Stream<Item = reqwest::Result<Bytes>>,
    unreachable: impl Fn(reqwest::Error) -> RemoteError,
    arrived: impl Fn(u64),
) -> Result<Upload, RemoteError> {
    let mut body = std::pin::pin!(body.ready_chunks(PIECES));
    while let Some(pieces) = body.next().await {
        let pieces: Vec<Bytes> = pieces.into_iter().collect::<Result<_, _>>().map_err(&unreachable)?;
        let count = pieces.iter().map(|piece| piece.len() as u64).sum();
        let write = move || pieces.iter().try_for_each(|piece| upload.write(piece)).map(|()| upload);
        upload = blocking(write).await?;
        arrived(count);
    }
    Ok(upload)
}
