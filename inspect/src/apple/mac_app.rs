//! What a macOS app says of itself, wherever its folder lies.

use serde::{Deserialize, Serialize};

use super::archived::App;
use super::signature::{Signature, SignatureState};
use crate::files::Files;
use crate::notes::{Notes, Unreadable};

/// What a macOS app says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MacApp {
    /// The app's folder in the archive or on the disk: `Acme.app`.
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

/// Reads the app whose folder is `app`; its icon and what is odd about it go to `notes`.
///
/// # Errors
/// When its `Info.plist` cannot be read.
pub(crate) fn read_mac_app(app: App, files: &mut dyn Files, notes: &mut Notes<'_>) -> Result<MacApp, Unreadable> {
    let bundle = app.read_bundle(files, notes)?;
    let executable = app.read_executable("MacOS/", &bundle, files, notes).unwrap_or_default();
    app.read_icns_icon(&bundle, files, notes);
    let stapled = files.has(&app.path_of("CodeResources"));
    if bundle.id.is_none() {
        notes.warning("bundle-id-missing", "Info.plist has no CFBundleIdentifier.");
    }
    if bundle.short_version.is_none() && bundle.build.is_none() {
        notes.warning("version-missing", "Info.plist has neither a version nor a build.");
    }
    report_signature(executable.signature.signature.state, stapled, notes);
    Ok(MacApp {
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

/// What macOS does with a downloaded app or package of this kind.
pub(crate) fn report_signature(state: SignatureState, stapled: bool, notes: &mut Notes<'_>) {
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
