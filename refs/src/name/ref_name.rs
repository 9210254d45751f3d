use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::{ChannelName, NameError, NameKind, NameReason, PartName, ReleaseName};

/// The full name of a ref within its app: `channels/<channel>`, `releases/<release>` or
/// `staging/<release>/<part>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum RefName {
    /// `channels/<channel>`: what testers and updaters follow. It moves.
    Channel(ChannelName),
    /// `releases/<release>`: what a release's name stands for. Taken for good.
    Release(ReleaseName),
    /// `staging/<release>/<part>`: what one CI runner has uploaded of a release that is not yet
    /// published.
    Staging {
        /// The release that is being put together.
        release: ReleaseName,
        /// Which part of it.
        part: PartName,
    },
}

impl RefName {
    /// Whether a ref of this name, once created, neither moves nor goes away. True of `releases/`.
    pub fn is_create_only(&self) -> bool {
        matches!(self, Self::Release(_))
    }
}

impl FromStr for RefName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(channel) = text.strip_prefix("channels/") {
            channel.parse().map(Self::Channel)
        } else if let Some(release) = text.strip_prefix("releases/") {
            release.parse().map(Self::Release)
        } else if let Some(staged) = text.strip_prefix("staging/") {
            let (release, part) =
                staged.split_once('/').ok_or_else(|| NameError::new(NameKind::Ref, text, NameReason::MissingPart))?;
            Ok(Self::Staging { release: release.parse()?, part: part.parse()? })
        } else {
            Err(NameError::new(NameKind::Ref, text, NameReason::UnknownNamespace))
        }
    }
}

impl TryFrom<String> for RefName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ChannelName> for RefName {
    fn from(channel: ChannelName) -> Self {
        Self::Channel(channel)
    }
}

impl From<ReleaseName> for RefName {
    fn from(release: ReleaseName) -> Self {
        Self::Release(release)
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(channel) => write!(f, "channels/{channel}"),
            Self::Release(release) => write!(f, "releases/{release}"),
            Self::Staging { release, part } => write!(f, "staging/{release}/{part}"),
        }
    }
}

impl Serialize for RefName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Which refs of an app are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefKind {
    /// Every ref.
    All,
    /// Those under `channels/`.
    Channels,
    /// Those under `releases/`.
    Releases,
    /// Those under `staging/`.
    Staging,
}

impl RefKind {
    /// What the names of these refs start with; empty for [`RefKind::All`].
    pub fn prefix(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Channels => "channels/",
            Self::Releases => "releases/",
            Self::Staging => "staging/",
        }
    }
}
