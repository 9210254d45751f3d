//! The artifact as the readers see it: seekable, of a known size, and not readable without end.

use std::io::{self, Read, Seek, SeekFrom};

/// An artifact that hands out at most a fixed number of bytes over its whole life, however often parts are read again.
#[derive(Debug)]
pub(crate) struct Input<R> {
    inner: R,
    size_bytes: u64,
    left_bytes: u64,
}

impl<R: Read + Seek> Input<R> {
    pub(crate) fn new(inner: R, size_bytes: u64, limit_bytes: u64) -> Self {
        Self { inner, size_bytes, left_bytes: limit_bytes }
    }

    /// Size of the artifact in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.size_bytes
    }

    /// Takes `bytes` from what may still be read, for bytes that decompression made.
    pub(crate) fn spend(&mut self, bytes: u64) -> io::Result<()> {
        let left = self.left_bytes.checked_sub(bytes);
        self.left_bytes = left.unwrap_or(0);
        left.map(drop).ok_or_else(|| io::Error::other("more had to be decompressed than the limit allows"))
    }

    /// Bytes that may still be read.
    pub(crate) fn left(&self) -> u64 {
        self.left_bytes
    }

    /// `len` bytes from `offset` on; fewer at the end of the artifact. The caller bounds `len`.
    pub(crate) fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.seek(SeekFrom::Start(offset))?;
        let there = usize::try_from(self.size_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(len.min(there));
        self.by_ref().take(len as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left_bytes == 0 {
            return Err(io::Error::other("more of the file had to be read than the limit allows"));
        }
        let wanted = buffer.len().min(usize::try_from(self.left_bytes).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..wanted])?;
        self.left_bytes -= read as u64;
        Ok(read)
    }
}

impl<R: Seek> Seek for Input<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
