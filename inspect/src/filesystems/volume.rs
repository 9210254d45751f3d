//! The bytes that a file system lies in, and the pieces of them that make a file.

use std::io::{self, Read};

/// Bytes that are read from anywhere, such as those of an unpacked disk.
pub(crate) trait Blocks {
    /// Exactly `len` bytes from `offset` on; the caller bounds `len`.
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>>;
}

/// One partition of a disk.
pub(crate) struct Volume<'a> {
    disk: &'a mut dyn Blocks,
    start: u64,
    size_bytes: u64,
}

impl<'a> Volume<'a> {
    /// The partition of `size_bytes` bytes that begins at byte `start` of `disk`.
    pub(crate) fn new(disk: &'a mut dyn Blocks, start: u64, size_bytes: u64) -> Self {
        Self { disk, start, size_bytes }
    }

    /// Exactly `len` bytes from `offset` on; the caller bounds `len`.
    ///
    /// # Errors
    /// With the reason, in words; also where they lie outside of the partition.
    pub(crate) fn read(&mut self, offset: u64, len: usize) -> Result<Vec<u8>, String> {
        let end = offset.checked_add(len as u64).filter(|end| *end <= self.size_bytes);
        let start = end.and_then(|_| self.start.checked_add(offset));
        let start = start.ok_or_else(|| format!("byte {offset} is outside of the volume"))?;
        self.disk.read_at(start, len).map_err(|error| error.to_string())
    }
}

/// Where the bytes of a file lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) size_bytes: u64,
    /// In the order of the file, without gaps; what they have beyond the size is not part of it.
    pub(crate) pieces: Vec<Piece>,
}

/// Part of a file in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its first byte in the volume; zeros that are kept nowhere have none.
    pub(crate) offset: Option<u64>,
    pub(crate) size_bytes: u64,
}

impl Contents {
    /// Exactly `len` bytes from `offset` on; the caller bounds `len`.
    ///
    /// # Errors
    /// With the reason, in words.
    pub(crate) fn read(&self, volume: &mut Volume<'_>, offset: u64, len: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let mut start = 0u64;
        for piece in &self.pieces {
            let end = start.saturating_add(piece.size_bytes);
            let at = offset.saturating_add(bytes.len() as u64);
            if bytes.len() < len && (start..end).contains(&at) {
                let wanted = (len - bytes.len()).min(usize::try_from(end - at).unwrap_or(usize::MAX));
                match piece.offset.map(|offset| offset.checked_add(at - start)) {
                    Some(Some(place)) => bytes.extend(volume.read(place, wanted)?),
                    Some(None) => return Err("a piece of a file lies nowhere".to_owned()),
                    None => bytes.resize(bytes.len() + wanted, 0),
                }
            }
            start = end;
        }
        if bytes.len() < len { Err(format!("it has no byte {}", offset + bytes.len() as u64)) } else { Ok(bytes) }
    }
}

/// A file that is read forward.
pub(super) struct Stream<'a, 'b> {
    volume: &'b mut Volume<'a>,
    contents: Contents,
    /// The piece that is being read, and how far it was.
    piece: usize,
    within: u64,
    left: u64,
}

impl<'a, 'b> Stream<'a, 'b> {
    pub(super) fn new(volume: &'b mut Volume<'a>, contents: Contents) -> Self {
        let left = contents.size_bytes;
        Self { volume, contents, piece: 0, within: 0, left }
    }
}

impl Read for Stream<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const AT_ONCE: u64 = 256 * 1024;
        while self.left > 0 && !buffer.is_empty() {
            let Some(piece) = self.contents.pieces.get(self.piece) else {
                return Err(io::Error::other(format!("{} bytes of it lie nowhere", self.left)));
            };
            let wanted = (piece.size_bytes - self.within).min(self.left).min(AT_ONCE).min(buffer.len() as u64);
            if wanted == 0 {
                (self.piece, self.within) = (self.piece + 1, 0);
                continue;
            }
            let target = &mut buffer[..usize::try_from(wanted).unwrap_or(0)];
            match piece.offset {
                Some(offset) => {
                    let read = self.volume.read(offset.saturating_add(self.within), target.len());
                    target.copy_from_slice(&read.map_err(io::Error::other)?);
                }
                None => target.fill(0),
            }
            self.within += wanted;
            self.left -= wanted;
            return Ok(target.len());
        }
        Ok(0)
    }
}

/// The number of `N` bytes at `at`, as they are.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
