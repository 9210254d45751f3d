//! A data directory, checked from outside: with coreutils and `sqlite3`, as anyone could.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::process;

/// The complete integrity check of the design, on the objects' folder. What fails is named on
/// standard error, where errors quote it from. Gc may delete a file between the one and the other.
const CHECK_OBJECTS: &str = r"find . -type f -printf '%f  %p\n' | sha256sum --check --ignore-missing --quiet >&2";

/// Every object that a row names, and that retention did not give up. A ref points at a release, which is an object too.
const NAMED_OBJECTS: &str = "
    SELECT 'ref ' || app || ' ' || name, target FROM refs
    UNION ALL SELECT 'release ' || app || ' ' || name, id FROM releases
    UNION ALL SELECT 'artifact ' || app || ' ' || filename, sha256 FROM artifacts
        WHERE (app, release) NOT IN (SELECT app, release FROM expired_releases)";

/// Checks that the bytes of every object have the digest that the file is named by.
///
/// # Errors
/// When one has not, naming it, or there is no object at all.
pub fn check_objects(data: &Path) -> Result<()> {
    let objects = data.join("objects");
    process::read(Command::new("bash").args(["-o", "pipefail", "-c", CHECK_OBJECTS]).current_dir(&objects))
        .with_context(|| format!("the objects in {} are not whole", objects.display()))?;
    Ok(())
}

/// Checks that every object that a ref, release or artifact row names is there as a file, and says
/// how many rows there are.
///
/// # Errors
/// When one is missing, naming it, or the database cannot be read.
pub fn check_rows(data: &Path) -> Result<usize> {
    let rows = process::read(
        Command::new("sqlite3")
            .args(["-readonly", "-batch", "-noheader", "-separator", "\t"])
            .arg(data.join("dist.sqlite"))
            .arg(NAMED_OBJECTS),
    )?;
    let mut count = 0;
    for row in rows.lines() {
        let (row, digest) = row.rsplit_once('\t').context("sqlite3 printed a row without two columns")?;
        check_digest(digest).with_context(|| format!("{row} names no object"))?;
        let file = object_path(data, digest);
        ensure!(file.is_file(), "{row} names {digest}, which is missing");
        count += 1;
    }
    Ok(count)
}

/// Has `distd fsck` look at the whole of a data directory.
///
/// # Errors
/// When it finds something wrong, quoting it, or cannot look.
pub fn fsck(distd: &Path, data: &Path) -> Result<()> {
    let output = Command::new(distd).args(["fsck", "--data"]).arg(data).output().context("cannot start distd fsck")?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "fsck: {}{}", output.status, process::quote_tail(&said));
    Ok(())
}

/// What `distd fsck --json` prints (`dist.fsck/1`), as far as it is looked at here.
#[derive(Debug, Deserialize)]
pub struct Checked {
    /// `SEQ:HASH`: the end of the audit chain.
    pub audit_head: String,
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    kind: String,
    level: String,
    subject: String,
}

impl Checked {
    /// Checks that nothing is wrong, or nothing but that the object `damaged` is damaged or was moved aside.
    ///
    /// # Errors
    /// When something else is, naming it.
    pub fn check_only(&self, damaged: Option<&str>) -> Result<()> {
        let other = self.findings.iter().find(|it| {
            let is_expected = it.kind.starts_with("object-") && damaged == Some(it.subject.as_str());
            it.level == "error" && !is_expected
        });
        ensure!(other.is_none(), "fsck finds {other:?}");
        Ok(())
    }
}

/// Has `distd fsck` look at the whole of a data directory and returns what it found, whatever that is.
///
/// # Errors
/// When it cannot look.
pub fn read_fsck(distd: &Path, data: &Path) -> Result<Checked> {
    let output = process::capture(Command::new(distd).args(["fsck", "--json", "--data"]).arg(data))?;
    let said = process::quote_tail(&output.stderr);
    serde_json::from_slice(&output.stdout).with_context(|| format!("fsck: {}{said}", output.status))
}

/// Has `sqlite3` run statements on a database and returns what it printed.
///
/// # Errors
/// When a statement fails.
pub fn sql(database: &Path, statements: &str) -> Result<String> {
    process::read(Command::new("sqlite3").args(["-batch", "-noheader"]).arg(database).arg(statements))
}

