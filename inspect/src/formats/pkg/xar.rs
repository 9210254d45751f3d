//! The XAR archive: a header, a table of contents (XML in zlib), a heap (`xar.h` of Apple's xar; `mackyle/xar` wiki).

use std::io::{self, Read, Seek, SeekFrom};

use bzip2::read::BzDecoder;
use flate2::read::ZlibDecoder;

use super::xml::{self, Element, PARTS};
use crate::input::Input;

const HEADER_LEN: usize = 28;
/// A table of contents, unpacked. One of an installer has some ten kilobytes.
const TABLE_BYTES: u64 = 8 * 1024 * 1024;
/// Files that are looked at, and bytes of their paths.
const FILES: usize = 10_000;
const PATH_BYTES: usize = 1024;
/// Folders in folders.
const DEPTH: usize = 32;

/// A table of contents, and where the heap begins.
#[derive(Debug)]
pub(super) struct Xar {
    heap: u64,
    pub(super) table: Element,
}

/// One file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) size_bytes: u64,
    pub(super) packed_bytes: u64,
    offset: u64,
    encoding: String,
}

impl Xar {
    pub(super) fn read<R: Read + Seek>(input: &mut Input<R>) -> Result<Self, String> {
        let header = input.read_at(0, HEADER_LEN).map_err(|error| error.to_string())?;
        if header.len() < HEADER_LEN || !header.starts_with(b"xar!") {
            return Err("no XAR header".to_owned());
        }
        let header_len = u64::from(u16::from_be_bytes([header[4], header[5]]));
        let packed = header[8..16].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        input.seek(SeekFrom::Start(header_len)).map_err(|error| error.to_string())?;
        let table = unpack(ZlibDecoder::new(input.by_ref().take(packed)), TABLE_BYTES)?;
        let table = xml::parse(&table, &mut PARTS.clone()).map_err(|why| format!("its table of contents: {why}"))?;
        let table = table.children.into_iter().find(|child| child.name == "toc").ok_or("no table of contents")?;
        Ok(Self { heap: header_len.saturating_add(packed), table })
    }

    /// The files, folders left out, in the order of the table; as many as are looked at.
    pub(super) fn files(&self) -> Vec<File> {
        let mut files = Vec::new();
        let mut open = vec![(String::new(), self.table.children.iter())];
        while let Some((folder, inside)) = open.last_mut()
            && files.len() < FILES
        {
            let Some(element) = inside.find(|element| element.name == "file") else {
                open.pop();
                continue;
            };
            let name = element.child("name").map_or("", |name| name.text.as_str());
            let mut path = format!("{folder}{name}");
            path.truncate(path.floor_char_boundary(PATH_BYTES));
            if element.child("type").is_none_or(|kind| kind.text != "directory") {
                files.push(parse_file(path, element));
            } else if open.len() < DEPTH {
                path.push('/');
                open.push((path, element.children.iter()));
            }
        }
        files
    }

    /// A file's bytes, unpacked.
    pub(super) fn read_file<R: Read + Seek>(
        &self,
        file: &File,
        max_bytes: u64,
        input: &mut Input<R>,
    ) -> Result<Vec<u8>, String> {
        let start = self.heap.saturating_add(file.offset);
        input.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
        let packed = input.by_ref().take(file.packed_bytes);
        match file.encoding.as_str() {
            "application/octet-stream" | "" => unpack(packed, max_bytes),
            "application/x-gzip" => unpack(ZlibDecoder::new(packed), max_bytes),
            "application/x-bzip2" => unpack(BzDecoder::new(packed), max_bytes),
            other => Err(format!("packed as {other}, which is not read")),
        }
    }
}

fn parse_file(path: String, element: &Element) -> File {
    let data = element.child("data");
    let number = |name| data.and_then(|data| data.number(name)).unwrap_or(0);
    let encoding = data.and_then(|data| data.child("encoding")).and_then(|encoding| encoding.attribute("style"));
    File {
        path,
        size_bytes: number("size"),
        packed_bytes: number("length"),
        offset: number("offset"),
        encoding: encoding.unwrap_or_default().to_owned(),
    }
}

fn unpack(stream: impl Read, max_bytes: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read: io::Result<usize> = stream.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > max_bytes { Err(format!("more than {max_bytes} bytes")) } else { Ok(bytes) }
}
