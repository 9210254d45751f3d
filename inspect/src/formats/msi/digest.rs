//! The digest that a signature protects a Windows Installer package with: what all streams hold, ordered by their names
//! as UTF-16 bytes, and the class of each storage behind what is in it.
//!
//! Microsoft publishes no description; osslsigncode's `msi.c` has it, and the tests hold this against what it says.

use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use cfb::CompoundFile;

use super::{SIGNATURE_STREAM, malformed};
use crate::Limits;
use crate::formats::exe::Hasher;

/// The digest of names and times, which comes before everything else where there is one.
const EXTENDED_STREAM: &str = "\u{5}MsiDigitalSignatureEx";
/// More streams and storages than a package has: each takes some hundred bytes here.
const MAX_ENTRIES: usize = 20_000;

/// One stream or storage, as far as the digest needs it.
struct Node {
    /// Its name as UTF-16, little-endian.
    name: Vec<u8>,
    path: PathBuf,
    is_stream: bool,
    class: [u8; 16],
}

/// A digest under way, and what may still go into it.
struct Work<'a, R> {
    file: &'a mut CompoundFile<R>,
    hasher: Hasher,
    left_entries: usize,
    left_bytes: u64,
}

/// The digest by an algorithm's name; `None` for one that is not read. Streams that together have more than `size_bytes`,
/// the size of the file, share bytes, which no honest file does.
pub(super) fn compute<R: Read + Seek>(
    file: &mut CompoundFile<R>,
    size_bytes: u64,
    algorithm: &str,
    limits: &Limits,
) -> io::Result<Option<Vec<u8>>> {
    let Some(hasher) = Hasher::new(algorithm) else { return Ok(None) };
    let class = file.root_entry().clsid().to_bytes_le();
    let root = Node { name: Vec::new(), path: PathBuf::from("/"), is_stream: false, class };
    let mut work = Work { file, hasher, left_entries: MAX_ENTRIES, left_bytes: size_bytes };
    if work.file.is_stream(EXTENDED_STREAM) {
        work.digest_stream(Path::new(EXTENDED_STREAM))?;
    }
    work.digest_storage(&root, limits.depth)?;
    Ok(Some(work.hasher.finish()))
}

impl<R: Read + Seek> Work<'_, R> {
    fn digest_storage(&mut self, storage: &Node, depth: u32) -> io::Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(|| malformed("storages are nested too deeply"))?;
        let is_root = storage.name.is_empty();
        let mut nodes = Vec::new();
        for entry in self.file.read_storage(&storage.path)? {
            self.left_entries = self.left_entries.checked_sub(1).ok_or_else(|| malformed("too many streams"))?;
            if is_root && matches!(entry.name(), SIGNATURE_STREAM | EXTENDED_STREAM) {
                continue;
            }
            nodes.push(Node {
                name: entry.name().encode_utf16().flat_map(u16::to_le_bytes).collect(),
                path: entry.path().to_owned(),
                is_stream: entry.is_stream(),
                class: entry.clsid().to_bytes_le(),
            });
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        for node in &nodes {
            if node.is_stream {
                self.digest_stream(&node.path)?;
            } else {
                self.digest_storage(node, depth)?;
            }
        }
        self.hasher.update(&storage.class);
        Ok(())
    }

    fn digest_stream(&mut self, path: &Path) -> io::Result<()> {
        let mut stream = self.file.open_stream(path)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            let left = self.left_bytes.checked_sub(read as u64);
            self.left_bytes = left.ok_or_else(|| malformed("its streams have more bytes than the file"))?;
            self.hasher.update(&buffer[..read]);
        }
    }
}
