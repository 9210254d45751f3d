//! The headers of an image: what it runs on, and where its parts lie in the file.

use std::io::{Read, Seek};

use goblin::pe::header::{COFF_MACHINE_UNKNOWN, Header, machine_to_str};
use goblin::pe::optional_header::OptionalHeader;

use crate::arch;
use crate::input::Input;
use crate::notes::Unreadable;

/// Headers are read from the first bytes of the file; linkers keep them within a few kilobytes.
const HEAD_BYTES: usize = 64 * 1024;

/// `IMAGE_FILE_DLL`.
const IS_LIBRARY: u16 = 0x2000;

/// Length of the PE signature and the COFF header before the optional header.
const COFF_BYTES: u64 = 24;

/// What the headers say.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) architecture: String,
    pub(super) subsystem: String,
    pub(super) is_library: bool,
    pub(super) is_dotnet: bool,
    pub(super) sections: Vec<Section>,
    /// Where the last section ends in the file.
    pub(super) sections_end: u64,
    /// Address and size of the resources.
    pub(super) resources: Option<(u32, u32)>,
    /// File offset and size of the signatures (data directory 4 is the one that has no address).
    pub(super) signatures: Option<(u64, u64)>,
    /// File offset of the header's checksum, which no signature covers.
    pub(super) checksum_offset: u64,
    /// File offset of data directory 4, which no signature covers.
    pub(super) signatures_entry_offset: u64,
}

/// A part of the image, in memory and in the file.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: [u8; 8],
    address: u32,
    file_offset: u32,
    file_bytes: u32,
}

impl Image {
    /// Where the byte at `address` in memory lies in the file.
    pub(super) fn file_offset(&self, address: u32) -> Option<u64> {
        self.sections.iter().find_map(|section| {
            let inside = address.checked_sub(section.address).filter(|inside| *inside < section.file_bytes)?;
            Some(u64::from(section.file_offset) + u64::from(inside))
        })
    }
}

pub(super) fn read<R: Read + Seek>(input: &mut Input<R>) -> Result<Image, Unreadable> {
    let head = input.read_at(0, HEAD_BYTES).map_err(unreadable)?;
    let header = Header::parse(&head).map_err(unreadable)?;
    let optional = header.optional_header.ok_or_else(|| unreadable("no optional header"))?;
    let pe_offset = u64::from(header.dos_header.pe_pointer);
    let sections_offset = pe_offset + COFF_BYTES + u64::from(header.coff_header.size_of_optional_header);
    let sections = parse_sections(&head, sections_offset, header.coff_header.number_of_sections);
    let directory = |index: usize| {
        let entry = optional.data_directories.data_directories.get(index)?.as_ref()?;
        (entry.1.size > 0).then_some((entry.1.virtual_address, entry.1.size))
    };
    let optional_offset = pe_offset + COFF_BYTES;
    Ok(Image {
        architecture: name_machine(header.coff_header.machine),
        subsystem: name_subsystem(optional.windows_fields.subsystem),
        is_library: header.coff_header.characteristics & IS_LIBRARY != 0,
        is_dotnet: directory(14).is_some(),
        sections_end: sections.iter().map(Section::file_end).max().unwrap_or(0),
        sections,
        resources: directory(2),
        signatures: directory(4).map(|(offset, size)| (u64::from(offset), u64::from(size))),
        checksum_offset: optional_offset + 64,
        signatures_entry_offset: optional_offset + directories_offset(&optional) + 4 * 8,
    })
}

/// 96 bytes of fields before the data directories in PE32, 112 in PE32+.
fn directories_offset(optional: &OptionalHeader) -> u64 {
    if optional.standard_fields.magic == goblin::pe::optional_header::MAGIC_64 { 112 } else { 96 }
}

impl Section {
    fn file_end(&self) -> u64 {
        if self.file_bytes == 0 { 0 } else { u64::from(self.file_offset) + u64::from(self.file_bytes) }
    }
}

/// Section headers, 40 bytes each; those that lie outside of the head are not there.
fn parse_sections(head: &[u8], offset: u64, count: u16) -> Vec<Section> {
    let table = usize::try_from(offset).ok().and_then(|offset| head.get(offset..)).unwrap_or_default();
    let (rows, _) = table.as_chunks::<40>();
    let number = |row: &[u8; 40], at: usize| u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
    let section = |row: &[u8; 40]| Section {
        name: [row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]],
        address: number(row, 12),
        file_bytes: number(row, 16),
        file_offset: number(row, 20),
    };
    rows.iter().take(usize::from(count)).map(section).collect()
}

fn name_machine(machine: u16) -> String {
    if let Some(word) = arch::of_pe(machine) {
        return word.to_owned();
    }
    match machine_to_str(machine) {
        "COFF_UNKNOWN" => format!("0x{machine:04x}"),
        _ if machine == COFF_MACHINE_UNKNOWN => "any".to_owned(),
        name => name.to_ascii_lowercase(),
    }
}

/// PE Format, "Windows Subsystem".
fn name_subsystem(subsystem: u16) -> String {
    match subsystem {
        1 => "native".to_owned(),
        2 => "gui".to_owned(),
        3 => "console".to_owned(),
        9 => "windows-ce".to_owned(),
        10..=13 => "efi".to_owned(),
        14 => "xbox".to_owned(),
        16 => "boot".to_owned(),
        other => other.to_string(),
    }
}

fn unreadable(why: impl std::fmt::Display) -> Unreadable {
    Unreadable::new("headers-unreadable", "headers of the program", why)
}
