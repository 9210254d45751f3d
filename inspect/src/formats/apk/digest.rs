//! The digest that v2 and v3 signatures protect an APK with.
//!
//! Source: source.android.com, "APK Signature Scheme v2", "Integrity-protected contents": the entries, the central
//! directory and the end record, each cut into pieces of 1 MiB; a digest over the digests of the pieces. The end record
//! counts as if the directory began where the signing block does.

use std::io::{self, Read, Seek, SeekFrom};

use sha2::digest::Update;
use sha2::{Digest, Sha256, Sha512};

use crate::input::Input;

const PIECE_BYTES: u64 = 1024 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

/// Where the protected sections are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sections {
    pub(super) block_offset: u64,
    pub(super) directory_offset: u64,
    pub(super) end_offset: u64,
    pub(super) size_bytes: u64,
}

/// Which hash the digest is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

impl Sections {
    /// How much is read to compute one digest.
    pub(super) fn bytes(&self) -> u64 {
        self.size_bytes.saturating_sub(self.directory_offset.saturating_sub(self.block_offset))
    }
}

pub(super) fn compute<R: Read + Seek>(input: &mut Input<R>, sections: Sections, hash: Hash) -> io::Result<Vec<u8>> {
    match hash {
        Hash::Sha256 => compute_with::<R, Sha256>(input, sections),
        Hash::Sha512 => compute_with::<R, Sha512>(input, sections),
    }
}

fn compute_with<R: Read + Seek, D: Digest + Update>(input: &mut Input<R>, sections: Sections) -> io::Result<Vec<u8>> {
    let Sections { block_offset, directory_offset, end_offset, size_bytes } = sections;
    let end = read_end_record(input, sections)?;
    let directory_bytes = end_offset.saturating_sub(directory_offset);
    let pieces =
        [block_offset, directory_bytes, size_bytes.saturating_sub(end_offset)].map(|bytes| bytes.div_ceil(PIECE_BYTES));
    let count = u32::try_from(pieces.iter().sum::<u64>()).map_err(io::Error::other)?;
    let mut top = start::<D>(0x5a, count);
    input.seek(SeekFrom::Start(0))?;
    digest_pieces(input, block_offset, &mut top)?;
    input.seek(SeekFrom::Start(directory_offset))?;
    digest_pieces(input, directory_bytes, &mut top)?;
    digest_pieces(&mut end.as_slice(), end.len() as u64, &mut top)?;
    Ok(top.finalize().to_vec())
}

fn read_end_record<R: Read + Seek>(input: &mut Input<R>, sections: Sections) -> io::Result<Vec<u8>> {
    const MAX_BYTES: usize = 22 + 0xffff;
    const DIRECTORY_OFFSET: std::ops::Range<usize> = 16..20;
    let mut end = input.read_at(sections.end_offset, MAX_BYTES)?;
    let offset = u32::try_from(sections.block_offset).map_err(io::Error::other)?;
    let field = end.get_mut(DIRECTORY_OFFSET).ok_or(io::ErrorKind::UnexpectedEof)?;
    field.copy_from_slice(&offset.to_le_bytes());
    Ok(end)
}

fn digest_pieces<D: Digest + Update>(input: &mut impl Read, mut left: u64, top: &mut D) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    while left > 0 {
        let piece_bytes = left.min(PIECE_BYTES);
        let mut piece = start::<D>(0xa5, u32::try_from(piece_bytes).map_err(io::Error::other)?);
        let mut wanted = piece_bytes;
        while wanted > 0 {
            let len = usize::try_from(wanted).map_or(BUFFER_BYTES, |wanted| wanted.min(BUFFER_BYTES));
            input.read_exact(&mut buffer[..len])?;
            Update::update(&mut piece, &buffer[..len]);
            wanted -= len as u64;
        }
        Update::update(top, piece.finalize().as_slice());
        left -= piece_bytes;
    }
    Ok(())
}

fn start<D: Digest + Update>(tag: u8, number: u32) -> D {
    let mut digest = D::new();
    Update::update(&mut digest, &[tag]);
    Update::update(&mut digest, &number.to_le_bytes());
    digest
}
