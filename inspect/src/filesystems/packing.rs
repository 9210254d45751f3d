//! How the blocks of a squashfs are compressed.

use std::io::{Read, Seek};

use flate2::read::ZlibDecoder;

use crate::compression::{Compression, Patience, decompress};
use crate::input::Input;

/// What a decompressor may take for its dictionary: blocks have at most 1 MiB.
const MEMORY_BYTES: u64 = 4 * 1024 * 1024;

/// One way for all blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Zlib,
    Xz,
    Zstd,
}

impl Packing {
    /// By the number in the superblock.
    pub(super) fn of_number(number: u16) -> Result<Self, String> {
        match number {
            1 => Ok(Self::Zlib),
            4 => Ok(Self::Xz),
            6 => Ok(Self::Zstd),
            2 => Err("compressed as lzma, which is not read".to_owned()),
            3 => Err("compressed as lzo, which is not read".to_owned()),
            5 => Err("compressed as lz4, which is not read".to_owned()),
            other => Err(format!("compressed in way {other}, which is not known")),
        }
    }

    /// Unpacks one block, at most `most` bytes of it, and charges `input` for it: what takes as long as zlib takes for
    /// as many bytes, and something for the beginning.
    pub(super) fn unpack<R: Read + Seek>(
        self,
        input: &mut Input<R>,
        packed: &[u8],
        most: usize,
    ) -> Result<Vec<u8>, String> {
        const KIB: u64 = 1024;
        let len = most as u64;
        let (compression, beginning) = match self {
            Self::Zlib => (Compression::Gzip, 64 * KIB),
            Self::Zstd => (Compression::Zstd, 256 * KIB),
            Self::Xz => (Compression::Xz, 256 * KIB),
        };
        let cost = compression.cost(packed.len() as u64, len.max(beginning));
        input.spend(cost).map_err(|error| error.to_string())?;
        let patience = Patience::new(cost.saturating_mul(2));
        let mut reader: Box<dyn Read + '_> = match self {
            Self::Zlib => Box::new(ZlibDecoder::new(packed)),
            Self::Xz => decompress(Compression::Xz, packed, MEMORY_BYTES, &patience),
            Self::Zstd => decompress(Compression::Zstd, packed, MEMORY_BYTES, &patience),
        };
        let mut bytes = Vec::new();
        reader.by_ref().take(len).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}
