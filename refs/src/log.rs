use std::fmt;
use std::str::FromStr;

use gix_hash::ObjectId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why a ref was edited. Its text, also in JSON and SQL, is the lowercase word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// `publish`: a push made a release, and perhaps put it on a channel.
    Publish,
    /// `promote`: a channel was moved to a release.
    Promote,
    /// `rollback`: a channel was moved back along its own reflog.
    Rollback,
    /// `stage`: a part of a release was uploaded.
    Stage,
    /// `delete`: someone asked for the ref to go away.
    Delete,
    /// `expire`: the ref went away because it was not used for too long.
    Expire,
}

impl Action {
    /// Every action, in the order of the variants.
    pub const ALL: [Self; 6] = [Self::Publish, Self::Promote, Self::Rollback, Self::Stage, Self::Delete, Self::Expire];

    /// The lowercase word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::Stage => "stage",
            Self::Delete => "delete",
            Self::Expire => "expire",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or(UnknownAction)
    }
}

/// Text that is the word of no [`Action`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the word of an action on a ref")]
pub struct UnknownAction;

/// Who edits refs, why and when: what all reflog lines of one set of edits have in common.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// Who: the name of the token, or of the part of the server that acted by itself.
    pub actor: &'a str,
    /// As what.
    pub action: Action,
    /// Why, in the actor's own words.
    pub reason: Option<&'a str>,
    /// When, UTC. Stored to the millisecond: finer digits are cut off. Years 0 to 9999.
    pub at: Timestamp,
}

/// One move of a ref, as its reflog holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReflogEntry {
    /// The number of the line: 1 for the first move of this ref, then one more for each.
    pub seq: u64,
    /// What the ref pointed at before; `None` if it did not exist.
    pub old: Option<ObjectId>,
    /// What it pointed at afterwards; `None` if it was deleted.
    pub new: Option<ObjectId>,
    /// Who moved it.
    pub actor: String,
    /// As what.
    pub action: Action,
    /// Why, in the actor's own words.
    pub reason: Option<String>,
    /// When, UTC, to the millisecond.
    pub at: Timestamp,
}
