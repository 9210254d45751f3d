//! The manifest's text and the flags, put together.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use protocol::dist_json::{ArtifactEntry, DistJson, FILE_NAME};
use protocol::{ErrorCode, Problem, limits};

use super::locate::Base;
use super::{Outside, PlanRequest};
use crate::error::CliError;

/// What is to be published, in words.
pub(super) struct Input {
    pub(super) label: String,
    pub(super) folder: PathBuf,
    pub(super) dist_json: DistJson,
    pub(super) entries: Vec<Entry>,
    pub(super) notes: NotesFrom,
}

/// One entry, and where its path starts.
pub(super) struct Entry {
    pub(super) said: ArtifactEntry,
    pub(super) base: Rc<Base>,
}

/// Where the notes come from.
pub(super) enum NotesFrom {
    Nowhere,
    Text(String),
    File { path: PathBuf, base: Base },
    Both,
}

/// Reads the manifest, which may be missing where the flags alone say enough, and puts the flags in place of its fields.
pub(super) fn read_input(request: &PlanRequest, says_enough: fn(&PlanRequest) -> bool) -> Result<Input, CliError> {
    let path = request.manifest.clone().unwrap_or_else(|| PathBuf::from(FILE_NAME));
    let label = path.display().to_string();
    let flags = &request.overrides;
    let mut dist_json = match read_bounded(&path) {
        Ok(bytes) => DistJson::parse(&bytes).map_err(|problem| CliError::from_problems(&label, &[problem]))?,
        Err(error) if is_missing(&error) && request.manifest.is_none() && says_enough(request) => DistJson::default(),
        Err(error) if is_missing(&error) => return Err(missing(&path)),
        Err(error) => return Err(CliError::io("read", &path, error)),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    let notes = notes_from(&dist_json, request, &folder);
    let (said, base, outside) = if flags.artifacts.is_empty() {
        (std::mem::take(&mut dist_json.artifacts), folder.clone(), request.outside)
    } else {
        // Who names a file on the command line has said that it may be published.
        (flags.artifacts.clone(), PathBuf::from("."), Outside::Allowed)
    };
    let base = Rc::new(Base::new(base, outside));
    let entries = said.into_iter().map(|said| Entry { said, base: base.clone() }).collect();
    override_fields(&mut dist_json, request);
    Ok(Input { label, folder, dist_json, entries, notes })
}

fn override_fields(dist_json: &mut DistJson, request: &PlanRequest) {
    let flags = &request.overrides;
    for (field, flag) in [
        (&mut dist_json.app, &flags.app),
        (&mut dist_json.version, &flags.version),
        (&mut dist_json.build, &flags.build),
        (&mut dist_json.channel, &flags.channel),
    ] {
        if flag.is_some() {
            field.clone_from(flag);
        }
    }
    if !flags.links.is_empty() {
        dist_json.links.clone_from(&flags.links);
    }
}

fn notes_from(dist_json: &DistJson, request: &PlanRequest, folder: &Path) -> NotesFrom {
    let flags = &request.overrides;
    if let Some(text) = &flags.notes {
        return NotesFrom::Text(text.clone());
    }
    if let Some(path) = &flags.notes_file {
        return NotesFrom::File { path: path.clone(), base: Base::new(".".into(), Outside::Allowed) };
    }
    match (&dist_json.notes, &dist_json.notes_file) {
        (None, None) => NotesFrom::Nowhere,
        (Some(text), None) => NotesFrom::Text(text.clone()),
        (None, Some(path)) => {
            NotesFrom::File { path: path.into(), base: Base::new(folder.to_owned(), request.outside) }
        }
        (Some(_), Some(_)) => NotesFrom::Both,
    }
}

/// Whether the flags alone name a release.
pub(super) fn names_release(request: &PlanRequest) -> bool {
    request.overrides.app.is_some() && request.overrides.version.is_some()
}

/// Whether the flags alone describe a release.
pub(super) fn describes_release(request: &PlanRequest) -> bool {
    let flags = &request.overrides;
    names_release(request) && !(flags.artifacts.is_empty() && flags.links.is_empty())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory)
}

fn missing(path: &Path) -> CliError {
    let message = format!("there is no manifest at {}", path.display());
    CliError::new(ErrorCode::ManifestMissing, message)
        .hint("`dist init` writes one from the artifacts it finds; --manifest names another")
        .details(
            serde_json::json!({ "problems": [Problem::new(ErrorCode::ManifestMissing, "", "there is no such file")] }),
        )
}

/// One byte more than the limit is enough to see that there is more.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limits::MANIFEST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
