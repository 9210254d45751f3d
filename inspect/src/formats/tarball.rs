//! Tar archives, compressed or not.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

use crate::Entry;
use crate::compression::{self, Compression, MEMORY_BYTES, Patience};
use crate::executable::{self, Executable, HEAD_BYTES, MAX_EXECUTABLES};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};
use crate::tar_entries::{self, Kind, TarEntry, Visited};

/// What a tar archive holds. Its files are the entries of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tarball {
    /// How the archive is compressed.
    pub compression: Compression,
    /// The one folder that everything is in, without a slash; absent where there is no such folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_folder: Option<String>,
    /// Programs and libraries inside, by their first bytes, in the order of the archive.
    pub executables: Vec<Executable>,
    /// Processors of all executables together, each once.
    pub architectures: Vec<String>,
    /// Whether the archive was read to its end, which a finding explains where it was not.
    pub is_complete: bool,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Tarball, Unreadable> {
    let head = input.read_at(0, 512).map_err(unreadable)?;
    let compression = if tar_entries::is_header(&head) { Compression::None } else { Compression::of_head(&head) };
    let mut contents = Contents::default();
    let visited = read_entries(input, notes, &mut contents, compression);
    let is_complete = contents.settle(visited, notes)?;
    let architectures = contents.executables.iter().flat_map(|executable| executable.architectures.clone());
    let architectures: BTreeSet<String> = architectures.collect();
    Ok(Tarball {
        compression,
        top_folder: contents.top_folder(notes.limits.text_bytes).filter(|_| is_complete),
        architectures: architectures.into_iter().collect(),
        executables: contents.executables,
        is_complete,
    })
}

fn read_entries<R: Read + Seek>(
    input: &mut Input<R>,
    notes: &mut Notes<'_>,
    contents: &mut Contents,
    compression: Compression,
) -> io::Result<Visited> {
    input.seek(SeekFrom::Start(0))?;
    let (most, total_bytes) = (notes.limits.entries, notes.limits.total_bytes);
    let look = |entry: &TarEntry, bytes: &mut dyn Read| contents.add(entry, bytes, notes);
    if compression == Compression::None {
        let visited = tar_entries::visit(tar::Archive::new(&mut *input).entries_with_seek()?, most, look)?;
        // Seeking over an entry does not notice where the file ends.
        return if contents.end > input.len() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(visited) };
    }
    let patience = Patience::new(total_bytes);
    let bytes = compression::decompress(compression, input, MEMORY_BYTES, &patience);
    let visited = tar_entries::visit(tar::Archive::new(bytes).entries()?, most, look);
    visited.map_err(|error| if patience.is_exhausted() { io::Error::other(Impatient) } else { error })
}

/// What was seen on the way.
#[derive(Debug, Default)]
struct Contents {
    top: Top,
    executables: Vec<Executable>,
    outside: Option<String>,
    entries: usize,
    /// Where the last entry ends, as claimed.
    end: u64,
}

#[derive(Debug, Default)]
enum Top {
    #[default]
    Unknown,
    One(String),
    Several,
}

impl Contents {
    fn add(&mut self, entry: &TarEntry, bytes: &mut dyn Read, notes: &mut Notes<'_>) -> io::Result<bool> {
        self.entries += 1;
        self.end = self.end.max(entry.end);
        let path = entry.path.strip_prefix("./").unwrap_or(&entry.path);
        if is_outside(path) {
            self.outside.get_or_insert_with(|| cut(path, 200));
        }
        self.add_top(path, entry.kind);
        if entry.kind != Kind::File {
            return Ok(true);
        }
        let path = cut(path, notes.limits.text_bytes);
        if self.executables.len() < MAX_EXECUTABLES {
            let mut head = Vec::new();
            bytes.take(HEAD_BYTES).read_to_end(&mut head)?;
            self.executables.extend(executable::parse_head(&path, &head));
        }
        notes.entry(Entry { path, size_bytes: entry.size_bytes, compressed_bytes: None, crc32: None });
        Ok(true)
    }

    fn add_top(&mut self, path: &str, kind: Kind) {
        let (first, is_within) = match path.split_once('/') {
            Some((first, _)) => (first, true),
            None => (path, kind == Kind::Folder),
        };
        if first.is_empty() || first == "." {
            return;
        }
        self.top = match std::mem::take(&mut self.top) {
            Top::Unknown if is_within => Top::One(first.to_owned()),
            Top::One(known) if is_within && known == first => Top::One(known),
            _ => Top::Several,
        };
    }

    fn top_folder(&self, text_bytes: usize) -> Option<String> {
        match &self.top {
            Top::One(name) if name.len() <= text_bytes => Some(name.clone()),
            _ => None,
        }
    }

    /// Whether all was read. What ended the reading early, and what is odd, becomes findings.
    fn settle(&self, visited: io::Result<Visited>, notes: &mut Notes<'_>) -> Result<bool, Unreadable> {
        if let Some(path) = &self.outside {
            notes.error("path-traversal", format!("A path leads out of the folder it is unpacked to: {path}."));
        }
        let seen = self.entries;
        match visited {
            Ok(Visited { is_complete: true, .. }) if seen == 0 => {
                notes.warning("archive-empty", "The archive holds nothing.");
            }
            Ok(Visited { is_complete: true, .. }) => {}
            Ok(Visited { .. }) => {
                notes.warning("too-many-entries", "The archive has more entries than are looked through.");
                return Ok(false);
            }
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
                notes.warning(
                    "dictionary-too-large",
                    format!("Not read: to decompress it takes more than {} MiB of memory.", MEMORY_BYTES / 1024 / 1024),
                );
                return Ok(false);
            }
            Err(error) if is_impatient(&error) => {
                notes.info("archive-not-read-to-end", format!("Only the first {seen} entries were read: {error}."));
                return Ok(false);
            }
            Err(error) if seen == 0 => return Err(unreadable(error)),
            Err(error) => {
                notes.error("archive-damaged", format!("The archive breaks off after {seen} entries: {error}."));
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Why a whole archive is not read whole.
#[derive(Debug, thiserror::Error)]
#[error("decompressing the rest takes longer than is waited for")]
struct Impatient;

fn is_impatient(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Impatient>)
}

fn is_outside(path: &str) -> bool {
    path.starts_with('/') || path.split('/').any(|part| part == "..")
}

fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

fn unreadable(why: io::Error) -> Unreadable {
    Unreadable::new("archive-unreadable", "tar archive", why)
}
