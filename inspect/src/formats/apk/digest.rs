//! The digest that v2 and v3 signatures protect an APK with.
//!
//! Source: source.android.com, "APK Signature Scheme v2", "Integrity-protected contents": the entries, the central
//! directory and the end record, each cut into pieces of 1 MiB; a digest over the digests of the pieces. The end record
//! counts as if the directory began where the signing block does.

use std::io::{self, Read, Seek, SeekFrom};

use ring::digest::{Algorithm, Context, SHA256, SHA512};

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

/// By `ring`, whose vector code is about twice as fast as portable code where the processor has no instructions for it:
/// these are all bytes of the file.
pub(super) fn compute<R: Read + Seek>(input: &mut Input<R>, sections: Sections, hash: Hash) -> io::Result<Vec<u8>> {
    let algorithm = match hash {
        Hash::Sha256 => &SHA256,
        Hash::Sha512 => &SHA512,
    };
    let Sections { block_offset, directory_offset, end_offset, size_bytes } = sections;
    let end = read_end_record(input, sections)?;
    let directory_bytes = end_offset.saturating_sub(directory_offset);
    let pieces =
        [block_offset, directory_bytes, size_bytes.saturating_sub(end_offset)].map(|bytes| bytes.div_ceil(PIECE_BYTES));
    let count = u32::try_from(pieces.iter().sum::<u64>()).map_err(io::Error::other)?;
    let mut top = start(algorithm, 0x5a, count);
    input.seek(SeekFrom::Start(0))?;
    digest_pieces(input, block_offset, &mut top)?;
    input.seek(SeekFrom::Start(directory_offset))?;
    digest_pieces(input, directory_bytes, &mut top)?;
    digest_pieces(&mut end.as_slice(), end.len() as u64, &mut top)?;
    Ok(top.finish().as_ref().to_vec())
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

/// Adds the digests of `left` bytes, piece by piece, to `top`.
fn digest_pieces(input: &mut impl Read, mut left: u64, top: &mut Context) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    while left > 0 {
        let piece_bytes = left.min(PIECE_BYTES);
        let mut piece = start(top.algorithm(), 0xa5, u32::try_from(piece_bytes).map_err(io::Error::other)?);
        let mut wanted = piece_bytes;
        while wanted > 0 {
            let len = usize::try_from(wanted).map_or(BUFFER_BYTES, |wanted| wanted.min(BUFFER_BYTES));
            input.read_exact(&mut buffer[..len])?;
            piece.update(&buffer[..len]);
            wanted -= len as u64;
        }
        top.update(piece.finish().as_ref());
        left -= piece_bytes;
    }
    Ok(())
}

fn start(algorithm: &'static Algorithm, tag: u8, number: u32) -> Context {
    let mut digest = Context::new(algorithm);
    digest.update(&[tag]);
    digest.update(&number.to_le_bytes());
    digest
}
