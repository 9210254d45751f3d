//! Which tool made an installer.

use std::io::{self, Read, Seek};

use serde::{Deserialize, Serialize};

use super::headers::Image;
use super::resources::{MANIFEST, RAW, Resources};
use crate::input::Input;

/// Makers of installers that show in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Installer {
    /// Nullsoft Scriptable Install System: its data begins with a mark behind the program.
    Nsis,
    /// Inno Setup: its offset table is resource 11111, and its manifest is called `JR.Inno.Setup`.
    Inno,
    /// Squirrel.Windows: the packages are resource 131 of the type `DATA`.
    Squirrel,
    /// The `WiX` Toolset's bundle: a section called `.wixburn`.
    WixBurn,
}

/// `firstheader` of NSIS (Source/exehead/fileform.h): flags, then these bytes.
const NSIS_MARK: &[u8] = b"\xef\xbe\xad\xdeNullsoftInst";

/// Bytes behind the program that are looked through for a mark.
const MARK_BYTES: usize = 4_096;

pub(super) fn recognise<R: Read + Seek>(
    input: &mut Input<R>,
    image: &Image,
    resources: &Resources,
) -> io::Result<Option<Installer>> {
    if image.sections.iter().any(|section| section.name.starts_with(b".wixburn")) {
        return Ok(Some(Installer::WixBurn));
    }
    if resources.has_named("DATA", 131) {
        return Ok(Some(Installer::Squirrel));
    }
    let manifest = resources.first(MANIFEST).map(|manifest| manifest.read(input)).transpose()?.unwrap_or_default();
    if resources.has(RAW, 11_111) || contains(&manifest, b"\"JR.Inno.Setup\"") {
        return Ok(Some(Installer::Inno));
    }
    let overlay = input.read_at(image.sections_end, MARK_BYTES)?;
    let is_nsis = contains(&overlay, NSIS_MARK) || contains(&manifest, b"\"Nullsoft.NSIS.exehead\"");
    Ok(is_nsis.then_some(Installer::Nsis))
}

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}
