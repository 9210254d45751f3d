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
    Blocks(Blocks),
}

#[derive(Debug)]
struct Blocks {
    digest: Digest,
    reader: ObjectReader,
    sums: BlockSums,
}

/// How much more the disk is to read where it had to be waited for, in bytes.
const AHEAD_BYTES: u64 = 8 * BLOCK_BYTES;

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
            Some(sums) => Ok(VerifiedReader(Held::Blocks(Blocks { digest: *digest, reader, sums }))),
            None => Err(ReadError::NoSums { digest: *digest }),
        }
    }
}

impl VerifiedReader {
    /// The object's size in bytes.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Held::Whole(bytes) => bytes.len() as u64,
            Held::Blocks(blocks) => blocks.reader.len(),
        }
    }

    /// Whether the object has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of `range`, which must be within the object. Reads whole blocks: ranges that begin and end at multiples of
    /// [`BLOCK_BYTES`] cost least. What was read takes the place of what `buffer` had; returns where in it the range is.
    ///
    /// # Errors
    ///
    /// With a [`BadBlock`] inside and of kind [`io::ErrorKind::InvalidData`] when a block is not what was written; else when the
    /// disk fails. What is in `buffer` then is not to be used.
    pub fn read_range(&self, range: Range<u64>, buffer: &mut Vec<u8>) -> io::Result<Range<usize>> {
        match &self.0 {
            Held::Whole(bytes) => copy(bytes, &range, buffer),
            Held::Blocks(blocks) => blocks.read(&range, buffer),
        }
    }

    /// The same, from memory alone and so without waiting: `None` where some of it would have to come from the disk.
    ///
    /// # Errors
    ///
    /// As [`VerifiedReader::read_range`].
    pub fn read_cached(&self, range: Range<u64>, buffer: &mut Vec<u8>) -> io::Result<Option<Range<usize>>> {
        match &self.0 {
            Held::Whole(bytes) => copy(bytes, &range, buffer).map(Some),
            Held::Blocks(blocks) => blocks.read_cached(&range, buffer),
        }
    }
}

fn copy(bytes: &[u8], range: &Range<u64>, buffer: &mut Vec<u8>) -> io::Result<Range<usize>> {
    let part = bytes.get(narrow(range.start)?..narrow(range.end)?).ok_or(io::ErrorKind::InvalidInput)?;
    buffer.clear();
    buffer.extend_from_slice(part);
    Ok(0..part.len())
}

impl Blocks {
    fn read(&self, range: &Range<u64>, buffer: &mut Vec<u8>) -> io::Result<Range<usize>> {
        let whole = self.around(range);
        self.reader.start_reading(whole.end..(whole.end + AHEAD_BYTES).min(self.reader.len()));
        buffer.resize(narrow(whole.end - whole.start)?, 0);
        let filled = fill(buffer, |at, rest| self.reader.read_at(whole.start + at, rest).map(Some));
        self.verify(&whole, filled.map(|_| ()), buffer)?;
        part_of(&whole, range)
    }

    fn read_cached(&self, range: &Range<u64>, buffer: &mut Vec<u8>) -> io::Result<Option<Range<usize>>> {
        let whole = self.around(range);
        buffer.resize(narrow(whole.end - whole.start)?, 0);
        match fill(buffer, |at, rest| self.reader.read_cached_at(whole.start + at, rest)) {
            Ok(false) => Ok(None),
            filled => {
                self.verify(&whole, filled.map(|_| ()), buffer)?;
                part_of(&whole, range).map(Some)
            }
        }
    }

    /// The whole blocks that a range is in.
    fn around(&self, range: &Range<u64>) -> Range<u64> {
        let end = range.end.next_multiple_of(BLOCK_BYTES).min(self.reader.len());
        range.start - range.start % BLOCK_BYTES..end
    }

    fn verify(&self, whole: &Range<u64>, filled: io::Result<()>, bytes: &[u8]) -> io::Result<()> {
        let bad = |at| io::Error::new(io::ErrorKind::InvalidData, BadBlock { digest: self.digest, at });
        filled.map_err(|error| match error.kind() {
            // It was cut off after it was opened.
            io::ErrorKind::UnexpectedEof => bad(whole.start),
            _ => error,
        })?;
        for (number, block) in (whole.start / BLOCK_BYTES..).zip(bytes.chunks(narrow(BLOCK_BYTES)?)) {
            if !self.sums.fits(number, block) {
                return Err(bad(number * BLOCK_BYTES));
            }
        }
        Ok(())
    }
}

fn part_of(whole: &Range<u64>, range: &Range<u64>) -> io::Result<Range<usize>> {
    Ok(narrow(range.start - whole.start)?..narrow(range.end - whole.start)?)
}

/// Fills `bytes` with what `take` gives for each place in them; `false` where that is nothing yet.
fn fill(bytes: &mut [u8], take: impl Fn(u64, &mut [u8]) -> io::Result<Option<usize>>) -> io::Result<bool> {
    let mut filled = 0;
    while filled < bytes.len() {
        match take(filled as u64, &mut bytes[filled..]) {
            Ok(None) => return Ok(false),
            Ok(Some(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Some(count)) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn narrow(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput.into())
}
