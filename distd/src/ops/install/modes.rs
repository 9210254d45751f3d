//! How each file of a release gets onto a device: from what inspection read to an [`Install`]. Pure.

use std::collections::HashMap;

use inspect::apple::{Profile, ProfileKind, SignatureState};
use inspect::formats::ipa::Ipa;
use inspect::{Details, Report};
use jiff::{SignedDuration, Timestamp};
use objstore::Digest;
use protocol::api::{Install, InstallMode, InstallReason};
use protocol::manifest::{ArtifactLine, Link, ReleaseManifest};
use protocol::platform::LinkKind;
use protocol::{Kind, Platform};

/// For how long a build works in TestFlight, from its upload.
const TESTFLIGHT: SignedDuration = SignedDuration::from_hours(90 * 24);

const SECONDS_OF_A_DAY: i64 = 24 * 60 * 60;

/// One for each artifact, in the order of the manifest, then one for each TestFlight link.
pub(crate) fn ways(manifest: &ReleaseManifest, reports: &HashMap<Digest, Report>, now: Timestamp) -> Vec<Install> {
    let files = manifest.artifacts.iter().map(|line| of_artifact(line, reports.get(&line.sha256), now));
    let links = manifest.links.iter().filter(|link| link.kind == LinkKind::Testflight);
    files.chain(links.map(|link| of_invitation(link, manifest.created_at, now))).collect()
}

/// Of a release that was revoked nothing is installed; why is said with the release.
pub(crate) fn withdraw(install: &mut Install) {
    install.mode = InstallMode::None;
    (install.reason, install.url) = (None, None);
}

/// Whether a file is for holders of a token only.
pub(super) fn is_for_makers(line: &ArtifactLine, report: Option<&Report>, now: Timestamp) -> bool {
    matches!(of_artifact(line, report, now).mode, InstallMode::ArtifactOnly | InstallMode::None)
}

/// The app inside, where a tap on an iPhone installs it.
pub(super) fn over_the_air(report: &Report, now: Timestamp) -> Option<&Ipa> {
    let Some(Details::Ipa(ipa)) = &report.details else { return None };
    matches!(of_ipa(ipa, now).mode, InstallMode::Enterprise | InstallMode::AdHoc).then_some(ipa)
}

/// What is decided of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    mode: InstallMode,
    reason: Option<InstallReason>,
}

impl Way {
    fn to(mode: InstallMode) -> Self {
        Self { mode, reason: None }
    }

    fn artifact_only(reason: InstallReason) -> Self {
        Self { mode: InstallMode::ArtifactOnly, reason: Some(reason) }
    }

    fn none(reason: InstallReason) -> Self {
        Self { mode: InstallMode::None, reason: Some(reason) }
    }
}

fn of_artifact(line: &ArtifactLine, report: Option<&Report>, now: Timestamp) -> Install {
    let details = report.and_then(|report| report.details.as_ref());
    let (way, profile) = match (line.kind, details) {
        (Kind::Ipa, Some(Details::Ipa(ipa))) => (of_ipa(ipa, now), ipa.profile.as_ref()),
        (Kind::Ipa, None) if report.is_none() => (Way::artifact_only(InstallReason::NotInspected), None),
        (Kind::Ipa, _) => (Way::artifact_only(InstallReason::Unreadable), None),
        (Kind::Aab, _) => (Way::artifact_only(InstallReason::AppBundle), None),
        // Whatever is for iOS and is no IPA is for its makers.
        (_, _) if line.platform == Platform::Ios => (Way::artifact_only(InstallReason::Unreadable), None),
        (_, _) => (Way::to(InstallMode::Direct), None),
    };
    let expires = profile.and_then(end_of);
    Install {
        platform: line.platform,
        mode: way.mode,
        reason: way.reason,
        filename: Some(line.filename.clone()),
        sha256: Some(line.sha256),
        url: None,
        devices: profile.filter(|profile| has_devices(profile.kind)).map(|profile| profile.devices),
        expires,
        days_left: expires.map(|expires| days_left(expires, now)),
    }
}

/// What speaks most against an installation goes first.
fn of_ipa(ipa: &Ipa, now: Timestamp) -> Way {
    use InstallReason as Reason;
    if ipa.simulator {
        return Way::artifact_only(Reason::Simulator);
    }
    if ipa.encrypted {
        return Way::none(Reason::Encrypted);
    }
    if ipa.bundle_id.is_none() {
        return Way::artifact_only(Reason::Unreadable);
    }
    if matches!(ipa.signature.state, SignatureState::Unsigned | SignatureState::LinkerSigned) {
        return Way::artifact_only(Reason::Unsigned);
    }
    let Some(profile) = &ipa.profile else { return Way::artifact_only(Reason::ProfileMissing) };
    if !profile.verified {
        return Way::artifact_only(Reason::ProfileUnverified);
    }
    if profile.kind == ProfileKind::Store {
        return Way::none(Reason::StoreProfile);
    }
    if end_of(profile).is_none_or(|end| end <= now) {
        return Way::none(Reason::ProfileExpired);
    }
    let is_for_phones = |family: &String| matches!(family.as_str(), "iphone" | "ipad");
    if !ipa.device_families.is_empty() && !ipa.device_families.iter().any(is_for_phones) {
        return Way::artifact_only(Reason::OtherDevices);
    }
    match profile.kind {
        ProfileKind::Enterprise => Way::to(InstallMode::Enterprise),
        ProfileKind::AdHoc => Way::to(InstallMode::AdHoc),
        ProfileKind::Development => Way::artifact_only(Reason::DevelopmentProfile),
        ProfileKind::Store => Way::none(Reason::StoreProfile),
    }
}

fn has_devices(kind: ProfileKind) -> bool {
    matches!(kind, ProfileKind::AdHoc | ProfileKind::Development)
}

fn end_of(profile: &Profile) -> Option<Timestamp> {
    profile.expires.as_deref()?.parse().ok()
}

/// Its page in TestFlight outlives the build: there may be a newer one.
fn of_invitation(link: &Link, made_at: Timestamp, now: Timestamp) -> Install {
    let expires = made_at + TESTFLIGHT;
    Install {
        platform: link.platform,
        mode: InstallMode::Testflight,
        reason: None,
        filename: None,
        sha256: None,
        url: Some(link.url.clone()),
        devices: None,
        expires: Some(expires),
        days_left: Some(days_left(expires, now)),
    }
}

fn days_left(expires: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(expires.duration_since(now).as_secs() / SECONDS_OF_A_DAY).unwrap_or(0)
}

#[cfg(test)]
mod tests;
