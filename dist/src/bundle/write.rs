//! Making a bundle: objects as a server sends them, each verified, one after the other.
//!
//! Into a file they go to `.NAME.part` beside it, which gets its name when it is whole and synced. What a run that was stopped
//! left there is verified and continued after its last whole object: the same content makes the same bundle.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use objstore::Hasher;
use protocol::api::WantedObject;
use protocol::bundle::{BUNDLE_JSON, BUNDLE_SUMS, Bundle, object_path};
use protocol::{AppSlug, Digest, ErrorCode, limits, paths};
use reqwest::header::{IF_RANGE, RANGE};
use reqwest::{Method, StatusCode};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::tar::{BLOCK, END, entry_bytes, header, padding};
use crate::client::{Again, Client, Failure, Repeat};
use crate::error::CliError;
use crate::ui::Bar;

/// How long the server may send nothing.
const STALL: Duration = Duration::from_mins(1);

/// How many pieces may wait for the disk.
const PIECES_AHEAD: usize = 64;

/// What comes before the objects of a bundle.
struct Head(Vec<u8>);

/// Where a bundle goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// To a file that gets this name.
    File(PathBuf),
    /// To stdout.
    Stdout,
}

/// What became of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes of the bundle.
    pub(crate) size_bytes: u64,
    /// Bytes of objects that were fetched now.
    pub(crate) fetched_bytes: u64,
}

/// A piece of the bundle on its way to the disk.
enum Piece {
    /// Of the tar.
    Frame(Vec<u8>),
    /// Of an object.
    Content(Bytes),
    /// The object ends, and has this digest.
    Ends(Digest),
}

/// Why writing stopped.
enum Stopped {
    Io(io::Error),
    Wrong(Digest),
}

impl Head {
    /// The description and the checksums of a bundle.
    /// # Errors
    /// When the description is longer than an import reads.
    fn of(bundle: &Bundle) -> Result<Self, CliError> {
        let mut json = serde_json::to_vec_pretty(bundle).expect("names and numbers always have a JSON form");
        json.push(b'\n');
        if json.len() as u64 > limits::BUNDLE_JSON_BYTES {
            let message = format!("{} has more objects than a bundle describes", bundle.selection);
            return Err(CliError::usage(message).hint("make several, each of a range: APP@A..B"));
        }
        let sums = bundle.sums(&json);
        let mut bytes = Vec::new();
        for (name, content) in [(BUNDLE_JSON, json.as_slice()), (BUNDLE_SUMS, sums.as_bytes())] {
            bytes.extend_from_slice(&header(name, content.len() as u64));
            bytes.extend_from_slice(content);
            bytes.resize(bytes.len() + padding(content.len() as u64), 0);
        }
        Ok(Self(bytes))
    }
}

/// Fetches the objects of a bundle and writes it.
///
/// # Errors
/// What the server refuses, bytes that are not the right ones, and what becomes of disk and network.
pub(crate) async fn write_bundle(
    client: &Client,
    bundle: &Bundle,
    target: &Target,
    bar: &Bar,
) -> Result<Written, CliError> {
    let head = Head::of(bundle)?;
    let size_bytes = head.0.len() as u64 + bundle.objects.iter().map(|object| entry_bytes(object.size)).sum::<u64>();
    let app = &bundle.app;
    let fetched_bytes = match target {
        Target::Stdout => {
            let run = Run { client, app, name: "stdout".into(), bar };
            run.fill(Box::new(io::stdout()), Some(head), &bundle.objects).await?
        }
        Target::File(path) => {
            let part = part_path(path);
            let (opened, objects) = (part.clone(), bundle.objects.clone());
            let (file, head, done) = spawn_blocking(move || {
                resume(&opened, head, &objects).map_err(|error| CliError::io("write", &opened, error))
            })
            .await
            .expect("reading a part does not panic")?;
            bar.set(bundle.objects[..done].iter().map(|object| object.size).sum());
            let run = Run { client, app, name: part.clone(), bar };
            let copy = file.try_clone().map_err(|error| CliError::io("write", &part, error))?;
            let fetched = run.fill(Box::new(copy), head, &bundle.objects[done..]).await?;
            let named = file.sync_all().and_then(|()| fs::rename(&part, path));
            named.map_err(|error| CliError::io("write", path, error))?;
            fetched
        }
    };
    Ok(Written { size_bytes: size_bytes + END as u64, fetched_bytes })
}

fn part_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part"))
}

