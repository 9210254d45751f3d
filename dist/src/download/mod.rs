//! Getting one object: from what is there already, verified, and in one piece under its name.
//!
//! Bytes go to `.NAME.part` beside the target, which is kept when the command is interrupted and continued by the next
//! one. Only a file whose SHA-256 is right gets its name, by a rename. A file of other content that has the name already
//! is not touched, unless it is a beginning of the right one or the person said so.

mod part;
mod place;

use std::path::Path;
use std::time::Duration;

use protocol::{AppSlug, Digest, ErrorCode, paths};
use reqwest::header::{CONTENT_RANGE, HeaderMap, IF_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};

use crate::client::{Again, Client, Failure, Repeat};
use crate::error::CliError;
use crate::ui::Bar;
use part::Part;
pub(crate) use place::has_digest;
use place::{Base, Found, Job, file_exists, find, remove};

/// How long the server may send nothing.
const STALL: Duration = Duration::from_mins(1);

/// What to do with a file of other content that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Leave it and fail.
    Keep,
    /// Replace it.
    Replace,
}

/// One object and where it goes.
pub(crate) struct Download<'a> {
    /// From whom.
    pub(crate) client: &'a Client,
    /// Of which app.
    pub(crate) app: &'a AppSlug,
    /// SHA-256 of its bytes.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size_bytes: u64,
    /// The file to make.
    pub(crate) target: &'a Path,
    /// What to do with a file that is there.
    pub(crate) existing: Existing,
    /// Where progress shows.
    pub(crate) bar: Bar,
}

impl Download<'_> {
    /// Makes the file; returns how many bytes that took, or `None` when it was there already.
    ///
    /// # Errors
    /// [`ErrorCode::FileExists`] when other content has the name, [`ErrorCode::DigestMismatch`] when the server's bytes are
    /// wrong, and what goes wrong with disk and network.
    pub(crate) async fn run(&self) -> Result<Option<u64>, CliError> {
        let (path, base) = match self.blocking(find).await? {
            Found::Whole => return Ok(None),
            Found::Part(path, base) => (path, base),
        };
        let opened = path.clone();
        let size_bytes = self.size_bytes;
        let mut part = self.blocking(move |_| Part::open(&opened, size_bytes)).await?;
        let (mut fetched, had_part) = (0, part.length() > 0);
        let mut is_right = self.complete(&mut part, &mut fetched).await?;
        if !is_right && base == Base::Target {
            remove(&path)?;
            return Err(file_exists(self.target));
        }
        if !is_right && had_part {
            // What was there was not a beginning of it: once more, from nothing.
            part.clear().map_err(|error| CliError::io("write", &path, error))?;
            is_right = self.complete(&mut part, &mut fetched).await?;
        }
        if !is_right {
            remove(&path)?;
            return Err(self.wrong_bytes());
        }
        drop(part);
        self.blocking(move |job| job.put_in_place(&path)).await?;
        Ok(Some(fetched))
    }

    /// Fetches the rest; `false` where the whole then has another digest.
    async fn complete(&self, part: &mut Part, fetched: &mut u64) -> Result<bool, CliError> {
        let mut failed = 0;
        while part.length() < self.size_bytes {
            self.bar.set(part.length());
            let before = part.length();
            let outcome = self.fetch(part, fetched).await;
            failed = if part.length() > before { 0 } else { failed };
            if let Err(failure) = outcome {
                failed += 1;
                self.client.wait(failure, failed, Repeat::Freely).await?;
            }
        }
        Ok(part.digest() == self.digest)
    }

    /// One request for everything after what is there.
    async fn fetch(&self, part: &mut Part, fetched: &mut u64) -> Result<(), Failure> {
        let mut request = self.client.request(Method::GET, &paths::object(self.app, &self.digest));
        if part.length() > 0 {
            let etag = format!("\"{}\"", self.digest);
            request = request.header(RANGE, format!("bytes={}-", part.length())).header(IF_RANGE, etag);
        }
        let outcome = tokio::time::timeout(STALL, self.client.attempt(request)).await;
        let response = outcome.unwrap_or_else(|_| Err(Failure::timeout(self.client.server(), STALL)))?;
        let is_rest = response.status() == StatusCode::PARTIAL_CONTENT;
        if is_rest && range_start(response.headers()) != Some(part.length()) {
            return Err(self.not_understood("answered another range than was asked for"));
        }
        if !is_rest {
            part.clear().map_err(|error| Failure::last(CliError::io("write", self.target, error)))?;
        }
        self.receive(response, part, fetched).await
    }

    /// Hands what arrives to the disk and to the hash.
    async fn receive(&self, mut response: Response, part: &mut Part, fetched: &mut u64) -> Result<(), Failure> {
        let writing = |error| Failure::last(CliError::io("write", self.target, error));
        let mut room = self.size_bytes - part.length();
        let mut intake = part.intake().map_err(writing)?;
        let outcome = loop {
            match tokio::time::timeout(STALL, response.chunk()).await {
                Ok(Ok(Some(piece))) if piece.len() as u64 > room => {
                    break Err(self.not_understood("sent more than there is"));
                }
                Ok(Ok(Some(piece))) => {
                    let bytes = piece.len() as u64;
                    room -= bytes;
                    *fetched += bytes;
                    self.bar.advance(bytes);
                    if !intake.take(piece).await {
                        break Ok(());
                    }
                }
                Ok(Ok(None)) if room > 0 => {
                    let failure = self.not_understood("sent less than there is");
                    break Err(Failure { again: Again::Unknown, ..failure });
                }
                Ok(Ok(None)) => break Ok(()),
                Ok(Err(error)) => break Err(Failure::transport(self.client.server(), &error)),
                Err(_) => break Err(Failure::timeout(self.client.server(), STALL)),
            }
        };
        let (filled, written) = intake.finish().await;
        *part = filled;
        written.map_err(writing)?;
        outcome
    }

    fn not_understood(&self, what: &str) -> Failure {
        let message = format!("{} {what} for {}", self.client.server(), self.digest.short());
        Failure::last(CliError::new(ErrorCode::ServerAnswerInvalid, message))
    }

    fn wrong_bytes(&self) -> CliError {
        let message = format!("the bytes of {} do not have the digest {}", self.target.display(), self.digest);
        CliError::new(ErrorCode::DigestMismatch, message)
            .hint("damaged on the way: try again; damaged on the server: sha256sum in its objects directory tells")
    }

    /// Runs file work off the async threads.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Job) -> Result<T, CliError> + Send + 'static,
    ) -> Result<T, CliError> {
        let job = Job {
            digest: self.digest,
            size_bytes: self.size_bytes,
            target: self.target.to_owned(),
            existing: self.existing,
        };
        tokio::task::spawn_blocking(move || work(&job)).await.expect("file work does not panic")
    }
}

fn range_start(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_where_it_starts() {
        let check = |text: &'static str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(CONTENT_RANGE, text.parse().unwrap())]);
            assert_eq!(range_start(&headers), expected, "{text}");
        };
        check("bytes 4-9/10", Some(4));
        check("bytes */10", None);
        check("4-9/10", None);
    }
}