/// Puts an object that nothing names into the store, as a crash may leave one.
///
/// # Errors
/// When it cannot be written.
pub fn plant_orphan(data: &Path, bytes: &[u8]) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let file = object_path(data, &crate::digest::of_bytes(bytes));
    fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).context("cannot make an object read-only")?;
    Ok(file)
}

/// Turns some bytes of an object's file around, its size unchanged.
///
/// # Errors
/// When it cannot be read or written.
pub fn flip(data: &Path, digest: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let file = object_path(data, digest);
    let mut bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let middle = bytes.len() / 2;
    bytes[middle..].iter_mut().take(4).for_each(|byte| *byte ^= 0xff);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).context("cannot make an object writable")?;
    fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).context("cannot make an object read-only")
}

fn check_digest(digest: &str) -> Result<()> {
    if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("{digest:?} is not a digest");
    }
    Ok(())
}

/// Where an object is when it is there.
pub fn object_path(data: &Path, digest: &str) -> PathBuf {
    data.join("objects").join(&digest[..2]).join(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;

    fn store(bytes: &[u8]) -> (tempfile::TempDir, String) {
        let data = tempfile::tempdir().unwrap();
        let digest = digest::of_bytes(bytes);
        let file = object_path(data.path(), &digest);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
        (data, digest)
    }

    #[test]
    fn whole_objects_pass_and_a_changed_one_is_named() {
        let (data, digest) = store(b"abc");
        check_objects(data.path()).unwrap();
        fs::write(object_path(data.path(), &digest), b"abd").unwrap();
        let message = format!("{:#}", check_objects(data.path()).unwrap_err());
        assert!(message.contains(&digest), "{message}");
    }

    #[test]
    fn rows_are_counted_and_one_that_names_a_missing_object_is_named() {
        let (data, digest) = store(b"abc");
        let run_sql = |sql: &str| {
            process::read(Command::new("sqlite3").arg(data.path().join("dist.sqlite")).arg(sql)).unwrap();
        };
        run_sql(
            "CREATE TABLE refs (app, name, target); CREATE TABLE releases (app, name, id);
             CREATE TABLE artifacts (app, release, filename, sha256); CREATE TABLE expired_releases (app, release)",
        );
        run_sql(&format!("INSERT INTO refs VALUES ('acme', 'channels/beta', '{digest}')"));
        run_sql(&format!("INSERT INTO artifacts VALUES ('acme', 'x', 'a b.apk', '{digest}')"));
        assert_eq!(check_rows(data.path()).unwrap(), 2);
        run_sql(&format!("INSERT INTO artifacts VALUES ('acme', 'old', 'c.apk', '{}')", "1".repeat(64)));
        run_sql("INSERT INTO expired_releases VALUES ('acme', 'old')");
        assert_eq!(check_rows(data.path()).unwrap(), 2, "what retention gave up need not be there");
        run_sql(&format!("INSERT INTO releases VALUES ('acme', '1.0.0', '{}')", "0".repeat(64)));
        let message = check_rows(data.path()).unwrap_err().to_string();
        assert!(message.starts_with("release acme 1.0.0 names 000"), "{message}");
    }

    #[test]
    fn a_check_may_find_the_damaged_object_and_nothing_else() {
        let check = |kind: &str, level: &str, subject: &str, expect: bool| {
            let found = serde_json::json!({"kind": kind, "level": level, "subject": subject, "message": "x"});
            let found = serde_json::json!({"schema": "dist.fsck/1", "audit_head": "1:ab", "findings": [found]});
            let checked: Checked = serde_json::from_value(found).unwrap();
            assert_eq!(checked.check_only(Some("ab")).is_ok(), expect, "{kind} {level} {subject}");
        };
        check("object-damaged", "error", "ab", true);
        check("object-missing", "error", "ab", true);
        check("object-missing", "error", "cd", false);
        check("index", "error", "ab", false);
        check("object-orphan", "note", "cd", true);
    }

    #[test]
    fn a_digest_is_64_hex_digits() {
        assert!(check_digest(&"a1".repeat(32)).is_ok());
        assert!(check_digest("a1").is_err());
        assert!(check_digest(&"g1".repeat(32)).is_err());
    }
}
