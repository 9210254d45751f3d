//! Zipped macOS apps: a ZIP with `NAME.app/Contents/`.

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use crate::apple::{Signature, SignatureState, find_app};
use crate::archive;
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

/// What a zipped macOS app says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppZip {
    /// The app's folder in the archive: `Acme.app`.
    pub app: String,
    /// `CFBundleIdentifier`.
    pub bundle_id: Option<String>,
    /// `CFBundleShortVersionString`, the version for people.
    pub short_version: Option<String>,
    /// `CFBundleVersion`, the build.
    pub build: Option<String>,
    /// `CFBundleDisplayName`, or `CFBundleName`.
    pub display_name: Option<String>,
    /// `LSMinimumSystemVersion`, or what the executable says.
    pub minimum_macos: Option<String>,
    /// Processors that the executable is for.
    pub architectures: Vec<String>,
    /// The code signature of the executable.
    pub signature: Signature,
    /// Whether a notarization ticket is stapled to it (`Contents/CodeResources`).
    pub stapled: bool,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<AppZip, Unreadable> {
    let mut archive = archive::open(input)?;
    archive.list_entries(notes);
    let app = find_app(&archive, "Contents/", is_app_info)
        .ok_or_else(|| Unreadable::new("app-missing", "archive", "no app with an Info.plist inside"))?;
    let bundle = app.read_bundle(&mut archive, notes)?;
    let executable = app.read_executable("MacOS/", &bundle, &mut archive, notes).unwrap_or_default();
    app.read_icns_icon(&bundle, &mut archive, notes);
    let stapled = archive.has(&app.path_of("CodeResources"));
    if bundle.id.is_none() {
        notes.warning("bundle-id-missing", "Info.plist has no CFBundleIdentifier.");
    }
    if bundle.short_version.is_none() && bundle.build.is_none() {
        notes.warning("version-missing", "Info.plist has neither a version nor a build.");
    }
    report_signature(executable.signature.signature.state, stapled, notes);
    Ok(AppZip {
        app: app.path,
        bundle_id: bundle.id,
        short_version: bundle.short_version,
        build: bundle.build,
        display_name: bundle.display_name,
        minimum_macos: bundle.minimum_os.or(executable.minimum_os),
        architectures: executable.architectures,
        signature: executable.signature.signature,
        stapled,
    })
}

/// `X.app/Contents/Info.plist`, at any depth.
fn is_app_info(name: &str) -> bool {
    name.strip_suffix("/Contents/Info.plist").is_some_and(|app| app.ends_with(".app"))
}

/// What macOS does with a downloaded app or package of this kind.
pub(super) fn report_signature(state: SignatureState, stapled: bool, notes: &mut Notes<'_>) {
    match state {
        SignatureState::Unsigned => notes.warning("unsigned", "Not signed: macOS refuses to open it when downloaded."),
        SignatureState::LinkerSigned => {
            notes.warning("unsigned", "Signed only by the linker, which is not signed: macOS refuses to open it.");
        }
        SignatureState::AdHoc => {
            notes.warning("ad-hoc-signed", "Signed by nobody (ad hoc): macOS refuses to open it when downloaded.");
        }
        SignatureState::Signed if !stapled => {
            notes.warning("no-ticket", "No notarization ticket is stapled: macOS has to ask Apple before it opens it.");
        }
        SignatureState::Signed => {}
    }
}
