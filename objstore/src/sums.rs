//! Checksums of the blocks of an object, so that a part of it can be verified without reading the rest.
//!
//! A SHA-256 says nothing about a range. So whoever writes an object also gets a CRC-32 of each [`BLOCK_BYTES`] of it, and keeps
//! them where it keeps its records; whoever reads gives them back to [`Store::read_verified`](crate::Store::read_verified).
//!
//! CRC-32 and not a cryptographic hash: the SHA-256 is what protects against people, these protect against disks. It costs a
//! few percent of what SHA-256 costs, finds every burst of up to 32 bits and any other damage but for one in 2^32, and sums
//! that are wrong themselves do no harm: nothing is thrown away before its SHA-256 was computed too.

use std::io::{self, Read};

use crate::{Digest, Hasher, hash::read_through};

/// How many bytes one checksum is for. An object that has no more needs none: its digest is as quick.
pub const BLOCK_BYTES: u64 = 256 * 1024;

/// The checksums of an object's blocks, in order: CRC-32 as in zip and PNG (ISO 3309).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockSums {
    size_bytes: u64,
    sums: Vec<u32>,
}

impl BlockSums {
    /// The size of the object that they are of, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Four bytes for each block, little-endian.
    pub fn encode(&self) -> Vec<u8> {
        self.sums.iter().flat_map(|sum| sum.to_le_bytes()).collect()
    }

    /// Reads what [`BlockSums::encode`] wrote; `None` where it is not as long as an object of this size needs.
    pub fn decode(size_bytes: u64, bytes: &[u8]) -> Option<Self> {
        let (sums, rest) = bytes.as_chunks::<4>();
        let is_whole = rest.is_empty() && sums.len() as u64 == size_bytes.div_ceil(BLOCK_BYTES);
        is_whole.then(|| Self { size_bytes, sums: sums.iter().map(|sum| u32::from_le_bytes(*sum)).collect() })
    }

    /// Whether these are the bytes of block `number`.
    pub(crate) fn fits(&self, number: u64, block: &[u8]) -> bool {
        let sum = usize::try_from(number).ok().and_then(|number| self.sums.get(number));
        sum.is_some_and(|sum| *sum == crc32fast::hash(block))
    }
}

/// Digest and checksums of bytes that pass by.
#[derive(Clone, Default)]
pub(crate) struct Running {
    hasher: Hasher,
    done: BlockSums,
    block: crc32fast::Hasher,
    block_bytes: u64,
}

impl Running {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.done.size_bytes += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let left = usize::try_from(BLOCK_BYTES - self.block_bytes).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(left.min(rest.len()));
            self.block.update(now);
            self.block_bytes += now.len() as u64;
            if self.block_bytes == BLOCK_BYTES {
                self.end_block();
            }
            rest = later;
        }
    }

    /// Takes in everything that `reader` has left; returns how many bytes that was.
    pub(crate) fn update_from(&mut self, reader: impl Read) -> io::Result<u64> {
        read_through(reader, |bytes| {
            self.update(bytes);
            Ok(())
        })
    }

    pub(crate) fn finish(mut self) -> (Digest, BlockSums) {
        if self.block_bytes > 0 {
            self.end_block();
        }
        (self.hasher.finish(), self.done)
    }

    fn end_block(&mut self) {
        self.done.sums.push(std::mem::take(&mut self.block).finalize());
        self.block_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_depend_on_how_bytes_arrive_and_come_back_as_written() {
        let bytes: Vec<u8> = (0..BLOCK_BYTES * 2 + 77).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[2]).collect();
        let run = |piece: usize| {
            let mut running = Running::default();
            bytes.chunks(piece).for_each(|chunk| running.update(chunk));
            running.finish()
        };
        let (digest, sums) = run(bytes.len());
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(run(1000), (digest, sums.clone()));
        assert_eq!(sums.encode().len(), 12);
        assert_eq!(BlockSums::decode(bytes.len() as u64, &sums.encode()), Some(sums.clone()));
        assert_eq!(BlockSums::decode(BLOCK_BYTES * 2, &sums.encode()), None);
        let last = &bytes[usize::try_from(BLOCK_BYTES).unwrap() * 2..];
        assert!(sums.fits(2, last) && !sums.fits(1, last) && !sums.fits(3, last) && !sums.fits(2, &last[1..]));
    }

    #[test]
    fn an_object_without_bytes_has_no_blocks() {
        let (digest, sums) = Running::default().finish();
        assert_eq!((digest, sums.encode()), (Digest::of(b""), Vec::new()));
    }
}
