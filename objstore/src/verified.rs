//! Reading that never hands out a byte that was not checked.

use std::{io, ops::Range};

use crate::{BLOCK_BYTES, BlockSums, Digest, ObjectReader, ReadError, Store};

/// An object open for reading, each part of it verified before it is handed out.
#[derive(Debug)]
pub struct VerifiedReader(Held);

#[derive(Debug)]
enum Held {
    /// A small object, read and verified when it was opened.
    Whole(Vec<u8>),
    /// A larger one, verified block by block.
    Blocks { digest: Digest, reader: ObjectReader, sums: BlockSums },
}

/// Bytes that are not what was written: the disk is damaged, or the checksums are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("object {digest} is not what was written, from byte {at} on")]
pub struct BadBlock {
    /// The object.
    pub digest: Digest,
    /// Where the block begins, in bytes.
    pub at: u64,
}

impl Store {
    /// Opens a held object for verified reading. An object of at most [`BLOCK_BYTES`] needs no `sums` and is verified now;
    /// a larger one needs those that were made when it was written, or by [`Store::verify_and_sum`].
    ///
    /// # Errors
    ///
    /// [`ReadError::NotFound`]; [`ReadError::Damaged`] where a small object is not what was written; [`ReadError::WrongSize`]
    /// where the file is not as large as the sums say; [`ReadError::NoSums`] where they are needed and not given;
    /// [`ReadError::Io`].
    pub fn read_verified(&self, digest: &Digest, sums: Option<BlockSums>) -> Result<VerifiedReader, ReadError> {
        let reader = self.read(digest)?;
        let size_bytes = reader.len();
        match sums {
            Some(sums) if sums.size_bytes() != size_bytes => {
                Err(ReadError::WrongSize { digest: *digest, size_bytes, expected: sums.size_bytes() })
            }
            _ if size_bytes <= BLOCK_BYTES => Ok(VerifiedReader(Held::Whole(self.read_to_vec(digest, BLOCK_BYTES)?))),
            Some(sums) => Ok(VerifiedReader(Held::Blocks { digest: *digest, reader, sums })),
            None => Err(ReadError::NoSums { digest: *digest }),
        }
    }
}

impl VerifiedReader {
    /// The object's size in bytes.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Held::Whole(bytes) => bytes.len() as u64,
            Held::Blocks { reader, .. } => reader.len(),
        }
    }

    /// Whether the object has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of `range`, which must be within the object. Reads whole blocks: ranges that begin and end at multiples of
    /// [`BLOCK_BYTES`] cost least. Returns `buffer` with what was read in place of what it had, and where in it the range is.
    ///
    /// # Errors
    ///
    /// With a [`BadBlock`] inside and of kind [`io::ErrorKind::InvalidData`] when a block is not what was written, and nothing
    /// of it is returned; else when the disk fails.
    pub fn read_range(&self, range: Range<u64>, mut buffer: Vec<u8>) -> io::Result<(Vec<u8>, Range<usize>)> {
        match &self.0 {
            Held::Whole(bytes) => {
                let range = narrow(range.start)?..narrow(range.end)?;
                buffer.clear();
                buffer.extend_from_slice(bytes.get(range.clone()).ok_or(io::ErrorKind::InvalidInput)?);
                Ok((buffer, 0..range.len()))
            }
            Held::Blocks { digest, reader, sums } => read_blocks((*digest, reader, sums), range, buffer),
        }
    }
}

fn read_blocks(
    (digest, reader, sums): (Digest, &ObjectReader, &BlockSums),
    range: Range<u64>,
    mut bytes: Vec<u8>,
) -> io::Result<(Vec<u8>, Range<usize>)> {
    let start = range.start - range.start % BLOCK_BYTES;
    let end = range.end.next_multiple_of(BLOCK_BYTES).min(reader.len());
    let bad = |at| io::Error::new(io::ErrorKind::InvalidData, BadBlock { digest, at });
    bytes.resize(narrow(end - start)?, 0);
    fill(reader, start, &mut bytes).map_err(|error| match error.kind() {
        // It was cut off after it was opened.
        io::ErrorKind::UnexpectedEof => bad(start),
        _ => error,
    })?;
    for (number, block) in (start / BLOCK_BYTES..).zip(bytes.chunks(narrow(BLOCK_BYTES)?)) {
        if !sums.fits(number, block) {
            return Err(bad(number * BLOCK_BYTES));
        }
    }
    Ok((bytes, narrow(range.start - start)?..narrow(range.end - start)?))
}

fn fill(reader: &ObjectReader, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        match reader.read_at(at + filled as u64, &mut bytes[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn narrow(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput.into())
}
