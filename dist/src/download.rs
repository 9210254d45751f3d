//! Getting one object: from what is there already, verified, and in one piece under its name.
//!
//! Bytes go to `.NAME.part` beside the target, which is kept when the command is interrupted and continued by the next
//! one. Only a file whose SHA-256 is right gets its name, by a rename. A file of other content that has the name already
//! is not touched, unless it is a beginning of the right one or the person said so.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use objstore::Hasher;
use protocol::{AppSlug, Digest, ErrorCode, paths};
use reqwest::header::{CONTENT_RANGE, HeaderMap, IF_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::mpsc;

use crate::client::{Client, Failure, Repeat};
use crate::error::CliError;
use crate::ui::Bar;

/// How long the server may send nothing.
const STALL: Duration = Duration::from_mins(1);

/// How many pieces may wait for the disk.
const PIECES_AHEAD: usize = 16;

/// Most bytes of a file name.
const NAME_BYTES: usize = 255;

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

/// What is on disk of an object so far, and the hash of it.
struct Part {
    file: File,
    hasher: Hasher,
    length: u64,
}

/// What is there before anything is fetched.
enum Found {
    /// The right file.
    Whole,
    /// Nothing that is in the way; perhaps a part to continue.
    Part(PathBuf, Base),
}

/// Where a part comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    /// An earlier download, or nothing.
    Earlier,
    /// A copy of a shorter file under the final name.
    Target,
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
        let mut fetched = 0;
        if !self.complete(&mut part, &mut fetched).await? {
            if base == Base::Target && self.existing == Existing::Keep {
                remove(&path)?;
                return Err(file_exists(self.target));
            }
            // What was there was not a beginning of it: once more, from nothing.
            part = part.restart().map_err(|error| CliError::io("write", &path, error))?;
            if !self.complete(&mut part, &mut fetched).await? {
                remove(&path)?;
                return Err(self.wrong_bytes());
            }
        }
        drop(part);
        self.blocking(move |job| job.put_in_place(&path)).await?;
        Ok(Some(fetched))
    }

    /// Fetches the rest; `false` where the whole then has another digest.
    async fn complete(&self, part: &mut Part, fetched: &mut u64) -> Result<bool, CliError> {
        let mut failed = 0;
        while part.length < self.size_bytes {
            self.bar.set(part.length);
            let before = part.length;
            let outcome = self.fetch(part, fetched).await;
            failed = if part.length > before { 0 } else { failed };
            if let Err(failure) = outcome {
                failed += 1;
                self.client.wait(failure, failed, Repeat::Freely).await?;
            }
        }
        Ok(part.hasher.clone().finish() == self.digest)
    }

    /// One request for everything after what is there.
    async fn fetch(&self, part: &mut Part, fetched: &mut u64) -> Result<(), Failure> {
        let mut request = self.client.request(Method::GET, &paths::object(self.app, &self.digest));
        if part.length > 0 {
            let etag = format!("\"{}\"", self.digest);
            request = request.header(RANGE, format!("bytes={}-", part.length)).header(IF_RANGE, etag);
        }
        let outcome = tokio::time::timeout(STALL, self.client.attempt(request)).await;
        let response = outcome.unwrap_or_else(|_| Err(Failure::timeout(self.client.server(), STALL)))?;
        let is_rest = response.status() == StatusCode::PARTIAL_CONTENT;
        if is_rest && range_start(response.headers()) != Some(part.length) {
            return Err(self.not_understood("answered another range than was asked for"));
        }
        if !is_rest {
            part.clear().map_err(|error| Failure::last(CliError::io("write", self.target, error)))?;
        }
        self.receive(response, part, fetched).await
    }

    /// Hands what arrives to a thread that writes and hashes it.
    async fn receive(&self, mut response: Response, part: &mut Part, fetched: &mut u64) -> Result<(), Failure> {
        let writing = |error| Failure::last(CliError::io("write", self.target, error));
        let mut room = self.size_bytes - part.length;
        let mut writer = part.take().map_err(writing)?;
        let (sender, mut receiver) = mpsc::channel::<Bytes>(PIECES_AHEAD);
        let thread = tokio::task::spawn_blocking(move || {
            let outcome = std::iter::from_fn(|| receiver.blocking_recv()).try_for_each(|piece| writer.write(&piece));
            (writer, outcome)
        });
        let outcome = loop {
            let stalled = || Failure::timeout(self.client.server(), STALL);
            match tokio::time::timeout(STALL, response.chunk()).await {
                Ok(Ok(Some(piece))) if piece.len() as u64 > room => {
                    break Err(self.not_understood("sent more than there is"));
                }
                Ok(Ok(Some(piece))) => {
                    room -= piece.len() as u64;
                    *fetched += piece.len() as u64;
                    self.bar.advance(piece.len() as u64);
                    if sender.send(piece).await.is_err() {
                        break Ok(());
                    }
                }
                Ok(Ok(None)) if room > 0 => break Err(self.not_understood("sent less than there is")),
                Ok(Ok(None)) => break Ok(()),
                Ok(Err(error)) => break Err(Failure::transport(self.client.server(), &error)),
                Err(_) => break Err(stalled()),
            }
        };
        drop(sender);
        let (writer, written) = thread.await.expect("writing does not panic");
        *part = writer;
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
            .hint("the object is damaged on the server or on the way: run distd fsck")
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

/// What the file work needs to know.
struct Job {
    digest: Digest,
    size_bytes: u64,
    target: PathBuf,
    existing: Existing,
}

fn find(job: &Job) -> Result<Found, CliError> {
    let target = &job.target;
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| CliError::io("create", folder, error))?;
    let part = part_path(target, &job.digest);
    let length = match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Part(part, Base::Earlier)),
        Err(error) => return Err(CliError::io("read", target, error)),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(file_exists(target)),
    };
    if length == job.size_bytes && has_digest(target, &job.digest)? {
        return Ok(Found::Whole);
    }
    match job.existing {
        Existing::Replace => Ok(Found::Part(part, Base::Earlier)),
        Existing::Keep if length >= job.size_bytes => Err(file_exists(target)),
        Existing::Keep if part.exists() => Ok(Found::Part(part, Base::Earlier)),
        Existing::Keep => {
            // Perhaps a download that another tool left unfinished. A copy, so that it stays as it is if it is not.
            fs::copy(target, &part).map_err(|error| CliError::io("write", &part, error))?;
            Ok(Found::Part(part, Base::Target))
        }
    }
}