/// Opens the part and goes to the end of its last whole object. Gives what is still to be written of the head, and how many
/// objects are there.
fn resume(path: &Path, head: Head, objects: &[WantedObject]) -> io::Result<(File, Option<Head>, usize)> {
    // What is written must be this file, not one that a link leads to.
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut begin = Vec::new();
    Read::by_ref(&mut file).take(head.0.len() as u64).read_to_end(&mut begin)?;
    if begin != head.0 {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        return Ok((file, Some(head), 0));
    }
    let (mut at, mut done) = (head.0.len() as u64, 0);
    let mut reader = io::BufReader::with_capacity(1 << 18, &file);
    for object in objects {
        if !is_there(&mut reader, object)? {
            break;
        }
        at += entry_bytes(object.size);
        done += 1;
    }
    file.set_len(at)?;
    file.seek(SeekFrom::Start(at))?;
    Ok((file, None, done))
}

/// Whether the whole entry of an object comes next.
fn is_there(reader: &mut impl Read, object: &WantedObject) -> io::Result<bool> {
    let mut found = Vec::new();
    reader.take(BLOCK as u64).read_to_end(&mut found)?;
    if found != header(&object_path(&object.digest), object.size) {
        return Ok(false);
    }
    let mut hasher = Hasher::new();
    let length = io::copy(&mut reader.take(object.size), &mut hasher)?;
    let mut zeros = Vec::new();
    reader.take(padding(object.size) as u64).read_to_end(&mut zeros)?;
    let is_padded = zeros.len() == padding(object.size) && zeros.iter().all(|byte| *byte == 0);
    Ok(length == object.size && hasher.finish() == object.digest && is_padded)
}

/// Writes pieces as they come, and verifies each object.
fn write_pieces(out: &mut dyn Write, pieces: &mut mpsc::Receiver<Piece>) -> Result<(), Stopped> {
    let mut hasher = Hasher::new();
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Frame(bytes) => out.write_all(&bytes).map_err(Stopped::Io)?,
            Piece::Content(bytes) => {
                hasher.update(&bytes);
                out.write_all(&bytes).map_err(Stopped::Io)?;
            }
            Piece::Ends(digest) => {
                if std::mem::take(&mut hasher).finish() != digest {
                    return Err(Stopped::Wrong(digest));
                }
            }
        }
    }
    out.flush().map_err(Stopped::Io)
}

/// One bundle under way.
struct Run<'a> {
    client: &'a Client,
    app: &'a AppSlug,
    name: PathBuf,
    bar: &'a Bar,
}

