//! Programs and libraries inside other artifacts, told by their first bytes.

use serde::{Deserialize, Serialize};

use crate::arch;

/// Bytes of a file that [`parse_head`] wants to see.
pub(crate) const HEAD_BYTES: u64 = 1024;
/// Executables that a report lists.
pub(crate) const MAX_EXECUTABLES: usize = 1_000;
/// More processors than any universal binary is for; also what keeps a Java class from being taken for one.
const MAX_SLICES: u32 = 16;

/// A program or library, and what it runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executable {
    /// Its path inside the artifact.
    pub path: String,
    /// Its container.
    pub kind: ExecutableKind,
    /// Processors as words (`x86_64`, `aarch64`), or `unknown-` and the number that the format has.
    pub architectures: Vec<String>,
}

/// The container of an executable, which tells the family of systems that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExecutableKind {
    /// Linux, Android and the BSDs.
    Elf,
    /// macOS, iOS.
    MachO,
    /// Windows.
    Pe,
}

/// What the file at `path` that begins with `head` is, where it is an executable.
pub(crate) fn parse_head(path: &str, head: &[u8]) -> Option<Executable> {
    let (kind, architectures) = match head.get(..4)? {
        b"\x7fELF" => (ExecutableKind::Elf, vec![parse_elf(head)?]),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe] => {
            (ExecutableKind::MachO, vec![macho_word(u32::from_le_bytes(array(head, 4)?))])
        }
        [0xca, 0xfe, 0xba, 0xbe] => (ExecutableKind::MachO, parse_fat(head, 20)?),
        [0xca, 0xfe, 0xba, 0xbf] => (ExecutableKind::MachO, parse_fat(head, 32)?),
        [b'M', b'Z', ..] => (ExecutableKind::Pe, vec![parse_pe(head)?]),
        _ => return None,
    };
    Some(Executable { path: path.to_owned(), kind, architectures })
}

/// System V ABI, chapter 4: byte 5 tells the byte order, `e_machine` is at 18.
fn parse_elf(head: &[u8]) -> Option<String> {
    let raw = array(head, 18)?;
    let machine = if head.get(5) == Some(&2) { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) };
    Some(arch::of_elf(machine).map_or_else(|| format!("unknown-{machine}"), str::to_owned))
}

/// PE Format: the offset of `PE\0\0` is at 0x3c, the machine right behind it.
fn parse_pe(head: &[u8]) -> Option<String> {
    let at = usize::try_from(u32::from_le_bytes(array(head, 0x3c)?)).ok()?;
    if array(head, at)? != *b"PE\0\0" {
        return None;
    }
    let machine = u16::from_le_bytes(array(head, at.checked_add(4)?)?);
    Some(arch::of_pe(machine).map_or_else(|| format!("unknown-{machine:#06x}"), str::to_owned))
}

/// `<mach-o/fat.h>`: a count, then one record per processor, which begins with its `cputype`; all big-endian. A Java
/// class has the same magic, and its version where the count is: 45 or more.
fn parse_fat(head: &[u8], record_bytes: usize) -> Option<Vec<String>> {
    let count = u32::from_be_bytes(array(head, 4)?);
    if !(1..=MAX_SLICES).contains(&count) {
        return None;
    }
    let record = |index: u32| Some(macho_word(u32::from_be_bytes(array(head, 8 + index as usize * record_bytes)?)));
    (0..count).map(record).collect()
}

/// `<mach/machine.h>`: the processor family, with bit 24 where it is the 64-bit one.
fn macho_word(cputype: u32) -> String {
    match cputype {
        7 => "x86".to_owned(),
        0x0100_0007 => "x86_64".to_owned(),
        12 => "armv7".to_owned(),
        0x0100_000c => "aarch64".to_owned(),
        other => format!("unknown-{other:#010x}"),
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], expected: Option<(ExecutableKind, &[&str])>) {
        let found = parse_head("a", head);
        let found = found.as_ref().map(|found| (found.kind, found.architectures.iter().map(String::as_str).collect()));
        assert_eq!(found, expected.map(|(kind, words)| (kind, words.to_vec())));
    }

    #[test]
    fn executables_are_told_by_their_first_bytes() {
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(20, 0);
        elf[18] = 183;
        check(&elf, Some((ExecutableKind::Elf, &["aarch64"])));
        check(&elf[..19], None);
        check(b"\xcf\xfa\xed\xfe\x07\0\0\x01", Some((ExecutableKind::MachO, &["x86_64"])));
        let mut fat = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2];
        fat.resize(48, 0);
        fat[8..12].copy_from_slice(&[1, 0, 0, 7]);
        fat[28..32].copy_from_slice(&[1, 0, 0, 12]);
        check(&fat, Some((ExecutableKind::MachO, &["x86_64", "aarch64"])));
        check(b"\xca\xfe\xba\xbe\0\0\0\x34java", None);
        let mut pe = b"MZ".to_vec();
        pe.resize(0x40, 0);
        pe[0x3c] = 0x40;
        pe.extend_from_slice(b"PE\0\0\x64\x86");
        check(&pe, Some((ExecutableKind::Pe, &["x86_64"])));
        check(b"MZ", None);
        check(b"", None);
    }
}
