//! What a manifest must satisfy beyond its shape.

use std::collections::HashSet;

use url::Url;

use super::{ArtifactLine, Link, ReleaseManifest, SCHEMA};
use crate::{ErrorCode, Problem, limits};

impl ReleaseManifest {
    /// Everything that is wrong with it, in the order of its fields; empty for a valid manifest.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.schema != SCHEMA {
            let message = format!("{:?} is not {SCHEMA:?}", self.schema);
            problems.push(Problem::new(ErrorCode::ManifestInvalid, "schema", message));
        }
        problems.extend(self.notes.as_deref().and_then(check_notes));
        problems.extend(check_artifacts(&self.artifacts));
        problems.extend(self.links.iter().enumerate().filter_map(|(at, link)| check_link(at, link)));
        if self.artifacts.is_empty() && self.links.is_empty() {
            problems.push(
                Problem::new(ErrorCode::ReleaseEmpty, "artifacts", "a release needs at least one artifact or link")
                    .hint("name the files to publish under \"artifacts\""),
            );
        }
        problems
    }
}

fn check_notes(notes: &str) -> Option<Problem> {
    (notes.len() > limits::NOTES_BYTES).then(|| {
        let message = format!("{} bytes of notes, the limit is {}", notes.len(), limits::NOTES_BYTES);
        Problem::new(ErrorCode::NotesInvalid, "notes", message)
    })
}

fn check_artifacts(lines: &[ArtifactLine]) -> Vec<Problem> {
    let mut seen = HashSet::new();
    let mut problems = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if !seen.insert(line.key()) {
            let message = format!("{} {} {} {} is there twice", line.platform, line.arch, line.kind, line.filename);
            let hint = "an artifact is unique by platform, arch, kind and file name";
            problems.push(Problem::new(ErrorCode::ArtifactDuplicate, format!("artifacts[{at}]"), message).hint(hint));
        }
        problems.extend(check_artifact(at, line));
    }
    problems
}

fn check_artifact(at: usize, line: &ArtifactLine) -> Option<Problem> {
    if line.size > limits::ARTIFACT_BYTES {
        let message = format!("{} bytes, the limit is {}", line.size, limits::ARTIFACT_BYTES);
        return Some(Problem::new(ErrorCode::ArtifactTooLarge, format!("artifacts[{at}].size"), message));
    }
    let only = line.kind.only_platform().filter(|only| *only != line.platform)?;
    let message = format!("{} is a kind for {only}, not for {}", line.kind, line.platform);
    Some(Problem::new(ErrorCode::KindMismatch, format!("artifacts[{at}].kind"), message))
}

fn check_link(at: usize, link: &Link) -> Option<Problem> {
    let why = match Url::parse(&link.url) {
        Ok(url) if url.scheme() != "https" => format!("{:?} is not an https address", link.url),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "an address in a release must not carry a user name or password".to_owned()
        }
        Ok(_) => return None,
        Err(error) => format!("{:?} is not an address: {error}", link.url),
    };
    Some(Problem::new(ErrorCode::LinkInvalid, format!("links[{at}].url"), why))
}
