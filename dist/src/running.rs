//! The digest of a file that is being sent: each piece is hashed as it is read for the network, so that the file is read once.
//!
//! Where sending does not begin at the first byte, or pieces are read again after a cut, the hash goes on from where it is:
//! pieces that continue it are taken, and [`RunningDigest::complete`] reads from the file what is lacking.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use objstore::Hasher;
use protocol::Digest;

use crate::error::CliError;
use crate::hash::{changed, open_unchanged, unreadable};
use crate::upload::LocalObject;

/// How much is read at a time of what is not sent.
const READ_BYTES: usize = 256 * 1024;

/// A SHA-256 in progress, shared by whoever reads the file.
#[derive(Debug, Default)]
pub(crate) struct RunningDigest {
    state: Mutex<State>,
    /// Held by whoever reads what is lacking: a second one waits, and finds nothing left.
    completing: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    hasher: Hasher,
    /// How many bytes from the beginning are hashed.
    at: u64,
}

impl RunningDigest {
    /// Takes in what a piece, which begins at byte `from`, has beyond what is hashed already; nothing where bytes before it lack.
    pub(crate) fn take(&self, from: u64, piece: &[u8]) {
        let mut state = lock(&self.state);
        let known = state.at.checked_sub(from).and_then(|known| usize::try_from(known).ok());
        if let Some(new) = known.and_then(|known| piece.get(known..)) {
            state.hasher.update(new);
            state.at += new.len() as u64;
        }
    }

    /// Reads what is not hashed yet, beside pieces that are taken meanwhile, and returns the digest of the whole.
    ///
    /// # Errors
    /// [`ErrorCode::ArtifactUnreadable`](protocol::ErrorCode::ArtifactUnreadable), or
    /// [`ErrorCode::ArtifactChanged`](protocol::ErrorCode::ArtifactChanged) when the file is not what it was when it was planned.
    pub(crate) async fn complete(self: Arc<Self>, object: LocalObject) -> Result<Digest, CliError> {
        let completed = tokio::task::spawn_blocking(move || self.read_rest(&object)).await;
        completed.expect("hashing does not panic")
    }

    fn read_rest(&self, object: &LocalObject) -> Result<Digest, CliError> {
        let _alone = lock(&self.completing);
        let file = open_unchanged(&object.path, object.stamp)?;
        self.read_until(&file, object.size_bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => changed(&object.path),
            _ => unreadable(&object.path, error),
        })?;
        open_unchanged(&object.path, object.stamp)?;
        Ok(lock(&self.state).hasher.clone().finish())
    }

    fn read_until(&self, mut file: &File, end: u64) -> io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            let from = lock(&self.state).at;
            if from >= end {
                return Ok(());
            }
            buffer.resize(usize::try_from(end - from).map_or(READ_BYTES, |left| left.min(READ_BYTES)), 0);
            file.seek(SeekFrom::Start(from))?;
            file.read_exact(&mut buffer)?;
            self.take(from, &buffer);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Stamp;

    const BYTES: &[u8] = b"0123456789";

    fn object(dir: &tempfile::TempDir) -> LocalObject {
        let path = dir.path().join("file");
        std::fs::write(&path, BYTES).unwrap();
        let stamp = Stamp::of(&File::open(&path).unwrap()).unwrap();
        let size_bytes = BYTES.len() as u64;
        LocalObject { digest: Digest::of(b"made up"), path, start: 0, size_bytes, stamp, name: "file".to_owned() }
    }

    #[test]
    fn pieces_count_once_and_gaps_are_read_from_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let object = object(&dir);
        let check = |pieces: &[(u64, &[u8])]| {
            let running = RunningDigest::default();
            for (from, piece) in pieces {
                running.take(*from, piece);
            }
            assert_eq!(running.read_rest(&object).unwrap(), Digest::of(BYTES), "{pieces:?}");
        };
        check(&[]);
        check(&[(0, BYTES)]);
        check(&[(0, b"0123"), (4, b"456789")]);
        check(&[(0, b"0123"), (2, b"2345"), (1, b"12"), (6, b"6789")]);
        check(&[(4, b"456789")]);
        check(&[(0, b"01"), (7, b"789")]);
    }

    #[test]
    fn what_was_hashed_is_not_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let object = object(&dir);
        let running = RunningDigest::default();
        running.take(0, b"other byte");
        assert_eq!(running.read_rest(&object).unwrap(), Digest::of(b"other byte"));
    }

    #[test]
    fn a_file_that_changed_has_no_digest() {
        let dir = tempfile::tempdir().unwrap();
        let object = object(&dir);
        std::fs::write(&object.path, b"0123").unwrap();
        let error = RunningDigest::default().read_rest(&object).unwrap_err();
        assert_eq!(error.code(), protocol::ErrorCode::ArtifactChanged);
    }
}
