use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::{Build, NameError, Version};

/// The name of a release within its app: `version` or `version+build`.
///
/// A version holds no `+`, so the text splits in one way only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ReleaseName {
    // First, so that the derived order is the byte order of the text.
    text: String,
    version: Version,
    build: Option<Build>,
}

impl ReleaseName {
    /// The name of the release with this version and build.
    pub fn new(version: Version, build: Option<Build>) -> Self {
        let text = match &build {
            Some(build) => format!("{version}+{build}"),
            None => version.as_str().to_owned(),
        };
        Self { text, version, build }
    }

    /// The part before the `+`, or all of it.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The part after the `+`, if there is one.
    pub fn build(&self) -> Option<&Build> {
        self.build.as_ref()
    }

    /// The name as text: `version` or `version+build`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for ReleaseName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('+') {
            Some((version, build)) => Self::new(version.parse()?, Some(build.parse()?)),
            None => Self::new(text.parse()?, None),
        })
    }
}

impl TryFrom<String> for ReleaseName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ReleaseName> for String {
    fn from(name: ReleaseName) -> Self {
        name.text
    }
}

impl AsRef<str> for ReleaseName {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for ReleaseName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
