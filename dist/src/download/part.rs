//! The part of an object that is on disk so far, and the hash of it.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use bytes::Bytes;
use objstore::Hasher;
use protocol::Digest;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::CliError;

/// How many pieces may wait for the disk or the hash.
const PIECES_AHEAD: usize = 64;

/// What is on disk of an object so far, and the hash of it.
pub(super) struct Part {
    file: File,
    hasher: Hasher,
    length: u64,
}

/// Takes pieces in: one thread writes them while another hashes them.
pub(super) struct Intake {
    length: u64,
    to_disk: mpsc::Sender<Bytes>,
    to_hash: mpsc::Sender<Bytes>,
    disk: JoinHandle<(File, io::Result<()>)>,
    hash: JoinHandle<Hasher>,
}

impl Part {
    /// Opens or creates a part and hashes what it has. More than there should be is not a part.
    pub(super) fn open(path: &Path, size_bytes: u64) -> Result<Self, CliError> {
        let open = || -> io::Result<Self> {
            let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
            let mut hasher = Hasher::new();
            let length = io::copy(&mut io::BufReader::with_capacity(1 << 18, &file), &mut hasher)?;
            file.seek(SeekFrom::Start(length))?;
            let mut part = Self { file, hasher, length };
            if length > size_bytes {
                part.clear()?;
            }
            Ok(part)
        };
        open().map_err(|error| CliError::io("write", path, error))
    }

    /// Bytes so far.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The digest of the bytes so far.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Throws away what there is.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.hasher, self.length) = (Hasher::new(), 0);
        Ok(())
    }

    /// Starts taking in what follows. What this part was goes stale; [`Intake::finish`] gives the new one.
    pub(super) fn intake(&self) -> io::Result<Intake> {
        let (mut file, mut hasher) = (self.file.try_clone()?, self.hasher.clone());
        let (to_disk, mut pieces) = mpsc::channel::<Bytes>(PIECES_AHEAD);
        let disk = spawn_blocking(move || {
            let outcome = std::iter::from_fn(|| pieces.blocking_recv()).try_for_each(|piece| file.write_all(&piece));
            (file, outcome)
        });
        let (to_hash, mut pieces) = mpsc::channel::<Bytes>(PIECES_AHEAD);
        let hash = spawn_blocking(move || {
            std::iter::from_fn(|| pieces.blocking_recv()).for_each(|piece| hasher.update(&piece));
            hasher
        });
        Ok(Intake { length: self.length, to_disk, to_hash, disk, hash })
    }
}

impl Intake {
    /// Takes in one piece; `false` where the disk has failed, which [`Intake::finish`] tells more of.
    pub(super) async fn take(&mut self, piece: Bytes) -> bool {
        self.length += piece.len() as u64;
        self.to_hash.send(piece.clone()).await.is_ok() && self.to_disk.send(piece).await.is_ok()
    }

    /// Waits until everything taken in is written and hashed.
    pub(super) async fn finish(self) -> (Part, io::Result<()>) {
        drop((self.to_disk, self.to_hash));
        let (file, written) = self.disk.await.expect("writing does not panic");
        let hasher = self.hash.await.expect("hashing does not panic");
        (Part { file, hasher, length: self.length }, written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_is_too_long_starts_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part");
        std::fs::write(&path, b"much too long").unwrap();
        let part = Part::open(&path, 6).unwrap();
        let mut intake = part.intake().unwrap();
        assert!(intake.take(Bytes::from_static(b"abc")).await);
        assert!(intake.take(Bytes::from_static(b"def")).await);
        let (part, written) = intake.finish().await;
        written.unwrap();
        assert_eq!((part.length(), part.digest()), (6, Digest::of(b"abcdef")));
        assert_eq!(std::fs::read(&path).unwrap(), b"abcdef");
        assert_eq!(Part::open(&path, 6).unwrap().digest(), part.digest());
    }
}
