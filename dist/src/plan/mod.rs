//! What a push is about to publish: `dist.json`, flags and files, put together and checked.
//!
//! Everything that is wrong is found here, all of it at once and before a byte is hashed or sent. A [`Plan`] knows each
//! file, its place in the manifest and its size; only digests are missing, which [`crate::hash`] adds.

mod describe;
mod locate;
mod notes;
mod read;

use std::path::PathBuf;

use jiff::Timestamp;
use protocol::dist_json::{ArtifactEntry, Header, LinkEntry};
use protocol::manifest::{ReleaseId, SCHEMA, Source};
use protocol::{Arch, ArtifactLine, Digest, ErrorCode, FileName, Kind, Platform, Problem, ReleaseManifest, limits};

pub(crate) use describe::Stamp;
pub(crate) use locate::Outside;

use crate::error::CliError;
use read::{Entry, Input};

/// What the command line says of a release.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlanRequest {
    /// The manifest named; `None` for `dist.json` here, which may be missing where flags say enough.
    pub(crate) manifest: Option<PathBuf>,
    /// What flags put in place of the manifest's fields.
    pub(crate) overrides: Overrides,
    /// Whether files may lie outside of the manifest's folder.
    pub(crate) outside: Outside,
}

/// What flags put in place of the manifest's fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// In place of `app`.
    pub(crate) app: Option<String>,
    /// In place of `version`.
    pub(crate) version: Option<String>,
    /// In place of `build`.
    pub(crate) build: Option<String>,
    /// In place of `channel`.
    pub(crate) channel: Option<String>,
    /// In place of `notes` and `notes_file`.
    pub(crate) notes: Option<String>,
    /// In place of `notes` and `notes_file`; relative to the current folder.
    pub(crate) notes_file: Option<PathBuf>,
    /// In place of `artifacts`, unless empty; paths are relative to the current folder.
    pub(crate) artifacts: Vec<ArtifactEntry>,
    /// In place of `links`, unless empty.
    pub(crate) links: Vec<LinkEntry>,
}

/// A release that is about to be: everything but digests.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Name of the manifest, for messages.
    pub(crate) label: String,
    /// The manifest's folder.
    pub(crate) folder: PathBuf,
    /// The fields of the whole release.
    pub(crate) header: Header,
    /// Release notes.
    pub(crate) notes: Option<String>,
    /// The files, in the order of the manifest.
    pub(crate) files: Vec<PlannedFile>,
    /// What a person may want to know.
    pub(crate) warnings: Vec<Problem>,
}

/// One file that is about to be an artifact.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlannedFile {
    /// Which entry of the manifest it is, from 0.
    pub(crate) entry: usize,
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// What it was like when it was looked at.
    pub(crate) stamp: Stamp,
    /// The system it is for.
    pub(crate) platform: Platform,
    /// The processor it is for.
    pub(crate) arch: Arch,
    /// Its package format.
    pub(crate) kind: Kind,
    /// Its name when downloaded.
    pub(crate) filename: FileName,
}

/// What tells two manifests of the same content apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    /// The release that the channel points at.
    pub(crate) parent: Option<ReleaseId>,
    /// When it is made.
    pub(crate) created_at: Timestamp,
    /// What it was built from.
    pub(crate) source: Source,
}

/// Reads the manifest, applies the flags, finds and looks at every file.
///
/// # Errors
/// Everything that is wrong, as `details.problems`; the first problem gives the code.
pub(crate) fn plan_release(request: &PlanRequest) -> Result<Plan, CliError> {
    let input = read::read_input(request, read::describes_release)?;
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let header = input.dist_json.header().map_err(|found| problems.extend(found)).ok();
    let notes = notes::read_notes(&input).map_err(|problem| problems.push(problem)).ok().flatten();
    let files = find_files(&input.entries, &mut problems, &mut warnings);
    let plan = Plan {
        header: header.clone().unwrap_or_else(|| stand_in(&input)),
        label: input.label,
        folder: input.folder,
        notes,
        files,
        warnings,
    };
    problems.extend(plan.problems(&problems, input.entries.len()));
    if header.is_some() && problems.is_empty() {
        Ok(plan)
    } else {
        Err(CliError::from_problems(&plan.label, &problems))
    }
}

