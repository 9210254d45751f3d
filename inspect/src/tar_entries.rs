//! The entries of a tar archive (POSIX.1-2024, pax, "ustar Interchange Format"; GNU tar, "Basic Tar Format").
//!
//! Read one after another. Long names (GNU and pax) are read here and not by the tar crate, which would keep as much of
//! them in memory as the archive claims.

use std::io::{self, Read};

use tar::{Entries, Entry, EntryType, PaxExtensions};

/// A header that carries a long name; longer ones are cut.
const EXTENSION_BYTES: u64 = 64 * 1024;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// Links and devices.
    Other,
}

/// One entry as its headers have it.
#[derive(Debug)]
pub(crate) struct TarEntry {
    /// As in the archive; what is no UTF-8 is replaced.
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
    /// Where its bytes end in the archive, uncompressed, as claimed.
    pub(crate) end: u64,
    pub(crate) kind: Kind,
}

/// Calls `look` for each entry and its bytes until it answers `false` or `most` entries were seen. Answers how many
/// there were and whether it stopped early.
pub(crate) fn visit<R: Read>(
    entries: Entries<'_, R>,
    most: usize,
    mut look: impl FnMut(&TarEntry, &mut dyn Read) -> io::Result<bool>,
) -> io::Result<Visited> {
    let mut long_path = None;
    let mut visited = Visited { entries: 0, is_complete: false };
    for entry in entries.raw(true) {
        let mut entry = entry?;
        if visited.entries >= most {
            return Ok(visited);
        }
        visited.entries += 1;
        match entry.header().entry_type() {
            EntryType::GNULongName => long_path = Some(read_long_name(&mut entry)?),
            EntryType::XHeader => long_path = read_pax_path(&mut entry)?.or(long_path),
            EntryType::GNULongLink | EntryType::XGlobalHeader => {}
            kind => {
                let described = describe(&entry, kind, long_path.take());
                if !look(&described, &mut entry)? {
                    return Ok(visited);
                }
            }
        }
    }
    Ok(Visited { is_complete: true, ..visited })
}

/// How far [`visit`] came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visited {
    pub(crate) entries: usize,
    pub(crate) is_complete: bool,
}

/// Whether `block` is the header of a first entry: its checksum says so, whatever kind of tar it is.
pub(crate) fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.first_chunk::<512>() else { return false };
    let header = tar::Header::from_byte_slice(block);
    let sum: u32 = block[..148].iter().chain(&block[156..]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
    block[0] != 0 && header.cksum().is_ok_and(|written| written == sum)
}

fn describe<R: Read>(entry: &Entry<'_, R>, kind: EntryType, long_path: Option<String>) -> TarEntry {
    let path = long_path.unwrap_or_else(|| String::from_utf8_lossy(&entry.header().path_bytes()).into_owned());
    let kind = match kind {
        EntryType::Directory => Kind::Folder,
        EntryType::Regular | EntryType::Continuous if path.ends_with('/') => Kind::Folder,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
        _ => Kind::Other,
    };
    let size_bytes = entry.header().size().unwrap_or(0);
    // A sparse file has fewer bytes in the archive than it has unpacked.
    let kept_bytes = entry.header().entry_size().unwrap_or(0);
    TarEntry { path, size_bytes, end: entry.raw_file_position().saturating_add(kept_bytes), kind }
}

fn read_long_name(entry: &mut impl Read) -> io::Result<String> {
    let bytes = read_extension(entry)?;
    let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

fn read_pax_path(entry: &mut impl Read) -> io::Result<Option<String>> {
    let bytes = read_extension(entry)?;
    let path = PaxExtensions::new(&bytes).flatten().find(|field| field.key_bytes() == b"path");
    Ok(path.map(|field| String::from_utf8_lossy(field.value_bytes()).into_owned()))
}

fn read_extension(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(EXTENSION_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
