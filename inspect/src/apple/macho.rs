//! Mach-O executables, thin and universal, read forward from a stream (`mach-o/loader.h` and `mach-o/fat.h` of xnu).
//!
//! Executables lie compressed in archives with their signature at the end, so nothing here seeks: what lies between the
//! headers and the signatures is read past, never kept.

use std::io::{self, Read};

use goblin::container::Endian;
use goblin::mach::header::{MH_CIGAM, MH_CIGAM_64, MH_MAGIC, MH_MAGIC_64};
use goblin::mach::load_command::{CommandVariant, LoadCommand};

use super::signature::{Superblob, parse_superblob};
use crate::Limits;

const FAT_MAGIC: u32 = 0xcafe_babe;
const FAT_MAGIC_64: u32 = 0xcafe_babf;
/// Universal files have two or three processors.
const SLICES: usize = 16;
/// Load commands of one slice; real ones take some ten kilobytes.
const COMMANDS: usize = 256 * 1024;
/// A signature has some 32 bytes for each page of 4 or 16 KiB.
const SIGNATURE: u64 = 4 * 1024 * 1024;

/// What an executable says of itself.
#[derive(Debug, Default)]
pub(crate) struct Executable {
    /// Words for processors in the order of the file, each once.
    pub(crate) architectures: Vec<String>,
    /// What it runs on, as the first slice that says so has it.
    pub(crate) platform: Option<Platform>,
    /// Oldest system that it runs on, as the first slice that says so has it: `10.13`, `16.1.2`.
    pub(crate) minimum_os: Option<String>,
    /// Whether its code is encrypted by the App Store.
    pub(crate) is_encrypted: bool,
    /// The signature of the first slice.
    pub(crate) signature: Superblob,
    /// Why there is a signature that could not be read.
    pub(crate) signature_unreadable: Option<String>,
}

/// What an executable runs on (`LC_BUILD_VERSION`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    MacOs,
    Device,
    Simulator,
    MacCatalyst,
}

/// Reads the executable that `stream` begins with.
///
/// # Errors
/// With the reason, in words.
pub(crate) fn read_executable(stream: &mut dyn Read, limits: &Limits) -> Result<Executable, String> {
    let mut stream = Forward { inner: stream, at: 0 };
    let mut executable = Executable::default();
    let head = stream.take(8)?;
    let magic = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    if !matches!(magic, FAT_MAGIC | FAT_MAGIC_64) {
        read_slice(&mut stream, 0, head, &mut executable, limits)?;
        return Ok(executable);
    }
    let count = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let mut offsets = read_fat(&mut stream, magic == FAT_MAGIC_64, count)?;
    offsets.sort_unstable();
    offsets.dedup();
    for offset in offsets {
        // A slice whose beginning was read past with the one before overlaps it, and is none.
        if stream.skip_to(offset)? {
            let head = stream.take(8)?;
            read_slice(&mut stream, offset, head, &mut executable, limits)?;
        }
    }
    Ok(executable)
}

/// Offsets of the slices: `fat_arch` is five words of 32 bits, `fat_arch_64` has offset and size in 64 bits.
fn read_fat(stream: &mut Forward<'_>, is_64: bool, count: u32) -> Result<Vec<u64>, String> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > SLICES {
        return Err(format!("a universal file for {count} processors"));
    }
    let size = if is_64 { 32 } else { 20 };
    let table = stream.take(count * size)?;
    let offset = |entry: &[u8]| {
        let wide =
            u64::from_be_bytes([entry[8], entry[9], entry[10], entry[11], entry[12], entry[13], entry[14], entry[15]]);
        if is_64 { wide } else { wide >> 32 }
    };
    Ok(table.chunks_exact(size).map(offset).collect())
}

/// Adds what one slice says. `head` are its first eight bytes, read already.
fn read_slice(
    stream: &mut Forward<'_>,
    start: u64,
    head: Vec<u8>,
    executable: &mut Executable,
    limits: &Limits,
) -> Result<(), String> {
    let (mut bytes, header) = read_header(stream, head)?;
    if header.commands_len > COMMANDS {
        return Err(format!("load commands of {} bytes", header.commands_len));
    }
    bytes.extend(stream.take(header.commands_len)?);
    let architecture = name_architecture(header.cpu_type).to_owned();
    let is_first = executable.architectures.is_empty();
    if !executable.architectures.contains(&architecture) {
        executable.architectures.push(architecture);
    }
    let signature = read_commands(&bytes, &header, executable);
    let Some((offset, len)) = signature.filter(|(_, len)| is_first && *len > 0) else { return Ok(()) };
    match read_signature(stream, start.saturating_add(offset), len, limits) {
        Ok(signature) => executable.signature = signature,
        Err(why) => executable.signature_unreadable = Some(why),
    }
    Ok(())
}

