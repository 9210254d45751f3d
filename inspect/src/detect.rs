//! Which package format a file is.
//!
//! The bytes decide. The name is asked only for what the first bytes cannot tell: the processor of formats that carry it
//! deep inside, and whether a compressed file that cannot be decompressed holds a tar.

use std::io::{self, Read, Seek, SeekFrom};

use crate::compression::{self, Compression, MEMORY_BYTES, Patience};
use crate::filesystems::is_iso9660;
use crate::{Format, arch, tar_entries, zip_kind};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// Its package format.
    pub format: Format,
    /// The processor it is for, as the word used in manifests; `None` where it does not show.
    pub arch: Option<&'static str>,
}

const HEAD: usize = 512;

const ZIP: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
const DEB: &[u8] = b"!<arch>\ndebian-binary";
const RPM: &[u8] = &[0xed, 0xab, 0xee, 0xdb];
const ENCRYPTED_DMG: &[u8] = b"encrcdsa";
const XAR: &[u8] = b"xar!";
const COMPOUND_FILE: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
const ELF: &[u8] = b"\x7fELF";
const DOS: &[u8] = b"MZ";

/// Whatever does not begin with one of these is a tar, a compressed file, a disk image by its end, or none of the formats.
const MAGICS: &[&[u8]] = &[ZIP, EMPTY_ZIP, DEB, RPM, ENCRYPTED_DMG, XAR, COMPOUND_FILE, ELF, DOS];

/// How long the first block of a compressed file is waited for, see `Compression::cost`: bzip2 has to unpack 900,000 bytes.
const BLOCK_COST: u64 = 64 * 1024 * 1024;

/// Tells the format of a file of `size_bytes` bytes. Reads a few kilobytes, and the directory of a ZIP.
///
/// # Errors
/// When reading fails. Bytes that make no sense are [`Format::File`], never an error.
pub fn detect<R: Read + Seek>(input: &mut R, size_bytes: u64, file_name: &str) -> io::Result<Detected> {
    let head = read_up_to(input, 0, HEAD)?;
    if head.starts_with(ZIP) || head.starts_with(EMPTY_ZIP) {
        let zip = zip_kind::detect(&mut *input, size_bytes).unwrap_or(Detected { format: Format::Zip, arch: None });
        return Ok(Detected { arch: zip.arch.or_else(|| arch::of_file_name(file_name)), ..zip });
    }
    let found = detect_binary(&head, input)?;
    let (format, arch) = match found {
        Some((format, arch)) => (format, arch),
        None if has_koly(input, size_bytes)? => (Format::Dmg, None),
        None => (detect_tar(&head, input, file_name)?, None),
    };
    Ok(Detected { format, arch: arch.or_else(|| arch::of_file_name(file_name)) })
}

/// Tells the format from the bytes alone. A compressed file is a tar when it holds one.
pub(crate) fn detect_bytes<R: Read + Seek>(input: &mut R, size_bytes: u64) -> io::Result<Format> {
    Ok(detect(input, size_bytes, "")?.format)
}

/// Whether a file is surely of no format. It compares bytes at fixed places and parses nothing: where more would have to be read to
/// tell, the answer is no.
pub(crate) fn is_plain<R: Read + Seek>(input: &mut R, size_bytes: u64) -> io::Result<bool> {
    let head = read_up_to(input, 0, HEAD)?;
    let may_be_package = MAGICS.iter().any(|magic| head.starts_with(magic))
        || tar_entries::is_header(&head)
        || Compression::of_head(&head) != Compression::None;
    Ok(!may_be_package && !has_koly(input, size_bytes)?)
}

type Found = Option<(Format, Option<&'static str>)>;

fn detect_binary<R: Read + Seek>(head: &[u8], input: &mut R) -> io::Result<Found> {
    Ok(if head.starts_with(DEB) {
        Some((Format::Deb, None))
    } else if head.starts_with(RPM) {
        Some((Format::Rpm, None))
    } else if head.starts_with(ENCRYPTED_DMG) {
        Some((Format::Dmg, None))
    } else if head.starts_with(XAR) {
        Some((Format::Pkg, None))
    } else if head.starts_with(COMPOUND_FILE) {
        Some((Format::Msi, None))
    } else if head.starts_with(ELF) && is_appimage(head, input)? {
        Some((Format::Appimage, read_u16(head, 18).and_then(arch::of_elf)))
    } else if head.starts_with(DOS) {
        detect_pe(head, input)?
    } else {
        None
    })
}

/// The mark in bytes 8 to 10; images of type 1 from before there was one are known by their file system.
fn is_appimage<R: Read + Seek>(head: &[u8], input: &mut R) -> io::Result<bool> {
    match head.get(8..11) {
        Some(b"AI\x01" | b"AI\x02") => Ok(true),
        _ => is_iso9660(input),
    }
}

/// PE Format: the offset of the `PE\0\0` signature is at 0x3c, the machine right behind the signature.
fn detect_pe<R: Read + Seek>(head: &[u8], input: &mut R) -> io::Result<Found> {
    let Some(offset) = head.get(0x3c..0x40).map(|raw| u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]])) else {
        return Ok(None);
    };
    let header = read_up_to(input, u64::from(offset), 6)?;
    let is_pe = header.starts_with(b"PE\0\0");
    Ok(is_pe.then(|| (Format::Exe, read_u16(&header, 4).and_then(arch::of_pe))))
}

