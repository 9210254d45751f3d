//! `AppImages` of type 2: an ELF program with a squashfs behind it
//! (github.com/AppImage/AppImageSpec, draft.md, "Type 2 image format").

mod contents;
mod elf;

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

pub use self::contents::DesktopEntry;
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

/// What an `AppImage` says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppImage {
    /// The type of the format, from byte 10 of the file.
    pub image_type: u8,
    /// The processor of its runtime: `x86_64`, `aarch64`, or the machine's number.
    pub architecture: String,
    /// Where updates come from, as zsync-based updaters read it: `gh-releases-zsync|…`.
    pub update_information: Option<String>,
    /// Whether it holds an `OpenPGP` signature. Nobody is asked whether it is a good one.
    pub is_signed: bool,
    /// Where the file system begins in the file, in bytes.
    pub file_system_offset: u64,
    /// The desktop entry at the top of it, where there is one that can be read.
    pub desktop_entry: Option<DesktopEntry>,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<AppImage, Unreadable> {
    let program =
        elf::read(input).map_err(|why| Unreadable::new("headers-unreadable", "headers of the program", why))?;
    let section = |input: &mut Input<R>, name: &str| {
        program.section(name).map(|section| section.read(input)).transpose().unwrap_or_default()
    };
    let update_information = section(input, ".upd_info").and_then(|bytes| text_before_zero(&bytes));
    let signature = section(input, ".sha256_sig").unwrap_or_default();
    let is_signed = signature.iter().any(|byte| *byte != 0);
    if update_information.is_none() {
        notes.info("no-update-information", "The program does not say where its updates come from.");
    }
    let desktop_entry = if input.read_at(program.end, 4).unwrap_or_default() == b"hsqs" {
        contents::read(input, program.end, notes)
    } else {
        notes.error(
            "file-system-missing",
            format!("No squashfs begins at byte {}: the program cannot start.", program.end),
        );
        None
    };
    Ok(AppImage {
        image_type: program.image_type,
        architecture: program.architecture,
        update_information,
        is_signed,
        file_system_offset: program.end,
        desktop_entry,
    })
}

fn text_before_zero(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next()?;
    let text = String::from_utf8_lossy(text);
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}