impl Run<'_> {
    /// Writes the head, where it is to be written, objects and the end; returns how many bytes of objects were fetched.
    async fn fill(
        &self,
        mut out: Box<dyn Write + Send>,
        head: Option<Head>,
        objects: &[WantedObject],
    ) -> Result<u64, CliError> {
        let (sender, mut pieces) = mpsc::channel(PIECES_AHEAD);
        let writing = spawn_blocking(move || write_pieces(&mut out, &mut pieces));
        let sent = self.send(&sender, head, objects).await;
        drop(sender);
        // What went wrong with the disk is why nothing more could be sent.
        match writing.await.expect("writing does not panic") {
            Err(Stopped::Io(error)) => return Err(CliError::io("write", &self.name, error)),
            Err(Stopped::Wrong(digest)) => return Err(self.wrong(&digest)),
            Ok(()) => sent?,
        }
        Ok(objects.iter().map(|object| object.size).sum())
    }

    async fn send(
        &self,
        pieces: &mpsc::Sender<Piece>,
        head: Option<Head>,
        objects: &[WantedObject],
    ) -> Result<(), CliError> {
        if let Some(Head(bytes)) = head {
            self.hand_on(pieces, Piece::Frame(bytes)).await?;
        }
        for object in objects {
            let frame = header(&object_path(&object.digest), object.size).to_vec();
            self.hand_on(pieces, Piece::Frame(frame)).await?;
            self.fetch(pieces, object).await?;
            self.hand_on(pieces, Piece::Ends(object.digest)).await?;
            self.hand_on(pieces, Piece::Frame(vec![0; padding(object.size)])).await?;
        }
        self.hand_on(pieces, Piece::Frame(vec![0; END])).await
    }

    async fn hand_on(&self, pieces: &mpsc::Sender<Piece>, piece: Piece) -> Result<(), CliError> {
        let gone = |_| CliError::new(ErrorCode::Io, format!("cannot write {}", self.name.display()));
        pieces.send(piece).await.map_err(gone)
    }

    /// Fetches one object, going on after every cut. Failures count in a row.
    async fn fetch(&self, pieces: &mpsc::Sender<Piece>, object: &WantedObject) -> Result<(), CliError> {
        let (mut at, mut failed) = (0, 0);
        while at < object.size {
            let before = at;
            let outcome = self.receive(pieces, object, &mut at).await;
            failed = if at > before { 0 } else { failed };
            if let Err(failure) = outcome {
                failed += 1;
                self.client.wait(failure, failed, Repeat::Freely).await?;
            }
        }
        Ok(())
    }

    /// One request for everything after what is there.
    async fn receive(&self, pieces: &mpsc::Sender<Piece>, object: &WantedObject, at: &mut u64) -> Result<(), Failure> {
        let mut request = self.client.request(Method::GET, &paths::object(self.app, &object.digest));
        if *at > 0 {
            let etag = format!("\"{}\"", object.digest);
            request = request.header(RANGE, format!("bytes={at}-")).header(IF_RANGE, etag);
        }
        let late = || Failure::timeout(self.client.server(), STALL);
        let outcome = tokio::time::timeout(STALL, self.client.attempt(request)).await;
        let mut response = outcome.unwrap_or_else(|_| Err(late()))?;
        // A server that sends everything again: what is there is passed over.
        let mut skip = if response.status() == StatusCode::PARTIAL_CONTENT { 0 } else { *at };
        loop {
            let next = tokio::time::timeout(STALL, response.chunk()).await.map_err(|_| late())?;
            let Some(mut piece) = next.map_err(|error| Failure::transport(self.client.server(), &error))? else {
                return if *at == object.size { Ok(()) } else { Err(self.odd(object, "less", Again::Unknown)) };
            };
            let known = piece.len().min(usize::try_from(skip).unwrap_or(usize::MAX));
            skip -= known as u64;
            let piece = piece.split_off(known);
            let bytes = piece.len() as u64;
            if bytes > object.size - *at {
                return Err(self.odd(object, "more", Again::Never));
            }
            *at += bytes;
            self.bar.advance(bytes);
            self.hand_on(pieces, Piece::Content(piece)).await.map_err(Failure::last)?;
        }
    }

    fn odd(&self, object: &WantedObject, how: &str, again: Again) -> Failure {
        let message = format!("{} sent {how} than there is for {}", self.client.server(), object.digest.short());
        Failure { again, ..Failure::last(CliError::new(ErrorCode::ServerAnswerInvalid, message)) }
    }

    fn wrong(&self, digest: &Digest) -> CliError {
        let message = format!("the bytes that {} sent do not have the digest {digest}", self.client.server());
        CliError::new(ErrorCode::DigestMismatch, message)
            .hint("damaged on the way: try again; damaged on the server: its administrator runs `distd fsck`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bytes: &[u8]) -> WantedObject {
        WantedObject { digest: Digest::of(bytes), size: bytes.len() as u64 }
    }

    fn entry(bytes: &[u8]) -> Vec<u8> {
        let mut entry = header(&object_path(&Digest::of(bytes)), bytes.len() as u64).to_vec();
        entry.extend_from_slice(bytes);
        entry.resize(entry.len() + padding(bytes.len() as u64), 0);
        entry
    }

    #[test]
    fn a_part_is_continued_after_its_last_whole_object() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part");
        let objects = [object(b"one"), object(b"two"), object(b"three")];
        let head = || Head(b"head".to_vec());
        let whole = [b"head".to_vec(), entry(b"one"), entry(b"two"), entry(b"three")];
        let check = |content: &[u8], expected: (bool, usize, usize)| {
            fs::write(&path, content).unwrap();
            let (mut file, left, done) = resume(&path, head(), &objects).unwrap();
            let length = fs::metadata(&path).unwrap().len();
            assert_eq!(file.stream_position().unwrap(), length);
            assert_eq!((left.is_some(), done, usize::try_from(length).unwrap()), expected);
        };
        let to = |count: usize| whole[..count].concat();
        check(b"", (true, 0, 0));
        check(b"hea", (true, 0, 0));
        check(b"another head", (true, 0, 0));
        check(&to(1), (false, 0, 4));
        check(&to(2), (false, 1, to(2).len()));
        check(&to(3)[..to(3).len() - 1], (false, 1, to(2).len()));
        check(&[to(2), entry(b"three")].concat(), (false, 1, to(2).len()));
        check(&[to(4), vec![0; 700]].concat(), (false, 3, to(4).len()));
        let mut damaged = to(4);
        damaged[4 + BLOCK] ^= 1;
        check(&damaged, (false, 0, 4));
    }
}
