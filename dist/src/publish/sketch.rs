//! A name for a file that nobody has hashed yet: the same for the same file, so that a later run goes on with what an earlier
//! one sent.
//!
//! It is made of the file's size and of samples from all over it. Two files may share it; that costs time and nothing else,
//! since the server verifies the digest that comes at the end.

use std::io::{self, Read, Seek, SeekFrom};

use protocol::{Digest, ErrorCode};

use crate::error::CliError;
use crate::hash::open_unchanged;
use crate::plan::PlannedFile;

/// So that no made-up name is ever the digest of a file.
const DOMAIN: &[u8] = b"dist.sketch/1\n";

/// How many samples are taken at even distances. One more is the end.
const SAMPLES: u64 = 16;

/// How long a sample is, in bytes.
const SAMPLE_BYTES: u64 = 4096;

/// Makes up a name for a file.
///
/// # Errors
/// [`ErrorCode::ArtifactUnreadable`] or [`ErrorCode::ArtifactChanged`].
pub(super) fn sketch(file: &PlannedFile) -> Result<Digest, CliError> {
    let open = open_unchanged(&file.path, file.stamp)?;
    samples(open, file.stamp.size_bytes).map_err(|error| {
        let message = format!("{} cannot be read", file.path.display());
        CliError::new(ErrorCode::ArtifactUnreadable, message).caused_by(error)
    })
}

fn samples(mut file: impl Read + Seek, size_bytes: u64) -> io::Result<Digest> {
    let mut bytes = DOMAIN.to_vec();
    bytes.extend_from_slice(&size_bytes.to_le_bytes());
    let last = size_bytes.saturating_sub(SAMPLE_BYTES);
    for at in 0..SAMPLES {
        file.seek(SeekFrom::Start(last / (SAMPLES - 1) * at))?;
        file.by_ref().take(SAMPLE_BYTES).read_to_end(&mut bytes)?;
    }
    file.seek(SeekFrom::Start(last))?;
    file.take(SAMPLE_BYTES).read_to_end(&mut bytes)?;
    Ok(Digest::of(&bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_name_is_made_of_size_and_samples_from_start_to_end() {
        let of = |bytes: &[u8]| samples(Cursor::new(bytes), bytes.len() as u64).unwrap();
        let bytes = vec![7; 1_000_003];
        assert_eq!(of(&bytes), of(&bytes.clone()));
        assert_ne!(of(&bytes), Digest::of(&bytes));
        assert_ne!(of(&bytes), of(&bytes[1..]));
        for at in [0, 1_000_003 / 15 * 7, 1_000_002] {
            let mut other = bytes.clone();
            other[at] = 8;
            assert_ne!(of(&bytes), of(&other), "byte {at}");
        }
        for short in [&b""[..], b"a"] {
            assert_eq!(of(short), of(short));
        }
    }
}
