//! What an artifact is: as its entry says, and where it says nothing, as its bytes show.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use inspect::Detected;
use protocol::dist_json::Declared;
use protocol::{Arch, ErrorCode, FileName, Kind, Platform, Problem};

use super::PlannedFile;
use super::read::Entry;

/// What a file was like at one moment. Another size or time means other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Its size in bytes.
    pub(crate) size_bytes: u64,
    /// When it was last written, where the file system keeps that.
    pub(crate) modified: Option<SystemTime>,
}

impl Stamp {
    /// The stamp of an open file.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        file.metadata().map(Self::from)
    }
}

impl From<Metadata> for Stamp {
    fn from(metadata: Metadata) -> Self {
        Self { size_bytes: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// Finds the entry's file and settles what it is; also gives what a person may want to know of it.
pub(super) fn describe(entry: &Entry, at: usize) -> Result<(PlannedFile, Option<Problem>), Vec<Problem>> {
    let place = |field: &str| format!("artifacts[{at}].{field}");
    let located = entry.base.locate(&entry.said.path, &place("path"));
    let (path, declared) = match (located, entry.said.declared(at)) {
        (Ok(path), Ok(declared)) => (path, declared),
        (Ok(_), Err(problems)) => return Err(problems),
        (Err(problem), declared) => {
            return Err(std::iter::once(problem).chain(declared.err().unwrap_or_default()).collect());
        }
    };
    let filename = declared.filename.clone().map_or_else(|| own_name(&path, &place("filename")), Ok);
    let looked = look(&path, &place("path"));
    let (filename, (stamp, detected)) = match (filename, looked) {
        (Ok(filename), Ok(looked)) => (filename, looked),
        (filename, looked) => return Err(filename.err().into_iter().chain(looked.err()).collect()),
    };
    let kind = declared.kind.unwrap_or_else(|| detected_kind(detected));
    let platform = settle_platform(&declared, kind, &place("platform")).map_err(|problem| vec![problem])?;
    let warning = kind_warning(&declared, detected, &place("kind"));
    let arch = declared.arch.unwrap_or_else(|| detected_arch(detected));
    Ok((PlannedFile { entry: at, path, stamp, platform, arch, kind, filename }, warning))
}

fn own_name(path: &Path, at: &str) -> Result<FileName, Problem> {
    let name = path.file_name().unwrap_or_default();
    let invalid = |message: String| {
        Problem::new(ErrorCode::FilenameInvalid, at, message).hint("give the artifact a \"filename\" of its own")
    };
    let name = name.to_str().ok_or_else(|| invalid(format!("the name of {} is not UTF-8", path.display())))?;
    name.parse().map_err(|error: protocol::manifest::ParseFileNameError| invalid(error.to_string()))
}

fn look(path: &Path, at: &str) -> Result<(Stamp, Detected), Problem> {
    let read = || -> io::Result<(Stamp, Detected)> {
        let mut file = File::open(path)?;
        let stamp = Stamp::of(&file)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok((stamp, inspect::detect(&mut file, stamp.size_bytes, &name)?))
    };
    read().map_err(|error| {
        Problem::new(ErrorCode::ArtifactUnreadable, at, format!("{} cannot be read: {error}", path.display()))
    })
}

fn detected_kind(detected: Detected) -> Kind {
    detected.format.as_str().parse().expect("formats and kinds are the same words")
}

fn detected_arch(detected: Detected) -> Arch {
    let word = detected.arch.map(|word| word.parse().expect("detected architectures are words of ours"));
    word.unwrap_or_else(Arch::universal)
}

fn settle_platform(declared: &Declared, kind: Kind, at: &str) -> Result<Platform, Problem> {
    declared.platform.or_else(|| kind.only_platform()).ok_or_else(|| {
        Problem::new(ErrorCode::PlatformMissing, at, format!("a {kind} does not tell which platform it is for"))
            .hint("write \"platform\": one of ios, android, macos, linux, windows, any")
    })
}

/// Says so where the bytes show another format than the entry. `file` is right for anything.
fn kind_warning(declared: &Declared, detected: Detected, at: &str) -> Option<Problem> {
    let (said, shown) = (declared.kind?, detected_kind(detected));
    // Compression hides a tar, and some archives begin with something else: no news in that.
    let is_unsure = shown == Kind::File && matches!(said, Kind::Tarball | Kind::Zip);
    if said == shown || said == Kind::File || is_unsure {
        return None;
    }
    let looks = match shown {
        Kind::File => "show no known package format".to_owned(),
        shown => format!("are those of a {shown}"),
    };
    Some(Problem::new(ErrorCode::KindMismatch, at, format!("declared as {said}, but its bytes {looks}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_and_architecture_that_is_detected_has_a_word() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        for arch in ["universal", "x86_64", "aarch64", "armv7", "x86"] {
            assert!(arch.parse::<Arch>().is_ok());
        }
    }
}