fn read_signature(stream: &mut Forward<'_>, offset: u64, len: u64, limits: &Limits) -> Result<Superblob, String> {
    if len > SIGNATURE {
        return Err(format!("a code signature of {len} bytes"));
    }
    if !stream.skip_to(offset)? {
        return Err("a code signature inside the load commands".to_owned());
    }
    let blob = stream.take(usize::try_from(len).unwrap_or(0))?;
    parse_superblob(&blob, limits)
}

/// What of `mach_header` and `mach_header_64` is needed.
#[derive(Debug)]
struct Header {
    endian: Endian,
    cpu_type: u32,
    /// Bytes of the header itself.
    len: usize,
    commands: usize,
    commands_len: usize,
}

fn read_header(stream: &mut Forward<'_>, mut bytes: Vec<u8>) -> Result<(Vec<u8>, Header), String> {
    let magic = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let (endian, len) = match magic {
        MH_MAGIC => (Endian::Little, 28),
        MH_MAGIC_64 => (Endian::Little, 32),
        MH_CIGAM => (Endian::Big, 28),
        MH_CIGAM_64 => (Endian::Big, 32),
        _ => return Err("no Mach-O executable".to_owned()),
    };
    bytes.extend(stream.take(len - bytes.len())?);
    let word = |at: usize| {
        let raw = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if endian.is_little() { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) }
    };
    let size = |at| usize::try_from(word(at)).unwrap_or(usize::MAX);
    let header = Header { endian, cpu_type: word(4), len, commands: size(16), commands_len: size(20) };
    Ok((bytes, header))
}

/// Reads the load commands; answers where in the slice the signature is, and its size. Stops at the first that makes no
/// sense.
fn read_commands(bytes: &[u8], header: &Header, executable: &mut Executable) -> Option<(u64, u64)> {
    /// A load command is at least its type and its size.
    const SHORTEST: usize = 8;
    let mut signature = None;
    let mut offset = header.len;
    for _ in 0..header.commands.min(COMMANDS / SHORTEST) {
        let start = offset;
        let Ok(command) = LoadCommand::parse(bytes, &mut offset, header.endian) else { break };
        if offset < start + SHORTEST {
            break;
        }
        match command.command {
            CommandVariant::CodeSignature(place) => {
                signature = Some((u64::from(place.dataoff), u64::from(place.datasize)));
            }
            CommandVariant::EncryptionInfo32(info) => executable.is_encrypted |= info.cryptid != 0,
            CommandVariant::EncryptionInfo64(info) => executable.is_encrypted |= info.cryptid != 0,
            CommandVariant::BuildVersion(build) => {
                executable.platform = executable.platform.or_else(|| name_platform(build.platform));
                executable.minimum_os.get_or_insert_with(|| encode_version(build.minos));
            }
            CommandVariant::VersionMinMacosx(oldest)
            | CommandVariant::VersionMinIphoneos(oldest)
            | CommandVariant::VersionMinTvos(oldest)
            | CommandVariant::VersionMinWatchos(oldest) => {
                executable.minimum_os.get_or_insert_with(|| encode_version(oldest.version));
            }
            _ => {}
        }
    }
    signature
}

/// `xxxx.yy.zz` in nibbles; the last part only where it is not zero.
fn encode_version(version: u32) -> String {
    let (major, minor, patch) = (version >> 16, version >> 8 & 0xff, version & 0xff);
    if patch == 0 { format!("{major}.{minor}") } else { format!("{major}.{minor}.{patch}") }
}

/// `PLATFORM_*` of `mach-o/loader.h`.
fn name_platform(platform: u32) -> Option<Platform> {
    match platform {
        1 => Some(Platform::MacOs),
        2 | 3 | 4 | 11 => Some(Platform::Device),
        6 => Some(Platform::MacCatalyst),
        7 | 8 | 9 | 12 => Some(Platform::Simulator),
        _ => None,
    }
}

/// `CPU_TYPE_*` of `mach/machine.h`.
fn name_architecture(cpu_type: u32) -> &'static str {
    match cpu_type {
        7 => "x86",
        0x0100_0007 => "x86_64",
        12 => "armv7",
        0x0100_000c => "aarch64",
        0x0200_000c => "arm64_32",
        18 => "powerpc",
        0x0100_0012 => "powerpc64",
        _ => "unknown",
    }
}

