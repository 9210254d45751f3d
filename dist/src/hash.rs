//! The digests of a plan's files: each file read once, several at a time.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;

use protocol::{Digest, ErrorCode};

use crate::error::CliError;
use crate::plan::{PlannedFile, Stamp};
use crate::ui::{Bar, Terminal};

/// The digest of each file, in order. Blocks; uses every core.
///
/// # Errors
/// [`ErrorCode::ArtifactUnreadable`], or [`ErrorCode::ArtifactChanged`] when a file is not what it was when it was planned.
pub(crate) fn hash_files(files: &[PlannedFile], terminal: &Terminal) -> Result<Vec<Digest>, CliError> {
    // The largest first, so that it is not what all others are done waiting for.
    let mut distinct: Vec<(&Path, Stamp)> = files.iter().map(|file| (file.path.as_path(), file.stamp)).collect();
    distinct.sort_unstable_by_key(|(path, stamp)| (Reverse(stamp.size_bytes), path.as_os_str()));
    // One file may be several artifacts; it is read once.
    distinct.dedup_by_key(|(path, _)| path.as_os_str());
    let bar = terminal.bar("hashing", distinct.iter().map(|(_, stamp)| stamp.size_bytes).sum(), 0);
    let digests = hash_all(&distinct, &bar);
    bar.finish();
    let digests = digests?;
    Ok(files.iter().map(|file| digests[file.path.as_os_str()]).collect())
}

fn hash_all<'a>(files: &[(&'a Path, Stamp)], bar: &Bar) -> Result<HashMap<&'a OsStr, Digest>, CliError> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(files.len());
    let next = Mutex::new(0);
    let take = || {
        let mut next = next.lock().expect("no thread panics while it holds this lock");
        let left = &files[*next..];
        let batch = &left[..objstore::batch(left.iter().map(|(_, stamp)| stamp.size_bytes), threads)];
        *next += batch.len();
        batch
    };
    let work = || -> Result<Vec<(&'a OsStr, Digest)>, CliError> {
        let mut done = Vec::new();
        loop {
            let batch = take();
            if batch.is_empty() {
                return Ok(done);
            }
            done.extend(
                batch.iter().map(|(path, _)| path.as_os_str()).zip(hash_together(batch, |bytes| bar.advance(bytes))?),
            );
        }
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut digests = HashMap::new();
        for handle in handles {
            digests.extend(handle.join().expect("hashing does not panic")?);
        }
        Ok(digests)
    })
}

/// The digests of several files, read side by side.
fn hash_together(files: &[(&Path, Stamp)], mut advance: impl FnMut(u64)) -> Result<Vec<Digest>, CliError> {
    let open = files.iter().map(|(path, stamp)| open_unchanged(path, *stamp)).collect::<Result<Vec<_>, _>>()?;
    let hashed = objstore::hash_readers(&open, |bytes| {
        advance(bytes);
        Ok(())
    });
    let mut digests = Vec::with_capacity(files.len());
    for ((&(path, stamp), file), hashed) in files.iter().zip(&open).zip(hashed) {
        let now = hashed.and_then(|(digest, size_bytes)| Ok((digest, size_bytes, Stamp::of(file)?)));
        let (digest, size_bytes, now) = now.map_err(|error| unreadable(path, error))?;
        if size_bytes != stamp.size_bytes || now != stamp {
            return Err(changed(path));
        }
        digests.push(digest);
    }
    Ok(digests)
}

/// Opens a file that must be what it was.
///
/// # Errors
/// [`ErrorCode::ArtifactUnreadable`] or [`ErrorCode::ArtifactChanged`].
pub(crate) fn open_unchanged(path: &Path, stamp: Stamp) -> Result<File, CliError> {
    let open = || -> io::Result<(File, Stamp)> {
        let file = File::open(path)?;
        let now = Stamp::of(&file)?;
        Ok((file, now))
    };
    let (file, now) = open().map_err(|error| unreadable(path, error))?;
    if now == stamp { Ok(file) } else { Err(changed(path)) }
}

/// What is told when a file cannot be read.
pub(crate) fn unreadable(path: &Path, error: io::Error) -> CliError {
    CliError::new(ErrorCode::ArtifactUnreadable, format!("{} cannot be read", path.display())).caused_by(error)
}

/// What is told when a file is not what it was.
pub(crate) fn changed(path: &Path) -> CliError {
    CliError::new(ErrorCode::ArtifactChanged, format!("{} changed while it was being published", path.display()))
        .hint("wait for whatever writes it, then run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&File::open(path).unwrap()).unwrap()
    }

    #[test]
    fn each_file_is_hashed_and_a_changed_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        std::fs::write(&one, b"one").unwrap();
        std::fs::write(&two, b"").unwrap();
        let files = [(one.as_path(), stamp(&one)), (two.as_path(), stamp(&two))];
        let digests = hash_all(&files, &Bar::hidden()).unwrap();
        assert_eq!(digests[one.as_os_str()], Digest::of(b"one"));
        assert_eq!(digests[two.as_os_str()], Digest::of(b""));

        std::fs::write(&one, b"longer").unwrap();
        assert_eq!(hash_all(&files, &Bar::hidden()).unwrap_err().code(), ErrorCode::ArtifactChanged);
        std::fs::remove_file(&one).unwrap();
        assert_eq!(hash_all(&files, &Bar::hidden()).unwrap_err().code(), ErrorCode::ArtifactUnreadable);
    }
}
