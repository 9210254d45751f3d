//! Apple's code signatures: the "superblob" of `cs_blobs.h` (xnu, `osfmk/kern/cs_blobs.h`), big-endian throughout.
//!
//! Says what the signature states. No hash of a page is compared and no chain is followed.

use std::collections::{BTreeMap, BTreeSet};

use plist::{Dictionary, Value};
use serde::{Deserialize, Serialize};

use super::cms::read_chain;
use super::plists::{cut, parse_plist};
use crate::Limits;
use crate::certificates::{Certificate, parse_signed_data};

const SUPERBLOB: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
const ENTITLEMENTS: u32 = 0xfade_7171;
const WRAPPER: u32 = 0xfade_0b01;
const SLOT_CODE_DIRECTORY: u32 = 0;
const SLOT_ENTITLEMENTS: u32 = 5;
const SLOT_CMS: u32 = 0x1_0000;
const SLOT_TICKET: u32 = 0x1_0002;
const FLAG_AD_HOC: u32 = 0x2;
const FLAG_RUNTIME: u32 = 0x1_0000;
const FLAG_LINKER_SIGNED: u32 = 0x2_0000;
/// A signed message with its chain and a timestamp is some ten kilobytes.
const MESSAGE: usize = 512 * 1024;
/// Superblobs have less than twenty parts.
const BLOBS: usize = 64;
/// Keys of one entitlement dictionary, items of one array.
const ITEMS: usize = 512;

/// What the code signature of an executable or a disk image states.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    /// Who vouches for it, if anyone.
    pub state: SignatureState,
    /// The identifier it was signed as, mostly the bundle id.
    pub identifier: Option<String>,
    /// The team it was signed by, ten letters and digits.
    pub team_id: Option<String>,
    /// Whether the hardened runtime is asked for, without which notarization is refused.
    pub hardened_runtime: bool,
    /// The signer's certificate, then its issuers, as far as they are inside.
    pub certificates: Vec<Certificate>,
    /// What the app asks the system for, by key.
    pub entitlements: BTreeMap<String, Entitlement>,
}

/// Who vouches for a signed file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureState {
    /// There is none.
    #[default]
    Unsigned,
    /// Hashes put there by the linker so that the processor runs it: nobody vouches, and it counts as not signed.
    LinkerSigned,
    /// Hashes without an identity.
    AdHoc,
    /// Signed with a certificate.
    Signed,
}

/// One value of an entitlement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entitlement {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Several values.
    List(Vec<Entitlement>),
    /// Values by key.
    Map(BTreeMap<String, Entitlement>),
}

/// A signature, and whether a notarization ticket lies beside it.
#[derive(Debug, Default)]
pub(crate) struct Superblob {
    pub(crate) signature: Signature,
    pub(crate) has_ticket: bool,
}

/// Reads the superblob at the beginning of `bytes`.
///
/// # Errors
/// With the reason, in words.
pub(crate) fn parse_superblob(bytes: &[u8], limits: &Limits) -> Result<Superblob, String> {
    if u32_at(bytes, 0) != Some(SUPERBLOB) {
        return Err("no superblob where the code signature should be".to_owned());
    }
    let mut found = Superblob::default();
    let mut directory = None;
    let mut is_signed = false;
    let mut seen = BTreeSet::new();
    for (slot, blob) in blobs(bytes) {
        if !seen.insert(slot) {
            continue;
        }
        match slot {
            SLOT_CODE_DIRECTORY => directory = Directory::parse(blob, limits),
            SLOT_ENTITLEMENTS => found.signature.entitlements = parse_entitlements(blob, limits)?,
            SLOT_CMS if u32_at(blob, 0) == Some(WRAPPER) && (9..=MESSAGE).contains(&blob.len()) => {
                is_signed = true;
                found.signature.certificates =
                    parse_signed_data(&blob[8..]).map(|signed| read_chain(&signed)).unwrap_or_default();
            }
            SLOT_TICKET => found.has_ticket = true,
            _ => {}
        }
    }
    let directory = directory.ok_or("a code signature without a code directory")?;
    found.signature.state = directory.state(is_signed);
    found.signature.hardened_runtime = directory.flags & FLAG_RUNTIME != 0;
    found.signature.identifier = directory.identifier;
    found.signature.team_id = directory.team_id;
    Ok(found)
}