/// A stream that knows how far it was read.
struct Forward<'a> {
    inner: &'a mut dyn Read,
    at: u64,
}

impl Forward<'_> {
    /// Exactly `len` bytes; the caller bounds `len`.
    fn take(&mut self, len: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let read = self.inner.take(len as u64).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        self.at += read as u64;
        if read < len { Err(format!("it ends at byte {}", self.at)) } else { Ok(bytes) }
    }

    /// Reads past what is before `offset`. `false` where that was read already.
    fn skip_to(&mut self, offset: u64) -> Result<bool, String> {
        let Some(between) = offset.checked_sub(self.at) else { return Ok(false) };
        let skipped = io::copy(&mut self.inner.take(between), &mut io::sink()).map_err(|error| error.to_string())?;
        self.at += skipped;
        if skipped < between { Err(format!("it ends at byte {}", self.at)) } else { Ok(true) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::SignatureState;

    /// A 64-bit header with one `LC_CODE_SIGNATURE` that points behind itself.
    fn slice(cpu_type: u32, signature: &[u8]) -> Vec<u8> {
        let words = [MH_MAGIC_64, cpu_type, 0, 2, 1, 16, 0, 0, 0x1d, 16, 48, u32::try_from(signature.len()).unwrap()];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(signature);
        bytes
    }

    /// A superblob with a code directory (version 0x20200) and, if asked, an empty message and a ticket.
    fn superblob(flags: u32, slots: &[u32]) -> Vec<u8> {
        let mut directory: Vec<u32> = vec![0xfade_0c02, 52 + 16, 0x2_0200, flags, 0, 52, 0, 0, 0, 0, 0, 0, 60];
        directory.extend([u32::from_be_bytes(*b"com."), u32::from_be_bytes(*b"me\0\0")]);
        directory.extend([u32::from_be_bytes(*b"TEAM"), 0]);
        let mut words = vec![0xfade_0cc0, 0, 1 + u32::try_from(slots.len()).unwrap()];
        let start = 12 + 8 * words[2];
        words.extend([0, start]);
        for slot in slots {
            words.extend([*slot, start + 68]);
        }
        words.extend(directory);
        words.extend([0xfade_0b01, 12, 0]);
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn read(bytes: &[u8]) -> Result<Executable, String> {
        read_executable(&mut &bytes[..], &Limits::default())
    }

    #[test]
    fn flags_tell_who_vouches() {
        let check = |flags, slots: &[u32], state, runtime| {
            let read = read(&slice(0x0100_000c, &superblob(flags, slots))).unwrap();
            let signature = &read.signature.signature;
            assert_eq!((signature.state, signature.hardened_runtime), (state, runtime));
            assert_eq!((signature.identifier.as_deref(), signature.team_id.as_deref()), (Some("com.me"), Some("TEAM")));
            assert_eq!(read.architectures, ["aarch64"]);
        };
        check(0x2, &[], SignatureState::AdHoc, false);
        check(0x2_0002, &[], SignatureState::LinkerSigned, false);
        check(0x1_0000, &[0x1_0000], SignatureState::Signed, true);
        check(0, &[], SignatureState::AdHoc, false);
    }

    #[test]
    fn slices_are_read_in_the_order_of_the_file_and_overlaps_are_left_out() {
        let (intel, arm) = (slice(0x0100_0007, &superblob(0x2, &[])), slice(0x0100_000c, &[]));
        let offsets = [68, 68 + u32::try_from(intel.len()).unwrap(), 70];
        let mut words = vec![FAT_MAGIC, 3];
        for offset in [offsets[1], offsets[0], offsets[2]] {
            words.extend([0, 0, offset, 1, 0]);
        }
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend(intel);
        bytes.extend(arm);
        let read = read(&bytes).unwrap();
        assert_eq!(read.architectures, ["x86_64", "aarch64"]);
        assert_eq!(read.signature.signature.state, SignatureState::AdHoc);
    }

    #[test]
    fn nonsense_is_named() {
        let whole = slice(7, &superblob(2, &[0x1_0000, 0x1_0002]));
        for len in 0..whole.len() {
            let is_named = read(&whole[..len]).map_or(true, |read| read.signature_unreadable.is_some());
            assert!(is_named, "{len}");
        }
        assert_eq!(read(b"#!/bin/sh\necho hello").unwrap_err(), "no Mach-O executable");
        assert_eq!(
            read(b"\xca\xfe\xba\xbe\xff\xff\xff\xff").unwrap_err(),
            "a universal file for 4294967295 processors"
        );
    }
}
