//! An app bundle among the files of an archive or a disk.

use std::io::{Read, Seek};

use super::bundle::{Bundle, INFO_PLIST_BYTES, read_bundle};
use super::icns::icon_of_icns;
use super::icon::{is_icon_file, keep_icon};
use super::macho::{Executable, read_executable};
use crate::archive::Archive;
use crate::files::Files;
use crate::notes::{Notes, Unreadable};

/// Paths that are looked at; file systems allow about as much.
pub(crate) const PATH_BYTES: usize = 1024;

/// The folder of an app, and where in it things lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct App {
    /// Path of the folder, without a slash at its end.
    pub(crate) path: String,
    /// `Contents/` on a Mac, nothing on a device.
    pub(crate) contents: &'static str,
}

/// The app that the archive is about: of all `Info.plist` that `is_info` takes for an app's own, the one in the fewest
/// folders. Apps inside of apps are helpers, and `__MACOSX` holds what other file systems lack.
pub(crate) fn find_app<R: Read + Seek>(
    archive: &Archive<'_, R>,
    contents: &'static str,
    is_info: fn(&str) -> bool,
) -> Option<App> {
    let infos = archive.names().filter(|name| name.len() <= PATH_BYTES);
    let infos = infos.filter(|name| !name.starts_with("__MACOSX/") && is_info(name));
    let nearest = infos.min_by_key(|name| name.bytes().filter(|byte| *byte == b'/').count())?;
    let path = nearest.strip_suffix("Info.plist")?.strip_suffix(contents)?.strip_suffix('/')?;
    Some(App { path: path.to_owned(), contents })
}

impl App {
    /// A path in the archive of what is at `inside` in the app.
    pub(crate) fn path_of(&self, inside: &str) -> String {
        format!("{}/{}{inside}", self.path, self.contents)
    }

    /// Reads `Info.plist`.
    pub(crate) fn read_bundle(&self, files: &mut dyn Files, notes: &Notes<'_>) -> Result<Bundle, Unreadable> {
        let path = self.path_of("Info.plist");
        let bytes = files.read(&path, INFO_PLIST_BYTES)?;
        read_bundle(&bytes, notes.limits).map_err(|why| Unreadable::new("info-plist-unreadable", path, why))
    }

    /// Reads the executable that `Info.plist` names. One that is missing or makes no sense is a warning.
    pub(crate) fn read_executable(
        &self,
        folder: &str,
        bundle: &Bundle,
        files: &mut dyn Files,
        notes: &mut Notes<'_>,
    ) -> Option<Executable> {
        let Some(name) = bundle.executable.as_deref().filter(|name| !name.contains('/')) else {
            notes.warning("executable-missing", format!("{} names no executable.", self.path_of("Info.plist")));
            return None;
        };
        let path = self.path_of(&format!("{folder}{name}"));
        if !files.has(&path) {
            notes.warning("executable-missing", format!("{path} is not there."));
            return None;
        }
        let limits = notes.limits;
        let read = files.stream(&path).map_err(|error| error.message);
        match read.and_then(|mut stream| read_executable(&mut *stream, limits)) {
            Ok(executable) => {
                if let Some(why) = &executable.signature_unreadable {
                    notes.warning("signature-unreadable", format!("{path}: {why}."));
                }
                Some(executable)
            }
            Err(why) => {
                notes.warning("executable-unreadable", format!("{path}: {why}."));
                None
            }
        }
    }

    /// Keeps the largest PNG beside `Info.plist` that is stated as an icon.
    pub(crate) fn read_png_icon<R: Read + Seek>(
        &self,
        bundle: &Bundle,
        archive: &mut Archive<'_, R>,
        notes: &mut Notes<'_>,
    ) {
        let folder = self.path_of("");
        let max_bytes = notes.limits.icon_bytes as u64;
        let icons = archive.members().filter_map(|member| {
            let name = std::str::from_utf8(member.name).ok()?.strip_prefix(&folder)?;
            (is_icon_file(name, &bundle.icon_names) && member.size_bytes <= max_bytes)
                .then(|| (member.size_bytes, name.to_owned()))
        });
        match icons.max() {
            Some((_, name)) => keep(self.path_of(&name), max_bytes, Some, archive, notes),
            None => self.note_catalog("Assets.car", archive, notes),
        }
    }

    /// Keeps the best PNG of the `.icns` file that `Info.plist` states.
    pub(crate) fn read_icns_icon(&self, bundle: &Bundle, files: &mut dyn Files, notes: &mut Notes<'_>) {
        let Some(name) = bundle.icon_names.first() else {
            return self.note_catalog("Resources/Assets.car", files, notes);
        };
        let path = self.path_of(&format!("Resources/{}.icns", name.strip_suffix(".icns").unwrap_or(name)));
        if files.has(&path) {
            let limits = notes.limits;
            let png = |icns: Vec<u8>| icon_of_icns(&icns, limits.icon_pixels, limits.icon_bytes).map(<[u8]>::to_vec);
            keep(path, limits.file_bytes, png, files, notes);
        } else {
            self.note_catalog("Resources/Assets.car", files, notes);
        }
    }

    /// Apps of the latest tools have their icon nowhere else.
    fn note_catalog(&self, catalog: &str, files: &mut dyn Files, notes: &mut Notes<'_>) {
        let path = self.path_of(catalog);
        if files.has(&path) {
            notes.info("icon-in-catalog", format!("The icon, if there is one, is in {path}, which is not read."));
        }
    }
}

fn keep(
    path: String,
    max_bytes: u64,
    png: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>,
    files: &mut dyn Files,
    notes: &mut Notes<'_>,
) {
    match files.read(&path, max_bytes) {
        Ok(bytes) => {
            if let Some(png) = png(bytes) {
                keep_icon(path, png, notes);
            } else {
                notes
                    .warning("icon-unreadable", format!("The icon cannot be shown: {path} holds no PNG that is read."));
            }
        }
        Err(error) => notes.warning("icon-unreadable", format!("The icon cannot be shown: {error}.")),
    }
}
