//! Files made by hand, honest and not.

use std::io::Write;
use std::path::Path;

use inspect::Report;

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)).unwrap()
}

/// The message of the only finding with this code.
#[track_caller]
pub(crate) fn message<'a>(report: &'a Report, code: &str) -> &'a str {
    let found: Vec<_> = report.findings.iter().filter(|finding| finding.code == code).collect();
    assert_eq!(found.len(), 1, "{code} in {:?}", report.findings);
    &found[0].message
}

/// An entry of a ZIP archive whose headers say what they are told to.
#[derive(Clone)]
pub(crate) struct Packed {
    pub(crate) name: Vec<u8>,
    pub(crate) data: Vec<u8>,
    /// What the headers say that `data` has, which is left out where `offset` points elsewhere.
    pub(crate) compressed_bytes: u32,
    pub(crate) method: u16,
    pub(crate) size_bytes: u32,
    pub(crate) crc32: u32,
    /// Where the directory says that the local header is, where not at its place.
    pub(crate) offset: Option<u32>,
}

/// A stored entry.
pub(crate) fn stored(name: &str, data: &[u8]) -> Packed {
    Packed {
        name: name.as_bytes().to_vec(),
        data: data.to_vec(),
        compressed_bytes: u32::try_from(data.len()).unwrap(),
        method: 0,
        size_bytes: u32::try_from(data.len()).unwrap(),
        crc32: crc32fast::hash(data),
        offset: None,
    }
}

/// A deflated entry of `data` again and again, until it has `size_bytes` bytes.
pub(crate) fn deflated(name: &str, data: &[u8], size_bytes: usize) -> Packed {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut crc = crc32fast::Hasher::new();
    let mut left = size_bytes;
    while left > 0 {
        let piece = &data[..data.len().min(left)];
        encoder.write_all(piece).unwrap();
        crc.update(piece);
        left -= piece.len();
    }
    let data = encoder.finish().unwrap();
    Packed {
        name: name.as_bytes().to_vec(),
        compressed_bytes: u32::try_from(data.len()).unwrap(),
        data,
        method: 8,
        size_bytes: u32::try_from(size_bytes).unwrap(),
        crc32: crc.finalize(),
        offset: None,
    }
}

/// An archive of these entries (APPNOTE.TXT 4.3).
pub(crate) fn zip_of(entries: &[Packed]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = entry.offset.unwrap_or(u32::try_from(bytes.len()).unwrap());
        let mut common = [20u16, 0, entry.method, 0, 0x21].map(u16::to_le_bytes).concat();
        common.extend([entry.crc32, entry.compressed_bytes, entry.size_bytes].map(u32::to_le_bytes).concat());
        common.extend([u16::try_from(entry.name.len()).unwrap(), 0].map(u16::to_le_bytes).concat());
        directory
            .extend([b"PK\x01\x02\x14\0".as_slice(), &common, &[0; 10], &offset.to_le_bytes(), &entry.name].concat());
        if entry.offset.is_none() {
            bytes.extend([b"PK\x03\x04".as_slice(), &common, &entry.name, &entry.data].concat());
        }
    }
    let count = u16::try_from(entries.len() & 0xffff).unwrap().to_le_bytes();
    let places =
        [u32::try_from(directory.len()).unwrap(), u32::try_from(bytes.len()).unwrap()].map(u32::to_le_bytes).concat();
    [bytes, directory, b"PK\x05\x06\0\0\0\0".to_vec(), count.to_vec(), count.to_vec(), places, vec![0; 2]].concat()
}

/// Bytes that look random and are the same on each run.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % below.max(1)
    }

    pub(crate) fn bytes(&mut self, len: usize, symbols: usize) -> Vec<u8> {
        (0..len).map(|_| u8::try_from(self.below(symbols)).unwrap()).collect()
    }
}
