use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;

const DEB: &[u8] = b"!<arch>\ndebian-binary   ";

/// A folder `app` with a manifest and a few files, and one file outside of it.
fn folder(manifest: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, bytes: &[u8]| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write("secret.txt", b"secret");
    write("app/dist.json", manifest.as_bytes());
    write("app/acme_amd64.deb", DEB);
    write("app/out/acme-1.bin", b"one");
    write("app/out/acme-2.bin", b"two");
    write("app/out/acme [beta].bin", b"three");
    write("app/out/Mein Büro 🚀.bin", b"four");
    write("app/out/aux.bin", b"five");
    write("app/out/empty", b"");
    write("app/latin1.md", b"gr\xfc\xdfe");
    write("app/long.md", &vec![b'x'; limits::NOTES_BYTES + 1]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(dir.path().join("secret.txt"), dir.path().join("app/out/link.bin")).unwrap();
    dir
}

fn request(dir: &Path) -> PlanRequest {
    PlanRequest { manifest: Some(dir.join("app/dist.json")), ..PlanRequest::default() }
}

fn codes(manifest: &str) -> Vec<(ErrorCode, String)> {
    let dir = folder(manifest);
    let error = plan_release(&request(dir.path())).expect_err(manifest);
    let problems = error.problems();
    assert_eq!(Some(error.code()), problems.first().map(|problem| problem.code), "{error}");
    problems.into_iter().map(|problem| (problem.code, problem.at)).collect()
}

#[test]
fn each_bad_input_has_its_own_code() {
    let check = |manifest: &str, code: ErrorCode, at: &str| {
        assert_eq!(codes(manifest), [(code, at.to_owned())], "{manifest}");
    };
    let artifact = |entry: &str, code: ErrorCode, field: &str| {
        let manifest = format!(r#"{{"app":"acme","version":"1.0","artifacts":[{entry}]}}"#);
        check(&manifest, code, &format!("artifacts[0].{field}"));
    };
    check("{\n\"app\": }", ErrorCode::ManifestSyntax, "line 2 column 8");
    check(r#"{"apps":"acme"}"#, ErrorCode::ManifestField, "line 1 column 7");
    check(&" ".repeat(1024 * 1024 + 1), ErrorCode::ManifestTooLarge, "");
    check(r#"{"app":"Acme","version":"1.0"}"#, ErrorCode::AppInvalid, "app");
    check(r#"{"app":"acme","version":"v1.0"}"#, ErrorCode::VersionInvalid, "version");
    check(r#"{"app":"acme","version":"1.0","build":"a b"}"#, ErrorCode::BuildInvalid, "build");
    check(r#"{"app":"acme","version":"1.0","channel":"2.0"}"#, ErrorCode::ChannelInvalid, "channel");
    check(r#"{"app":"acme","version":"1.0"}"#, ErrorCode::ReleaseEmpty, "artifacts");
    artifact(r#"{"path":"nope.apk"}"#, ErrorCode::ArtifactMissing, "path");
    artifact(r#"{"path":""}"#, ErrorCode::ArtifactUnreadable, "path");
    artifact(r#"{"path":"out"}"#, ErrorCode::ArtifactUnreadable, "path");
    artifact(r#"{"path":"out/nope-*.bin"}"#, ErrorCode::ArtifactMissing, "path");
    artifact(r#"{"path":"out/acme-*.bin"}"#, ErrorCode::ArtifactAmbiguous, "path");
    artifact(r#"{"path":"out/a**"}"#, ErrorCode::ManifestField, "path");
    artifact(r#"{"path":"../secret.txt"}"#, ErrorCode::PathOutside, "path");
    artifact(r#"{"path":"../nope.txt"}"#, ErrorCode::PathOutside, "path");
    artifact(r#"{"path":"/etc/passwd"}"#, ErrorCode::PathOutside, "path");
    artifact(r#"{"path":"../*.txt"}"#, ErrorCode::PathOutside, "path");
    #[cfg(unix)]
    artifact(r#"{"path":"out/link.bin"}"#, ErrorCode::PathOutside, "path");
    artifact(r#"{"path":"out/acme-1.bin"}"#, ErrorCode::PlatformMissing, "platform");
    artifact(r#"{"path":"out/acme-1.bin","platform":"beos"}"#, ErrorCode::PlatformUnknown, "platform");
    artifact(r#"{"path":"out/acme-1.bin","kind":"exe2"}"#, ErrorCode::KindUnknown, "kind");
    artifact(r#"{"path":"acme_amd64.deb","platform":"ios"}"#, ErrorCode::KindMismatch, "kind");
    artifact(r#"{"path":"acme_amd64.deb","arch":"a b"}"#, ErrorCode::ArchInvalid, "arch");
    artifact(r#"{"path":"out/aux.bin","platform":"any"}"#, ErrorCode::FilenameInvalid, "filename");
    artifact(r#"{"path":"acme_amd64.deb","filename":"a/b"}"#, ErrorCode::FilenameInvalid, "filename");
}

#[test]
fn bad_links_and_notes_have_their_codes() {
    let check = |fields: &str, code: ErrorCode, at: &str| {
        let manifest =
            format!(r#"{{"app":"acme","version":"1.0","artifacts":[{{"path":"acme_amd64.deb"}}],{fields}}}"#);
        assert_eq!(codes(&manifest), [(code, at.to_owned())], "{manifest}");
    };
    let http = r#""links":[{"platform":"ios","kind":"web","url":"http://a"}]"#;
    check(http, ErrorCode::LinkInvalid, "links[0].url");
    check(r#""links":[{"platform":"ios","kind":"fax","url":"https://a"}]"#, ErrorCode::LinkInvalid, "links[0].kind");
    check(r#""notes":"a","notes_file":"b""#, ErrorCode::NotesInvalid, "notes");
    check(r#""notes_file":"nope.md""#, ErrorCode::NotesInvalid, "notes_file");
    check(r#""notes_file":"latin1.md""#, ErrorCode::NotesInvalid, "notes_file");
    check(r#""notes_file":"long.md""#, ErrorCode::NotesInvalid, "notes_file");
    check(r#""notes_file":"../secret.txt""#, ErrorCode::PathOutside, "notes_file");
}

#[test]
fn duplicates_are_found_and_counted_as_people_count() {
    let found = codes(
        r#"{"app":"acme","version":"1.0","artifacts":[
            {"path":"nope"},{"path":"acme_amd64.deb"},{"path":"./acme_amd64.deb"}]}"#,
    );
    let place = |at: &str| at.to_owned();
    assert_eq!(
        found,
        [
            (ErrorCode::ArtifactMissing, place("artifacts[0].path")),
            (ErrorCode::ArtifactDuplicate, place("artifacts[2]"))
        ]
    );
}

#[test]
fn everything_wrong_is_told_at_once() {
    let found = codes(
        r#"{"app":"Acme","version":"v1","notes_file":"nope.md","artifacts":[
            {"path":"../x","platform":"beos"},{"path":"out/acme-1.bin"}],
            "links":[{"platform":"ios","kind":"web","url":"ftp://a"}]}"#,
    );
    let found: Vec<ErrorCode> = found.into_iter().map(|(code, _)| code).collect();
    assert_eq!(
        found,
        [
            ErrorCode::AppInvalid,
            ErrorCode::VersionInvalid,
            ErrorCode::NotesInvalid,
            ErrorCode::PathOutside,
            ErrorCode::PlatformUnknown,
            ErrorCode::PlatformMissing,
            ErrorCode::LinkInvalid,
        ]
    );
}

#[test]
fn what_is_left_out_is_read_from_the_file() {
    let dir = folder(
        r#"{"app":"acme","version":"1.0","build":7,"artifacts":[
            {"path":"*.deb"},
            {"path":"out/acme [beta].bin","platform":"any","arch":"amd64"},
            {"path":"out/Mein Büro 🚀.bin","platform":"any"},
            {"path":"out/empty","platform":"any","filename":"nothing"}]}"#,
    );
    let plan = plan_release(&request(dir.path())).unwrap();
    let told: Vec<String> = plan
        .files
        .iter()
        .map(|file| {
            format!("{} {} {} {} {}", file.platform, file.arch, file.kind, file.filename, file.stamp.size_bytes)
        })
        .collect();
    assert_eq!(
        told,
        [
            "linux x86_64 deb acme_amd64.deb 24",
            "any x86_64 file acme [beta].bin 5",
            "any universal file Mein Büro 🚀.bin 4",
            "any universal file nothing 0",
        ]
    );
    assert_eq!(plan.header.build.as_ref().unwrap().as_str(), "7");
}

#[test]
fn outside_is_fine_when_it_is_allowed() {
    let dir = folder(r#"{"app":"acme","version":"1.0","artifacts":[{"path":"../secret.txt","platform":"any"}]}"#);
    let request = PlanRequest { outside: Outside::Allowed, ..request(dir.path()) };
    assert_eq!(plan_release(&request).unwrap().files.len(), 1);
}

#[test]
fn a_way_out_and_back_in_stays_inside() {
    let dir = folder(r#"{"app":"acme","version":"1.0","artifacts":[{"path":"out/../acme_amd64.deb"}]}"#);
    assert!(plan_release(&request(dir.path())).is_ok());
    let absolute = dir.path().join("app/acme_amd64.deb");
    let manifest = format!(r#"{{"app":"acme","version":"1.0","artifacts":[{{"path":{absolute:?}}}]}}"#);
    fs::write(dir.path().join("app/dist.json"), manifest).unwrap();
    assert!(plan_release(&request(dir.path())).is_ok());
}

#[test]
fn flags_win_over_the_manifest() {
    let dir = folder(r#"{"app":"Bad","version":"bad","notes":"a","artifacts":[{"path":"nope"}]}"#);
    let overrides = Overrides {
        app: Some("acme".to_owned()),
        version: Some("2.0".to_owned()),
        notes: Some("Fixed".to_owned()),
        artifacts: vec![ArtifactEntry {
            path: dir.path().join("secret.txt").to_str().unwrap().to_owned(),
            platform: Some("any".to_owned()),
            ..ArtifactEntry::default()
        }],
        ..Overrides::default()
    };
    let plan = plan_release(&PlanRequest { overrides, ..request(dir.path()) }).unwrap();
    assert_eq!((plan.header.app.as_str(), plan.notes.as_deref(), plan.files.len()), ("acme", Some("Fixed"), 1));
}

#[test]
fn a_manifest_that_is_named_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["nope.json", "."] {
        let request = PlanRequest { manifest: Some(dir.path().join(name)), ..PlanRequest::default() };
        assert_eq!(plan_release(&request).unwrap_err().code(), ErrorCode::ManifestMissing);
    }
}

#[test]
fn other_bytes_than_declared_are_a_warning() {
    let dir = folder(
        r#"{"app":"acme","version":"1.0","artifacts":[
            {"path":"out/acme-1.bin","kind":"apk"},{"path":"out/acme-2.bin","kind":"tarball","platform":"linux"}]}"#,
    );
    let plan = plan_release(&request(dir.path())).unwrap();
    assert_eq!(plan.warnings.len(), 1);
    assert_eq!((plan.warnings[0].code, plan.warnings[0].at.as_str()), (ErrorCode::KindMismatch, "artifacts[0].kind"));
}
