//! `dist.json`: what CI writes to say what a release is.
//!
//! This is the human side of a release: fields may be left out, patterns may name files, and every field can be overridden
//! by a flag. Reading it gives text; [`DistJson::header`] and [`ArtifactEntry::declared`] turn the text into checked
//! values and report everything that is wrong at once.

use std::fmt::Display;
use std::str::FromStr;

use refs::{AppSlug, Build, ChannelName, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::manifest::{FileName, Link};
use crate::platform::{Arch, Kind, LinkKind, Platform};
use crate::{ErrorCode, Problem, limits};

/// The file's usual name.
pub const FILE_NAME: &str = "dist.json";

/// The description of a release, as CI writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DistJson {
    /// Address of this schema, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The app's slug: lowercase letters, digits and dashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9-]{0,62}$"))]
    pub app: Option<String>,
    /// The version: starts with a digit, such as 2.4.0 or 2026.11-rc1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9][0-9A-Za-z.-]{0,63}$"))]
    pub version: Option<String>,
    /// What tells two builds of one version apart, usually a number.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "text_or_integer")]
    #[schemars(with = "Option<TextOrInteger>")]
    pub build: Option<String>,
    /// The channel to move to this release once it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{0,62}$"))]
    pub channel: Option<String>,
    /// Release notes, Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// A file with the release notes, relative to this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes_file: Option<String>,
    /// The files of the release.
    #[serde(default)]
    pub artifacts: Vec<ArtifactEntry>,
    /// Places outside where the release can be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkEntry>,
}

/// One file of the release. What is left out is read from the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactEntry {
    /// Path relative to this file; may be a pattern (`*`, `?`, `[…]`, `**`) that matches exactly one file.
    pub path: String,
    /// The system it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Platform>")]
    pub platform: Option<String>,
    /// The processor it is for: `universal`, `x86_64`, `aarch64`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Its package format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Kind>")]
    pub kind: Option<String>,
    /// Its name when downloaded; the file's own name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
}

/// A place outside where the release can be had.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkEntry {
    /// The system it is for.
    #[schemars(with = "Platform")]
    pub platform: String,
    /// Where it leads.
    #[schemars(with = "LinkKind")]
    pub kind: String,
    /// An https address.
    pub url: String,
}

/// The checked fields that belong to the whole release.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The app.
    pub app: AppSlug,
    /// The version.
    pub version: Version,
    /// The build, where there is one.
    pub build: Option<Build>,
    /// The channel to move, where one is named.
    pub channel: Option<ChannelName>,
    /// The links, checked but for their addresses, which the manifest's own check covers.
    pub links: Vec<Link>,
}

/// What an entry says of its file, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declared {
    /// The platform, where it is given.
    pub platform: Option<Platform>,
    /// The architecture, where it is given.
    pub arch: Option<Arch>,
    /// The kind, where it is given.
    pub kind: Option<Kind>,
    /// The file name, where it is given.
    pub filename: Option<FileName>,
}

impl DistJson {
    /// Reads the bytes of a `dist.json`. A byte order mark before it is passed over.
    ///
    /// # Errors
    /// [`ErrorCode::ManifestTooLarge`], [`ErrorCode::ManifestSyntax`] or [`ErrorCode::ManifestField`], with line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.len() as u64 > limits::MANIFEST_BYTES {
            let message = format!("the manifest is {} bytes, the limit is {}", bytes.len(), limits::MANIFEST_BYTES);
            return Err(Problem::new(ErrorCode::ManifestTooLarge, "", message));
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(text).map_err(|error| {
            let code = if error.is_data() { ErrorCode::ManifestField } else { ErrorCode::ManifestSyntax };
            Problem::new(code, format!("line {} column {}", error.line(), error.column()), without_place(&error))
        })
    }

    /// The JSON Schema (2020-12) of this file.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(DistJson).into()
    }

    /// The fields that belong to the whole release.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn header(&self) -> Result<Header, Vec<Problem>> {
        let mut problems = Vec::new();
        let app = required(self.app.as_deref(), ErrorCode::AppInvalid, "app", &mut problems);
        let version = required(self.version.as_deref(), ErrorCode::VersionInvalid, "version", &mut problems);
        let build = optional(self.build.as_deref(), ErrorCode::BuildInvalid, "build", &mut problems);
        let channel = optional(self.channel.as_deref(), ErrorCode::ChannelInvalid, "channel", &mut problems);
        let links = self.links.iter().enumerate().filter_map(|(at, entry)| link(entry, at, &mut problems)).collect();
        match (app, version) {
            (Some(app), Some(version)) if problems.is_empty() => Ok(Header { app, version, build, channel, links }),
            _ => Err(problems),
        }
    }
}

