//! From the path of an entry to the one file that it means.

use std::fs;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern, glob_with};
use protocol::{ErrorCode, Problem};

/// Whether files may lie outside of the manifest's folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Outside {
    /// They may not: a manifest from somewhere else must not publish what it likes.
    #[default]
    Refused,
    /// The person said that they may.
    Allowed,
}

/// Most matches of a pattern that are listed.
const LISTED: usize = 10;

/// `*` stays in its folder and passes hidden files over, as in a shell.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The folder that paths start in.
#[derive(Debug)]
pub(super) struct Base {
    folder: PathBuf,
    /// `None` where files may lie outside.
    bounds: Option<Bounds>,
}

/// What files have to lie in. `None` is where it cannot be told, which nothing lies in.
#[derive(Debug)]
struct Bounds {
    /// By the words of the path alone.
    named: Option<PathBuf>,
    /// Behind all symbolic links.
    real: Option<PathBuf>,
}

impl Base {
    pub(super) fn new(folder: PathBuf, outside: Outside) -> Self {
        let bounds = (outside == Outside::Refused).then(|| Bounds {
            named: std::path::absolute(&folder).ok().map(|path| resolve_dots(&path)),
            real: fs::canonicalize(&folder).ok(),
        });
        Self { folder, bounds }
    }

    /// The path of a file that may be anywhere.
    pub(super) fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.join(path)
    }

    /// The file that `path`, a path or a pattern, means.
    ///
    /// # Errors
    /// When it leads outside, means no file or more than one, or something that is not a file.
    pub(super) fn locate(&self, path: &str, at: &str) -> Result<PathBuf, Problem> {
        self.check_named(Path::new(path), at)?;
        let literal = self.join(path);
        let found = if path.is_empty() || fs::symlink_metadata(&literal).is_ok() {
            literal
        } else {
            matching(path, &self.folder, at)?
        };
        check_file(&found, path, at)?;
        self.check_real(&found, at)?;
        Ok(found)
    }

    /// Refuses a path that leads out by its words alone, before the file system is asked anything.
    pub(super) fn check_named(&self, path: &Path, at: &str) -> Result<(), Problem> {
        let Some(Bounds { named, .. }) = &self.bounds else { return Ok(()) };
        let inside = named.as_ref().is_some_and(|root| resolve_dots(&root.join(path)).starts_with(root));
        if inside { Ok(()) } else { Err(leads_out(path, at)) }
    }

    /// Refuses a file whose symbolic links lead out.
    pub(super) fn check_real(&self, found: &Path, at: &str) -> Result<(), Problem> {
        let Some(Bounds { real, .. }) = &self.bounds else { return Ok(()) };
        match (fs::canonicalize(found), real) {
            (Ok(target), Some(root)) if target.starts_with(root) => Ok(()),
            _ => Err(leads_out(found, at)),
        }
    }
}

fn leads_out(path: &Path, at: &str) -> Problem {
    let message = format!("{:?} leads out of the manifest's folder", path.display().to_string());
    Problem::new(ErrorCode::PathOutside, at, message).hint("move the file there, or give --allow-outside")
}

/// The path without `.` and `..`, by its words alone.
fn resolve_dots(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(resolved.pop()),
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    resolved
}

fn matching(pattern: &str, base: &Path, at: &str) -> Result<PathBuf, Problem> {
    let none = || {
        let what = if is_pattern(pattern) { "no file matches" } else { "there is no file" };
        Problem::new(ErrorCode::ArtifactMissing, at, format!("{what} {pattern:?}"))
            .hint("paths are relative to the manifest; was it built?")
    };
    if !is_pattern(pattern) {
        return Err(none());
    }
    let whole = format!("{}/{pattern}", Pattern::escape(&base.to_string_lossy()));
    let matches = glob_with(&whole, MATCHING).map_err(|error| {
        Problem::new(ErrorCode::ManifestField, at, format!("{pattern:?} is not a pattern: {}", error.msg))
    })?;
    let mut matches: Vec<PathBuf> = matches.flatten().collect();
    if matches.iter().any(|path| path.is_file()) {
        matches.retain(|path| path.is_file());
    }
    match matches.len() {
        0 => Err(none()),
        1 => Ok(matches.remove(0)),
        _ => Err(ambiguous(pattern, base, &matches, at)),
    }
}

fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

fn ambiguous(pattern: &str, base: &Path, matches: &[PathBuf], at: &str) -> Problem {
    let shown = |path: &PathBuf| path.strip_prefix(base).unwrap_or(path).display().to_string();
    let mut names: Vec<String> = matches.iter().take(LISTED).map(shown).collect();
    if matches.len() > LISTED {
        names.push(format!("and {} more", matches.len() - LISTED));
    }
    let message = format!("{pattern:?} matches {} files: {}", matches.len(), names.join(", "));
    Problem::new(ErrorCode::ArtifactAmbiguous, at, message)
        .hint("write a pattern that matches one file, or one entry each")
}

fn check_file(found: &Path, said: &str, at: &str) -> Result<(), Problem> {
    let problem = |message: String| Problem::new(ErrorCode::ArtifactUnreadable, at, message);
    match fs::metadata(found) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(metadata) if metadata.is_dir() => {
            Err(problem(format!("{said:?} is a folder")).hint("an artifact is one file: zip the folder first"))
        }
        Ok(_) => Err(problem(format!("{said:?} is not a regular file"))),
        Err(error) => Err(problem(format!("{said:?} cannot be read: {error}"))),
    }
}
