//! Words for processors, from the numbers that formats use and from file names.

/// `e_machine` of an ELF header (System V ABI, chapter 4).
pub(crate) fn of_elf(machine: u16) -> Option<&'static str> {
    match machine {
        3 => Some("x86"),
        40 => Some("armv7"),
        62 => Some("x86_64"),
        183 => Some("aarch64"),
        243 => Some("riscv64"),
        _ => None,
    }
}

/// `Machine` of a COFF header (PE Format, "Machine Types").
pub(crate) fn of_pe(machine: u16) -> Option<&'static str> {
    match machine {
        0x014c => Some("x86"),
        0x01c4 => Some("armv7"),
        0x8664 => Some("x86_64"),
        0xaa64 => Some("aarch64"),
        _ => None,
    }
}

/// The directory below `lib/` of an APK (Android ABIs).
pub(crate) fn of_android_abi(abi: &str) -> Option<&'static str> {
    match abi {
        "armeabi-v7a" | "armeabi" => Some("armv7"),
        "arm64-v8a" => Some("aarch64"),
        "x86" => Some("x86"),
        "x86_64" => Some("x86_64"),
        "riscv64" => Some("riscv64"),
        _ => None,
    }
}

/// Spellings in file names, longest first so that `x86_64` is not read as `x86`.
const SPELLINGS: &[(&str, &str)] = &[
    ("universal2", "universal"),
    ("universal", "universal"),
    ("noarch", "universal"),
    ("aarch64", "aarch64"),
    ("riscv64", "riscv64"),
    ("x86_64", "x86_64"),
    ("x86-64", "x86_64"),
    ("amd64", "x86_64"),
    ("arm64", "aarch64"),
    ("armhf", "armv7"),
    ("armv7", "armv7"),
    ("win64", "x86_64"),
    ("i386", "x86"),
    ("i686", "x86"),
    ("x64", "x86_64"),
    ("x86", "x86"),
    ("all", "universal"),
];

/// The processor that a file name tells as a word of its own: `acme-2.4.0-linux-amd64.tar.gz`.
pub(crate) fn of_file_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    SPELLINGS.iter().find(|(spelling, _)| has_word(&name, spelling)).map(|(_, word)| *word)
}

fn has_word(text: &str, word: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let bytes = text.as_bytes();
    text.match_indices(word).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        is_edge(before) && is_edge(bytes.get(at + word.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_the_processor_only_as_a_word_of_its_own() {
        let check = |name: &str, expected: Option<&str>| assert_eq!(of_file_name(name), expected, "{name}");
        check("acme-2.4.0-linux-amd64.tar.gz", Some("x86_64"));
        check("acme_x86_64.AppImage", Some("x86_64"));
        check("Acme-arm64.dmg", Some("aarch64"));
        check("hello_1.0_all.deb", Some("universal"));
        check("install.tar.gz", None);
        check("ballx64ware.zip", None);
    }
}
