//! The data directory as the system sees it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use protocol::ByteSize;
use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getegid, geteuid, getrlimit};

use super::Check;

/// File systems over a network: SQLite's locks and write-ahead log do not hold there.
const NETWORK: &[&str] =
    &["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "davfs"];
/// What is there while the machine runs.
const MEMORY: &[&str] = &["tmpfs", "ramfs"];
/// Each client holds a connection, and most of them a file.
const OPEN_FILES: u64 = 1024;

/// Whose it is, and whether it can be written.
pub(crate) fn directory(data: &Path) -> Check {
    let code = "data_directory";
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let chown = || format!("sudo chown -R {uid}:{gid} {}", data.display());
    let found = match fs::metadata(data) {
        Ok(found) => found,
        Err(error) => {
            return Check::fail(code, format!("{}: {error}", data.display()))
                .mended_by("--data DIR, or start the server once");
        }
    };
    if let Err(error) = access(data, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        let seen =
            format!("uid {uid} cannot write it; it belongs to uid {}, gid {}: {error}", found.uid(), found.gid());
        return Check::fail(code, seen).mended_by(chown());
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o002 != 0 {
        return Check::fail(code, format!("anyone on this machine can write it (mode {mode:04o})"))
            .mended_by(format!("chmod 0750 {}", data.display()));
    }
    if found.uid() != uid {
        let seen = format!("it belongs to uid {}, and this runs as uid {uid}", found.uid());
        return Check::warn(code, seen).mended_by("run doctor as whom the server runs as");
    }
    Check::ok(code, format!("{}, uid {}, gid {}, mode {mode:04o}", data.display(), found.uid(), found.gid()))
}

/// Room for uploads.
pub(crate) fn space(data: &Path, reserve_bytes: u64) -> Check {
    let free = match statvfs(data) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return Check::fail("free_space", error.to_string()).mended_by("check the disk"),
    };
    judge_space(free, reserve_bytes)
}

fn judge_space(free: u64, reserve: u64) -> Check {
    let seen = format!("{} free, of which {} are never used up", ByteSize(free), ByteSize(reserve));
    let mend = "distd gc, or a larger disk";
    match free {
        free if free <= reserve => Check::fail("free_space", format!("{seen}: uploads are refused")).mended_by(mend),
        free if free / 2 < reserve => Check::warn("free_space", seen).mended_by(mend),
        _ => Check::ok("free_space", seen),
    }
}

/// The kind of file system, from `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).
pub(crate) fn file_system(data: &Path) -> Check {
    let read = || Ok::<_, io::Error>((data.canonicalize()?, fs::read_to_string("/proc/self/mountinfo")?));
    match read() {
        Ok((data, mounts)) => judge_file_system(kind_of(&data, &mounts)),
        Err(error) => Check::warn("file_system", format!("it cannot be told: {error}")).mended_by("use a local disk"),
    }
}

fn judge_file_system(kind: Option<&str>) -> Check {
    let code = "file_system";
    match kind {
        Some(kind) if NETWORK.contains(&kind) => {
            let seen = format!("{kind}, over a network: SQLite needs a local file system");
            Check::fail(code, seen).mended_by("put the data directory on a disk of this machine")
        }
        Some(kind) if MEMORY.contains(&kind) => Check::fail(code, format!("{kind}: gone when the machine stops"))
            .mended_by("put the data directory on a disk"),
        Some(kind) => Check::ok(code, kind),
        None => Check::warn(code, "it cannot be told").mended_by("use a local disk"),
    }
}

/// The kind of the mount that a path is on: the longest that leads to it, the last of equals.
fn kind_of<'a>(path: &Path, mounts: &'a str) -> Option<&'a str> {
    let line = |line: &'a str| {
        let (left, right) = line.split_once(" - ")?;
        let point = left.split(' ').nth(4)?.replace("\\040", " ");
        path.starts_with(&point).then(|| Some((point.len(), right.split(' ').next()?)))?
    };
    mounts.lines().filter_map(line).max_by_key(|(len, _)| *len).map(|(_, kind)| kind)
}

/// How many files and connections a process may have.
pub(crate) fn open_files() -> Check {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < OPEN_FILES => {
            let mend = "LimitNOFILE=65536 in the unit, `ulimits: {nofile: 65536}` in Compose";
            Check::warn("open_files", format!("at most {limit}")).mended_by(mend)
        }
        Some(limit) => Check::ok("open_files", format!("at most {limit}")),
        None => Check::ok("open_files", "no limit"),
    }
}

#[cfg(test)]
mod tests {
    use protocol::diagnosis::Level;

    use super::*;

    #[test]
    fn the_longest_mount_point_tells_the_kind() {
        let mounts = "22 1 0:21 / / rw - ext4 /dev/sda1 rw\n\
                      30 22 0:30 / /data rw shared:1 - nfs4 nas:/x rw\n\
                      31 22 0:31 / /my\\040disk rw - btrfs /dev/sdb rw\n";
        let check = |path: &str, expect: Option<&str>| assert_eq!(kind_of(Path::new(path), mounts), expect, "{path}");
        check("/data/dist", Some("nfs4"));
        check("/database", Some("ext4"));
        check("/my disk/dist", Some("btrfs"));
        assert_eq!(kind_of(Path::new("/x"), ""), None);
    }

    #[test]
    fn disks_that_do_not_last_are_told() {
        assert_eq!(judge_file_system(Some("ext4")).level, Level::Ok);
        assert_eq!(judge_file_system(Some("cifs")).level, Level::Fail);
        assert_eq!(judge_file_system(Some("tmpfs")).level, Level::Fail);
        assert_eq!(judge_file_system(None).level, Level::Warn);
        assert_eq!(judge_space(100, 100).level, Level::Fail);
        assert_eq!(judge_space(150, 100).level, Level::Warn);
        assert_eq!(judge_space(200, 100).level, Level::Ok);
    }
}