/// A disk image ends in a 512-byte trailer that begins with `koly`.
fn has_koly<R: Read + Seek>(input: &mut R, size_bytes: u64) -> io::Result<bool> {
    match size_bytes.checked_sub(512) {
        Some(offset) => Ok(read_up_to(input, offset, 4)? == b"koly"),
        None => Ok(false),
    }
}

/// A tar begins with a header whose checksum holds, a compressed one when decompressed. Where the first block cannot be
/// decompressed, a compressed file is a tar when its name says so. What asks for more memory than is given is taken for one,
/// since hardly anything else is compressed that hard.
fn detect_tar<R: Read + Seek>(head: &[u8], input: &mut R, file_name: &str) -> io::Result<Format> {
    const ENDINGS: &[&str] = &[".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".tzst"];
    if tar_entries::is_header(head) {
        return Ok(Format::Tarball);
    }
    let compression = Compression::of_head(head);
    if compression == Compression::None {
        return Ok(Format::File);
    }
    input.seek(SeekFrom::Start(0))?;
    let mut block = Vec::new();
    let bytes = compression::decompress(compression, &mut *input, MEMORY_BYTES, &Patience::new(BLOCK_COST));
    let read = bytes.take(512).read_to_end(&mut block);
    let name = file_name.to_ascii_lowercase();
    let is_tar = match read {
        Ok(512) => tar_entries::is_header(&block),
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => true,
        _ => ENDINGS.iter().any(|ending| name.ends_with(ending)),
    };
    Ok(if is_tar { Format::Tarball } else { Format::File })
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|raw| u16::from_le_bytes([raw[0], raw[1]]))
}

fn read_up_to<R: Read + Seek>(input: &mut R, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    input.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::with_capacity(len);
    input.by_ref().take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn check(bytes: &[u8], name: &str, format: Format, arch: Option<&str>) {
        let detected = detect(&mut Cursor::new(bytes), bytes.len() as u64, name).unwrap();
        assert_eq!((detected.format, detected.arch), (format, arch), "{name}");
        let is_plain = is_plain(&mut Cursor::new(bytes), bytes.len() as u64).unwrap();
        assert!(!is_plain || format == Format::File, "{name} is not plain");
    }

    #[test]
    fn what_looks_like_no_format_is_plain() {
        let check = |bytes: &[u8], expected| {
            assert_eq!(is_plain(&mut Cursor::new(bytes), bytes.len() as u64).unwrap(), expected, "{bytes:?}");
        };
        check(b"", true);
        check(b"some text", true);
        check(&[0; 2000], true);
        check(b"PK\x03\x04", false);
        check(b"MZ", false);
        check(&[0x1f, 0x8b, 8, 0], false);
        check(b"\x7fELF", false);
    }

    fn zip_of(names: &[&str]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for name in names {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(b"x").unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn archives_are_told_by_what_is_inside_whatever_they_are_called() {
        check(&zip_of(&["Payload/A.app/Info.plist"]), "a.bin", Format::Ipa, Some("universal"));
        check(&zip_of(&["out/Payload/A.app/Info.plist"]), "a.zip", Format::Ipa, Some("universal"));
        check(&zip_of(&["AndroidManifest.xml", "classes.dex"]), "a.zip", Format::Apk, Some("universal"));
        check(&zip_of(&["AndroidManifest.xml", "lib/arm64-v8a/a.so"]), "a", Format::Apk, Some("aarch64"));
        check(&zip_of(&["BundleConfig.pb", "base/manifest/AndroidManifest.xml"]), "a", Format::Aab, Some("universal"));
        check(&zip_of(&["A.app/Contents/Info.plist"]), "A-arm64.zip", Format::AppZip, Some("aarch64"));
        check(&zip_of(&["AppxManifest.xml"]), "a.msix", Format::Msix, None);
        check(&zip_of(&["readme.txt"]), "a.apk", Format::Zip, None);
        check(b"PK\x03\x04 but broken", "a.apk", Format::Zip, None);
    }

    #[test]
    fn binaries_are_told_by_their_magic() {
        let mut image = vec![0u8; 1024];
        image[512..516].copy_from_slice(b"koly");
        check(&image, "a.dmg", Format::Dmg, None);
        let mut elf = b"\x7fELF\x02\x01\x01\x00AI\x02".to_vec();
        elf.resize(64, 0);
        elf[18] = 62;
        check(&elf, "a", Format::Appimage, Some("x86_64"));
        let mut exe = b"MZ".to_vec();
        exe.resize(0x40, 0);
        exe[0x3c] = 0x40;
        exe.extend_from_slice(b"PE\0\0\x64\xaa");
        check(&exe, "a", Format::Exe, Some("aarch64"));
        check(&[0x1f, 0x8b, 8, 0], "a-linux-x64.tar.gz", Format::Tarball, Some("x86_64"));
        check(&[0x1f, 0x8b, 8, 0], "a.gz", Format::File, None);
        check(b"MZ", "short.exe", Format::File, None);
        check(b"", "empty", Format::File, None);
    }
}
