//! What a release runs on: platforms, processor architectures and artifact kinds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

/// A word that is not in one of this module's lists.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown {what} {found:?}, expected one of: {expected}")]
pub struct UnknownWord {
    /// Which list was searched: `platform`, `kind`, …
    pub what: &'static str,
    /// The word as it was given.
    pub found: String,
    /// The whole list, separated by spaces.
    pub expected: String,
}

/// Declares an enum of words that are spelled the same in SQL, JSON, flags and URLs.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        // The derive does not see words that a macro hands on.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::platform::words_schema(Self::ALL.iter().map(|word| word.as_str()))
            }
        }

        impl utoipa::ToSchema for $name {}

        impl $name {
            /// Every word of this list.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word itself.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(text: &str) -> Result<Self, $crate::UnknownWord> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| $crate::UnknownWord {
                    what: $what,
                    found: text.to_owned(),
                    expected: Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(" "),
                })
            }
        }
    };
}

pub(crate) use words;

/// The OpenAPI schema of a list of words.
pub(crate) fn words_schema(words: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}

words! {
    /// The system that an artifact is for.
    Platform, "platform" {
        /// iPhone, iPad and their relatives.
        Ios = "ios",
        /// Android phones, tablets and televisions.
        Android = "android",
        /// macOS.
        Macos = "macos",
        /// Linux.
        Linux = "linux",
        /// Windows.
        Windows = "windows",
        /// No particular system: documents, symbols, data.
        Any = "any",
    }
}

impl Platform {
    /// The platform as its maker writes it.
    pub fn display_name(self) -> &'static str {
        match self {
            Platform::Ios => "iOS",
            Platform::Android => "Android",
            Platform::Macos => "macOS",
            Platform::Linux => "Linux",
            Platform::Windows => "Windows",
            Platform::Any => "any",
        }
    }
}

words! {
    /// The package format of an artifact.
    Kind, "kind" {
        /// iOS application archive.
        Ipa = "ipa",
        /// Android package.
        Apk = "apk",
        /// Android App Bundle; never installable as it is.
        Aab = "aab",
        /// A zipped macOS `.app`.
        AppZip = "app-zip",
        /// macOS disk image.
        Dmg = "dmg",
        /// macOS installer package.
        Pkg = "pkg",
        /// A tar archive, compressed or not.
        Tarball = "tarball",
        /// Debian package.
        Deb = "deb",
        /// RPM package.
        Rpm = "rpm",
        /// AppImage.
        Appimage = "appimage",
        /// Any other ZIP archive.
        Zip = "zip",
        /// Windows executable or installer.
        Exe = "exe",
        /// Windows Installer database.
        Msi = "msi",
        /// Windows app package.
        Msix = "msix",
        /// Any other file.
        File = "file",
    }
}

impl Kind {
    /// The media type that a download carries. Never one that a browser would run.
    pub fn media_type(self) -> &'static str {
        match self {
            Kind::Apk => "application/vnd.android.package-archive",
            Kind::Deb => "application/vnd.debian.binary-package",
            Kind::Dmg => "application/x-apple-diskimage",
            Kind::Zip | Kind::AppZip => "application/zip",
            Kind::Msi => "application/x-msi",
            Kind::Msix => "application/msix",
            _ => "application/octet-stream",
        }
    }

    /// The one platform that this kind exists for, or `None` where it may be several.
    pub fn only_platform(self) -> Option<Platform> {
        match self {
            Kind::Ipa => Some(Platform::Ios),
            Kind::Apk | Kind::Aab => Some(Platform::Android),
            Kind::AppZip | Kind::Dmg | Kind::Pkg => Some(Platform::Macos),
            Kind::Deb | Kind::Rpm | Kind::Appimage => Some(Platform::Linux),
            Kind::Exe | Kind::Msi | Kind::Msix => Some(Platform::Windows),
            Kind::Tarball | Kind::Zip | Kind::File => None,
        }
    }
}

words! {
    /// Where a link of a release leads.
    LinkKind, "link kind" {
        /// A public TestFlight invitation.
        Testflight = "testflight",
        /// A page of the App Store.
        AppStore = "app-store",
        /// A page of Google Play.
        GooglePlay = "google-play",
        /// Any other page.
        Web = "web",
    }
}

/// A processor architecture: `universal`, `any`, `x86_64`, `aarch64`, … Lowercase `[a-z0-9][a-z0-9_-]{0,31}`, and never one
/// of the other spellings that [`Arch::from_spelling`] knows, so that one processor has one word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arch(String);

/// Text that is not an [`Arch`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseArchError {
    /// Not lowercase letters, digits, `_` and `-`, or too long.
    #[error("architecture {0:?} is not lowercase [a-z0-9][a-z0-9_-]{{0,31}}")]
    Malformed(String),
    /// Another spelling of a word we have.
    #[error("architecture {found:?} is spelled {word:?} here")]
    OtherSpelling {
        /// The spelling given.
        found: String,
        /// The word to use.
        word: &'static str,
    },
}

impl Arch {
    /// Runs on every processor of its platform: fat binaries, bytecode, scripts.
    pub fn universal() -> Self {
        Self("universal".to_owned())
    }

    /// Takes any spelling in use (`amd64`, `arm64`, `x64`, `i686`, …) and gives our word for it.
    ///
    /// # Errors
    /// When the text cannot name an architecture at all.
    pub fn from_spelling(text: &str) -> Result<Self, ParseArchError> {
        let lower = text.to_ascii_lowercase();
        word_for(&lower).unwrap_or(&lower).parse()
    }

    /// The word itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn word_for(spelling: &str) -> Option<&'static str> {
    Some(match spelling {
        "amd64" | "x64" | "x86-64" => "x86_64",
        "arm64" | "arm64-v8a" | "armv8" => "aarch64",
        "i386" | "i486" | "i586" | "i686" | "ia32" => "x86",
        "armhf" | "armeabi-v7a" | "armv7l" | "arm32" => "armv7",
        "noarch" | "all" => "universal",
        _ => return None,
    })
}

impl FromStr for Arch {
    type Err = ParseArchError;

    fn from_str(text: &str) -> Result<Self, ParseArchError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let well_formed = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| plain(byte) || byte == b'_' || byte == b'-')
            && text.bytes().next().is_some_and(plain);
        if !well_formed {
            return Err(ParseArchError::Malformed(text.to_owned()));
        }
        match word_for(text) {
            Some(word) => Err(ParseArchError::OtherSpelling { found: text.to_owned(), word }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Arch {
    type Error = ParseArchError;

    fn try_from(text: String) -> Result<Self, ParseArchError> {
        text.parse()
    }
}

impl From<Arch> for String {
    fn from(arch: Arch) -> Self {
        arch.0
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_unknown_words_list_the_choices() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse::<Kind>(), Ok(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
        }
        let error = "solaris".parse::<Platform>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown platform \"solaris\", expected one of: ios android macos linux windows any"
        );
    }

    #[test]
    fn one_processor_has_one_word() {
        let check = |spelling: &str, word: &str| assert_eq!(Arch::from_spelling(spelling).unwrap().as_str(), word);
        check("amd64", "x86_64");
        check("ARM64", "aarch64");
        check("riscv64", "riscv64");
        assert!(matches!("amd64".parse::<Arch>(), Err(ParseArchError::OtherSpelling { word: "x86_64", .. })));
        assert!(matches!(Arch::from_spelling("not an arch"), Err(ParseArchError::Malformed(_))));
        assert!(matches!(Arch::from_spelling(""), Err(ParseArchError::Malformed(_))));
    }
}
