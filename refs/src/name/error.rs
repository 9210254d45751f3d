use std::fmt;

/// How much of a refused text an error repeats, in characters. Names are shorter than this, so only
/// text that was never meant to be one is cut.
const SHOWN_CHARS: usize = 80;

/// Text that is not a valid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} {reason}")]
pub struct NameError {
    /// Which kind of name the text was read as. For a ref or release name this is the kind of the
    /// part that was wrong.
    pub kind: NameKind,
    /// The text as it was given, cut to 80 characters.
    pub text: Box<str>,
    /// What was wrong with it, for programs.
    pub reason: NameReason,
}

impl NameError {
    pub(super) fn new(kind: NameKind, text: &str, reason: NameReason) -> Self {
        let text = text.chars().take(SHOWN_CHARS).collect::<String>();
        Self { kind, text: text.into(), reason }
    }
}

/// The kinds of names that this crate validates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// [`AppSlug`](crate::AppSlug)
    App,
    /// [`ChannelName`](crate::ChannelName)
    Channel,
    /// [`Version`](crate::Version)
    Version,
    /// [`Build`](crate::Build)
    Build,
    /// [`PartName`](crate::PartName)
    Part,
    /// [`RefName`](crate::RefName), where its form is wrong before any of its parts is
    Ref,
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::App => "app slug",
            Self::Channel => "channel name",
            Self::Version => "version",
            Self::Build => "build",
            Self::Part => "part name",
            Self::Ref => "ref name",
        })
    }
}

/// What was wrong with a name. The first fault found, in the order of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameReason {
    /// There is no text at all.
    #[error("is empty")]
    Empty,
    /// The text is longer than this kind of name may be.
    #[error("is {actual_bytes} bytes long: at most {max_bytes} are allowed")]
    TooLong {
        /// The longest allowed, in bytes.
        max_bytes: usize,
        /// The length of the text, in bytes.
        actual_bytes: usize,
    },
    /// A version written as a tag, `v1.2.3`. Without the `v` it may be valid.
    #[error("starts with a \"v\": leave it out")]
    LeadingV,
    /// The first character may not start this kind of name.
    #[error("starts with {found:?}: it must start with {allowed}")]
    BadStart {
        /// The first character.
        found: char,
        /// What is allowed there, in words.
        allowed: &'static str,
    },
    /// A later character may not be in this kind of name.
    #[error("holds {found:?} at byte {at}: only {allowed} are allowed")]
    BadCharacter {
        /// The first character that may not be there.
        found: char,
        /// Its offset from the start of the text, in bytes.
        at: usize,
        /// What is allowed there, in words.
        allowed: &'static str,
    },
    /// Two dots in a row, which would read as a range of revisions.
    #[error("holds \"..\" at byte {at}")]
    DoubleDot {
        /// The offset of the first dot, in bytes.
        at: usize,
    },
    /// The last character is punctuation.
    #[error("ends with {found:?}: it must end with a letter or a digit")]
    BadEnd {
        /// The last character.
        found: char,
    },
    /// A ref name under none of `channels/`, `releases/` and `staging/`.
    #[error("starts with none of \"channels/\", \"releases/\" and \"staging/\"")]
    UnknownNamespace,
    /// A staging ref that is not `staging/<release>/<part>`.
    #[error("names no part: it must be staging/<release>/<part>")]
    MissingPart,
}