impl ArtifactEntry {
    /// What the entry says of its file; `at` is its place in the list.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn declared(&self, at: usize) -> Result<Declared, Vec<Problem>> {
        let mut problems = Vec::new();
        let place = |field: &str| format!("artifacts[{at}].{field}");
        let platform =
            optional(self.platform.as_deref(), ErrorCode::PlatformUnknown, &place("platform"), &mut problems);
        let kind = optional(self.kind.as_deref(), ErrorCode::KindUnknown, &place("kind"), &mut problems);
        let filename =
            optional(self.filename.as_deref(), ErrorCode::FilenameInvalid, &place("filename"), &mut problems);
        let arch = self.arch.as_deref().map(Arch::from_spelling).and_then(|arch| {
            arch.map_err(|error| problems.push(Problem::new(ErrorCode::ArchInvalid, place("arch"), error))).ok()
        });
        if problems.is_empty() { Ok(Declared { platform, arch, kind, filename }) } else { Err(problems) }
    }
}

fn link(entry: &LinkEntry, at: usize, problems: &mut Vec<Problem>) -> Option<Link> {
    let place = |field: &str| format!("links[{at}].{field}");
    let platform = optional(Some(&entry.platform), ErrorCode::PlatformUnknown, &place("platform"), problems);
    let kind = optional(Some(&entry.kind), ErrorCode::LinkInvalid, &place("kind"), problems);
    Some(Link { platform: platform?, kind: kind?, url: entry.url.clone() })
}

fn required<T: FromStr<Err: Display>>(
    text: Option<&str>,
    code: ErrorCode,
    at: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    if text.is_none() {
        let hint = format!("write \"{at}\" in the manifest or give --{at}");
        problems.push(Problem::new(code, at, "is missing").hint(hint));
    }
    optional(text, code, at, problems)
}

fn optional<T: FromStr<Err: Display>>(
    text: Option<&str>,
    code: ErrorCode,
    at: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    text?.parse().map_err(|error| problems.push(Problem::new(code, at, error))).ok()
}

/// The error's own words, without the "at line 1 column 2" that the place already says.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.clone(), |end| text[..end].to_owned())
}

/// CI systems count builds; `241` is as good as `"241"`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum TextOrInteger {
    Text(String),
    Integer(u64),
}

fn text_or_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Option::<TextOrInteger>::deserialize(deserializer)
        .map_err(|_| serde::de::Error::custom("a build is a text or a whole number"))?;
    Ok(value.map(|value| match value {
        TextOrInteger::Text(text) => text,
        TextOrInteger::Integer(number) => number.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_says_where() {
        let check = |text: &str, code: ErrorCode, at: &str| {
            let problem = DistJson::parse(text.as_bytes()).unwrap_err();
            assert_eq!((problem.code, problem.at.as_str()), (code, at), "{text}: {problem}");
        };
        check("{\n  \"app\": }", ErrorCode::ManifestSyntax, "line 2 column 10");
        check("", ErrorCode::ManifestSyntax, "line 1 column 0");
        check("{\"app\": 1}", ErrorCode::ManifestField, "line 1 column 9");
        check("{\"apps\": \"x\"}", ErrorCode::ManifestField, "line 1 column 7");
        check("{\"build\": 1.5}", ErrorCode::ManifestField, "line 1 column 14");
        check(&" ".repeat(1024 * 1024 + 1), ErrorCode::ManifestTooLarge, "");
    }

    #[test]
    fn everything_wrong_is_reported_at_once_each_with_its_code() {
        let file = DistJson::parse(
            br#"{"app":"Acme","version":"v2","build":"x y","channel":"BETA",
                 "artifacts":[{"path":"a","platform":"beos","kind":"exe2","arch":"a b","filename":"a/b"}],
                 "links":[{"platform":"ios","kind":"ftp","url":"x"}]}"#,
        )
        .unwrap();
        let codes = |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.code).collect::<Vec<_>>();
        assert_eq!(
            codes(file.header().unwrap_err()),
            [
                ErrorCode::AppInvalid,
                ErrorCode::VersionInvalid,
                ErrorCode::BuildInvalid,
                ErrorCode::ChannelInvalid,
                ErrorCode::LinkInvalid
            ]
        );
        assert_eq!(
            codes(file.artifacts[0].declared(0).unwrap_err()),
            [ErrorCode::PlatformUnknown, ErrorCode::KindUnknown, ErrorCode::FilenameInvalid, ErrorCode::ArchInvalid]
        );
        assert_eq!(
            codes(DistJson::default().header().unwrap_err()),
            [ErrorCode::AppInvalid, ErrorCode::VersionInvalid]
        );
    }

    #[test]
    fn a_build_may_be_a_number_and_windows_may_write_a_mark() {
        let file = DistJson::parse(b"\xef\xbb\xbf{\"app\":\"acme\",\"version\":\"2.4.0\",\"build\":241}").unwrap();
        assert_eq!(file.header().unwrap().build.unwrap().as_str(), "241");
    }
}
