use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ErrorCode;
use crate::platform::LinkKind;

fn line(filename: &str, bytes: &[u8]) -> ArtifactLine {
    ArtifactLine {
        platform: Platform::Android,
        arch: Arch::universal(),
        kind: Kind::Apk,
        filename: filename.parse().unwrap(),
        size: bytes.len() as u64,
        sha256: Digest::of(bytes),
    }
}

fn manifest() -> ReleaseManifest {
    ReleaseManifest {
        schema: SCHEMA.to_owned(),
        app: "acme".parse().unwrap(),
        version: "2.4.0".parse().unwrap(),
        build: Some("241".parse().unwrap()),
        parent: None,
        created_at: "2026-11-22T09:00:00Z".parse().unwrap(),
        source: Source::default(),
        notes: Some("Fix login on iOS 18".to_owned()),
        artifacts: vec![line("acme.apk", b"apk")],
        links: Vec::new(),
    }
}

fn parse(value: &serde_json::Value) -> Result<ReleaseManifest, ReadManifestError> {
    ReleaseManifest::parse(&serde_json_canonicalizer::to_vec(value).unwrap())
}

#[test]
fn canonical_bytes_are_sorted_and_have_no_white_space() {
    let bytes = String::from_utf8(manifest().canonical_bytes()).unwrap();
    insta::assert_snapshot!(bytes, @r#"{"app":"acme","artifacts":[{"arch":"universal","filename":"acme.apk","kind":"apk","platform":"android","sha256":"dd37c2d7274f7ea982cb83390c36918fee9ce8889073c44b68cdc00bdb8c3e04","size":3}],"build":"241","created_at":"2026-11-22T09:00:00Z","notes":"Fix login on iOS 18","parent":null,"schema":"dist.release/1","version":"2.4.0"}"#);
}

#[test]
fn bytes_that_are_not_their_own_canonical_form_are_refused() {
    let canonical = String::from_utf8(manifest().canonical_bytes()).unwrap();
    let refused = |text: &str| ReleaseManifest::parse(text.as_bytes()).unwrap_err();
    assert!(matches!(refused(&canonical.replacen(':', ": ", 1)), ReadManifestError::NotCanonical { at: 7 }));
    assert!(matches!(refused(&format!("{canonical}\n")), ReadManifestError::NotCanonical { .. }));
    assert!(matches!(
        refused(&canonical.replace("09:00:00Z", "10:00:00+01:00")),
        ReadManifestError::NotCanonical { .. }
    ));
    assert!(matches!(refused(&canonical.replace("\"size\":3", "\"size\":3.0")), ReadManifestError::Shape(_)));
    assert!(matches!(refused(&canonical.replace("\"build\"", "\"extra\":1,\"build\"")), ReadManifestError::Shape(_)));
    assert!(matches!(refused(&canonical.replacen('{', "{\"app\":\"acme\",", 1)), ReadManifestError::Shape(_)));
    assert!(matches!(refused("{"), ReadManifestError::Shape(_)));
    assert!(matches!(refused(&" ".repeat(1024 * 1024 + 1)), ReadManifestError::TooLarge(_)));
}

#[test]
fn content_that_contradicts_itself_is_refused() {
    let check = |change: &dyn Fn(&mut serde_json::Value), code: ErrorCode| {
        let mut value = serde_json::to_value(manifest()).unwrap();
        change(&mut value);
        match parse(&value).unwrap_err() {
            ReadManifestError::Invalid(problem) => assert_eq!(problem.code, code),
            other => panic!("{other}"),
        }
    };
    check(&|value| value["schema"] = json!("dist.release/2"), ErrorCode::ManifestInvalid);
    check(&|value| value["artifacts"] = json!([]), ErrorCode::ReleaseEmpty);
    check(
        &|value| value["artifacts"] = json!([value["artifacts"][0], value["artifacts"][0]]),
        ErrorCode::ArtifactDuplicate,
    );
    check(&|value| value["artifacts"][0]["platform"] = json!("ios"), ErrorCode::KindMismatch);
    check(&|value| value["artifacts"][0]["size"] = json!(1u64 << 40), ErrorCode::ArtifactTooLarge);
    check(&|value| value["notes"] = json!("x".repeat(64 * 1024 + 1)), ErrorCode::NotesInvalid);
    let link = |url: &str| json!([{"platform": "ios", "kind": "testflight", "url": url}]);
    check(&|value| value["links"] = link("http://example.com"), ErrorCode::LinkInvalid);
    check(&|value| value["links"] = link("https://user@example.com"), ErrorCode::LinkInvalid);
    check(&|value| value["links"] = link("nonsense"), ErrorCode::LinkInvalid);
}

#[test]
fn the_same_content_has_no_difference_whatever_its_parent_time_and_source() {
    let mut other = manifest();
    other.parent = Some(Digest::of(b"parent"));
    other.created_at = "2027-01-01T00:00:00Z".parse().unwrap();
    other.source.commit = Some("abc".to_owned());
    assert_ne!(manifest().id(), other.id());
    assert_eq!(manifest().difference(&other), []);
}

#[test]
fn a_difference_names_what_was_added_removed_and_changed() {
    let mut other = manifest();
    other.notes = None;
    other.artifacts = vec![line("acme.apk", b"other"), line("new.apk", b"new")];
    let what: Vec<_> = manifest()
        .difference(&other)
        .into_iter()
        .map(|change| (change.what, change.old.is_some(), change.new.is_some()))
        .collect();
    assert_eq!(
        what,
        [
            ("notes".to_owned(), true, false),
            ("artifacts/android/universal/apk/acme.apk".to_owned(), true, true),
            ("artifacts/android/universal/apk/new.apk".to_owned(), false, true),
        ]
    );
}

fn lines() -> impl Strategy<Value = Vec<ArtifactLine>> {
    prop::collection::btree_map("[a-zé🚀 ]{0,12}[a-z]", any::<Vec<u8>>(), 1..6)
        .prop_map(|files| {
            files.iter().filter(|(name, _)| !name.starts_with(' ')).map(|(name, bytes)| line(name, bytes)).collect()
        })
        .prop_filter("at least one", |lines: &Vec<_>| !lines.is_empty())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\\x00-\\x1f\"\\\\/\\x7f-\u{9f}\u{2028}\u{e000}\u{fffd}\u{1f680}]{0,20}"]
}

