//! Debian packages (deb(5), deb-control(5)).

use std::io::{self, Read, Seek, SeekFrom};

use deb822_fast::Paragraph;
use serde::{Deserialize, Serialize};

use crate::Entry;
use crate::compression::{self, Compression, MEMORY_BYTES, Patience};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};
use crate::tar_entries;

/// Header of an ar member (ar(5)): 16 bytes of name, then dates and owners, ten digits of size at 48, and two bytes.
const HEADER: usize = 60;
/// Members that are looked at; a package has three, and a signature.
const MEMBERS: usize = 16;
/// The control file.
const CONTROL_BYTES: u64 = 256 * 1024;
/// Relations that are kept.
const RELATIONS: usize = 1_000;
/// Files of the control archive that are looked through.
const CONTROL_FILES: usize = 1_000;
/// How long decompressing the control archive is waited for, see `Compression::cost`: 20 MiB of xz at least.
const CONTROL_COST: u64 = 128 * 1024 * 1024;

/// What a Debian package says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deb {
    /// Its name: `Package`.
    pub package: Option<String>,
    /// Epoch, upstream version and revision: `1:2.10-3`.
    pub version: Option<String>,
    /// `amd64`, `arm64`, `all`.
    pub architecture: Option<String>,
    /// Who maintains it, with an address.
    pub maintainer: Option<String>,
    /// Packages that it needs, each with its condition and alternatives: `libc6 (>= 2.34)`.
    pub depends: Vec<String>,
    /// `Installed-Size`, in KiB as the package has it.
    pub installed_size_kib: Option<u64>,
    /// First line of the description.
    pub summary: Option<String>,
    /// Where it belongs among packages: `utils`.
    pub section: Option<String>,
    /// Its web page.
    pub homepage: Option<String>,
    /// How the archive with the facts is compressed.
    pub control_compression: Compression,
    /// How the archive with the files is compressed; absent where the package holds none.
    pub data_compression: Option<Compression>,
    /// Whether it carries a signature of debsigs (`_gpgorigin`, `_gpgbuilder`); distributions sign their indexes instead.
    pub is_signed: bool,
}

/// A member of the outer archive.
#[derive(Debug)]
struct Member {
    name: String,
    offset: u64,
    size_bytes: u64,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Deb, Unreadable> {
    let members = read_members(input, notes).map_err(|why| unreadable("members", why))?;
    let find = |prefix: &str| members.iter().find(|member| member.name.starts_with(prefix));
    let control_tar = find("control.tar").ok_or_else(|| unreadable("control.tar", "not in the package"))?;
    let control = read_control(input, control_tar).map_err(|why| unreadable(&control_tar.name, why))?;
    let data_compression = find("data.tar").map(|member| compression_of(&member.name));
    if data_compression.is_none() {
        notes.error("data-missing", "The package holds no data.tar: it cannot be installed.");
    }
    let is_signed = find("_gpg").is_some();
    let deb = Deb { data_compression, is_signed, ..describe(&control, compression_of(&control_tar.name), notes)? };
    for (field, value) in [("Package", &deb.package), ("Version", &deb.version), ("Architecture", &deb.architecture)] {
        if value.is_none() {
            notes.error("control-field-missing", format!("The control file has no {field}: dpkg refuses the package."));
        }
    }
    Ok(deb)
}

fn read_members<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> io::Result<Vec<Member>> {
    let mut members = Vec::new();
    let mut at = b"!<arch>\n".len() as u64;
    while at < input.len() && members.len() < MEMBERS {
        let header = input.read_at(at, HEADER)?;
        let member = parse_member(&header, at).ok_or_else(|| damaged(format!("no member at byte {at}")))?;
        if member.offset.saturating_add(member.size_bytes) > input.len() {
            notes.error("file-truncated", format!("{} goes beyond the end of the file.", member.name));
        }
        at = member.offset.saturating_add(member.size_bytes).saturating_add(member.size_bytes % 2);
        notes.entry(Entry {
            path: member.name.clone(),
            size_bytes: member.size_bytes,
            compressed_bytes: None,
            crc32: None,
        });
        members.push(member);
    }
    Ok(members)
}

fn parse_member(header: &[u8], at: u64) -> Option<Member> {
    if header.get(58..60)? != b"`\n" {
        return None;
    }
    let text = |range: std::ops::Range<usize>| std::str::from_utf8(header.get(range)?).ok().map(str::trim);
    let name = text(0..16)?.trim_end_matches('/').to_owned();
    Some(Member { name, offset: at + HEADER as u64, size_bytes: text(48..58)?.parse().ok()? })
}

fn compression_of(name: &str) -> Compression {
    match name.rsplit_once(".tar").map(|(_, ending)| ending) {
        Some(".gz") => Compression::Gzip,
        Some(".xz") => Compression::Xz,
        Some(".zst") => Compression::Zstd,
        Some(".bz2") => Compression::Bzip2,
        Some(".lzma") => Compression::Lzma,
        _ => Compression::None,
    }
}

fn read_control<R: Read + Seek>(input: &mut Input<R>, member: &Member) -> io::Result<String> {
    input.seek(SeekFrom::Start(member.offset))?;
    let packed = input.by_ref().take(member.size_bytes);
    let patience = Patience::new(CONTROL_COST);
    let bytes = compression::decompress(compression_of(&member.name), packed, MEMORY_BYTES, &patience);
    let mut control = None;
    tar_entries::visit(tar::Archive::new(bytes).entries()?, CONTROL_FILES, |entry, bytes| {
        if entry.path.strip_prefix("./").unwrap_or(&entry.path) != "control" {
            return Ok(true);
        }
        let mut text = Vec::new();
        bytes.take(CONTROL_BYTES).read_to_end(&mut text)?;
        control = Some(String::from_utf8_lossy(&text).into_owned());
        Ok(false)
    })?;
    control.ok_or_else(|| damaged("it holds no control file"))
}

fn describe(control: &str, control_compression: Compression, notes: &Notes<'_>) -> Result<Deb, Unreadable> {
    let paragraph: Paragraph = control.parse().map_err(|why: deb822_fast::Error| unreadable("control", why))?;
    let text_bytes = notes.limits.text_bytes;
    let field = |name: &str| {
        let value = paragraph.get(name)?.trim();
        (!value.is_empty()).then(|| value[..value.floor_char_boundary(text_bytes)].to_owned())
    };
    let relations = |names: &[&str]| -> Vec<String> {
        let values = names.iter().filter_map(|name| paragraph.get(name)).flat_map(|value| value.split(','));
        let words = values.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "));
        words.filter(|value| !value.is_empty() && value.len() <= text_bytes).take(RELATIONS).collect()
    };
    Ok(Deb {
        package: field("Package"),
        version: field("Version"),
        architecture: field("Architecture"),
        maintainer: field("Maintainer"),
        depends: relations(&["Pre-Depends", "Depends"]),
        installed_size_kib: field("Installed-Size").and_then(|size| size.parse().ok()),
        summary: field("Description").and_then(|text| text.lines().next().map(str::to_owned)),
        section: field("Section"),
        homepage: field("Homepage"),
        control_compression,
        data_compression: None,
        is_signed: false,
    })
}

fn damaged(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

fn unreadable(what: &str, why: impl std::fmt::Display) -> Unreadable {
    Unreadable::new("package-unreadable", what, why)
}
