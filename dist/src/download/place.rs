//! What is there before a download, and giving a verified part its name.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use protocol::{Digest, ErrorCode};

use super::Existing;
use crate::error::CliError;

/// Most bytes of a file name.
const NAME_BYTES: usize = 255;

/// What is there before anything is fetched.
pub(super) enum Found {
    /// The right file.
    Whole,
    /// Nothing that is in the way; perhaps a part to continue.
    Part(PathBuf, Base),
}

/// Where a part comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// An earlier download, or nothing.
    Earlier,
    /// A copy of a shorter file under the final name.
    Target,
}

/// What the file work needs to know.
pub(super) struct Job {
    pub(super) digest: Digest,
    pub(super) size_bytes: u64,
    pub(super) target: PathBuf,
    pub(super) existing: Existing,
}

pub(super) fn find(job: &Job) -> Result<Found, CliError> {
    let target = &job.target;
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| CliError::io("create", folder, error))?;
    let part = part_path(target, &job.digest);
    // What is written must be this file, not one that a link leads to.
    if fs::symlink_metadata(&part).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(file_exists(&part));
    }
    let length = match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Part(part, Base::Earlier)),
        Err(error) => return Err(CliError::io("read", target, error)),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(file_exists(target)),
    };
    if length == job.size_bytes && has_digest(target, &job.digest)? {
        return Ok(Found::Whole);
    }
    match job.existing {
        Existing::Replace => Ok(Found::Part(part, Base::Earlier)),
        Existing::Keep if length >= job.size_bytes => Err(file_exists(target)),
        Existing::Keep if part.exists() => Ok(Found::Part(part, Base::Earlier)),
        Existing::Keep => {
            // Perhaps a download that another tool left unfinished. A copy, so that it stays as it is if it is not.
            fs::copy(target, &part).map_err(|error| CliError::io("write", &part, error))?;
            Ok(Found::Part(part, Base::Target))
        }
    }
}

impl Job {
    /// Gives a complete and verified part its name.
    pub(super) fn put_in_place(&self, part: &Path) -> Result<(), CliError> {
        let is_kept = self.existing == Existing::Keep && fs::symlink_metadata(&self.target).is_ok();
        if is_kept && !is_beginning(&self.target, part).map_err(|error| CliError::io("read", &self.target, error))? {
            return Err(file_exists(&self.target));
        }
        fs::rename(part, &self.target).map_err(|error| CliError::io("write", &self.target, error))
    }
}

/// `.NAME.part` beside the target; a name too long for that gives way to the digest.
fn part_path(target: &Path, digest: &Digest) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let part = format!(".{name}.part");
    target.with_file_name(if part.len() > NAME_BYTES { format!(".{}.part", digest.short()) } else { part })
}

/// Whether a file has this digest.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn has_digest(path: &Path, digest: &Digest) -> Result<bool, CliError> {
    let hash = || objstore::hash_reader(File::open(path)?);
    hash().map(|(found, _)| found == *digest).map_err(|error| CliError::io("read", path, error))
}

/// Whether `whole` starts with all of `beginning`.
fn is_beginning(beginning: &Path, whole: &Path) -> io::Result<bool> {
    let length = fs::metadata(beginning)?.len();
    let (start, _) = objstore::hash_reader(File::open(whole)?.take(length))?;
    let (found, _) = objstore::hash_reader(File::open(beginning)?)?;
    Ok(start == found)
}

pub(super) fn file_exists(target: &Path) -> CliError {
    CliError::new(ErrorCode::FileExists, format!("{} is there with other content", target.display()))
        .hint("give --force to replace it, or another folder with -o")
}

pub(super) fn remove(path: &Path) -> Result<(), CliError> {
    fs::remove_file(path).map_err(|error| CliError::io("remove", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(target: &Path, content: &[u8], existing: Existing) -> Job {
        Job { digest: Digest::of(content), size_bytes: content.len() as u64, target: target.to_owned(), existing }
    }

    #[test]
    fn only_the_right_file_or_a_beginning_of_it_is_taken_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("sub/acme.apk");
        let look = |existing| find(&job(&target, b"content", existing));

        assert!(matches!(look(Existing::Keep), Ok(Found::Part(_, Base::Earlier))));
        fs::write(&target, b"content").unwrap();
        assert!(matches!(look(Existing::Keep), Ok(Found::Whole)));
        fs::write(&target, b"contenT").unwrap();
        assert_eq!(look(Existing::Keep).err().unwrap().code(), ErrorCode::FileExists);
        assert!(matches!(look(Existing::Replace), Ok(Found::Part(_, Base::Earlier))));
        fs::write(&target, b"cont").unwrap();
        let Ok(Found::Part(part, Base::Target)) = look(Existing::Keep) else { panic!("not continued") };
        assert_eq!(fs::read(&part).unwrap(), b"cont");
    }

    #[test]
    fn a_file_of_other_content_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (target, part) = (dir.path().join("a"), dir.path().join("part"));
        let put = |there: &[u8], existing| {
            fs::write(&target, there).unwrap();
            fs::write(&part, b"content").unwrap();
            job(&target, b"content", existing).put_in_place(&part)
        };
        assert_eq!(put(b"other", Existing::Keep).unwrap_err().code(), ErrorCode::FileExists);
        assert_eq!(fs::read(&target).unwrap(), b"other");
        put(b"cont", Existing::Keep).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"content");
        put(b"other", Existing::Replace).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"content");
    }

    #[test]
    fn parts_lie_beside_their_target() {
        let digest = Digest::of(b"");
        let part = |name: &str| part_path(Path::new(name), &digest);
        assert_eq!(part("out/a b.apk"), Path::new("out/.a b.apk.part"));
        let long = "x".repeat(255);
        assert_eq!(part(&format!("out/{long}")), Path::new("out/.e3b0c44298fc.part"));
    }
}
