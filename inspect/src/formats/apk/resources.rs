//! Looks resources up in `resources.arsc` (`ResTable_header` and what follows it in `ResourceTypes.h`).
//!
//! The table is walked for each question rather than loaded: an app asks for a handful of its thousands of resources.

use super::axml::Value;
use super::chunk::{Chunk, STRING_POOL, StringPool, TABLE, TABLE_PACKAGE, TABLE_TYPE, chunks, u16_at, u32_at};

/// Values of one resource that are looked at, one per configuration: densities, languages, versions.
const MAX_CONFIGURATIONS: usize = 2_000;
/// References followed from one resource to the next.
const MAX_REFERENCES: usize = 16;

/// Density of what fits every screen, such as vectors (`ACONFIGURATION_DENSITY_ANY`).
pub(super) const DENSITY_ANY: u16 = 0xfffe;
/// Density of what must not be scaled (`ACONFIGURATION_DENSITY_NONE`).
pub(super) const DENSITY_NONE: u16 = 0xffff;

/// The value of a resource under one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Configured {
    pub(super) value: Value,
    /// Dots per inch; 0 where it does not matter.
    pub(super) density: u16,
    /// Language and country as stored; all zero is the default.
    locale: [u8; 4],
    /// Platform version that it is for; 0 is any.
    sdk: u16,
}

/// A table, or none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Resources<'a> {
    packages: &'a [u8],
    strings: StringPool<'a>,
    max_bytes: usize,
}

impl<'a> Resources<'a> {
    /// `None` where the bytes are no resource table.
    pub(super) fn parse(bytes: &'a [u8], max_bytes: usize) -> Option<Self> {
        let table = chunks(bytes).next().filter(|chunk| chunk.kind == TABLE)?;
        let pool = table.children().find(|chunk| chunk.kind == STRING_POOL)?;
        let packages = table.bytes.get(table.header_bytes..)?;
        Some(Self { packages, strings: StringPool::parse(pool)?, max_bytes })
    }

    /// The text that a value is or leads to, in the default language before English before any other.
    pub(super) fn text(&self, value: &Value) -> Option<String> {
        let mut value = value.clone();
        for _ in 0..MAX_REFERENCES {
            match value {
                Value::Text(text) => return Some(text),
                Value::Number(number) => return Some(number.cast_signed().to_string()),
                Value::Flag(flag) => return Some(flag.to_string()),
                Value::Reference(id) => value = self.default(id)?,
            }
        }
        None
    }

    /// The number or flag that a value is or leads to, as a number.
    pub(super) fn number(&self, value: &Value) -> Option<u32> {
        let mut value = value.clone();
        for _ in 0..MAX_REFERENCES {
            match value {
                Value::Text(text) => return text.trim().parse().ok(),
                Value::Number(number) => return Some(number),
                Value::Flag(flag) => return Some(u32::from(flag)),
                Value::Reference(id) => value = self.default(id)?,
            }
        }
        None
    }

    /// The files that a value is or leads to.
    pub(super) fn files(&self, value: &Value) -> Vec<(u16, String)> {
        let mut files = Vec::new();
        let mut waiting = vec![(0, value.clone())];
        for _ in 0..MAX_REFERENCES {
            let Some((density, value)) = waiting.pop() else { break };
            match value {
                Value::Text(path) => files.push((density, path)),
                Value::Reference(id) => {
                    for found in self.all(id) {
                        match found.value {
                            Value::Text(path) if files.len() < MAX_CONFIGURATIONS => files.push((found.density, path)),
                            Value::Reference(_) if waiting.len() < MAX_REFERENCES => {
                                waiting.push((found.density, found.value));
                            }
                            _ => {}
                        }
                    }
                }
                Value::Number(_) | Value::Flag(_) => {}
            }
        }
        files
    }

