//! `AppImages`: an ELF program with a squashfs behind it, or, of the older type 1, one that is an ISO 9660 image as well
//! (github.com/AppImage/AppImageSpec, draft.md, "Type 1 image format" and "Type 2 image format").

mod contents;
mod elf;

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

pub use self::contents::DesktopEntry;
use self::elf::Program;
use crate::filesystems::{Iso9660, Squashfs};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

/// What an `AppImage` says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppImage {
    /// The type of the format: 1 or 2.
    pub image_type: u8,
    /// The processor of its runtime: `x86_64`, `aarch64`, or the machine's number.
    pub architecture: String,
    /// Where updates come from, as zsync-based updaters read it: `gh-releases-zsync|…`.
    pub update_information: Option<String>,
    /// Whether it holds an `OpenPGP` signature, which type 1 has no place for. Nobody is asked whether it is a good one.
    pub is_signed: bool,
    /// Where the file system begins in the file, in bytes.
    pub file_system_offset: u64,
    /// The desktop entry at the top of it, where there is one that can be read.
    pub desktop_entry: Option<DesktopEntry>,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<AppImage, Unreadable> {
    let program =
        elf::read(input).map_err(|why| Unreadable::new("headers-unreadable", "headers of the program", why))?;
    let image =
        if program.image_type == 2 { read_type_2(input, program, notes) } else { read_type_1(input, program, notes) };
    if image.update_information.is_none() {
        notes.info("no-update-information", "The program does not say where its updates come from.");
    }
    Ok(image)
}

fn read_type_2<R: Read + Seek>(input: &mut Input<R>, program: Program, notes: &mut Notes<'_>) -> AppImage {
    let mut section = |name: &str| {
        program.section(name).map(|section| section.read(input)).transpose().unwrap_or_default().unwrap_or_default()
    };
    let (update_information, signature) = (section(".upd_info"), section(".sha256_sig"));
    let desktop_entry = if input.read_at(program.end, 4).unwrap_or_default() == b"hsqs" {
        contents::read(Squashfs::open(input, program.end), notes)
    } else {
        notes.error(
            "file-system-missing",
            format!("No squashfs begins at byte {}: the program cannot start.", program.end),
        );
        None
    };
    AppImage {
        image_type: 2,
        architecture: program.architecture,
        update_information: text_before_zero(&update_information),
        is_signed: signature.iter().any(|byte| *byte != 0),
        file_system_offset: program.end,
        desktop_entry,
    }
}

/// The file is a program and a file system at once, both from its first byte on.
fn read_type_1<R: Read + Seek>(input: &mut Input<R>, program: Program, notes: &mut Notes<'_>) -> AppImage {
    /// The field "Application Used" of the volume descriptor.
    const UPDATE_INFORMATION: (u64, usize) = (0x8373, 512);
    notes.info("old-image-type", "An AppImage of type 1, which current tools no longer make.");
    let update_information = input.read_at(UPDATE_INFORMATION.0, UPDATE_INFORMATION.1).unwrap_or_default();
    let desktop_entry = contents::read(Iso9660::open(input), notes);
    AppImage {
        image_type: 1,
        architecture: program.architecture,
        update_information: text_before_zero(&update_information),
        is_signed: false,
        file_system_offset: 0,
        desktop_entry,
    }
}

fn text_before_zero(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next()?;
    let text = String::from_utf8_lossy(text);
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}