fn sources() -> impl Strategy<Value = Source> {
    let field = || prop::option::of(text());
    (field(), field(), field(), field()).prop_map(|(commit, branch, repository, run_url)| Source {
        commit,
        branch,
        repository,
        run_url,
    })
}

fn links() -> impl Strategy<Value = Vec<Link>> {
    let link = text().prop_map(|url| Link { platform: Platform::Ios, kind: LinkKind::Testflight, url });
    prop::collection::vec(link, 0..3)
}

proptest! {
    #[test]
    fn canonical_bytes_are_those_of_rfc_8785(
        artifacts in lines(),
        (notes, source, links) in (prop::option::of(text()), sources(), links()),
        (has_build, parent) in (any::<bool>(), prop::option::of(any::<[u8; 32]>())),
        (size, seconds) in (0u64..1 << 53, 0i64..4_000_000_000),
    ) {
        let mut written = ReleaseManifest { source, notes, artifacts, links, ..manifest() };
        written.created_at = Timestamp::from_second(seconds).unwrap();
        written.build = written.build.filter(|_| has_build);
        written.parent = parent.map(Digest::from_bytes);
        written.artifacts[0].size = size;
        prop_assert_eq!(written.canonical_bytes(), serde_json_canonicalizer::to_vec(&written).unwrap());
    }

    #[test]
    fn a_manifest_is_read_back_from_its_bytes(artifacts in lines(), notes in prop::option::of(".{0,80}"), seconds in 0i64..4_000_000_000) {
        let mut written = ReleaseManifest { notes, artifacts, ..manifest() };
        written.created_at = Timestamp::from_second(seconds).unwrap();
        written.sort();
        let bytes = written.canonical_bytes();
        let read = ReleaseManifest::parse(&bytes).unwrap();
        prop_assert_eq!(read.canonical_bytes(), bytes);
        prop_assert_eq!(read, written);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>()) {
        let _ = ReleaseManifest::parse(&bytes);
    }
}
