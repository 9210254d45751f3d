//! Sending one object: from where the server has got to, straight from disk, and on after every cut.
//!
//! The semantics are those of draft-ietf-httpbis-resumable-upload: `PATCH` with `Upload-Offset` and `Upload-Complete`,
//! `HEAD` to ask how far it got. An object may be sent while it is still being hashed: under a made-up name, and its digest
//! comes with a last request that has no bytes. No byte that the server reported to have is sent again, and none is sent while another
//! request for the same object may still be arriving: that one is waited for.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use protocol::{AppSlug, Digest, ErrorCode, digest_field, paths};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::client::{Again, Client, Failure, Repeat, WORK_TIMEOUT};
use crate::error::CliError;
use crate::hash::{changed, open_unchanged};
use crate::plan::{PlannedFile, Stamp};
use crate::running::RunningDigest;
use crate::ui::Bar;

/// How much is read from disk at a time.
const READ_BYTES: u64 = 256 * 1024;

/// How many reads may wait for the network.
const READS_AHEAD: usize = 16;

/// How long the network may take nothing while there is something to send.
const STALL: Duration = Duration::from_mins(1);

/// One object on this machine.
#[derive(Debug, Clone)]
pub(crate) struct LocalObject {
    /// SHA-256 of its bytes, or a name that was made up while that is not known.
    pub(crate) digest: Digest,
    /// The file that holds them.
    pub(crate) path: PathBuf,
    /// Where in the file they begin.
    pub(crate) start: u64,
    /// How many there are.
    pub(crate) size_bytes: u64,
    /// What the file was like when it was hashed.
    pub(crate) stamp: Stamp,
    /// Its name, for progress.
    pub(crate) name: String,
}

impl LocalObject {
    /// A whole file.
    pub(crate) fn whole(file: &PlannedFile, digest: Digest) -> Self {
        let (path, stamp, name) = (file.path.clone(), file.stamp, file.filename.to_string());
        Self { digest, path, start: 0, size_bytes: stamp.size_bytes, stamp, name }
    }
}

/// Counts what goes over the wire.
#[derive(Debug, Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What went wrong in the thread that reads the file.
#[derive(Clone, Default)]
struct Trouble(Arc<Mutex<Option<io::Error>>>);

impl Trouble {
    fn set(&self, error: io::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Sends one object.
pub(crate) struct Upload<'a> {
    /// To whom.
    pub(crate) client: &'a Client,
    /// Into which app.
    pub(crate) app: &'a AppSlug,
    /// What.
    pub(crate) object: &'a LocalObject,
    /// What its digest is made of while it is sent, where its name is made up.
    pub(crate) turns_out: Option<Arc<RunningDigest>>,
    /// Most bytes in one request, where something on the way limits them.
    pub(crate) chunk_bytes: Option<u64>,
    /// Where progress shows.
    pub(crate) bar: Bar,
    /// Where bytes are counted.
    pub(crate) meter: Arc<Meter>,
}

/// How far the server has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Complete,
    At(u64),
}

/// Where an upload stands, as far as this side knows.
struct State {
    /// The next byte to send.
    at: u64,
    /// Failures in a row.
    failed: u32,
    /// The server said so, and nobody else was sending.
    is_settled: bool,
    /// Bytes that another run sent may be to blame for a wrong digest.
    may_restart: bool,
}

impl State {
    fn go_on(&mut self, offset: u64) {
        self.failed = if offset > self.at { 0 } else { self.failed };
        (self.at, self.is_settled) = (offset, true);
    }
}

