//! What lies at the top of an `AppImage`'s file system: the desktop entry and the icon ("`AppDir`" in the same
//! specification; "Desktop Entry Specification" of freedesktop.org).

use serde::{Deserialize, Serialize};

use crate::apple::keep_icon;
use crate::filesystems::TopLevel;
use crate::notes::Notes;

/// A desktop entry has a kilobyte or two, with all its translations some ten.
const ENTRY_BYTES: u64 = 256 * 1024;

/// The desktop entry of an app: how menus show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesktopEntry {
    /// Its file at the top of the image: `acme.desktop`.
    pub file: String,
    /// `Name`.
    pub name: Option<String>,
    /// `Comment`.
    pub comment: Option<String>,
    /// `Icon`, a name without its ending.
    pub icon: Option<String>,
    /// `X-AppImage-Version`, the version of the app.
    pub version: Option<String>,
}

/// Reads the entry and keeps the icon. What is missing or cannot be read is a warning.
pub(super) fn read(image: Result<impl TopLevel, String>, notes: &mut Notes<'_>) -> Option<DesktopEntry> {
    let opened = image.and_then(|mut image| image.names().map(|names| (image, names)));
    let (mut image, names) = match opened {
        Ok(opened) => opened,
        Err(why) => {
            notes.warning("file-system-unreadable", format!("What is in the image cannot be read: {why}."));
            return None;
        }
    };
    let entry = read_entry(&mut image, &names, notes);
    let icon = entry.as_ref().and_then(|entry| entry.icon.as_deref());
    read_icon(&mut image, icon, notes);
    entry
}

fn read_entry(image: &mut impl TopLevel, names: &[String], notes: &mut Notes<'_>) -> Option<DesktopEntry> {
    let Some(file) = names.iter().find(|name| name.ends_with(".desktop")) else {
        notes.warning("desktop-entry-missing", "No desktop entry is at the top of the image: menus cannot show it.");
        return None;
    };
    let read =
        image.read(file, ENTRY_BYTES).and_then(|bytes| bytes.ok_or_else(|| "a link that leads nowhere".to_owned()));
    match read {
        Ok(bytes) => Some(parse_entry(file, &String::from_utf8_lossy(&bytes), notes.limits.text_bytes)),
        Err(why) => {
            notes.warning("desktop-entry-unreadable", format!("{file} cannot be read: {why}."));
            None
        }
    }
}

/// The first value of each key in the group `[Desktop Entry]`; translations have keys of their own.
fn parse_entry(file: &str, text: &str, text_bytes: usize) -> DesktopEntry {
    let after = text.lines().skip_while(|line| line.trim() != "[Desktop Entry]").skip(1);
    let group = after.take_while(|line| !line.starts_with('['));
    let pairs: Vec<(&str, &str)> = group.filter_map(|line| line.split_once('=')).collect();
    let value = |key: &str| {
        let (_, value) = pairs.iter().find(|(name, _)| name.trim() == key)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value[..value.floor_char_boundary(text_bytes)].to_owned())
    };
    DesktopEntry {
        file: file.to_owned(),
        name: value("Name"),
        comment: value("Comment"),
        icon: value("Icon"),
        version: value("X-AppImage-Version"),
    }
}

/// The PNG that the entry names, or `.DirIcon`, which may be of another kind or a link to it.
fn read_icon(image: &mut impl TopLevel, icon: Option<&str>, notes: &mut Notes<'_>) {
    let named = icon.filter(|icon| !icon.contains('/')).map(|icon| format!("{}.png", icon.trim_end_matches(".png")));
    let mut problem = None;
    for path in named.into_iter().chain([".DirIcon".to_owned()]) {
        match image.read(&path, notes.limits.icon_bytes as u64) {
            Ok(Some(bytes)) if bytes.starts_with(b"\x89PNG") => return keep_icon(path, bytes, notes),
            Ok(Some(bytes)) if is_svg(&bytes) => {
                return notes.info(
                    "icon-is-drawing",
                    format!("The icon ({path}) is an SVG drawing, of which no picture is made."),
                );
            }
            Ok(Some(_)) => problem = problem.or_else(|| Some(format!("{path} is no PNG"))),
            Ok(None) => {}
            Err(why) => problem = problem.or_else(|| Some(format!("{path}: {why}"))),
        }
    }
    let why = problem.unwrap_or_else(|| "there is none at the top of the image".to_owned());
    notes.warning("icon-unreadable", format!("The icon cannot be shown: {why}."));
}

fn is_svg(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(4_096)];
    head.windows(4).any(|window| window == b"<svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_entrys_own_group_is_read() {
        let text = "#x\n[Desktop Entry]\nName=Acme\nName[de]=Gipfel\nX-AppImage-Version = 2.4\nIcon=\n\n[Desktop Action A]\nComment=c\n";
        let entry = parse_entry("a.desktop", text, 100);
        assert_eq!((entry.name.as_deref(), entry.version.as_deref()), (Some("Acme"), Some("2.4")));
        assert_eq!((entry.icon, entry.comment), (None, None));
    }
}
