//! Hashing several streams side by side.
//!
//! One SHA-256 is a chain in which each step waits for the one before: a CPU without instructions for it computes one at about
//! 300 MB/s, however wide its vectors are. Several streams, one in each lane of a vector, go at less than half of that each,
//! and at three to six times of it together.

use std::{
    cell::RefCell,
    io::{self, ErrorKind, Read},
    ops::Range,
};

use super::{
    has_sha_instructions, read_through,
    vector::{self, BLOCK, MAX_LANES, State},
};
use crate::{Digest, Hasher};

/// How much of each stream is read at a time. All lanes together stay in the CPU's second-level cache.
const CHUNK_BYTES: usize = 32 * 1024;

/// The blocks of a chunk, and those of the padding.
const BUFFER_BLOCKS: usize = CHUNK_BYTES / BLOCK + 2;

thread_local! {
    /// What a thread reads into. It is kept, because to make it anew costs as much as to hash what small files have.
    static MEMORY: RefCell<Vec<[u8; BLOCK]>> = const { RefCell::new(Vec::new()) };
}

/// The smallest number of lanes that is faster than one stream after the other.
const WORTHWHILE: usize = 3;

/// How many streams go side by side: 1 where the CPU hashes one as fast as several.
fn lanes() -> usize {
    match vector::lanes() {
        // Vectors of four words are not worth it.
        lanes @ 8.. if !has_sha_instructions() => lanes,
        _ => 1,
    }
}

/// How many of these streams, the first of them, one of `threads` threads best gives to [`hash_readers`]. `sizes` are those of all
/// that are left, in bytes, the largest first. 0 only where there is none.
///
/// A stream that is much larger than all others would be alone in the end, in a lane that is slower than a core.
pub fn batch(sizes: impl IntoIterator<Item = u64>, threads: usize) -> usize {
    let lanes = lanes();
    let ahead: Vec<u64> = sizes.into_iter().take(lanes * threads).collect();
    let Some(&largest) = ahead.first() else { return 0 };
    let alone = largest.saturating_mul((WORTHWHILE * threads) as u64);
    if ahead.iter().fold(0, |sum: u64, size| sum.saturating_add(*size)) >= alone { lanes.min(ahead.len()) } else { 1 }
}

/// Reads each stream to its end; returns their digests and how many bytes each had, in their order. In constant memory.
///
/// `watch` is told of bytes as they are read, and may wait. What it fails with, the stream fails with that was read.
///
/// # Errors
///
/// Each stream's own; an interrupted read is retried.
pub fn hash_readers<R: Read>(
    readers: impl IntoIterator<Item = R>,
    mut watch: impl FnMut(u64) -> io::Result<()>,
) -> Vec<io::Result<(Digest, u64)>> {
    let mut readers: Vec<R> = readers.into_iter().collect();
    let lanes = lanes();
    if lanes == 1 || readers.len() < WORTHWHILE {
        return readers.into_iter().map(|reader| hash_watched(reader, &mut watch)).collect();
    }
    let mut memory = MEMORY.take();
    memory.resize(MAX_LANES * BUFFER_BLOCKS, [0; BLOCK]);
    let hashed = readers.chunks_mut(lanes).flat_map(|readers| in_lanes(readers, &mut memory, &mut watch)).collect();
    MEMORY.set(memory);
    hashed
}

fn hash_watched(reader: impl Read, watch: &mut impl FnMut(u64) -> io::Result<()>) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let size_bytes = read_through(reader, |bytes| {
        hasher.update(bytes);
        watch(bytes.len() as u64)
    })?;
    Ok((hasher.finish(), size_bytes))
}

/// Hashes at most [`MAX_LANES`] streams, one in each lane.
fn in_lanes<R: Read>(
    readers: &mut [R],
    memory: &mut [[u8; BLOCK]],
    watch: &mut impl FnMut(u64) -> io::Result<()>,
) -> Vec<io::Result<(Digest, u64)>> {
    let mut state = State::new();
    let buffers = memory.chunks_exact_mut(BUFFER_BLOCKS);
    let mut lanes: Vec<Lane<'_, R>> =
        readers.iter_mut().zip(buffers).map(|(reader, blocks)| Lane::new(reader, blocks)).collect();
    loop {
        for lane in &mut lanes {
            lane.fill(watch);
        }
        let Some(count) = lanes.iter().filter(|lane| lane.result.is_none()).map(|lane| lane.ready.len()).min() else {
            return lanes.into_iter().filter_map(|lane| lane.result).collect();
        };
        let mut inputs = [&lanes[0].blocks[..count]; MAX_LANES];
        for (input, lane) in inputs.iter_mut().zip(&lanes).filter(|(_, lane)| lane.result.is_none()) {
            *input = &lane.blocks[lane.ready.start..][..count];
        }
        state.compress(inputs);
        for (number, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.result.is_none()) {
            lane.ready.start += count;
            if lane.is_padded && lane.ready.is_empty() {
                lane.result = Some(Ok((Digest::from_bytes(state.digest(number)), lane.size_bytes)));
            }
        }
    }
}

/// A stream, and what is read of it and not hashed yet.
struct Lane<'a, R> {
    reader: &'a mut R,
    blocks: &'a mut [[u8; BLOCK]],
    /// The blocks that are whole, or padded.
    ready: Range<usize>,
    size_bytes: u64,
    is_padded: bool,
    result: Option<io::Result<(Digest, u64)>>,
}

impl<'a, R: Read> Lane<'a, R> {
    fn new(reader: &'a mut R, blocks: &'a mut [[u8; BLOCK]]) -> Self {
        Self { reader, blocks, ready: 0..0, size_bytes: 0, is_padded: false, result: None }
    }

