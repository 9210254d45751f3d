//! The APK Signing Block, and the signers in its v2, v3 and v3.1 blocks.
//!
//! Source: source.android.com, "APK Signature Scheme v2", "v3" and "v3.1". All numbers are little-endian; `sequences` have
//! a 32-bit length in front of them and of each item.

use std::io::{self, Read, Seek};

use super::Scheme;
use super::chunk::u32_at;
use crate::input::Input;

/// Pairs of the block that are looked at; usual blocks have two to five.
const MAX_PAIRS: usize = 256;
/// The largest block of one scheme that is read; usual ones have some kilobytes.
const MAX_SCHEME_BYTES: u64 = 1024 * 1024;
/// Items of one sequence that are looked at.
const MAX_ITEMS: usize = 16;

/// The signing block of an artifact.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Where it begins, which is where the entries end.
    pub(super) offset: u64,
    /// The blocks of each scheme, in their order.
    pub(super) schemes: Vec<(Scheme, Vec<u8>)>,
}

/// Reads the block that ends where the central directory begins; `None` where there is none.
pub(super) fn read<R: Read + Seek>(input: &mut Input<R>, directory_offset: u64) -> io::Result<Option<Block>> {
    const FOOTER: u64 = 24;
    let Some(footer_offset) = directory_offset.checked_sub(FOOTER) else { return Ok(None) };
    let footer = input.read_at(footer_offset, 24)?;
    if footer.get(8..) != Some(b"APK Sig Block 42") {
        return Ok(None);
    }
    let bytes = u64_at(&footer, 0).and_then(|size| size.checked_add(8));
    let Some(offset) = bytes.and_then(|bytes| directory_offset.checked_sub(bytes)) else {
        return Err(io::Error::other("its size is larger than what lies before it"));
    };
    let mut block = Block { offset, schemes: Vec::new() };
    let mut at = offset + 8;
    for _ in 0..MAX_PAIRS {
        let pair = input.read_at(at, 12)?;
        let (Some(len), Some(id)) = (u64_at(&pair, 0), u32_at(&pair, 8)) else { break };
        let end = at.checked_add(8).and_then(|start| start.checked_add(len));
        let Some(end) = end.filter(|end| len >= 4 && *end <= footer_offset) else { break };
        if let Some(scheme) = Scheme::of_block(id) {
            let value_bytes = (len - 4).min(MAX_SCHEME_BYTES);
            block.schemes.push((scheme, input.read_at(at + 12, usize::try_from(value_bytes).unwrap_or(0))?));
        }
        at = end;
        if block.schemes.len() == 3 || at == footer_offset {
            break;
        }
    }
    Ok(Some(block))
}

/// One signer of a scheme.
#[derive(Debug)]
pub(super) struct Signer<'a> {
    /// What its signatures sign.
    pub(super) signed_data: &'a [u8],
    /// Algorithm and digest of the contents.
    pub(super) digests: Vec<(u32, &'a [u8])>,
    /// DER certificates, its own first.
    pub(super) certificates: Vec<&'a [u8]>,
    /// Algorithm and signature over the signed data.
    pub(super) signatures: Vec<(u32, &'a [u8])>,
    /// DER `SubjectPublicKeyInfo`.
    pub(super) public_key: &'a [u8],
    /// API levels that it is for, in v3 and v3.1.
    pub(super) sdks: Option<(u32, u32)>,
    /// Id and value of what else it signs.
    attributes: Vec<(u32, &'a [u8])>,
}

impl<'a> Signer<'a> {
    /// The value of the attribute with this id.
    pub(super) fn attribute(&self, id: u32) -> Option<&'a [u8]> {
        self.attributes.iter().find(|(own, _)| *own == id).map(|(_, value)| *value)
    }
}

/// The signers in the block of a scheme; `None` where it is damaged.
pub(super) fn parse_signers(scheme: Scheme, mut block: &[u8]) -> Option<Vec<Signer<'_>>> {
    sequence(&mut block)?.into_iter().map(|signer| parse_signer(scheme, signer)).collect()
}

fn parse_signer(scheme: Scheme, mut rest: &[u8]) -> Option<Signer<'_>> {
    let signed_data = prefixed(&mut rest)?;
    let sdks = if scheme == Scheme::V2 { None } else { Some((number(&mut rest)?, number(&mut rest)?)) };
    let signatures = sequence(&mut rest)?.into_iter().map(algorithm_and_bytes).collect::<Option<_>>()?;
    let public_key = prefixed(&mut rest)?;
    let mut inner = signed_data;
    let digests = sequence(&mut inner)?.into_iter().map(algorithm_and_bytes).collect::<Option<_>>()?;
    let certificates = sequence(&mut inner)?;
    if let Some((min, max)) = sdks
        && (number(&mut inner)?, number(&mut inner)?) != (min, max)
    {
        return None;
    }
    let attributes = if inner.is_empty() { Vec::new() } else { sequence(&mut inner)? };
    let attributes = attributes.into_iter().map(|mut item| Some((number(&mut item)?, item))).collect::<Option<_>>()?;
    Some(Signer { signed_data, digests, certificates, signatures, public_key, sdks, attributes })
}

fn algorithm_and_bytes(mut item: &[u8]) -> Option<(u32, &[u8])> {
    Some((number(&mut item)?, prefixed(&mut item)?))
}

/// A damaged or too long sequence is none, so that nothing is verified in part.
fn sequence<'a>(rest: &mut &'a [u8]) -> Option<Vec<&'a [u8]>> {
    items(prefixed(rest)?)
}

/// The items of a sequence whose own length is read.
pub(super) fn items(mut items: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !items.is_empty() {
        if found.len() == MAX_ITEMS {
            return None;
        }
        found.push(prefixed(&mut items)?);
    }
    Some(found)
}

pub(super) fn prefixed<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(number(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(bytes)
}

pub(super) fn number(rest: &mut &[u8]) -> Option<u32> {
    let value = u32_at(rest, 0)?;
    *rest = &rest[4..];
    Some(value)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u32_at(bytes, at)?) | u64::from(u32_at(bytes, at + 4)?) << 32)
}
