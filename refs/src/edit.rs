use std::fmt;

use gix_hash::ObjectId;
use jiff::Timestamp;

use crate::RefName;

/// A ref as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ref {
    /// Its full name.
    pub name: RefName,
    /// What it points at: a SHA-256 id.
    pub target: ObjectId,
    /// When it last moved, UTC, to the millisecond.
    pub updated_at: Timestamp,
}

/// What a ref must be for an edit of it to go ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anything, or nothing: the edit overwrites. For callers that have just read the ref inside
    /// the same transaction.
    Any,
    /// The ref must not exist.
    MustNotExist,
    /// The ref must exist and point at this.
    MustExistAndMatch(ObjectId),
}

impl Expected {
    /// Whether a ref that points at `actual`, or does not exist, is as expected.
    pub fn is_met_by(self, actual: Option<ObjectId>) -> bool {
        match self {
            Self::Any => true,
            Self::MustNotExist => actual.is_none(),
            Self::MustExistAndMatch(expected) => actual == Some(expected),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::MustNotExist => f.write_str("no such ref"),
            Self::MustExistAndMatch(id) => write!(f, "{id}"),
        }
    }
}

/// One ref to create, move or delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The ref.
    pub name: RefName,
    /// What it must be before.
    pub expected: Expected,
    /// What it is to point at afterwards; `None` deletes it.
    pub new: Option<ObjectId>,
}

/// What an edit did to a ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The ref.
    pub name: RefName,
    /// What it pointed at before; `None` if it did not exist.
    pub old: Option<ObjectId>,
    /// What it points at now; `None` if it does not exist any more.
    pub new: Option<ObjectId>,
}

impl Change {
    /// Whether the ref was already what the edit asked for, so that nothing was written or logged.
    pub fn is_noop(&self) -> bool {
        self.old == self.new
    }
}
