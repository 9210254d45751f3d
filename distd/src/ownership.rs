//! Whose a data directory is, for the message when it cannot be used: on a NAS the first start fails for this reason more
//! often than for all others.

use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{getegid, geteuid};

/// Adds who runs this process, whose the directory is and how to mend it, where `error` comes from missing permission.
pub(crate) fn explain(error: impl Error + Send + Sync + 'static, data: &Path) -> anyhow::Error {
    let error = anyhow::Error::new(error);
    let kind = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    let hint = match kind {
        Some(io::ErrorKind::PermissionDenied) => foreign(data),
        Some(io::ErrorKind::ReadOnlyFilesystem) => Some(read_only(data)),
        _ => None,
    };
    match hint {
        Some(hint) => anyhow::anyhow!("{error}\n{hint}"),
        None => error,
    }
}

fn foreign(data: &Path) -> Option<String> {
    let there = data.ancestors().find(|path| path.exists())?;
    let found = fs::metadata(there).ok()?;
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    // Never the folder above: that may be the root of everything.
    let mend = if there == data {
        format!("sudo chown -R {uid}:{gid} {}   (in a container: the folder that is mounted there)", data.display())
    } else {
        format!("sudo install -d -o {uid} -g {gid} -m 0750 {}", data.display())
    };
    Some(format!(
        "distd runs as uid {uid}, gid {gid}; {path} belongs to uid {owner}, gid {group} (mode {mode:04o}).\nhint: {mend}",
        path = there.display(),
        owner = found.uid(),
        group = found.gid(),
        mode = found.mode() & 0o7777,
    ))
}

fn read_only(data: &Path) -> String {
    format!("hint: {} is on a read-only file system; mount a folder there that can be written", data.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_permission_is_explained_by_owners() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("not/yet/there");
        let denied = explain(io::Error::from(io::ErrorKind::PermissionDenied), &data).to_string();
        let owner = fs::metadata(folder.path()).unwrap().uid();
        assert!(denied.contains(&format!("{} belongs to uid {owner}, ", folder.path().display())), "{denied}");
        assert!(denied.contains("hint: sudo install -d -o "), "{denied}");
        let denied = explain(io::Error::from(io::ErrorKind::PermissionDenied), folder.path()).to_string();
        assert!(denied.contains("hint: sudo chown -R "), "{denied}");
        let other = explain(io::Error::from(io::ErrorKind::StorageFull), &data).to_string();
        assert!(!other.contains("hint:"), "{other}");
        let read_only = explain(io::Error::from(io::ErrorKind::ReadOnlyFilesystem), &data).to_string();
        assert!(read_only.contains("read-only file system"), "{read_only}");
    }
}
