//! What a channel may ask of a release that comes onto it, and what it is called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Platform;
use crate::platform::{UnknownWord, words};
use crate::rules::Level;

words! {
    /// What a channel may ask of a release that comes onto it, named after what is wrong. In the order in which it is shown.
    Gate, "gate" {
        /// The release was revoked. Always blocks, and cannot be overridden.
        ReleaseRevoked = "release-revoked",
        /// The channel is pinned. Always blocks.
        ChannelPinned = "channel-pinned",
        /// The release was not on the channel before long enough.
        SoakTooShort = "soak-too-short",
        /// The version, or a build inside an artifact, is not above the live one.
        BuildNotRising = "build-not-rising",
        /// Artifacts of a platform are signed by someone else than the live ones.
        SignerChanged = "signer-changed",
        /// A provisioning profile has ended.
        ProfileExpired = "profile-expired",
        /// A provisioning profile ends within 30 days.
        ProfileExpiring = "profile-expiring",
        /// A platform that the live release has is not in this one.
        PlatformAbsent = "platform-absent",
        /// An artifact whose format has signatures has none, or one that is not of its bytes.
        Unsigned = "unsigned",
        /// A debugger may attach to an artifact.
        Debuggable = "debuggable",
        /// A signed artifact for macOS has no notarization ticket stapled to it.
        Unstapled = "unstapled",
        /// An artifact needs a newer system than the live one.
        MinimumOsRaised = "minimum-os-raised",
        /// Artifacts of a platform ask for permissions that the live ones do not.
        PermissionsAdded = "permissions-added",
        /// Artifacts of a platform have entitlements that the live ones have not.
        EntitlementsAdded = "entitlements-added",
    }
}

impl Gate {
    /// What a release is that passes.
    pub fn passed(self) -> &'static str {
        match self {
            Gate::ReleaseRevoked => "not-revoked",
            Gate::ChannelPinned => "not-pinned",
            Gate::SoakTooShort => "soaked",
            Gate::PlatformAbsent => "platforms-kept",
            Gate::BuildNotRising => "version-rises",
            Gate::SignerChanged => "same-signer",
            Gate::Unsigned => "signed",
            Gate::Debuggable => "not-debuggable",
            Gate::Unstapled => "stapled",
            Gate::ProfileExpired | Gate::ProfileExpiring => "profile-valid",
            Gate::MinimumOsRaised => "minimum-os-kept",
            Gate::PermissionsAdded => "permissions-kept",
            Gate::EntitlementsAdded => "entitlements-kept",
        }
    }

    /// Whether no rule can change that it blocks.
    pub fn always_blocks(self) -> bool {
        matches!(self, Gate::ReleaseRevoked | Gate::ChannelPinned)
    }

    /// Whether a promotion may go through in spite of it.
    pub fn can_be_overridden(self) -> bool {
        self != Gate::ReleaseRevoked
    }

    /// What a channel does about it that has no rule for it.
    pub fn default_level(self) -> Level {
        if self.always_blocks() || self == Gate::SoakTooShort { Level::Block } else { Level::Warn }
    }
}

/// A gate, and the platform that it is about where it is about one: `macos-unsigned`, `build-not-rising`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GateCode {
    /// The gate.
    pub gate: Gate,
    /// The platform.
    pub platform: Option<Platform>,
}

impl GateCode {
    /// Whether a code that someone named means this one: itself, or its gate on every platform.
    pub fn is_meant_by(self, named: GateCode) -> bool {
        self == named || named == self.gate.into()
    }
}

impl From<Gate> for GateCode {
    fn from(gate: Gate) -> Self {
        Self { gate, platform: None }
    }
}

impl FromStr for GateCode {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let of_all = text.parse::<Gate>();
        let of_one = || {
            let (platform, gate) = text.split_once('-')?;
            Some(Self { gate: gate.parse().ok()?, platform: Some(platform.parse().ok()?) })
        };
        of_all.map(Self::from).or_else(|unknown| of_one().ok_or(unknown))
    }
}

impl fmt::Display for GateCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.platform {
            Some(platform) => f.pad(&format!("{platform}-{}", self.gate)),
            None => f.pad(self.gate.as_str()),
        }
    }
}

impl TryFrom<String> for GateCode {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl From<GateCode> for String {
    fn from(code: GateCode) -> Self {
        code.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back_as_it_is_written() {
        for gate in Gate::ALL {
            let platforms = Platform::ALL.iter().copied().map(Some).chain([None]);
            for platform in platforms {
                let code = GateCode { gate: *gate, platform };
                assert_eq!(code.to_string().parse(), Ok(code));
            }
        }
        for bad in ["", "unsigend", "macos-", "mac-unsigned", "macos", "-unsigned", "platform"] {
            assert!(bad.parse::<GateCode>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_gate_is_meant_by_itself_and_for_all_platforms() {
        let check = |named: &str, code: &str, expected: bool| {
            assert_eq!(
                code.parse::<GateCode>().unwrap().is_meant_by(named.parse().unwrap()),
                expected,
                "{named} {code}"
            );
        };
        check("unsigned", "macos-unsigned", true);
        check("macos-unsigned", "macos-unsigned", true);
        check("windows-unsigned", "macos-unsigned", false);
        check("macos-unsigned", "unsigned", false);
    }
}
