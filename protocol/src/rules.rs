//! What an app asks of its artifacts and channels.

use std::collections::{BTreeMap, BTreeSet};

use inspect::Summary;
use refs::ChannelName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Platform;
use crate::api::Access;
use crate::gate::GateCode;
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
    /// By channel and gate, or gate of one platform (`macos-unsigned`), which goes before; where nothing is given, `warn`, and
    /// `block` for `soak-too-short`. Those that always block are not here.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Level>>)]
    pub gates: BTreeMap<ChannelName, BTreeMap<GateCode, Level>>,
    /// How long a release is on another channel before it comes onto this one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Soak>)]
    pub soak: BTreeMap<ChannelName, Soak>,
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

/// How long a release is on a channel before it goes on to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Soak {
    /// The channel that it comes from.
    #[schema(value_type = String, example = "beta")]
    pub on: ChannelName,
    /// How long it is there at least, in seconds.
    #[schema(minimum = 1, maximum = 315_360_000)]
    pub seconds: u32,
}

impl Soak {
    /// Longest time, in seconds: ten years.
    pub const MOST_SECONDS: u32 = 315_360_000;
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

    /// What a channel does about a gate, on a platform where it is about one.
    pub fn gate(&self, channel: &ChannelName, code: GateCode) -> Level {
        if code.gate.always_blocks() {
            return Level::Block;
        }
        let given = self.gates.get(channel);
        let level = |code: GateCode| given.and_then(|gates| gates.get(&code)).copied();
        level(code).or_else(|| level(code.gate.into())).unwrap_or(code.gate.default_level())
    }

    /// What keeps these from being rules; `None` where nothing does.
    pub fn problem(&self) -> Option<String> {
        let fixed = self.gates.values().flat_map(BTreeMap::keys).find(|code| code.gate.always_blocks());
        if let Some(code) = fixed {
            return Some(format!("{code} always blocks: it has no level"));
        }
        self.soak.iter().find_map(|(channel, soak)| {
            if soak.on == *channel {
                return Some(format!("{channel} cannot ask for time on itself"));
            }
            let is_right = (1..=Soak::MOST_SECONDS).contains(&soak.seconds);
            (!is_right).then(|| format!("the time on {} is 1 to {} seconds", soak.on, Soak::MOST_SECONDS))
        })
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
        let rules: AppRules =
            serde_json::from_str(r#"{"gates": {"stable": {"unsigned": "block", "macos-unsigned": "warn"}}}"#).unwrap();
        let check = |channel: &str, code: &str, level| {
            assert_eq!(rules.gate(&channel.parse().unwrap(), code.parse().unwrap()), level, "{channel} {code}");
        };
        check("stable", "unsigned", Level::Block);
        check("stable", "macos-unsigned", Level::Warn);
        check("stable", "windows-unsigned", Level::Block);
        check("stable", "debuggable", Level::Warn);
        check("beta", "unsigned", Level::Warn);
        check("beta", "soak-too-short", Level::Block);
        check("beta", "release-revoked", Level::Block);
    }

    #[test]
    fn what_are_no_rules_is_refused() {
        let check = |json: &str, expected: Option<&str>| {
            let rules: AppRules = serde_json::from_str(json).unwrap();
            assert_eq!(rules.problem().as_deref(), expected, "{json}");
        };
        assert!(serde_json::from_str::<AppRules>(r#"{"gates": {"stable": {"unsigend": "block"}}}"#).is_err());
        check(r#"{"soak": {"stable": {"on": "beta", "seconds": 1}}}"#, None);
        let itself = r#"{"soak": {"stable": {"on": "stable", "seconds": 1}}}"#;
        check(itself, Some("stable cannot ask for time on itself"));
        let never = r#"{"soak": {"stable": {"on": "beta", "seconds": 0}}}"#;
        check(never, Some("the time on beta is 1 to 315360000 seconds"));
        let pinned = r#"{"gates": {"stable": {"channel-pinned": "off"}}}"#;
        check(pinned, Some("channel-pinned always blocks: it has no level"));
    }
}