impl Job {
    /// Gives a complete and verified part its name.
    fn put_in_place(&self, part: &Path) -> Result<(), CliError> {
        let is_kept = self.existing == Existing::Keep && fs::symlink_metadata(&self.target).is_ok();
        if is_kept && !is_beginning(&self.target, part).map_err(|error| CliError::io("read", &self.target, error))? {
            return Err(file_exists(&self.target));
        }
        fs::rename(part, &self.target).map_err(|error| CliError::io("write", &self.target, error))
    }
}

/// `.NAME.part` beside the target; a name too long for that gives way to the digest.
fn part_path(target: &Path, digest: &Digest) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let part = format!(".{name}.part");
    target.with_file_name(if part.len() > NAME_BYTES { format!(".{}.part", digest.short()) } else { part })
}

/// Whether a file has this digest.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn has_digest(path: &Path, digest: &Digest) -> Result<bool, CliError> {
    let hash = || objstore::hash_reader(File::open(path)?);
    hash().map(|(found, _)| found == *digest).map_err(|error| CliError::io("read", path, error))
}

/// Whether `whole` starts with all of `beginning`.
fn is_beginning(beginning: &Path, whole: &Path) -> io::Result<bool> {
    let length = fs::metadata(beginning)?.len();
    let (start, _) = objstore::hash_reader(File::open(whole)?.take(length))?;
    let (found, _) = objstore::hash_reader(File::open(beginning)?)?;
    Ok(start == found)
}

