//! The files inside two archives.

use std::collections::BTreeMap;

use inspect::{Details, Entries, Entry, Report};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ChangeKind, SizeChange};

/// What became of the files inside an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileChanges {
    /// How many only the newer has.
    pub added: u64,
    /// How many only the older has.
    pub removed: u64,
    /// How many both have with another size, or another checksum where the archives have one.
    pub changed: u64,
    /// Bytes of all files of each side, uncompressed.
    pub total: SizeChange,
    /// Whether all files of both archives were compared. Where not, `added` and `removed` count what is certain.
    pub is_complete: bool,
    /// The files, that whose size changed most first.
    pub listed: Vec<FileChange>,
}

/// One file that is not the same in both archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileChange {
    /// Its path, without the one folder around everything where that differs.
    pub path: String,
    /// What became of it.
    pub change: ChangeKind,
    /// Its bytes on both sides, uncompressed; 0 where it is absent.
    pub size: SizeChange,
}

/// Compares the files of two archives by path; `None` where there is nothing to say.
pub(super) fn compare(old: &Report, new: &Report) -> Option<FileChanges> {
    let (olds, news) = (old.entries.as_ref()?, new.entries.as_ref()?);
    let (old_files, new_files) = (index(olds, strip(old, new)), index(news, strip(new, old)));
    let mut listed = Vec::new();
    for (path, entry) in &new_files {
        match old_files.get(path) {
            Some(before) if is_same(before, entry) => {}
            Some(before) => listed.push(change(path, ChangeKind::Changed, before.size_bytes, entry.size_bytes)),
            None if is_whole(olds) => listed.push(change(path, ChangeKind::Added, 0, entry.size_bytes)),
            None => {}
        }
    }
    let gone = old_files.iter().filter(|(path, _)| is_whole(news) && !new_files.contains_key(*path));
    listed.extend(gone.map(|(path, entry)| change(path, ChangeKind::Removed, entry.size_bytes, 0)));
    listed.sort_by_key(|file| (std::cmp::Reverse(file.size.delta().abs()), file.path.clone()));
    let count = |kind| listed.iter().filter(|file| file.change == kind).count() as u64;
    let is_complete = is_whole(olds) && is_whole(news);
    let differs = !listed.is_empty() || !is_complete;
    let (added, removed, changed) = (count(ChangeKind::Added), count(ChangeKind::Removed), count(ChangeKind::Changed));
    let total = SizeChange { old: olds.total_bytes, new: news.total_bytes };
    differs.then_some(FileChanges { added, removed, changed, total, is_complete, listed })
}

fn change(path: &str, change: ChangeKind, old: u64, new: u64) -> FileChange {
    FileChange { path: path.to_owned(), change, size: SizeChange { old, new } }
}

fn index<'a>(entries: &'a Entries, top: Option<&str>) -> BTreeMap<&'a str, &'a Entry> {
    let inside = |path: &'a str| top.and_then(|top| path.strip_prefix(top)?.strip_prefix('/')).unwrap_or(path);
    entries.listed.iter().map(|entry| (inside(&entry.path), entry)).collect()
}

/// The folder around everything, where it is not called the same in the other archive: `acme-2.4.0`.
fn strip<'a>(this: &'a Report, other: &Report) -> Option<&'a str> {
    top_folder(this).filter(|top| top_folder(other).is_some_and(|other| other != *top))
}

fn top_folder(report: &Report) -> Option<&str> {
    match report.details.as_ref()? {
        Details::Tarball(tarball) => tarball.top_folder.as_deref(),
        Details::Zip(archive) => archive.top_folder.as_deref(),
        _ => None,
    }
}

fn is_same(old: &Entry, new: &Entry) -> bool {
    let is_other = old.crc32.as_ref().zip(new.crc32.as_ref()).is_some_and(|(old, new)| old != new);
    old.size_bytes == new.size_bytes && !is_other
}

/// Whether every file of the archive is in the list.
fn is_whole(entries: &Entries) -> bool {
    entries.listed.len() as u64 == entries.count
}
