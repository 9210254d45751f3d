//! Reading objects back.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::PathBuf,
};

use crate::{Digest, FileId, Store, disk, faults};

/// [`Store::read`] or [`Store::read_to_vec`] failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The object is not held.
    #[error("object {digest} is not in the store")]
    NotFound {
        /// The object asked for.
        digest: Digest,
    },
    /// The object is larger than the caller allowed for.
    #[error("object {digest} has {size_bytes} bytes, more than the {max_bytes} allowed here")]
    TooLarge {
        /// The object asked for.
        digest: Digest,
        /// Its size.
        size_bytes: u64,
        /// The caller's limit.
        max_bytes: u64,
    },
    /// The bytes on disk are not those of the object: the disk is damaged.
    #[error("object {digest} is damaged: its bytes hash to {actual}")]
    Damaged {
        /// The object asked for.
        digest: Digest,
        /// What its file hashes to.
        actual: Digest,
    },
    /// The file is not as large as what was written: the disk is damaged.
    #[error("object {digest} has {size_bytes} bytes, {expected} were written")]
    WrongSize {
        /// The object asked for.
        digest: Digest,
        /// How large its file is.
        size_bytes: u64,
        /// How large it was.
        expected: u64,
    },
    /// The object has several blocks, and no checksums of them were given.
    #[error("object {digest} has no checksums of its blocks")]
    NoSums {
        /// The object asked for.
        digest: Digest,
    },
    /// The file could not be opened or read.
    #[error("cannot read object {path}")]
    Io {
        /// The object's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// An object open for reading. Bytes are read as they are on disk, not verified against the
/// digest. It keeps reading the same bytes even where the object is removed meanwhile.
///
/// Reads are not buffered: use large buffers.
#[derive(Debug)]
pub struct ObjectReader {
    file: File,
    id: FileId,
}

impl ObjectReader {
    /// A file that reads as the object, for handing to another process. Its position is at the beginning.
    pub fn into_file(self) -> File {
        self.file
    }
}

impl Store {
    /// Opens a held object.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotFound`] when it is not held, [`ReadError::Io`] when it cannot be opened.
    pub fn read(&self, digest: &Digest) -> Result<ObjectReader, ReadError> {
        let path = self.layout().object(digest);
        let opened = File::open(&path).and_then(|file| Ok((FileId::of(&file.metadata()?), file)));
        match opened {
            Ok((id, file)) => Ok(ObjectReader { file, id }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ReadError::NotFound { digest: *digest }),
            Err(source) => Err(ReadError::Io { path, source }),
        }
    }

    /// Reads a small object whole, such as a manifest, and verifies it against its digest.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotFound`]; [`ReadError::TooLarge`] above `max_bytes`, before anything is
    /// read; [`ReadError::Damaged`] when the bytes are not the object's; [`ReadError::Io`].
    pub fn read_to_vec(&self, digest: &Digest, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
        let digest = *digest;
        let mut reader = self.read(&digest)?;
        let size_bytes = reader.len();
        let too_large = ReadError::TooLarge { digest, size_bytes, max_bytes };
        if size_bytes > max_bytes {
            return Err(too_large);
        }
        let mut bytes = vec![0; usize::try_from(size_bytes).map_err(|_| too_large)?];
        faults::step("object.read")
            .and_then(|()| reader.read_exact(&mut bytes))
            .map_err(|source| ReadError::Io { path: self.layout().object(&digest), source })?;
        match Digest::of(&bytes) {
            actual if actual == digest => Ok(bytes),
            actual => Err(ReadError::Damaged { digest, actual }),
        }
    }
}

impl ObjectReader {
    /// The object's size in bytes.
    pub fn len(&self) -> u64 {
        self.id.size_bytes()
    }

    /// Which file is read.
    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// Whether the object has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads into `buf` from `offset` (bytes from the start), independent of where [`Read`] is.
    /// Returns how many bytes were read: fewer than asked for near the end, 0 at or past it.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        disk::read_at(&self.file, offset, buf)
    }

    /// The same, from memory alone: `None` where it would have to wait for the disk.
    pub(crate) fn read_cached_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<Option<usize>> {
        disk::read_cached_at(&self.file, offset, buf)
    }

    /// Has the disk begin with what is wanted soon.
    pub(crate) fn start_reading(&self, range: Range<u64>) {
        disk::start_reading(&self.file, range);
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read(buf)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}