    fn default(&self, id: u32) -> Option<Value> {
        let rank = |found: &Configured| match &found.locale {
            [0, 0, 0, 0] => (0, found.sdk),
            [b'e', b'n', ..] => (1, found.sdk),
            _ => (2, found.sdk),
        };
        self.all(id).min_by_key(rank).map(|found| found.value)
    }

    fn all(&self, id: u32) -> impl Iterator<Item = Configured> {
        let Self { packages, strings, max_bytes } = *self;
        let (package, kind, entry) = (id >> 24, (id >> 16 & 0xff) as u8, (id & 0xffff) as u16);
        chunks(packages)
            .filter(move |chunk| chunk.kind == TABLE_PACKAGE && chunk.u32_at(8) == Some(package))
            .flat_map(|chunk| chunk.children())
            .filter(move |chunk| chunk.kind == TABLE_TYPE && chunk.u8_at(8) == Some(kind))
            .filter_map(move |chunk| parse_configured(chunk, entry, strings, max_bytes))
            .take(MAX_CONFIGURATIONS)
    }
}

/// `ResTable_type`: its own fields, a `ResTable_config` at 20, and one offset per entry.
fn parse_configured(chunk: Chunk<'_>, entry: u16, strings: StringPool<'_>, max_bytes: usize) -> Option<Configured> {
    let entries = chunk.bytes.get(usize::try_from(chunk.u32_at(16)?).ok()?..)?;
    let (kind, data) = parse_entry(entries.get(entry_offset(chunk, entry)?..)?)?;
    let value = Value::of(kind, data, strings, max_bytes)?;
    let config_bytes = chunk.u32_at(20)?;
    let locale = chunk.bytes.get(28..32).and_then(|raw| raw.try_into().ok()).filter(|_| config_bytes >= 12);
    let density = chunk.u16_at(34).filter(|_| config_bytes >= 16);
    let sdk = chunk.u16_at(44).filter(|_| config_bytes >= 28);
    Some(Configured { value, density: density.unwrap_or(0), locale: locale.unwrap_or_default(), sdk: sdk.unwrap_or(0) })
}

/// Offsets are 32 bits for each entry, or 16 (flag 2), or pairs of entry and offset (flag 1); the short ones count in fours.
fn entry_offset(chunk: Chunk<'_>, entry: u16) -> Option<usize> {
    const SPARSE: u8 = 1;
    const SHORT: u8 = 2;
    let flags = chunk.u8_at(9)?;
    let count = usize::try_from(chunk.u32_at(12)?).ok()?;
    let offsets = chunk.bytes.get(chunk.header_bytes..)?;
    if flags & SPARSE != 0 {
        let mut pairs = offsets.chunks_exact(4).take(count);
        let pair = pairs.find(|pair| u16_at(pair, 0) == Some(entry))?;
        return Some(usize::from(u16_at(pair, 2)?) * 4);
    }
    let index = usize::from(entry);
    if index >= count {
        return None;
    }
    if flags & SHORT != 0 {
        return u16_at(offsets, index * 2).filter(|offset| *offset != u16::MAX).map(|offset| usize::from(offset) * 4);
    }
    let offset = u32_at(offsets, index * 4).filter(|offset| *offset != u32::MAX)?;
    usize::try_from(offset).ok()
}

/// `ResTable_entry` and its `Res_value`; or the compact form, which is both in eight bytes. Bags have no value.
fn parse_entry(bytes: &[u8]) -> Option<(u8, u32)> {
    const COMPLEX: u16 = 1;
    const COMPACT: u16 = 8;
    let flags = u16_at(bytes, 2)?;
    if flags & COMPACT != 0 {
        return Some(((flags >> 8) as u8, u32_at(bytes, 4)?));
    }
    if flags & COMPLEX != 0 {
        return None;
    }
    let value = bytes.get(usize::from(u16_at(bytes, 0)?)..)?;
    Some((*value.get(3)?, u32_at(value, 4)?))
}
