//! Windows executables: Portable Executable images (PE Format, learn.microsoft.com/windows/win32/debug/pe-format).

mod authenticode;
mod headers;
mod icon;
mod installer;
mod resources;
mod version;

use std::io::{self, Read, Seek};

use serde::{Deserialize, Serialize};

use crate::input::Input;
use crate::notes::{Notes, Unreadable};

pub use authenticode::Authenticode;
pub(crate) use authenticode::{Claim, Hasher, parse_claims, report as report_signatures};
pub use installer::Installer;
pub use version::Version;

use resources::{Resources, VERSION};

/// What a Windows executable says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exe {
    /// Processors that it is built for: `x86`, `x86_64`, `aarch64`, `armv7`, or the machine number as `0x1234`.
    pub architectures: Vec<String>,
    /// What it runs in: `gui`, `console`, `native`, `efi`, or the number that the header has.
    pub subsystem: String,
    /// Whether it is a library, not a program.
    pub is_library: bool,
    /// Whether it holds .NET code.
    pub is_dotnet: bool,
    /// The version resource, where it has one.
    pub version: Option<Version>,
    /// The tool that made the installer, where it shows.
    pub installer: Option<Installer>,
    /// Bytes behind the last section, signature included: where most installers keep what they install.
    pub overlay_bytes: u64,
    /// Authenticode signatures, the outer one first. Empty where the file is not signed.
    pub signatures: Vec<Authenticode>,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Exe, Unreadable> {
    let image = headers::read(input)?;
    let resources = resources::read(input, &image).unwrap_or_else(|why| {
        notes.warning("resources-unreadable", format!("The resources cannot be read: {why}."));
        Resources::default()
    });
    let version = read_version(input, &resources, notes);
    icon::read(input, &resources, notes);
    let installer = installer::recognise(input, &image, &resources).unwrap_or_else(|why| {
        notes.warning("installer-unreadable", format!("What follows the program cannot be read: {why}."));
        None
    });
    let signatures = authenticode::read(input, &image, notes);
    if signatures.is_empty() {
        notes.info("not-signed", "The program is not signed: Windows warns before it runs.");
    }
    Ok(Exe {
        architectures: vec![image.architecture.clone()],
        subsystem: image.subsystem.clone(),
        is_library: image.is_library,
        is_dotnet: image.is_dotnet,
        version,
        installer,
        overlay_bytes: input.len().saturating_sub(image.sections_end),
        signatures,
    })
}

fn read_version<R: Read + Seek>(input: &mut Input<R>, resources: &Resources, notes: &mut Notes<'_>) -> Option<Version> {
    let bytes = match resources.first(VERSION)?.read(input) {
        Ok(bytes) => bytes,
        Err(why) => {
            notes.warning("version-unreadable", format!("The version resource cannot be read: {why}."));
            return None;
        }
    };
    let version = version::parse(&bytes, notes.limits.text_bytes);
    if version.is_none() {
        notes.warning("version-unreadable", "The version resource is damaged.");
    }
    version
}

fn malformed(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}
