//! Provisioning profiles: `embedded.mobileprovision` and `embedded.provisionprofile`.
//!
//! A CMS message around an XML property list (Apple Technote TN3125, "Inside Code Signing: Provisioning Profiles").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cms::is_signed;
use super::plists::{Reading, parse_plist};
use super::signature::{Entitlement, read_entitlements};
use crate::Limits;
use crate::certificates::parse_signed_data;

/// Profiles are some ten kilobytes; each device adds some fifty bytes.
pub(crate) const PROFILE_BYTES: u64 = 1024 * 1024;

/// What a provisioning profile allows, without the devices themselves: their ids are personal data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Where an app with it can be installed.
    pub kind: ProfileKind,
    /// Its name, as its makers see it.
    pub name: Option<String>,
    /// Its UUID.
    pub uuid: Option<String>,
    /// First of `TeamIdentifier`, ten letters and digits.
    pub team_id: Option<String>,
    /// Name of that team.
    pub team_name: Option<String>,
    /// The team's prefix and the bundle id or pattern: `ABCDE12345.com.acme.*`.
    pub application_id: Option<String>,
    /// When it was made, RFC 3339, UTC.
    pub created: Option<String>,
    /// When apps with it stop starting, RFC 3339, UTC. Whether that is past is for the caller to judge.
    pub expires: Option<String>,
    /// How many devices it lists.
    pub devices: u64,
    /// How many certificates may sign apps with it.
    pub certificates: u64,
    /// What it grants, by key.
    pub entitlements: BTreeMap<String, Entitlement>,
    /// Whether the signed message holds: a key whose certificate is inside signed this list. The chain to Apple is not checked.
    pub verified: bool,
}

/// Where an app can be installed with a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileKind {
    /// On every device (`ProvisionsAllDevices`): in-house distribution, and Developer ID.
    Enterprise,
    /// On the listed devices, with a debugger (`get-task-allow`).
    Development,
    /// On the listed devices.
    AdHoc,
    /// Only through the App Store and TestFlight.
    Store,
}

/// Reads a profile from the bytes of its file.
///
/// # Errors
/// With the reason, in words.
pub(crate) fn read_profile(bytes: &[u8], limits: &Limits) -> Result<Profile, String> {
    let signed = parse_signed_data(bytes).ok();
    if let Some(signed) = &signed
        && let Some(content) = signed.content()
        && let Ok(dictionary) = parse_plist(&content)
    {
        let reading = Reading { dictionary: &dictionary, text_bytes: limits.text_bytes };
        return Ok(describe(reading, limits, is_signed(signed)));
    }
    let dictionary = parse_plist(find_plist(bytes).ok_or("no property list inside")?)?;
    Ok(describe(Reading { dictionary: &dictionary, text_bytes: limits.text_bytes }, limits, false))
}

/// The XML list inside a message that cannot be read.
fn find_plist(bytes: &[u8]) -> Option<&[u8]> {
    const END: &[u8] = b"</plist>";
    let find = |what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let start = find(b"<?xml").or_else(|| find(b"<plist"))?;
    let end = find(END)? + END.len();
    bytes.get(start..end)
}

fn describe(reading: Reading<'_>, limits: &Limits, verified: bool) -> Profile {
    let first = |key| reading.texts(key, 1).into_iter().next();
    let granted = reading.within("Entitlements");
    let application_id = granted
        .and_then(|of| of.text("application-identifier").or_else(|| of.text("com.apple.application-identifier")));
    Profile {
        kind: kind(reading),
        name: reading.text("Name"),
        uuid: reading.text("UUID"),
        team_id: first("TeamIdentifier"),
        team_name: reading.text("TeamName"),
        application_id,
        created: reading.date("CreationDate"),
        expires: reading.date("ExpirationDate"),
        devices: reading.array("ProvisionedDevices").len() as u64,
        certificates: reading.array("DeveloperCertificates").len() as u64,
        entitlements: granted.map(|granted| read_entitlements(granted.dictionary, limits)).unwrap_or_default(),
        verified,
    }
}

fn kind(reading: Reading<'_>) -> ProfileKind {
    let debuggable = reading.within("Entitlements").is_some_and(|granted| {
        granted.flag("get-task-allow") == Some(true) || granted.flag("com.apple.security.get-task-allow") == Some(true)
    });
    if reading.flag("ProvisionsAllDevices") == Some(true) {
        ProfileKind::Enterprise
    } else if reading.dictionary.get("ProvisionedDevices").is_none() {
        ProfileKind::Store
    } else if debuggable {
        ProfileKind::Development
    } else {
        ProfileKind::AdHoc
    }
}
