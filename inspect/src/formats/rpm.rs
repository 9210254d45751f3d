//! RPM packages (rpm.org, "RPM V4 Package format", "RPM V6 Package format").
//!
//! A lead of 96 bytes that means nothing any more, a header with the signatures, a header with the facts, the payload.

use std::io::{self, Read, Seek};

use serde::{Deserialize, Serialize};

use crate::compression::Compression;
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

const LEAD_BYTES: u64 = 96;
const MAGIC: &[u8] = &[0x8e, 0xad, 0xe8, 0x01];
/// Magic, four reserved bytes, count of entries, size of the data.
const INTRO_BYTES: u64 = 16;
/// Tag, type, offset into the data, count.
const ENTRY_BYTES: u64 = 16;
/// Entries of one header; a package of many files has some dozens, each with long lists.
const ENTRIES: u32 = 4_096;

/// Tags of the signature header that hold an `OpenPGP` signature: DSA, RSA, PGP, GPG, and version 6's.
const SIGNATURES: &[u32] = &[267, 268, 278, 1002, 1005];

/// What an RPM package says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rpm {
    /// Its name.
    pub name: Option<String>,
    /// Comes before the version when versions are compared; absent means 0.
    pub epoch: Option<u32>,
    /// Version of the software.
    pub version: Option<String>,
    /// Count of the packaging: `5.el9`.
    pub release: Option<String>,
    /// `x86_64`, `aarch64`, `noarch`.
    pub arch: Option<String>,
    /// One line about it.
    pub summary: Option<String>,
    /// Its licence.
    pub licence: Option<String>,
    /// Who distributes it.
    pub vendor: Option<String>,
    /// File name of the source package; absent where this is one.
    pub source_package: Option<String>,
    /// Size of the files when installed, in bytes.
    pub installed_size_bytes: Option<u64>,
    /// Whether it holds an `OpenPGP` signature. Nobody is asked whether it is a good one.
    pub is_signed: bool,
    /// How the payload is compressed, by its bytes.
    pub payload_compression: Compression,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Rpm, Unreadable> {
    let most = notes.limits.file_bytes;
    let signature = Header::read(input, LEAD_BYTES, most).map_err(|why| unreadable("signature header", why))?;
    let facts_at = signature.end.next_multiple_of(8);
    let facts = Header::read(input, facts_at, most).map_err(|why| unreadable("header", why))?;
    let payload = input.read_at(facts.end, 8).map_err(|why| unreadable("payload", why))?;
    if payload.is_empty() {
        notes.error("payload-missing", "The package ends where its payload should begin.");
    }
    let is_signed = SIGNATURES.iter().any(|tag| signature.has(*tag));
    if !is_signed {
        notes.info("not-signed", "The package is not signed: dnf refuses it where it checks packages.");
    }
    let text = |tag: u32| facts.text(tag, notes.limits.text_bytes);
    let rpm = Rpm {
        name: text(1000),
        epoch: facts.number(1003),
        version: text(1001),
        release: text(1002),
        arch: text(1022),
        summary: text(1004),
        licence: text(1014),
        vendor: text(1011),
        source_package: text(1044),
        installed_size_bytes: facts.number(1009).map(u64::from).or_else(|| facts.long(5009)),
        is_signed,
        payload_compression: Compression::of_head(&payload),
    };
    for (field, value) in
        [("name", &rpm.name), ("version", &rpm.version), ("release", &rpm.release), ("arch", &rpm.arch)]
    {
        if value.is_none() {
            notes.error("header-field-missing", format!("The header has no {field}: rpm refuses the package."));
        }
    }
    Ok(rpm)
}

/// A header: entries that point into the data behind them. All numbers are big-endian.
#[derive(Debug)]
struct Header {
    entries: Vec<u8>,
    data: Vec<u8>,
    /// Where it ends in the file.
    end: u64,
}

impl Header {
    fn read<R: Read + Seek>(input: &mut Input<R>, offset: u64, most_bytes: u64) -> io::Result<Self> {
        let intro = input.read_at(offset, 16)?;
        if !intro.starts_with(MAGIC) {
            return Err(damaged(format!("no header at byte {offset}")));
        }
        let (Some(count), Some(size)) = (read_u32(&intro, 8), read_u32(&intro, 12)) else {
            return Err(damaged("it breaks off"));
        };
        if count > ENTRIES || u64::from(size) > most_bytes {
            return Err(damaged(format!("{count} entries and {size} bytes are more than is read")));
        }
        let entries_bytes = u64::from(count) * ENTRY_BYTES;
        let data_at = offset + INTRO_BYTES + entries_bytes;
        let end = data_at + u64::from(size);
        if end > input.len() {
            return Err(damaged("it goes beyond the end of the file"));
        }
        let entries = input.read_at(offset + INTRO_BYTES, usize::try_from(entries_bytes).unwrap_or(0))?;
        let data = input.read_at(data_at, size as usize)?;
        Ok(Self { entries, data, end })
    }

    fn has(&self, tag: u32) -> bool {
        self.find(tag).is_some()
    }

    /// Type of an entry, and the data from where it begins.
    fn find(&self, tag: u32) -> Option<(u32, &[u8])> {
        let (entries, _) = self.entries.as_chunks::<16>();
        let entry = entries.iter().find(|entry| read_u32(*entry, 0) == Some(tag))?;
        let offset = usize::try_from(read_u32(entry, 8)?).ok()?;
        Some((read_u32(entry, 4)?, self.data.get(offset..)?))
    }

    /// A string (6), or the first of a list of strings (8) or of translations (9).
    fn text(&self, tag: u32, most_bytes: usize) -> Option<String> {
        let (6 | 8 | 9, data) = self.find(tag)? else { return None };
        let bytes = data.split(|byte| *byte == 0).next()?;
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(most_bytes)]);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The first of a list of 32-bit numbers (4).
    fn number(&self, tag: u32) -> Option<u32> {
        let (4, data) = self.find(tag)? else { return None };
        read_u32(data, 0)
    }

    /// The first of a list of 64-bit numbers (5).
    fn long(&self, tag: u32) -> Option<u64> {
        let (5, data) = self.find(tag)? else { return None };
        data.first_chunk().map(|raw| u64::from_be_bytes(*raw))
    }
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|raw| u32::from_be_bytes(*raw))
}

fn damaged(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

fn unreadable(what: &str, why: impl std::fmt::Display) -> Unreadable {
    Unreadable::new("package-unreadable", what, why)
}