fn file_exists(target: &Path) -> CliError {
    CliError::new(ErrorCode::FileExists, format!("{} is there with other content", target.display()))
        .hint("give --force to replace it, or another folder with -o")
}

fn remove(path: &Path) -> Result<(), CliError> {
    fs::remove_file(path).map_err(|error| CliError::io("remove", path, error))
}

fn range_start(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

impl Part {
    /// Opens or creates a part and hashes what it has. More than there should be is not a part.
    fn open(path: &Path, size_bytes: u64) -> Result<Self, CliError> {
        let open = || -> io::Result<Self> {
            let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
            let mut hasher = Hasher::new();
            let length = io::copy(&mut io::BufReader::with_capacity(1 << 18, &file), &mut hasher)?;
            file.seek(SeekFrom::Start(length))?;
            let part = Self { file, hasher, length };
            if length > size_bytes { part.restart() } else { Ok(part) }
        };
        open().map_err(|error| CliError::io("write", path, error))
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.hasher.update(piece);
        self.length += piece.len() as u64;
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.hasher, self.length) = (Hasher::new(), 0);
        Ok(())
    }

    fn restart(mut self) -> io::Result<Self> {
        self.clear()?;
        Ok(self)
    }

    /// Hands the part over to the thread that writes.
    fn take(&mut self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, hasher: self.hasher.clone(), length: self.length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(target: &Path, content: &[u8], existing: Existing) -> Job {
        Job { digest: Digest::of(content), size_bytes: content.len() as u64, target: target.to_owned(), existing }
    }

    #[test]
    fn only_the_right_file_or_a_beginning_of_it_is_taken_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("sub/acme.apk");
        let look = |existing| find(&job(&target, b"content", existing));

        assert!(matches!(look(Existing::Keep), Ok(Found::Part(_, Base::Earlier))));
        fs::write(&target, b"content").unwrap();
        assert!(matches!(look(Existing::Keep), Ok(Found::Whole)));
        fs::write(&target, b"contenT").unwrap();
        assert_eq!(look(Existing::Keep).err().unwrap().code(), ErrorCode::FileExists);
        assert!(matches!(look(Existing::Replace), Ok(Found::Part(_, Base::Earlier))));
        fs::write(&target, b"cont").unwrap();
        let Ok(Found::Part(part, Base::Target)) = look(Existing::Keep) else { panic!("not continued") };
        assert_eq!(fs::read(&part).unwrap(), b"cont");
        assert_eq!(Part::open(&part, 7).unwrap().length, 4);
    }

    #[test]
    fn a_file_of_other_content_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (target, part) = (dir.path().join("a"), dir.path().join("part"));
        let put = |there: &[u8], existing| {
            fs::write(&target, there).unwrap();
            fs::write(&part, b"content").unwrap();
            job(&target, b"content", existing).put_in_place(&part)
        };
        assert_eq!(put(b"other", Existing::Keep).unwrap_err().code(), ErrorCode::FileExists);
        assert_eq!(fs::read(&target).unwrap(), b"other");
        put(b"cont", Existing::Keep).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"content");
        put(b"other", Existing::Replace).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"content");
    }

    #[test]
    fn a_part_that_is_too_long_starts_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part");
        fs::write(&path, b"much too long").unwrap();
        let mut part = Part::open(&path, 3).unwrap();
        part.write(b"abc").unwrap();
        assert_eq!((part.length, part.hasher.finish()), (3, Digest::of(b"abc")));
        assert_eq!(fs::read(&path).unwrap(), b"abc");
    }

    #[test]
    fn parts_lie_beside_their_target() {
        let digest = Digest::of(b"");
        let part = |name: &str| part_path(Path::new(name), &digest);
        assert_eq!(part("out/a b.apk"), Path::new("out/.a b.apk.part"));
        let long = "x".repeat(255);
        assert_eq!(part(&format!("out/{long}")), Path::new("out/.e3b0c44298fc.part"));
    }

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
