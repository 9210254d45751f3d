//! Sections of an ELF program (System V ABI, chapter 4), little-endian, of 32 or 64 bits.

use std::io::{self, Read, Seek};

use crate::arch;
use crate::input::Input;

/// Section headers that are looked at; a runtime has some thirty.
const SECTIONS: usize = 512;
/// The names of all sections together.
const NAMES_BYTES: usize = 64 * 1024;
/// One section that is read; signatures and update information have a few kilobytes of room.
const SECTION_BYTES: usize = 64 * 1024;

/// What the headers say.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) image_type: u8,
    pub(super) architecture: String,
    /// Where the program ends, as the runtime computes it: behind the table of sections.
    pub(super) end: u64,
    sections: Vec<Section>,
}

/// A named part of the program.
#[derive(Debug)]
pub(super) struct Section {
    name: String,
    offset: u64,
    size_bytes: u64,
}

impl Program {
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }
}

impl Section {
    /// Its first bytes.
    pub(super) fn read<R: Read + Seek>(&self, input: &mut Input<R>) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.size_bytes).unwrap_or(usize::MAX).min(SECTION_BYTES);
        input.read_at(self.offset, len)
    }
}

/// Where fields are in headers of 32 and of 64 bits.
struct Layout {
    is_wide: bool,
    table_offset: usize,
    counts: usize,
    row_offset: usize,
    row_size: usize,
}

const NARROW: Layout = Layout { is_wide: false, table_offset: 0x20, counts: 0x2e, row_offset: 16, row_size: 20 };
const WIDE: Layout = Layout { is_wide: true, table_offset: 0x28, counts: 0x3a, row_offset: 24, row_size: 32 };

impl Layout {
    fn word(&self, bytes: &[u8], at: usize) -> Option<u64> {
        if self.is_wide {
            array(bytes, at).map(u64::from_le_bytes)
        } else {
            array(bytes, at).map(u32::from_le_bytes).map(u64::from)
        }
    }
}

pub(super) fn read<R: Read + Seek>(input: &mut Input<R>) -> io::Result<Program> {
    let head = input.read_at(0, 64)?;
    let layout = if head.get(4) == Some(&2) { WIDE } else { NARROW };
    parse(input, &head, &layout)?.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "they break off"))
}

fn parse<R: Read + Seek>(input: &mut Input<R>, head: &[u8], layout: &Layout) -> io::Result<Option<Program>> {
    let short = |at: usize| array(head, at).map(u16::from_le_bytes);
    let (Some(machine), Some(table), Some(row_bytes), Some(count), Some(names_row), Some(image_type)) = (
        short(18),
        layout.word(head, layout.table_offset),
        short(layout.counts),
        short(layout.counts + 2),
        short(layout.counts + 4),
        head.get(10),
    ) else {
        return Ok(None);
    };
    let row_bytes = usize::from(row_bytes);
    let wanted = usize::from(count).min(SECTIONS) * row_bytes.min(64);
    let rows = if row_bytes > 64 { Vec::new() } else { input.read_at(table, wanted)? };
    let rows: Vec<&[u8]> = if row_bytes == 0 { Vec::new() } else { rows.chunks_exact(row_bytes).collect() };
    let place = |row: &[u8]| Some((layout.word(row, layout.row_offset)?, layout.word(row, layout.row_size)?));
    let names = match rows.get(usize::from(names_row)).and_then(|row| place(row)) {
        Some((offset, size)) => input.read_at(offset, usize::try_from(size).unwrap_or(usize::MAX).min(NAMES_BYTES))?,
        None => Vec::new(),
    };
    let section = |row: &&[u8]| {
        let (offset, size_bytes) = place(row)?;
        let name = names.get(array(row, 0).map(u32::from_le_bytes)? as usize..)?.split(|byte| *byte == 0).next()?;
        Some(Section { name: String::from_utf8_lossy(&name[..name.len().min(64)]).into_owned(), offset, size_bytes })
    };
    Ok(Some(Program {
        image_type: *image_type,
        architecture: arch::of_elf(machine).map_or_else(|| machine.to_string(), str::to_owned),
        end: table.saturating_add(u64::from(count) * row_bytes as u64),
        sections: rows.iter().filter_map(section).collect(),
    }))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
