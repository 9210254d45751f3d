//! Hashing bytes as they pass by.
//!
//! The only place that knows which SHA-256 implementation is in use. `sha2` drives the CPU's SHA instructions where it has
//! them (about 1.3 GB/s); where it has none, its portable code is less than half as fast as the vector code in `ring`, so
//! those CPUs use `ring`. Several streams at a time go several times as fast there, side by side in the CPU's vectors:
//! [`hash_readers`].

mod together;
mod vector;

use std::{
    fmt,
    io::{self, Read, Write},
};

use sha2::Digest as _;

pub use self::together::{batch, hash_readers};
use crate::Digest;

/// How much is read at a time while hashing: large enough that system calls do not show, small
/// enough to stay in the CPU's second-level cache between the read and the hash.
const BUFFER_BYTES: usize = 256 * 1024;

/// What is read first: thousands of small files are not to cost a large buffer each.
const FIRST_BYTES: usize = 16 * 1024;

/// A SHA-256 in progress. Cloning it forks the computation.
///
/// It is an [`io::Write`] that never fails, so that it can sit behind [`io::copy`].
#[derive(Clone, Debug)]
pub struct Hasher(Engine);

#[derive(Clone)]
enum Engine {
    Sha2(sha2::Sha256),
    Ring(ring::digest::Context),
}

/// Whether the CPU has instructions for SHA-256. The answer is cached by the standard library.
fn has_sha_instructions() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::is_x86_feature_detected!("sha");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

impl Engine {
    fn sha2() -> Self {
        Self::Sha2(sha2::Sha256::new())
    }

    fn ring() -> Self {
        Self::Ring(ring::digest::Context::new(&ring::digest::SHA256))
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Sha2(_) => "sha2",
            Engine::Ring(_) => "ring",
        })
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher {
    /// A hasher that has seen nothing yet.
    pub fn new() -> Self {
        Self(if has_sha_instructions() { Engine::sha2() } else { Engine::ring() })
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Engine::Sha2(state) => state.update(bytes),
            Engine::Ring(state) => state.update(bytes),
        }
    }

    /// The digest of everything taken in.
    pub fn finish(self) -> Digest {
        let mut digest = [0; 32];
        match self.0 {
            Engine::Sha2(state) => digest = state.finalize().into(),
            Engine::Ring(state) => digest.copy_from_slice(state.finish().as_ref()),
        }
        Digest::from_bytes(digest)
    }

    /// Takes in everything that `reader` has left; returns how many bytes that was.
    pub(crate) fn update_from(&mut self, reader: impl Read) -> io::Result<u64> {
        read_through(reader, |bytes| {
            self.update(bytes);
            Ok(())
        })
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hands everything that `reader` has left to `take`, a buffer at a time; returns how many bytes that was.
pub(crate) fn read_through(mut reader: impl Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let mut buffer = vec![0; FIRST_BYTES];
    let mut total_bytes = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(total_bytes),
            Ok(n) => {
                take(&buffer[..n])?;
                total_bytes += n as u64;
                if n == FIRST_BYTES {
                    buffer.resize(BUFFER_BYTES, 0);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads `reader` to its end; returns the digest and the number of bytes. Buffers by itself, in
/// constant memory.
///
/// # Errors
///
/// Whatever `reader` fails with; an interrupted read is retried.
pub fn hash_reader(reader: impl Read) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let size_bytes = hasher.update_from(reader)?;
    Ok((hasher.finish(), size_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer_from_fips_180_4() {
        let expect = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), expect);
    }

    #[test]
    fn both_implementations_agree() {
        for len in [0, 1, 63, 64, 65, 4096, 100_003] {
            let bytes: Vec<u8> = (0..len).map(|at: u32| at.to_le_bytes()[0]).collect();
            let [ours, other] = [Engine::sha2(), Engine::ring()].map(|engine| {
                let mut hasher = Hasher(engine);
                bytes.chunks(1000).for_each(|chunk| hasher.update(chunk));
                hasher.finish()
            });
            assert_eq!(ours, other, "{len} bytes");
        }
    }

    #[test]
    fn reading_in_pieces_gives_the_digest_of_the_whole() {
        let bytes = vec![7; 2 * BUFFER_BYTES + 1];
        let (digest, size_bytes) = hash_reader(&bytes[..]).unwrap();
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(size_bytes, bytes.len() as u64);

        let mut hasher = Hasher::new();
        io::copy(&mut &bytes[..], &mut hasher).unwrap();
        assert_eq!(hasher.finish(), digest);
    }
}
