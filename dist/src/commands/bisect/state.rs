//! The file that a bisect is kept in: `.dist/bisect.json` in the folder where it began, as git keeps its own beside the work.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use protocol::api::ReleaseRef;
use protocol::{AppSlug, ChannelName, ErrorCode, ReleaseId};
use serde::{Deserialize, Serialize};

use super::search::{Search, Verdict};
use crate::error::CliError;

const FOLDER: &str = ".dist";
const FILE: &str = "bisect.json";
const SCHEMA: &str = "dist.bisect/1";

/// A bisect that is going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    schema: String,
    /// Address of the server, for links.
    pub(super) server: String,
    pub(super) app: AppSlug,
    pub(super) channel: ChannelName,
    /// The good release that it began with.
    pub(super) good: ReleaseRef,
    /// What came after it, oldest first, up to the bad release that it began with.
    pub(super) releases: Vec<ReleaseRef>,
    /// What was found, in the order in which it was said.
    pub(super) marks: Vec<Mark>,
}

/// One verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) release: ReleaseRef,
    pub(super) verdict: Verdict,
    pub(super) at: Timestamp,
}

impl State {
    pub(super) fn new(
        server: String,
        (app, channel): (AppSlug, ChannelName),
        good: ReleaseRef,
        releases: Vec<ReleaseRef>,
    ) -> Self {
        Self { schema: SCHEMA.to_owned(), server, app, channel, good, releases, marks: Vec::new() }
    }

    /// The search as far as it got. Verdicts that an edited file contradicts itself with are passed over.
    pub(super) fn search(&self) -> Search {
        let mut search = Search::new(self.releases.len());
        for mark in &self.marks {
            if let Some(at) = self.place(mark.release.id) {
                let _ = search.mark(at, mark.verdict);
            }
        }
        search
    }

    fn place(&self, id: ReleaseId) -> Option<usize> {
        self.releases.iter().position(|release| release.id == id)
    }

    /// The release among those of the bisect that goes by a name or the beginning of an id.
    pub(super) fn find(&self, text: &str) -> Result<usize, CliError> {
        let text = text.strip_prefix(&format!("{}@", self.app)).unwrap_or(text);
        let is_prefix = |release: &ReleaseRef| text.len() >= 7 && release.id.to_string().starts_with(text);
        let by_name = self.releases.iter().position(|release| release.name.as_str() == text);
        by_name.or_else(|| self.releases.iter().position(is_prefix)).ok_or_else(|| {
            CliError::new(ErrorCode::RevisionUnknown, format!("{text:?} is none of the releases of this bisect"))
                .hint("`dist bisect log` lists them; name one by its name or the beginning of its id")
        })
    }
}

/// The file of the bisect that is going on here or in a folder above; `None` where there is none.
pub(super) fn find(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(FOLDER).join(FILE)).find(|file| file.is_file())
}

/// Where a bisect that begins here is kept.
pub(super) fn file_in(folder: &Path) -> PathBuf {
    folder.join(FOLDER).join(FILE)
}

/// Reads a bisect.
///
/// # Errors
/// When the file cannot be read, or is not one of a bisect.
pub(super) fn read(file: &Path) -> Result<State, CliError> {
    let text = fs::read_to_string(file).map_err(|error| failed("read", file, error))?;
    let state: Option<State> = serde_json::from_str(&text).ok();
    state.filter(|state| state.schema == SCHEMA && !state.releases.is_empty()).ok_or_else(|| {
        CliError::new(ErrorCode::Io, format!("{} is not the file of a bisect", file.display()))
            .hint("`dist bisect reset` removes it")
    })
}

/// Writes a bisect, whole or not at all. Its folder is kept out of git.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(file: &Path, state: &State) -> Result<(), CliError> {
    write_file(file, state).map_err(|error| failed("write", file, error))
}

fn write_file(file: &Path, state: &State) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new(FOLDER));
    fs::create_dir_all(folder)?;
    let ignore = folder.join(".gitignore");
    if !ignore.exists() {
        fs::write(ignore, "*\n")?;
    }
    let new = file.with_extension("json.new");
    fs::write(&new, serde_json::to_string_pretty(state)? + "\n")?;
    fs::rename(new, file)
}

/// Ends a bisect.
///
/// # Errors
/// When the file cannot be removed.
pub(super) fn remove(file: &Path) -> Result<(), CliError> {
    fs::remove_file(file).map_err(|error| failed("remove", file, error))?;
    if let Some(folder) = file.parent() {
        // Gone with the file where nothing else is in it.
        let is_ours =
            fs::read_dir(folder).is_ok_and(|entries| entries.flatten().all(|it| it.file_name() == ".gitignore"));
        if is_ours {
            let _ = fs::remove_dir_all(folder);
        }
    }
    Ok(())
}

fn failed(what: &str, file: &Path, error: io::Error) -> CliError {
    CliError::new(ErrorCode::Io, format!("cannot {what} {}", file.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::super::search::Step;
    use super::*;

    fn state(names: &[&str]) -> State {
        let release = |name: &&str| ReleaseRef { id: ReleaseId::of(name.as_bytes()), name: name.parse().unwrap() };
        State::new(
            "https://dist.example.com".to_owned(),
            ("acme".parse().unwrap(), "beta".parse().unwrap()),
            release(&"1.0"),
            names.iter().map(release).collect(),
        )
    }

    #[test]
    fn a_bisect_is_found_from_folders_below_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        assert_eq!(find(&below), None);
        let file = file_in(folder.path());
        let mut state = state(&["1.1", "1.2"]);
        write(&file, &state).unwrap();
        state.marks.push(Mark {
            release: state.releases[0].clone(),
            verdict: Verdict::Good,
            at: Timestamp::UNIX_EPOCH,
        });
        write(&file, &state).unwrap();
        let found = find(&below).unwrap();
        assert_eq!((found.clone(), read(&found).unwrap()), (file.clone(), state.clone()));
        assert_eq!(state.search().step(), Step::Found(1));
        remove(&file).unwrap();
        assert!(!folder.path().join(FOLDER).exists());
    }

    #[test]
    fn releases_of_a_bisect_go_by_name_and_id() {
        let state = state(&["1.1", "1.2"]);
        assert_eq!(state.find("1.2").unwrap(), 1);
        assert_eq!(state.find("acme@1.1").unwrap(), 0);
        assert_eq!(state.find(&state.releases[1].id.to_string()[..7]).unwrap(), 1);
        assert_eq!(state.find("1.0").unwrap_err().code(), ErrorCode::RevisionUnknown);
    }

    #[test]
    fn a_file_that_is_no_bisect_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bisect.json");
        for text in ["", "{}", "not json"] {
            fs::write(&file, text).unwrap();
            assert_eq!(read(&file).unwrap_err().code(), ErrorCode::Io);
        }
    }
}
