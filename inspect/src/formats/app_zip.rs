//! Zipped macOS apps: a ZIP with `NAME.app/Contents/`.

use std::io::{Read, Seek};

use crate::apple::{MacApp, find_app, read_mac_app};
use crate::archive;
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<MacApp, Unreadable> {
    let mut archive = archive::open(input)?;
    archive.list_entries(notes);
    let app = find_app(&archive, "Contents/", is_app_info)
        .ok_or_else(|| Unreadable::new("app-missing", "archive", "no app with an Info.plist inside"))?;
    read_mac_app(app, &mut archive, notes)
}

/// `X.app/Contents/Info.plist`, at any depth.
fn is_app_info(name: &str) -> bool {
    name.strip_suffix("/Contents/Info.plist").is_some_and(|app| app.ends_with(".app"))
}