/// `CS_SuperBlob`: magic, length, count, then pairs of slot and offset. Each blob begins with magic and length.
fn blobs(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let count = usize::try_from(u32_at(bytes, 8).unwrap_or(0)).unwrap_or(0).min(BLOBS);
    (0..count).filter_map(move |index| {
        let at = 12 + 8 * index;
        let offset = usize::try_from(u32_at(bytes, at + 4)?).ok()?;
        let blob = bytes.get(offset..)?;
        let len = usize::try_from(u32_at(blob, 4)?).ok()?;
        Some((u32_at(bytes, at)?, blob.get(..len)?))
    })
}

/// The parts of a `CS_CodeDirectory` that say who it is.
#[derive(Debug)]
struct Directory {
    flags: u32,
    identifier: Option<String>,
    team_id: Option<String>,
}

impl Directory {
    fn parse(blob: &[u8], limits: &Limits) -> Option<Self> {
        /// From this version on there is a team offset.
        const SUPPORTS_TEAM_ID: u32 = 0x2_0200;
        if u32_at(blob, 0)? != CODE_DIRECTORY {
            return None;
        }
        let has_team = u32_at(blob, 8)? >= SUPPORTS_TEAM_ID;
        let text = |at| text_at(blob, u32_at(blob, at)?, limits.text_bytes);
        Some(Self { flags: u32_at(blob, 12)?, identifier: text(20), team_id: has_team.then(|| text(48)).flatten() })
    }

    fn state(&self, is_signed: bool) -> SignatureState {
        if self.flags & FLAG_LINKER_SIGNED != 0 {
            SignatureState::LinkerSigned
        } else if self.flags & FLAG_AD_HOC != 0 || !is_signed {
            SignatureState::AdHoc
        } else {
            SignatureState::Signed
        }
    }
}

fn parse_entitlements(blob: &[u8], limits: &Limits) -> Result<BTreeMap<String, Entitlement>, String> {
    match blob.get(8..) {
        Some(list) if u32_at(blob, 0) == Some(ENTITLEMENTS) && (1..=MESSAGE).contains(&list.len()) => parse_plist(list)
            .map(|dictionary| read_entitlements(&dictionary, limits))
            .map_err(|why| format!("entitlements: {why}")),
        _ => Ok(BTreeMap::new()),
    }
}

/// Entitlements as they are listed; dates and raw data, which none has, are left out.
pub(crate) fn read_entitlements(dictionary: &Dictionary, limits: &Limits) -> BTreeMap<String, Entitlement> {
    read_map(dictionary, limits, limits.depth.min(8))
}

fn read_map(dictionary: &Dictionary, limits: &Limits, depth: u32) -> BTreeMap<String, Entitlement> {
    let read = |(key, value): (&String, &Value)| {
        Some((cut(key, limits.text_bytes), read_value(value, limits, depth.checked_sub(1)?)?))
    };
    dictionary.iter().take(ITEMS).filter_map(read).collect()
}

fn read_value(value: &Value, limits: &Limits, depth: u32) -> Option<Entitlement> {
    Some(match value {
        Value::Boolean(flag) => Entitlement::Flag(*flag),
        Value::Integer(number) => Entitlement::Integer(number.as_signed()?),
        Value::String(text) => Entitlement::Text(cut(text, limits.text_bytes)),
        Value::Array(items) => {
            let depth = depth.checked_sub(1)?;
            Entitlement::List(items.iter().take(ITEMS).filter_map(|item| read_value(item, limits, depth)).collect())
        }
        Value::Dictionary(dictionary) => Entitlement::Map(read_map(dictionary, limits, depth)),
        _ => return None,
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]))
}

/// Text up to its zero byte. Offset zero means that there is none.
fn text_at(blob: &[u8], offset: u32, max_bytes: usize) -> Option<String> {
    let rest = blob.get(usize::try_from(offset).ok().filter(|offset| *offset > 0)?..)?;
    let text = rest.split(|byte| *byte == 0).next()?;
    let text = std::str::from_utf8(text).ok().filter(|text| !text.is_empty())?;
    Some(cut(text, max_bytes))
}
