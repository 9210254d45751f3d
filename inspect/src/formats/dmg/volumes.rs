//! From the unpacked disk to the app on it.

use super::koly::{SECTOR_BYTES, u64_at};
use crate::apple::{App, MacApp, read_mac_app};
use crate::files::Files;
use crate::filesystems::{Apfs, Blocks, Fat, FileSystem, HfsPlus, Tree, Volume};
use crate::notes::Notes;

/// Folders at the top that are looked into for an app, where none is at the top.
const FOLDERS: usize = 16;

/// Where a partition lies on the disk, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    start: u64,
    size_bytes: u64,
}

impl Place {
    fn volume<'a>(&self, disk: &'a mut dyn Blocks) -> Volume<'a> {
        Volume::new(disk, self.start, self.size_bytes)
    }
}

/// The partitions of the disk: each has a block map of its own, as has each part of the partition table.
pub(super) fn places(maps: &[(String, Vec<u8>)]) -> Vec<Place> {
    let place = |(_, map): &(String, Vec<u8>)| {
        let size_bytes = u64_at(map, 16)?.checked_mul(SECTOR_BYTES)?;
        let start = u64_at(map, 8)?.checked_mul(SECTOR_BYTES)?;
        start.checked_add(size_bytes).filter(|_| map.starts_with(b"mish"))?;
        Some(Place { start, size_bytes })
    };
    maps.iter().filter_map(place).collect()
}

/// Reads the first partition whose file system is known: its name, and the app on it.
pub(super) fn read_app(
    disk: &mut dyn Blocks,
    places: &[Place],
    notes: &mut Notes<'_>,
) -> (Option<String>, Option<MacApp>) {
    for place in places {
        let (name, app) = if HfsPlus::is_on(&mut place.volume(disk)) {
            ("hfs+", HfsPlus::open(place.volume(disk)).and_then(|opened| look_through(opened, notes)))
        } else if Apfs::is_on(&mut place.volume(disk)) {
            ("apfs", Apfs::open(place.volume(disk)).and_then(|opened| look_through(opened, notes)))
        } else if Fat::is_on(&mut place.volume(disk)) {
            ("fat", Fat::open(place.volume(disk)).and_then(|opened| look_through(opened, notes)))
        } else {
            continue;
        };
        let app = app.unwrap_or_else(|why| {
            notes.warning("file-system-unreadable", format!("What is on the disk cannot be read ({name}): {why}."));
            None
        });
        return (Some(name.to_owned()), app);
    }
    notes.info("file-system-unknown", "No file system is on the disk that is read: HFS+, APFS or FAT.");
    (None, None)
}

/// The app on a file system, read.
fn look_through<F: FileSystem>(file_system: F, notes: &mut Notes<'_>) -> Result<Option<MacApp>, String> {
    let mut tree = Tree::new(file_system);
    let apps = find_apps(&mut tree)?;
    let Some(path) = apps.first() else {
        notes.info("no-app", "No app is on the disk; what is there is not read further.");
        return Ok(None);
    };
    if apps.len() > 1 {
        let message = format!("{} apps are on the disk; {path} is what is read.", apps.len());
        notes.info("several-apps", message);
    }
    let app = App { path: path.clone(), contents: "Contents/" };
    match read_mac_app(app, &mut tree, notes) {
        Ok(app) => Ok(Some(app)),
        Err(unreadable) => {
            notes.warning(unreadable.code, unreadable.message);
            Ok(None)
        }
    }
}

/// Apps at the top; where there are none, those in the folders at the top.
fn find_apps<F: FileSystem>(tree: &mut Tree<F>) -> Result<Vec<String>, String> {
    let top = tree.folders_in("")?;
    let mut is_app = |path: &String| path.ends_with(".app") && tree.has(&format!("{path}/Contents/Info.plist"));
    let apps: Vec<String> = top.iter().filter(|path| is_app(path)).cloned().collect();
    if !apps.is_empty() {
        return Ok(apps);
    }
    let mut found = Vec::new();
    for folder in top.iter().filter(|folder| !folder.starts_with('.')).take(FOLDERS) {
        let inside = tree.folders_in(folder).unwrap_or_default();
        let paths = inside.into_iter().filter(|name| name.ends_with(".app")).map(|name| format!("{folder}/{name}"));
        found.extend(paths.filter(|path| tree.has(&format!("{path}/Contents/Info.plist"))));
    }
    Ok(found)
}
