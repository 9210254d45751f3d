//! What an app asks of its artifacts and channels.

use std::collections::{BTreeMap, BTreeSet};

use inspect::Summary;
use refs::ChannelName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Platform;
use crate::api::Access;
use crate::platform::words;

words! {
    /// What happens where a rule is not met.
    Level, "level" {
        /// It is refused.
        Block = "block",
        /// It goes through, and is said.
        Warn = "warn",
        /// Nothing.
        Off = "off",
    }
}

words! {
    /// What a channel may ask of a release that comes onto it.
    Gate, "gate" {
        /// No artifact lets a debugger attach.
        Debuggable = "debuggable",
        /// Every artifact whose format has signatures is signed, by someone.
        Unsigned = "unsigned",
    }
}

words! {
    /// Something that artifacts say of who they are.
    Property, "property" {
        /// What the system knows them by: bundle id, package name, upgrade code.
        Ids = "ids",
        /// Apple's team identifiers.
        Teams = "teams",
        /// SHA-256 of the signing certificates on Android, their subjects on Windows.
        Signers = "signers",
    }
}

/// What an app asks of its artifacts and channels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AppRules {
    /// What the artifacts of each platform say of who they are. A platform that is absent takes what its first release says.
    pub identity: BTreeMap<Platform, Identity>,
    /// What happens where the version or build inside an artifact is not the release's; `warn` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_mismatch: Option<Level>,
    /// By channel and gate; `warn` where nothing is given.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Level>>)]
    pub gates: BTreeMap<ChannelName, BTreeMap<Gate, Level>>,
    /// Who may see what a channel points at, where that is not the app's own access.
    #[schema(value_type = BTreeMap<String, Access>)]
    pub access: BTreeMap<ChannelName, Access>,
    /// What is kept of what was on a channel. Where nothing is given, everything is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Retention>)]
    pub retention: BTreeMap<ChannelName, Retention>,
}

/// Which releases of a channel keep their artifacts. Each that is met keeps; a release on several channels is kept where one
/// of them keeps it. What a channel points at, and what it can be rolled back to, is kept whatever this says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// The last so many that were on the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<u32>,
    /// Those that were on the channel in the last so many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
    /// Those whose version, or version and build, is like one of these: `*.0.0`, `2.?.*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep_versions: Vec<String>,
}

impl Retention {
    /// Whether it gives up anything at all.
    pub fn is_on(&self) -> bool {
        self.keep_last.is_some() || self.keep_days.is_some()
    }
}

/// The values that artifacts may have. A property that is absent may have any, or none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Identity(pub BTreeMap<Property, BTreeSet<String>>);

impl AppRules {
    /// What happens where the version inside an artifact is not the release's.
    pub fn version_mismatch(&self) -> Level {
        self.version_mismatch.unwrap_or(Level::Warn)
    }

    /// What a channel does about a gate.
    pub fn gate(&self, channel: &ChannelName, gate: Gate) -> Level {
        self.gates.get(channel).and_then(|gates| gates.get(&gate)).copied().unwrap_or(Level::Warn)
    }

    /// Who may see what a channel points at.
    pub fn channel_access(&self, of_app: Access, channel: &ChannelName) -> Access {
        self.access.get(channel).copied().unwrap_or(of_app)
    }

    /// Takes the identity of platforms that have none yet from what is published first; tells whether that changed anything.
    pub fn learn<'a>(&mut self, published: impl IntoIterator<Item = (Platform, &'a Summary)>) -> bool {
        let mut learned: BTreeMap<Platform, Identity> = BTreeMap::new();
        for (platform, summary) in published {
            for property in lasting(platform).iter().copied().filter(|_| !self.identity.contains_key(&platform)) {
                let values = property.values(summary);
                if !values.is_empty() {
                    learned.entry(platform).or_default().0.entry(property).or_default().extend(values);
                }
            }
        }
        let is_changed = !learned.is_empty();
        self.identity.extend(learned);
        is_changed
    }
}

/// What stays the same from release to release without anyone asking for it. A Mac's installers and apps have ids of their own,
/// and Linux packages are several of one release.
fn lasting(platform: Platform) -> &'static [Property] {
    match platform {
        Platform::Ios => &[Property::Ids, Property::Teams],
        Platform::Android => &[Property::Ids, Property::Signers],
        Platform::Macos => &[Property::Teams],
        Platform::Windows => &[Property::Signers],
        Platform::Linux | Platform::Any => &[],
    }
}

impl Property {
    /// What an artifact says.
    pub fn values(self, summary: &Summary) -> Vec<String> {
        match self {
            Property::Ids => summary.id.iter().cloned().collect(),
            Property::Teams => summary.team_id.iter().cloned().collect(),
            Property::Signers => summary.signers.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(id: &str, signer: &str) -> Summary {
        Summary { id: Some(id.to_owned()), signers: vec![signer.to_owned()], ..Summary::default() }
    }

    #[test]
    fn identity_is_learned_once_for_each_platform() {
        let mut rules = AppRules::default();
        assert!(rules.learn([(Platform::Android, &signed("a", "1")), (Platform::Android, &signed("a.wear", "1"))]));
        assert!(!rules.learn([(Platform::Android, &signed("b", "2")), (Platform::Linux, &signed("deb", "3"))]));
        assert!(rules.learn([(Platform::Windows, &signed("c", "CN=C"))]));
        let json = serde_json::to_value(&rules).unwrap();
        let expected = serde_json::json!({"identity": {"android": {"ids": ["a", "a.wear"], "signers": ["1"]},
            "windows": {"signers": ["CN=C"]}}, "gates": {}, "access": {}});
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<AppRules>(json).unwrap(), rules);
    }

    #[test]
    fn a_channel_warns_unless_told_otherwise() {
        let rules: AppRules = serde_json::from_str(r#"{"gates": {"stable": {"unsigned": "block"}}}"#).unwrap();
        let check = |channel: &str, gate, level| assert_eq!(rules.gate(&channel.parse().unwrap(), gate), level);
        check("stable", Gate::Unsigned, Level::Block);
        check("stable", Gate::Debuggable, Level::Warn);
        check("beta", Gate::Unsigned, Level::Warn);
        assert!(serde_json::from_str::<AppRules>(r#"{"gates": {"stable": {"unsigend": "block"}}}"#).is_err());
    }
}
