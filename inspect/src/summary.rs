//! What every format says in its own words, in the same words: for lists, pages and rules.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::apple::{MacApp, ProfileKind, Signature, SignatureState};
use crate::certificates::Certificate;
use crate::formats::apk::{Apk, Verification};
use crate::formats::dmg::Dmg;
use crate::formats::exe::Authenticode;
use crate::{Details, Report};

/// What lists, pages and rules need to know of an artifact. Absent where the artifact does not say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Summary {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the system knows it by: bundle id, package name, product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its version for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What counts its builds: `CFBundleVersion`, the version code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// The lowest version of the system that it runs on; on Android the API level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_os: Option<String>,
    /// Processors; empty where it fits all of them or does not say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Whether it is signed.
    pub signing: Signing,
    /// The team that signed it, on Apple's systems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_id: Option<String>,
    /// Who signed it, as it matters for updates: SHA-256 of the certificates on Android, subjects on Windows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<String>,
    /// Whether a notarization ticket is stapled to it; absent where there is no such thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stapled: Option<bool>,
    /// Whether a debugger may attach to it.
    pub debuggable: bool,
    /// The provisioning profile inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileSummary>,
}

/// Whether something is signed. Signed does not mean trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Signing {
    /// Its format has no signature, or leaves it to others to sign.
    #[default]
    NotApplicable,
    /// It could be signed and is not.
    Unsigned,
    /// Signed by no one in particular.
    AdHoc,
    /// Signed, and nothing that was checked speaks against it.
    Signed,
    /// Signed, and the bytes are not those that were signed.
    Invalid,
}

impl Signing {
    /// The word in JSON and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Signing::NotApplicable => "not-applicable",
            Signing::Unsigned => "unsigned",
            Signing::AdHoc => "ad-hoc",
            Signing::Signed => "signed",
            Signing::Invalid => "invalid",
        }
    }

    /// How much a signature on a whole or on its part says, the larger the more.
    fn strength(self) -> u8 {
        match self {
            Signing::NotApplicable | Signing::Invalid => 0,
            Signing::Unsigned => 1,
            Signing::AdHoc => 2,
            Signing::Signed => 3,
        }
    }
}

/// What a provisioning profile allows, without the devices' identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileSummary {
    /// `enterprise`, `development`, `ad-hoc` or `store`.
    #[schema(value_type = String)]
    pub kind: ProfileKind,
    /// When it ends, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// How many devices it lists.
    pub devices: u64,
}

impl Report {
    /// The same facts for every format.
    pub fn summary(&self) -> Summary {
        let Some(details) = &self.details else { return Summary::default() };
        match details {
            Details::Ipa(ipa) => Summary {
                title: ipa.display_name.clone(),
                id: ipa.bundle_id.clone(),
                version: ipa.short_version.clone(),
                build: ipa.build.clone(),
                minimum_os: ipa.minimum_os.clone(),
                architectures: ipa.architectures.clone(),
                team_id: ipa
                    .profile
                    .as_ref()
                    .and_then(|profile| profile.team_id.clone())
                    .or(ipa.signature.team_id.clone()),
                profile: ipa.profile.as_ref().map(|profile| ProfileSummary {
                    kind: profile.kind,
                    expires: profile.expires.clone(),
                    devices: profile.devices,
                }),
                ..apple(&ipa.signature)
            },
            Details::Apk(apk) => summarize_apk(apk, self.has("signature-stripped")),
            Details::Aab(aab) => Summary {
                id: aab.package.clone(),
                version: aab.version_name.clone(),
                build: aab.version_code.map(|code| code.to_string()),
                minimum_os: aab.min_sdk.clone(),
                architectures: aab.abis.clone(),
                ..Summary::default()
            },
            Details::AppZip(app) => summarize_mac_app(app),
            Details::Dmg(dmg) => summarize_dmg(dmg),
            Details::Pkg(pkg) => Summary {
                title: pkg.title.clone(),
                id: pkg.id.clone(),
                version: pkg.version.clone(),
                minimum_os: pkg.minimum_macos.clone(),
                architectures: pkg.architectures.clone(),
                signing: if pkg.signed { Signing::Signed } else { Signing::Unsigned },
                stapled: Some(pkg.stapled),
                team_id: pkg.certificates.first().and_then(team_of),
                ..Summary::default()
            },
            Details::Tarball(tarball) => Summary { architectures: tarball.architectures.clone(), ..Summary::default() },
            Details::Zip(_) => Summary::default(),
            Details::Deb(_) | Details::Rpm(_) | Details::Appimage(_) => summarize_linux(details),
            Details::Exe(_) | Details::Msi(_) | Details::Msix(_) => {
                summarize_windows(details, self.has("signature-wrong"))
            }
        }
    }

    fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }
}

fn summarize_mac_app(app: &MacApp) -> Summary {
    Summary {
        title: app.display_name.clone(),
        id: app.bundle_id.clone(),
        version: app.short_version.clone(),
        build: app.build.clone(),
        minimum_os: app.minimum_macos.clone(),
        architectures: app.architectures.clone(),
        stapled: Some(app.stapled),
        ..apple(&app.signature)
    }
}