impl Upload<'_> {
    /// Sends what the server lacks, which begins at `offset`. Failures count in a row: whoever gets on may go on.
    ///
    /// # Errors
    /// [`ErrorCode::ArtifactChanged`] when the file is not what was hashed, or what the server refuses.
    pub(crate) async fn run(&self, offset: u64) -> Result<(), CliError> {
        let mut state = State { at: offset, failed: 0, is_settled: offset == 0, may_restart: offset > 0 };
        loop {
            // Where someone else may still be sending, a request without bytes finds out without wasting any.
            let outcome = if state.is_settled || state.at == self.size() {
                self.send(state.at).await
            } else {
                self.probe(state.at).await
            };
            match outcome {
                Ok(Progress::Complete) => return Ok(()),
                Ok(Progress::At(offset)) => state.go_on(offset),
                Err(failure) => self.recover(failure, &mut state).await?,
            }
            self.bar.set(state.at);
        }
    }

    fn size(&self) -> u64 {
        self.object.size_bytes
    }

    fn path(&self) -> String {
        paths::object(self.app, &self.object.digest)
    }

    /// Sends one request from `at` on.
    async fn send(&self, at: u64) -> Result<Progress, Failure> {
        let length = (self.size() - at).min(self.chunk_bytes.unwrap_or(u64::MAX));
        // A digest that is still to come has a request of its own.
        let is_last = at + length == self.size() && (self.turns_out.is_none() || length == 0);
        let file = open_unchanged(&self.object.path, self.object.stamp).map_err(Failure::last)?;
        let sent = Arc::new(Meter::default());
        let trouble = Trouble::default();
        let mut request = self.patch(at, length, is_last);
        if is_last && let Some(digest) = self.digest().await? {
            request = request.header(digest_field::NAME, digest_field::render(&digest));
        }
        let request = request.body(self.body(file, at, length, &sent, &trouble));
        let outcome = self.send_watched(request, length, &sent).await;
        // What went wrong with the file is why the request went wrong.
        if let Some(error) = trouble.take() {
            return Err(Failure::last(self.reading_failed(error)));
        }
        match read_progress(outcome?.headers(), self.size()) {
            Some(Progress::At(offset)) if offset <= at => Err(self.not_understood("took nothing of what was sent")),
            Some(progress) => Ok(progress),
            None if is_last => Ok(Progress::Complete),
            None => Ok(Progress::At(at + length)),
        }
    }

    /// What the object turns out to be, where its name is made up.
    async fn digest(&self) -> Result<Option<Digest>, Failure> {
        let Some(running) = self.turns_out.clone() else { return Ok(None) };
        running.complete(self.object.clone()).await.map(Some).map_err(Failure::last)
    }

    fn patch(&self, at: u64, length: u64, is_last: bool) -> RequestBuilder {
        self.client
            .request(Method::PATCH, &self.path())
            .header("Upload-Offset", at)
            .header("Upload-Complete", if is_last { "?1" } else { "?0" })
            .header(CONTENT_TYPE, "application/partial-upload")
            .header(CONTENT_LENGTH, length)
    }

    /// Sends a request, unless the network takes nothing for too long. Once all is sent the server has work to do.
    async fn send_watched(&self, request: RequestBuilder, length: u64, sent: &Meter) -> Result<Response, Failure> {
        let attempt = self.client.attempt(request);
        tokio::pin!(attempt);
        loop {
            let before = sent.bytes();
            let patience = if before >= length { WORK_TIMEOUT } else { STALL };
            match tokio::time::timeout(patience, &mut attempt).await {
                Ok(outcome) => return outcome,
                Err(_) if sent.bytes() > before => {}
                Err(_) => return Err(Failure::timeout(self.client.server(), patience)),
            }
        }
    }

    /// The bytes from `at` on, read in a thread of their own while others are on the way.
    fn body(&self, mut file: File, at: u64, length: u64, sent: &Arc<Meter>, trouble: &Trouble) -> Body {
        if length == 0 {
            return Body::from(Bytes::new());
        }
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(READS_AHEAD);
        let (object, running, trouble) = (self.object.clone(), self.turns_out.clone(), trouble.clone());
        tokio::task::spawn_blocking(move || {
            let hand_over = |from, piece: Vec<u8>| {
                if let Some(running) = &running {
                    running.take(from, &piece);
                }
                sender.blocking_send(Ok(Bytes::from(piece))).is_ok()
            };
            if let Err(error) = read_pieces(&mut file, &object, at..at + length, hand_over) {
                trouble.set(error);
                // Cuts the request. Nobody receives it where the request has failed already.
                let _ = sender.blocking_send(Err(io::ErrorKind::InvalidData.into()));
            }
        });
        let (bar, meter, sent) = (self.bar.clone(), Arc::clone(&self.meter), Arc::clone(sent));
        Body::wrap_stream(ReceiverStream::new(receiver).inspect(move |piece| {
            let bytes = piece.as_ref().map_or(0, |piece| piece.len() as u64);
            sent.add(bytes);
            meter.add(bytes);
            bar.advance(bytes);
        }))
    }

    fn reading_failed(&self, error: io::Error) -> CliError {
        let path = &self.object.path;
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => changed(path),
            _ => CliError::new(ErrorCode::ArtifactUnreadable, format!("{} cannot be read", path.display()))
                .caused_by(error),
        }
    }

    /// Decides how to go on after a failure, and waits where that may help.
    async fn recover(&self, failure: Failure, state: &mut State) -> Result<(), CliError> {
        state.failed += 1;
        state.is_settled = false;
        match (failure.error.code(), read_progress(&failure.headers, self.size())) {
            // The server looked, so nobody else is sending.
            (ErrorCode::UploadOffsetMismatch, Some(Progress::At(offset)))
                if state.failed <= self.client.policy().retries =>
            {
                state.go_on(offset);
                Ok(())
            }
            // What an earlier run sent may have been of a file that then changed. The server dropped it: from nothing.
            (ErrorCode::DigestMismatch, _) if state.may_restart => {
                *state = State { at: 0, failed: state.failed, is_settled: false, may_restart: false };
                Ok(())
            }
            (ErrorCode::DigestMismatch, _) => Err(changed(&self.object.path).details(failure.error.facts().clone())),
            (ErrorCode::UploadInProgress, _) => {
                let failure = Failure { again: Again::Unsent(None), ..failure };
                self.client.wait(failure, state.failed, Repeat::Freely).await?;
                // As long as whoever sends gets on, there is no reason to give up.
                if let Progress::At(offset) = self.ask().await?
                    && offset > state.at
                {
                    (state.at, state.failed) = (offset, 0);
                }
                Ok(())
            }
            _ => self.client.wait(failure, state.failed, Repeat::Freely).await,
        }
    }

    /// Asks with a request of no bytes where to go on. Unlike `HEAD` it is refused while someone else is sending.
    async fn probe(&self, at: u64) -> Result<Progress, Failure> {
        let request = self.patch(at, 0, false).body(Body::from(Bytes::new()));
        let response = self.send_watched(request, 0, &Meter::default()).await?;
        Ok(read_progress(response.headers(), self.size()).unwrap_or(Progress::At(at)))
    }

    /// Asks how far the server has got, whoever is sending.
    async fn ask(&self) -> Result<Progress, CliError> {
        let attempt = self.client.attempt(self.client.request(Method::HEAD, &self.path()));
        match tokio::time::timeout(STALL, attempt).await {
            Ok(Ok(response)) => Ok(read_progress(response.headers(), self.size()).unwrap_or(Progress::At(0))),
            // Not an answer to rely on: the next request finds out.
            Ok(Err(failure)) if failure.again == Again::Never && failure.status != Some(StatusCode::NOT_FOUND) => {
                Err(failure.error)
            }
            _ => Ok(Progress::At(0)),
        }
    }

    fn not_understood(&self, what: &str) -> Failure {
        let message = format!("{} {what} for {}", self.client.server(), self.object.digest.short());
        let failure = Failure::last(CliError::new(ErrorCode::ServerAnswerInvalid, message));
        Failure { again: Again::Unknown, ..failure }
    }
}