    /// Reads the next chunk where nothing is left of the one before. After the last comes the padding.
    fn fill(&mut self, watch: &mut impl FnMut(u64) -> io::Result<()>) {
        if self.result.is_none() && self.ready.is_empty() {
            match self.read_chunk(watch) {
                Ok(blocks) => self.ready = 0..blocks,
                Err(error) => self.result = Some(Err(error)),
            }
        }
    }

    /// Reads until the chunk is full or the stream ends; returns how many blocks that makes.
    fn read_chunk(&mut self, watch: &mut impl FnMut(u64) -> io::Result<()>) -> io::Result<usize> {
        let bytes = self.blocks.as_flattened_mut();
        let mut filled = 0;
        while filled < CHUNK_BYTES {
            match self.reader.read(&mut bytes[filled..CHUNK_BYTES]) {
                Ok(0) => {
                    self.is_padded = true;
                    self.size_bytes += filled as u64;
                    return Ok(pad(bytes, filled, self.size_bytes));
                }
                Ok(count) => {
                    filled += count;
                    watch(count as u64)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.size_bytes += filled as u64;
        Ok(CHUNK_BYTES / BLOCK)
    }
}

/// Writes the padding of a message of `size_bytes` behind the `filled` bytes that are the last of it (FIPS 180-4, section 5.1.1);
/// returns how many blocks there are.
fn pad(bytes: &mut [u8], filled: usize, size_bytes: u64) -> usize {
    let blocks = (filled + 1 + size_of::<u64>()).div_ceil(BLOCK);
    let (length, end) = (blocks * BLOCK - size_of::<u64>(), blocks * BLOCK);
    bytes[filled..length].fill(0);
    bytes[filled] = 0x80;
    bytes[length..end].copy_from_slice(&(size_bytes * 8).to_be_bytes());
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(seed: usize, length: usize) -> Vec<u8> {
        (0..length).map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ seed).to_le_bytes()[0]).collect()
    }

    /// Gives a few bytes at a time, is interrupted in between, and fails where it is told to.
    struct Slow<'a>(&'a [u8], usize, Option<ErrorKind>);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            match (self.1 % 3, self.0.is_empty(), self.2) {
                (0, ..) => Err(ErrorKind::Interrupted.into()),
                (_, true, Some(kind)) => Err(kind.into()),
                _ => self.0.by_ref().take(1013).read(buffer),
            }
        }
    }

    #[test]
    fn lanes_agree_with_one_stream_after_the_other() {
        let around = |size: usize| (size - 2)..(size + 3);
        let lengths = (0..140).chain(around(CHUNK_BYTES)).chain(around(3 * CHUNK_BYTES)).chain([100_003]);
        let all: Vec<Vec<u8>> = lengths.enumerate().map(|(seed, length)| bytes(seed, length)).collect();
        let lanes = vector::lanes().max(1);
        for some in all.chunks(lanes).chain(all.rchunks(lanes)) {
            let mut readers: Vec<Slow<'_>> = some.iter().map(|bytes| Slow(bytes, 0, None)).collect();
            let mut seen = 0;
            let mut memory = vec![[7; BLOCK]; MAX_LANES * BUFFER_BLOCKS];
            let found = in_lanes(&mut readers, &mut memory, &mut |count| {
                seen += count;
                Ok(())
            });
            let expected: Vec<(Digest, u64)> = some.iter().map(|it| (Digest::of(it), it.len() as u64)).collect();
            assert_eq!(found.into_iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
            assert_eq!(seen, expected.iter().map(|(_, length)| length).sum::<u64>());
        }
    }

    #[test]
    fn a_stream_that_fails_takes_no_other_with_it() {
        let (whole, part) = (bytes(1, 5 * CHUNK_BYTES), bytes(2, 2 * CHUNK_BYTES + 5));
        let readers = [
            Slow(&whole, 0, None),
            Slow(&part, 0, Some(ErrorKind::Other)),
            Slow(&part, 0, None),
            Slow(&whole, 0, None),
        ];
        let found = hash_readers(readers, |_| Ok(()));
        assert_eq!(found[1].as_ref().unwrap_err().kind(), ErrorKind::Other);
        for (at, bytes) in [(0, &whole), (2, &part), (3, &whole)] {
            assert_eq!(found[at].as_ref().unwrap(), &(Digest::of(bytes), bytes.len() as u64), "{at}");
        }
        assert_eq!(hash_readers(Vec::<&[u8]>::new(), |_| Ok(())).len(), 0);
    }

    #[test]
    fn whoever_watches_can_end_it() {
        let bytes = bytes(1, 4 * CHUNK_BYTES);
        let mut left = 6 * CHUNK_BYTES as u64;
        let found = hash_readers([&bytes[..]; 5], |count| {
            left = left.checked_sub(count).ok_or(ErrorKind::TimedOut)?;
            Ok(())
        });
        assert_eq!(found.len(), 5);
        assert!(found.iter().filter_map(|it| it.as_ref().err()).all(|error| error.kind() == ErrorKind::TimedOut));
        assert!(found.iter().any(Result::is_err));
    }

    #[test]
    fn a_batch_has_no_stream_that_others_wait_for() {
        let lanes = lanes();
        assert_eq!((batch([], 2), batch([5], 2), batch([0], 1)), (0, 1, 1));
        assert_eq!(batch([9; 100], 2), lanes);
        assert_eq!(batch([0; 7], 1), lanes.min(7));
        let one_large = std::iter::once(1000).chain([1; 100]);
        assert_eq!(batch(one_large.clone(), 1), 1);
        assert_eq!(batch(one_large.skip(1), 1), lanes);
        assert_eq!(batch([9; 5], 2), 1, "two threads are through with them earlier");
    }
}
