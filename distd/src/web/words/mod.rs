//! What pages say, in each of their languages. A language that lacks a text does not compile.

mod de;
mod en;
mod zh;

use inspect::{Signing, Summary};
use protocol::Platform;
use protocol::api::InstallReason;

pub(super) use de::DE;
pub(super) use en::EN;
pub(super) use zh::ZH;

/// A text with a number in it.
type Counted = fn(u64) -> String;

/// A text with a name in it.
type Named = fn(&str) -> String;

/// The texts of one language.
pub(super) struct Words {
    /// Its tag (BCP 47).
    pub(super) tag: &'static str,
    /// What it calls itself.
    pub(super) name: &'static str,
    /// What the switch between languages is called.
    pub(super) language: &'static str,
    pub(super) time: Times,
    pub(super) act: Acts,
    pub(super) label: Labels,
    pub(super) ios: Ios,
    pub(super) android: Android,
    pub(super) mac: Mac,
    pub(super) windows: Windows,
    pub(super) linux: Linux,
    /// Whether something is signed.
    pub(super) signing: SigningWords,
    /// In the browser of this app, on a system whose own browser is that one.
    pub(super) inside: fn(app: Option<&str>, browser: &str) -> String,
    pub(super) sign_in: SignIn,
    pub(super) problem: Problems,
}

pub(super) struct Times {
    pub(super) today: &'static str,
    pub(super) yesterday: &'static str,
    pub(super) days_ago: Counted,
}

/// What buttons and links say.
pub(super) struct Acts {
    /// With the device: `iPhone`, `iPad`.
    pub(super) install_on: Named,
    /// With the platform: `Android`.
    pub(super) download_for: Named,
    pub(super) download: &'static str,
    pub(super) open_testflight: &'static str,
    pub(super) open_app_store: &'static str,
    pub(super) open_google_play: &'static str,
    pub(super) open_page: &'static str,
    pub(super) copy: &'static str,
    pub(super) copied: &'static str,
    pub(super) all_notes: &'static str,
}

/// What things are called.
pub(super) struct Labels {
    pub(super) whats_new: &'static str,
    pub(super) platforms: &'static str,
    pub(super) other_platforms: &'static str,
    pub(super) other_files: &'static str,
    pub(super) checksums: &'static str,
    pub(super) checksums_hint: &'static str,
    pub(super) verify: &'static str,
    pub(super) minimum_os: &'static str,
    pub(super) signing: &'static str,
    pub(super) signer: &'static str,
    pub(super) id: &'static str,
    pub(super) version_code: &'static str,
    pub(super) processor: &'static str,
    pub(super) every_processor: &'static str,
    pub(super) published: &'static str,
    pub(super) release: &'static str,
    pub(super) any_platform: &'static str,
    pub(super) scan: &'static str,
    pub(super) or_later: Named,
    pub(super) nothing: &'static str,
}

pub(super) struct Ios {
    pub(super) enterprise: &'static str,
    pub(super) ad_hoc: Counted,
    pub(super) valid: Counted,
    pub(super) steps_enterprise: &'static [&'static str],
    pub(super) steps_ad_hoc: &'static [&'static str],
    pub(super) on_device: &'static str,
    pub(super) needs_https: &'static str,
    pub(super) testflight_left: Counted,
    pub(super) testflight_over: &'static str,
    pub(super) steps_testflight: &'static [&'static str],
    pub(super) reason: fn(InstallReason) -> &'static str,
    pub(super) for_makers: &'static str,
}

pub(super) struct Android {
    pub(super) steps: &'static [&'static str],
    pub(super) which: &'static str,
    pub(super) verified_in_places: &'static str,
    pub(super) verified_everywhere: &'static str,
    pub(super) bundle: &'static str,
}

pub(super) struct Mac {
    pub(super) steps_dmg: &'static [&'static str],
    pub(super) steps_pkg: &'static [&'static str],
    pub(super) steps_zip: &'static [&'static str],
    pub(super) stapled: &'static str,
    pub(super) no_ticket: &'static str,
    pub(super) unsigned: &'static str,
    pub(super) which: &'static str,
    pub(super) apple_silicon: &'static str,
    pub(super) intel: &'static str,
}

pub(super) struct Windows {
    pub(super) steps_installer: &'static [&'static str],
    pub(super) steps_msix: &'static [&'static str],
    pub(super) steps_zip: &'static [&'static str],
    pub(super) signed: &'static str,
    pub(super) unsigned: &'static str,
    pub(super) invalid: &'static str,
}

pub(super) struct Linux {
    pub(super) deb: &'static str,
    pub(super) rpm: &'static str,
    pub(super) appimage: &'static str,
    pub(super) archive: &'static str,
    pub(super) chromebook: &'static str,
}

pub(super) struct SigningWords {
    pub(super) stapled: &'static str,
    pub(super) no_ticket: &'static str,
    pub(super) signed: &'static str,
    pub(super) ad_hoc: &'static str,
    pub(super) unsigned: &'static str,
    pub(super) invalid: &'static str,
}

pub(super) struct SignIn {
    pub(super) title: &'static str,
    pub(super) why: &'static str,
    pub(super) token: &'static str,
    pub(super) button: &'static str,
    pub(super) refused: &'static str,
    pub(super) too_many: &'static str,
    pub(super) not_enough: Named,
    pub(super) signed_in: Named,
    pub(super) sign_out: &'static str,
    pub(super) done: &'static str,
}

/// Titles and advice of pages that show nothing.
pub(super) struct Problems {
    pub(super) private: (&'static str, &'static str),
    pub(super) link: (&'static str, &'static str),
    /// The reason that was given follows.
    pub(super) withdrawn: (&'static str, &'static str),
    pub(super) expired: (&'static str, &'static str),
    pub(super) nothing: (&'static str, &'static str),
    pub(super) failed: (&'static str, &'static str),
    pub(super) form: (&'static str, &'static str),
}

impl Words {
    /// Whether an artifact is signed; `None` where there is nothing to say.
    pub(super) fn signing_state(&self, summary: &Summary) -> Option<&'static str> {
        let words = &self.signing;
        match (summary.signing, summary.stapled) {
            (Signing::NotApplicable, _) => None,
            (Signing::Signed, Some(true)) => Some(words.stapled),
            (Signing::Signed, Some(false)) => Some(words.no_ticket),
            (Signing::Signed, None) => Some(words.signed),
            (Signing::AdHoc, _) => Some(words.ad_hoc),
            (Signing::Unsigned, _) => Some(words.unsigned),
            (Signing::Invalid, _) => Some(words.invalid),
        }
    }

    /// What a platform is called.
    pub(super) fn platform(&self, platform: Platform) -> &'static str {
        match platform {
            Platform::Ios => "iPhone · iPad",
            Platform::Any => self.label.any_platform,
            Platform::Android | Platform::Macos | Platform::Windows | Platform::Linux => platform.display_name(),
        }
    }
}