/// What a release is called and says, without its files.
#[derive(Debug, Clone)]
pub(crate) struct Outline {
    /// The manifest's folder.
    pub(crate) folder: PathBuf,
    /// The fields of the whole release.
    pub(crate) header: Header,
    /// Release notes.
    pub(crate) notes: Option<String>,
}

/// Reads the manifest and applies the flags; looks at no file but that of the notes.
///
/// # Errors
/// Everything that is wrong, as `details.problems`; the first problem gives the code.
pub(crate) fn plan_outline(request: &PlanRequest) -> Result<Outline, CliError> {
    let input = read::read_input(request, read::names_release)?;
    let mut problems = Vec::new();
    let header = input.dist_json.header().map_err(|found| problems.extend(found)).ok();
    let notes = notes::read_notes(&input).map_err(|problem| problems.push(problem)).ok().flatten();
    match header.filter(|_| problems.is_empty()) {
        Some(header) => Ok(Outline { folder: input.folder, header, notes }),
        None => Err(CliError::from_problems(&input.label, &problems)),
    }
}

fn find_files(entries: &[Entry], problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Vec<PlannedFile> {
    let mut files = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match describe::describe(entry, at) {
            Ok((file, warning)) => {
                files.push(file);
                warnings.extend(warning);
            }
            Err(found) => problems.extend(found),
        }
    }
    files
}

/// A header for checking the rest when the real one is wrong: only its links matter.
fn stand_in(input: &Input) -> Header {
    let links = protocol::dist_json::DistJson {
        app: Some("app".to_owned()),
        version: Some("0".to_owned()),
        links: input.dist_json.links.clone(),
        ..Default::default()
    };
    let empty = || Header {
        app: "app".parse().expect("a valid slug"),
        version: "0".parse().expect("a valid version"),
        build: None,
        channel: None,
        links: Vec::new(),
    };
    links.header().unwrap_or_else(|_| empty())
}

impl Plan {
    /// The release manifest with these digests, one for each file in order.
    pub(crate) fn manifest(&self, digests: &[Digest], origin: &Origin) -> ReleaseManifest {
        let lines = self.files.iter().zip(digests).map(|(file, digest)| ArtifactLine {
            platform: file.platform,
            arch: file.arch.clone(),
            kind: file.kind,
            filename: file.filename.clone(),
            size: file.stamp.size_bytes,
            sha256: *digest,
        });
        ReleaseManifest {
            schema: SCHEMA.to_owned(),
            app: self.header.app.clone(),
            version: self.header.version.clone(),
            build: self.header.build.clone(),
            parent: origin.parent,
            created_at: origin.created_at,
            source: origin.source.clone(),
            notes: self.notes.clone(),
            artifacts: lines.collect(),
            links: self.header.links.clone(),
        }
    }

    /// What the manifest will be refused for, whatever the digests. Knows what was `found` before, to not repeat it.
    fn problems(&self, found: &[Problem], entries: usize) -> Vec<Problem> {
        let digests = vec![Digest::of(b""); self.files.len()];
        let manifest = self.manifest(&digests, &Origin::default());
        let mut problems = manifest.problems();
        // Where entries are wrong or links are, the release only looks empty.
        problems.retain(|problem| problem.code != ErrorCode::ReleaseEmpty || (found.is_empty() && entries == 0));
        for problem in &mut problems {
            problem.at = self.place_in_manifest(&problem.at);
        }
        if problems.is_empty() && manifest.canonical_bytes().len() as u64 > limits::MANIFEST_BYTES - MANIFEST_ROOM {
            let message = format!("the release manifest would be over {} bytes", limits::MANIFEST_BYTES);
            problems.push(Problem::new(ErrorCode::ManifestTooLarge, "", message).hint("publish fewer files at once"));
        }
        problems
    }

    /// `artifacts[1].kind` counts the files found; people count the entries of the manifest.
    fn place_in_manifest(&self, at: &str) -> String {
        let parts = at.strip_prefix("artifacts[").and_then(|rest| rest.split_once(']'));
        let entry =
            parts.and_then(|(number, after)| Some((self.files.get(number.parse::<usize>().ok()?)?.entry, after)));
        entry.map_or_else(|| at.to_owned(), |(entry, after)| format!("artifacts[{entry}]{after}"))
    }
}

/// What parent, time and source may add to a manifest, in bytes.
const MANIFEST_ROOM: u64 = 16 * 1024;

#[cfg(test)]
mod tests;
