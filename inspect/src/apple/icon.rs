//! Which picture stands for an app, and keeping it.

use super::png::restore;
use crate::Icon;
use crate::notes::Notes;

/// Files in the app's own folder that may be its icon: `names` are the folder's files, `stated` what `Info.plist` says.
pub(crate) fn is_icon_file(name: &str, stated: &[String]) -> bool {
    let Some(stem) = name.strip_suffix(".png") else { return false };
    let is_stated = |stated: &String| stem.starts_with(stated.strip_suffix(".png").unwrap_or(stated));
    !name.contains('/') && (stated.iter().any(is_stated) || stated.is_empty() && stem.starts_with("Icon"))
}

/// Restores a PNG and keeps it as the icon; one that cannot be shown is a warning.
pub(crate) fn keep_icon(path: String, png: Vec<u8>, notes: &mut Notes<'_>) {
    match restore(png, notes.limits) {
        Ok(png) => notes.icon = Some(Icon { path, width: png.width, height: png.height, png: png.bytes }),
        Err(why) => notes.warning("icon-unreadable", format!("The icon {path} cannot be shown: {why}.")),
    }
}