/// An image is its app. macOS takes the signature of either, and the ticket of either.
fn summarize_dmg(dmg: &Dmg) -> Summary {
    let image = Summary { stapled: Some(dmg.stapled), ..apple(&dmg.signature) };
    let Some(app) = dmg.app.as_ref().map(summarize_mac_app) else { return image };
    let is_image_stronger = image.signing.strength() > app.signing.strength();
    let (signing, team_id) = if is_image_stronger {
        (image.signing, image.team_id.or(app.team_id))
    } else {
        (app.signing, app.team_id.or(image.team_id))
    };
    Summary { signing, team_id, stapled: Some(dmg.stapled || app.stapled == Some(true)), ..app }
}

fn apple(signature: &Signature) -> Summary {
    let signing = match signature.state {
        SignatureState::Unsigned | SignatureState::LinkerSigned => Signing::Unsigned,
        SignatureState::AdHoc => Signing::AdHoc,
        SignatureState::Signed => Signing::Signed,
    };
    Summary { signing, team_id: signature.team_id.clone(), ..Summary::default() }
}

/// Apple's certificates have the team as organizational unit.
fn team_of(certificate: &Certificate) -> Option<String> {
    let unit = certificate.subject.split(',').find_map(|part| part.trim().strip_prefix("OU="))?;
    Some(unit.to_owned())
}

/// A signature that names a newer one which is not there holds for bytes that were signed, and Android refuses them all the
/// same.
fn summarize_apk(apk: &Apk, is_stripped: bool) -> Summary {
    let has_failed =
        is_stripped || apk.signatures.iter().any(|signature| signature.verification == Verification::Failed);
    let mut signers: Vec<String> = apk
        .signatures
        .iter()
        .filter_map(|signature| signature.certificate.as_ref())
        .map(|it| it.sha256.clone())
        .collect();
    signers.sort();
    signers.dedup();
    Summary {
        title: apk.label.clone(),
        id: apk.package.clone(),
        version: apk.version_name.clone(),
        build: apk.version_code.map(|code| code.to_string()),
        minimum_os: apk.min_sdk.clone(),
        architectures: apk.abis.clone(),
        signing: match (apk.signatures.is_empty(), has_failed) {
            (true, _) => Signing::Unsigned,
            (false, true) => Signing::Invalid,
            (false, false) => Signing::Signed,
        },
        signers,
        debuggable: apk.debuggable,
        ..Summary::default()
    }
}

/// Linux packages are signed by repositories rather than by themselves: one that is not is nothing odd.
fn summarize_linux(details: &Details) -> Summary {
    let signing = |is_signed: bool| if is_signed { Signing::Signed } else { Signing::NotApplicable };
    match details {
        Details::Deb(deb) => Summary {
            title: deb.package.clone(),
            id: deb.package.clone(),
            version: deb.version.clone(),
            architectures: deb.architecture.iter().cloned().collect(),
            signing: signing(deb.is_signed),
            ..Summary::default()
        },
        Details::Rpm(rpm) => Summary {
            title: rpm.name.clone(),
            id: rpm.name.clone(),
            version: rpm.version.clone(),
            build: rpm.release.clone(),
            architectures: rpm.arch.iter().cloned().collect(),
            signing: signing(rpm.is_signed),
            ..Summary::default()
        },
        Details::Appimage(image) => Summary {
            title: image.desktop_entry.as_ref().and_then(|entry| entry.name.clone()),
            version: image.desktop_entry.as_ref().and_then(|entry| entry.version.clone()),
            architectures: vec![image.architecture.clone()],
            signing: signing(image.is_signed),
            ..Summary::default()
        },
        _ => Summary::default(),
    }
}

fn summarize_windows(details: &Details, is_wrong: bool) -> Summary {
    match details {
        Details::Exe(exe) => Summary {
            title: exe.version.as_ref().and_then(|version| version.product.clone()),
            version: exe.version.as_ref().and_then(|version| version.product_version.clone()),
            architectures: exe.architectures.clone(),
            ..authenticode(!exe.signatures.is_empty(), &exe.signatures)
        },
        Details::Msi(msi) => Summary {
            title: msi.product_name.clone(),
            id: msi.upgrade_code.clone(),
            version: msi.product_version.clone(),
            architectures: msi.architecture.iter().cloned().collect(),
            ..authenticode(msi.is_signed, &msi.signatures)
        },
        Details::Msix(msix) => Summary {
            // `ms-resource:` names a text in the resources, which are not read.
            title: msix.display_name.clone().filter(|name| !name.starts_with("ms-resource:")),
            id: msix.name.clone(),
            version: msix.version.clone(),
            minimum_os: msix.minimum_os_version.clone(),
            architectures: msix.architectures.clone(),
            signing: match (msix.is_signed, is_wrong || msix.is_publisher_signer == Some(false)) {
                (false, _) => Signing::Unsigned,
                (true, true) => Signing::Invalid,
                (true, false) => Signing::Signed,
            },
            signers: msix.publisher.iter().cloned().collect(),
            ..Summary::default()
        },
        _ => Summary::default(),
    }
}

fn authenticode(is_signed: bool, signatures: &[Authenticode]) -> Summary {
    let is_wrong = signatures
        .iter()
        .any(|signature| signature.is_digest_verified == Some(false) || signature.is_signature_verified == Some(false));
    let signing = match (is_signed, is_wrong) {
        (false, _) => Signing::Unsigned,
        (true, true) => Signing::Invalid,
        (true, false) => Signing::Signed,
    };
    let mut signers: Vec<String> =
        signatures.iter().filter_map(|signature| signature.signer.as_ref()).map(|it| it.subject.clone()).collect();
    signers.sort();
    signers.dedup();
    Summary { signing, signers, ..Summary::default() }
}

#[cfg(test)]
mod tests;