/// What the headers say: `Upload-Complete: ?1`, `Upload-Offset: N`, or, of an object that is whole, its length.
fn read_progress(headers: &HeaderMap, size_bytes: u64) -> Option<Progress> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |name: &str| text(name).and_then(|text| text.parse::<u64>().ok());
    match (text("upload-complete"), number("upload-offset")) {
        (Some("?1"), _) => Some(Progress::Complete),
        (_, Some(offset)) => Some(Progress::At(offset)),
        (None, None) if headers.contains_key("etag") && number("content-length") == Some(size_bytes) => {
            Some(Progress::Complete)
        }
        _ => None,
    }
}

/// Reads a part of the object, piece by piece, and hands each over with where it begins, until nobody wants more.
fn read_pieces(
    file: &mut File,
    object: &LocalObject,
    part: Range<u64>,
    mut send: impl FnMut(u64, Vec<u8>) -> bool,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(object.start + part.start))?;
    let mut at = part.start;
    while at < part.end {
        let length = (part.end - at).min(READ_BYTES);
        let mut piece = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
        if file.take(length).read_to_end(&mut piece)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The last piece is held back until the file is known to be what it was.
        if at + length == part.end && Stamp::of(file)? != object.stamp {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if !send(at, piece) {
            return Ok(());
        }
        at += length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn headers_say_how_far_it_got() {
        let check = |headers: &[(&'static str, &'static str)], expected: Option<Progress>| {
            let map = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(read_progress(&map, 10), expected, "{headers:?}");
        };
        check(&[("upload-offset", "7"), ("upload-complete", "?0")], Some(Progress::At(7)));
        check(&[("upload-offset", "7")], Some(Progress::At(7)));
        check(&[("upload-offset", "10"), ("upload-complete", "?1")], Some(Progress::Complete));
        check(&[("etag", "\"x\""), ("content-length", "10")], Some(Progress::Complete));
        check(&[("etag", "\"x\""), ("content-length", "9")], None);
        check(&[("upload-offset", "x")], None);
        check(&[], None);
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_never_arrives_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, vec![1; 3 * 256 * 1024]).unwrap();
        let mut file = File::open(&path).unwrap();
        let stamp = Stamp::of(&file).unwrap();
        let mut object = LocalObject {
            digest: Digest::of(b"made up"),
            path: path.clone(),
            start: 1,
            size_bytes: stamp.size_bytes - 1,
            stamp,
            name: "a".to_owned(),
        };
        let all = 0..object.size_bytes;
        let mut arrived = 0;
        let take = |from: u64, piece: Vec<u8>| {
            assert_eq!(from, arrived);
            arrived += piece.len() as u64;
            true
        };
        read_pieces(&mut file, &object, all.clone(), take).unwrap();
        assert_eq!(arrived, object.size_bytes);

        File::options().append(true).open(&path).unwrap().set_len(stamp.size_bytes - 5).unwrap();
        let mut pieces = 0;
        let mut count = |_, _| {
            pieces += 1;
            true
        };
        assert!(read_pieces(&mut file, &object, all, &mut count).is_err());
        object.stamp = Stamp { size_bytes: stamp.size_bytes, modified: None };
        assert!(read_pieces(&mut file, &object, 0..10, &mut count).is_err());
        assert_eq!(pieces, 2);
    }
}
