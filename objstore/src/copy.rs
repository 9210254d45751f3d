//! Objects from another store on this machine: backups and restores.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Digest, Hasher, ObjectReader, Sealed, Store, UploadError, WriteError, disk, hash::read_through};

/// Whose uploads these are.
/// No app can have that name.
const OWNER: &str = "-copy";

/// How the bytes of an object get into another store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyMethod {
    /// Shared with the original until one of them changes where the file system can do that (btrfs, XFS), else written anew.
    /// Verified.
    Reflink,
    /// One more name for the same file: without space of its own, and damaged where the original later is. Verified.
    Link,
    /// Written anew, and verified on the way.
    Copy,
}

/// [`Store::copy_from`] failed.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The original is not there, or cannot be read.
    #[error(transparent)]
    Read(#[from] crate::ReadError),
    /// The original is damaged, or the copy cannot be written.
    #[error(transparent)]
    Write(#[from] UploadError),
    /// The original cannot be linked.
    #[error("cannot link object {digest}: {source}")]
    Link {
        /// The object.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
}

impl Store {
    /// Takes over an object of `other`. Returns whether it was not held before. Durable on return, bytes and name.
    ///
    /// # Errors
    ///
    /// [`CopyError::Read`]; [`CopyError::Write`], as [`UploadError::DigestMismatch`] where the original is damaged, whatever
    /// the method; [`CopyError::Link`].
    pub fn copy_from(&self, other: &Store, digest: &Digest, method: CopyMethod) -> Result<bool, CopyError> {
        let reader = other.read(digest)?;
        let size_bytes = reader.len();
        let held = self.len(digest).map_err(|source| CopyError::Link { digest: *digest, source })?;
        if held == Some(size_bytes) {
            return Ok(false);
        }
        let original = other.layout().object(digest);
        let linked = match method {
            CopyMethod::Copy => None,
            CopyMethod::Link => Some(self.name_as(digest, size_bytes, |temp| fs::hard_link(&original, temp))),
            CopyMethod::Reflink => match self.name_as(digest, size_bytes, |temp| reflink(&original, temp)) {
                Err(CopyError::Link { .. }) => None,
                shared => Some(shared),
            },
        };
        if let Some(done) = linked {
            return done;
        }
        Ok(self.copy_bytes(reader, digest, original)?.publish()?.was_new)
    }

    /// Takes the bytes of an object of `other`, verified and durable, and makes no object of them yet: for who has to move
    /// aside first what has its name.
    ///
    /// # Errors
    ///
    /// As [`Store::copy_from`].
    pub fn sealed_copy(&self, other: &Store, digest: &Digest) -> Result<Sealed, CopyError> {
        self.copy_bytes(other.read(digest)?, digest, other.layout().object(digest))
    }

    fn copy_bytes(&self, reader: ObjectReader, digest: &Digest, original: PathBuf) -> Result<Sealed, CopyError> {
        let size_bytes = reader.len();
        let mut upload = self.upload(OWNER, *digest, size_bytes)?;
        if upload.offset() > 0 {
            // Of a copy that was cut short: cheaper anew than understood.
            upload.discard()?;
            upload = self.upload(OWNER, *digest, size_bytes)?;
        }
        let mut failure = None;
        let read = read_through(reader, |bytes| {
            upload.write(bytes).map_err(|error| {
                failure = Some(error);
                io::ErrorKind::Other.into()
            })
        });
        match (failure, read) {
            (Some(error), _) => Err(error.into()),
            (None, Err(source)) => Err(crate::ReadError::Io { path: original, source }.into()),
            (None, Ok(_)) => Ok(upload.seal()?),
        }
    }

    /// Has `make` put a file under a temporary name, and gives it the name of the object where its bytes are those.
    fn name_as(
        &self,
        digest: &Digest,
        size_bytes: u64,
        make: impl Fn(&Path) -> io::Result<()>,
    ) -> Result<bool, CopyError> {
        let failed = |source| CopyError::Link { digest: *digest, source };
        let shard = self.layout().shard(digest);
        let temp = tempfile::Builder::new().prefix(crate::layout::TEMP_PREFIX).make_in(&shard, |path| make(path));
        let temp = temp.map_err(failed)?;
        let actual = hash_file(temp.path()).map_err(|source| {
            let path = temp.path().to_owned();
            CopyError::Read(crate::ReadError::Io { path, source })
        })?;
        if actual != *digest {
            return Err(UploadError::DigestMismatch { expected: *digest, actual }.into());
        }
        let sealed = disk::set_sealed_mode(temp.path()).and_then(|()| fs::File::open(temp.path())?.sync_all());
        sealed.map_err(failed)?;
        let published = self.publish(temp.into_temp_path(), digest, size_bytes);
        published.map(|put| put.was_new).map_err(|error| match error {
            WriteError::Io { source, .. } => failed(source),
            full @ WriteError::NoSpace { .. } => failed(io::Error::new(io::ErrorKind::StorageFull, full)),
        })
    }
}

fn hash_file(path: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    read_through(fs::File::open(path)?, |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(hasher.finish())
}

#[cfg(target_os = "linux")]
fn reflink(original: &Path, copy: &Path) -> io::Result<()> {
    let (from, to) = (fs::File::open(original)?, fs::File::create_new(copy)?);
    rustix::fs::ioctl_ficlone(&to, &from).map_err(|error| {
        // What was created to try is not left behind.
        let _ = fs::remove_file(copy);
        io::Error::from(error)
    })
}

#[cfg(not(target_os = "linux"))]
fn reflink(_original: &Path, _copy: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
