//! `dist init`: a first `dist.json` from what lies around.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use protocol::dist_json::{ArtifactEntry, DistJson, FILE_NAME};
use protocol::{ErrorCode, Version};
use serde::Serialize;

use crate::discover::{Found, find_artifacts};
use crate::error::CliError;
use crate::session::Session;
use crate::source::git;
use crate::ui::{Align, Look, Table, size};

/// Write a dist.json from the artifacts found here
///
/// Looks for artifacts below the current folder, proposes an app and a version, and writes them down for you to edit.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Folder to look in and to write dist.json into
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The app [default: the folder's name]
    #[arg(long, value_name = "SLUG")]
    app: Option<String>,
    /// The version [default: the last git tag, or 0.1.0]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// The channel to move with each push
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Replace a dist.json that is there
    #[arg(long)]
    force: bool,
}

/// The document of `dist init --json`.
#[derive(Debug, Serialize)]
struct Initialized {
    schema: &'static str,
    path: String,
    manifest: DistJson,
    #[serde(skip)]
    found: Vec<Found>,
}

/// Runs `dist init`.
///
/// # Errors
/// [`ErrorCode::FileExists`] where there is a manifest, and what is wrong with names given as flags.
pub(crate) fn run(args: &InitArgs, session: &Session) -> Result<(), CliError> {
    let path = if args.folder == Path::new(".") { PathBuf::from(FILE_NAME) } else { args.folder.join(FILE_NAME) };
    if path.exists() && !args.force {
        let message = format!("{} is there already", path.display());
        return Err(CliError::new(ErrorCode::FileExists, message).hint("edit it, or give --force to replace it"));
    }
    let found = find_artifacts(&args.folder)?;
    let manifest = DistJson {
        app: Some(args.app.clone().unwrap_or_else(|| propose_app(args))),
        version: Some(args.version.clone().unwrap_or_else(|| propose_version(args))),
        channel: args.channel.clone(),
        artifacts: found.iter().map(entry).collect(),
        ..DistJson::default()
    };
    manifest.header().map_err(|problems| CliError::from_problems(FILE_NAME, &problems))?;
    write(&path, &manifest, args.force)?;
    let document = Initialized { schema: "dist.init/1", path: path.display().to_string(), manifest, found };
    session.output.answer(&document, render)
}

/// The folder's name as a slug.
fn propose_app(args: &InitArgs) -> String {
    let folder = std::path::absolute(&args.folder).unwrap_or_default();
    slug(&folder.file_name().unwrap_or_default().to_string_lossy())
}

fn slug(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars().map(|character| character.to_ascii_lowercase()) {
        match character {
            'a'..='z' | '0'..='9' => slug.push(character),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(63);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "app".to_owned() } else { slug.to_owned() }
}

/// The last tag without its `v`, where that is a version.
fn propose_version(args: &InitArgs) -> String {
    let tag = git(&args.folder, &["describe", "--tags", "--abbrev=0"]).unwrap_or_default();
    let version = tag.strip_prefix('v').unwrap_or(&tag);
    if version.parse::<Version>().is_ok() { version.to_owned() } else { "0.1.0".to_owned() }
}

/// An entry says what the file does not.
fn entry(found: &Found) -> ArtifactEntry {
    ArtifactEntry {
        path: found.path.clone(),
        platform: found.told_platform.map(|platform| platform.to_string()),
        ..ArtifactEntry::default()
    }
}

fn write(path: &Path, manifest: &DistJson, force: bool) -> Result<(), CliError> {
    let mut text = serde_json::to_string_pretty(manifest)
        .map_err(|error| CliError::new(ErrorCode::Internal, "the manifest has no JSON form").caused_by(error))?;
    text.push('\n');
    let mut options = File::options();
    options.write(true);
    let options = if force { options.create(true).truncate(true) } else { options.create_new(true) };
    let mut file = options.open(path).map_err(|error| CliError::io("create", path, error))?;
    file.write_all(text.as_bytes()).map_err(|error| CliError::io("write", path, error))
}

fn render(look: &Look, document: &Initialized) -> String {
    let DistJson { app, version, .. } = &document.manifest;
    let name = format!("{} {}", app.as_deref().unwrap_or_default(), version.as_deref().unwrap_or_default());
    let mut text = format!("{} is written for {}.\n", document.path, look.bold(&name));
    let mut table =
        Table::new(&[("platform", Align::Left), ("kind", Align::Left), ("file", Align::Left), ("size", Align::Right)]);
    for found in &document.found {
        table.row([found.platform.to_string(), found.kind.to_string(), found.path.clone(), size(found.size_bytes)]);
    }
    if table.is_empty() {
        text.push_str("No artifacts were found: add them under \"artifacts\" once they are built.\n");
    } else {
        text.push_str(&table.render(look));
    }
    text.push_str("\nNext: `dist check` shows what would be published, `dist push --create-app` publishes it.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_becomes_a_slug() {
        let check = |name: &str, expected: &str| assert_eq!(slug(name), expected);
        check("acme", "acme");
        check("Acme App_2", "acme-app-2");
        check("--x--", "x");
        check("Büro", "b-ro");
        check("🚀", "app");
        check(&"x".repeat(80), &"x".repeat(63));
    }
}
