//! What each kind of name accepts, and how it refuses the rest.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use proptest::prelude::*;
use refs::{
    AppSlug, Build, ChannelName, NameError, NameKind, NameReason, PartName, RefKind, RefName, ReleaseName, Version,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Checks that the name is valid, and reads back as it was.
fn accepts<N: FromStr<Err = NameError> + Display>(input: &str) {
    match input.parse::<N>() {
        Ok(name) => assert_eq!(name.to_string(), input),
        Err(error) => panic!("{input:?}: {error}"),
    }
}

fn refuses<N: FromStr<Err = NameError> + Debug>(input: &str, expect: NameReason) {
    let error = input.parse::<N>().expect_err(input);
    assert_eq!(error.reason, expect, "{input:?}: {error}");
}

fn too_long(max_bytes: usize, actual_bytes: usize) -> NameReason {
    NameReason::TooLong { max_bytes, actual_bytes }
}

fn bad_start(found: char, allowed: &'static str) -> NameReason {
    NameReason::BadStart { found, allowed }
}

fn bad_character(found: char, at: usize, allowed: &'static str) -> NameReason {
    NameReason::BadCharacter { found, at, allowed }
}

const SLUG: &str = "lowercase letters, digits and \"-\"";
const PART: &str = "lowercase letters, digits, \".\", \"_\" and \"-\"";
const VERSION: &str = "letters, digits, \".\" and \"-\"";

#[test]
fn app_slugs() {
    let start = "a lowercase letter or a digit";
    accepts::<AppSlug>("acme");
    accepts::<AppSlug>("7");
    accepts::<AppSlug>("a-b--c-");
    accepts::<AppSlug>(&"a".repeat(63));
    refuses::<AppSlug>("", NameReason::Empty);
    refuses::<AppSlug>(&"a".repeat(64), too_long(63, 64));
    refuses::<AppSlug>("Acme", bad_start('A', start));
    refuses::<AppSlug>("-acme", bad_start('-', start));
    refuses::<AppSlug>("ünder", bad_start('ü', start));
    refuses::<AppSlug>("acMe", bad_character('M', 2, SLUG));
    refuses::<AppSlug>("a.b", bad_character('.', 1, SLUG));
    refuses::<AppSlug>("a/b", bad_character('/', 1, SLUG));
    refuses::<AppSlug>("acme\n", bad_character('\n', 4, SLUG));
}

#[test]
fn channel_names() {
    let start = "a lowercase letter";
    accepts::<ChannelName>("stable");
    accepts::<ChannelName>("pr-1234");
    accepts::<ChannelName>(&"b".repeat(63));
    refuses::<ChannelName>("", NameReason::Empty);
    refuses::<ChannelName>("2-beta", bad_start('2', start));
    refuses::<ChannelName>("Beta", bad_start('B', start));
    refuses::<ChannelName>("be_ta", bad_character('_', 2, SLUG));
}

#[test]
fn part_names() {
    accepts::<PartName>("linux");
    accepts::<PartName>("linux_x86-64.musl");
    accepts::<PartName>("0");
    accepts::<PartName>("a..");
    refuses::<PartName>("", NameReason::Empty);
    refuses::<PartName>("..", bad_start('.', "a lowercase letter or a digit"));
    refuses::<PartName>("a/b", bad_character('/', 1, PART));
    refuses::<PartName>(&"a".repeat(64), too_long(63, 64));
}

#[test]
fn versions() {
    accepts::<Version>("2");
    accepts::<Version>("2.4.0-RC.1");
    accepts::<Version>("2026-11-22");
    accepts::<Version>(&"1".repeat(64));
    refuses::<Version>("", NameReason::Empty);
    refuses::<Version>(&"1".repeat(65), too_long(64, 65));
    refuses::<Version>("v2.4.0", NameReason::LeadingV);
    refuses::<Version>("V2", NameReason::LeadingV);
    refuses::<Version>("v", bad_start('v', "a digit"));
    refuses::<Version>("vnext", bad_start('v', "a digit"));
    refuses::<Version>(".1", bad_start('.', "a digit"));
    refuses::<Version>("1..2", NameReason::DoubleDot { at: 1 });
    refuses::<Version>("1.0.", NameReason::BadEnd { found: '.' });
    refuses::<Version>("1.0-", NameReason::BadEnd { found: '-' });
    refuses::<Version>("1.0+2", bad_character('+', 3, VERSION));
    refuses::<Version>("1 0", bad_character(' ', 1, VERSION));
    refuses::<Version>("1~2", bad_character('~', 1, VERSION));
}

#[test]
fn builds() {
    accepts::<Build>("241");
    accepts::<Build>("abc123.4");
    accepts::<Build>("v2");
    accepts::<Build>(&"9".repeat(64));
    refuses::<Build>("", NameReason::Empty);
    refuses::<Build>(&"9".repeat(65), too_long(64, 65));
    refuses::<Build>("-1", bad_start('-', "a letter or a digit"));
    refuses::<Build>("1..2", NameReason::DoubleDot { at: 1 });
    refuses::<Build>("1-", NameReason::BadEnd { found: '-' });
}

#[test]
fn release_names() {
    accepts::<ReleaseName>("2.4.0");
    accepts::<ReleaseName>("2.4.0+241");
    refuses::<ReleaseName>("", NameReason::Empty);
    refuses::<ReleaseName>("+241", NameReason::Empty);
    refuses::<ReleaseName>("2.4.0+", NameReason::Empty);
    refuses::<ReleaseName>("v2.4.0+241", NameReason::LeadingV);
    refuses::<ReleaseName>("2.4.0+2+3", bad_character('+', 1, VERSION));
}

#[test]
fn ref_names() {
    accepts::<RefName>("channels/stable");
    accepts::<RefName>("releases/2.4.0+241");
    accepts::<RefName>("staging/2.4.0+241/linux");
    for input in ["", "channels", "stable", "heads/stable", "Channels/stable", "/channels/stable"] {
        refuses::<RefName>(input, NameReason::UnknownNamespace);
    }
    refuses::<RefName>("channels/", NameReason::Empty);
    refuses::<RefName>("channels/a/b", bad_character('/', 1, SLUG));
    refuses::<RefName>("channels/../x", bad_start('.', "a lowercase letter"));
    refuses::<RefName>("releases/v1", NameReason::LeadingV);
    refuses::<RefName>("staging/1.0", NameReason::MissingPart);
    refuses::<RefName>("staging/1.0/", NameReason::Empty);
    refuses::<RefName>("staging/1.0/a/b", bad_character('/', 1, PART));
}

#[test]
fn an_error_says_what_was_wrong_with_which_text() {
    let message = |text: &str| text.parse::<RefName>().unwrap_err().to_string();
    assert_eq!(
        message("channels/Beta"),
        r#"channel name "Beta" starts with 'B': it must start with a lowercase letter"#
    );
    assert_eq!(
        message("releases/1.0+a_b"),
        r#"build "a_b" holds '_' at byte 1: only letters, digits, "." and "-" are allowed"#
    );
    assert_eq!(message("releases/v1.0"), r#"version "v1.0" starts with a "v": leave it out"#);
    assert_eq!(message("staging/1.0"), r#"ref name "staging/1.0" names no part: it must be staging/<release>/<part>"#);
}

#[test]
fn an_error_repeats_only_the_start_of_a_huge_text() {
    let error = "ä".repeat(100_000).parse::<AppSlug>().unwrap_err();
    assert_eq!(error.kind, NameKind::App);
    assert_eq!(error.text.chars().count(), 80);
    assert_eq!(error.reason, NameReason::TooLong { max_bytes: 63, actual_bytes: 200_000 });
}

#[test]
fn only_release_refs_are_create_only() {
    let is_create_only = |text: &str| text.parse::<RefName>().unwrap().is_create_only();
    assert!(is_create_only("releases/1.0"));
    assert!(!is_create_only("channels/stable"));
    assert!(!is_create_only("staging/1.0/linux"));
}

#[test]
fn kinds_have_the_prefix_of_their_names() {
    for (name, kind) in [
        ("channels/stable", RefKind::Channels),
        ("releases/1.0", RefKind::Releases),
        ("staging/1.0/linux", RefKind::Staging),
    ] {
        assert!(name.parse::<RefName>().unwrap().to_string().starts_with(kind.prefix()));
    }
    assert_eq!(RefKind::All.prefix(), "");
}

#[test]
fn json_refuses_what_is_no_name() {
    let error = serde_json::from_str::<Version>(r#""v1""#).unwrap_err().to_string();
    assert!(error.starts_with(r#"version "v1" starts with a "v": leave it out"#), "{error}");
    serde_json::from_str::<RefName>("7").unwrap_err();
}

fn assert_round_trips<N>(text: &str)
where
    N: FromStr<Err = NameError> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
    N: TryFrom<String, Error = NameError>,
{
    let name: N = text.parse().expect("generated to be valid");
    assert_eq!(name.to_string(), text);
    assert_eq!(N::try_from(text.to_owned()).as_ref(), Ok(&name));
    let json = serde_json::to_string(&name).expect("a string");
    assert_eq!(json, format!("{text:?}"));
    assert_eq!(serde_json::from_str::<N>(&json).expect("its own output"), name);
}

fn version() -> impl Strategy<Value = String> {
    "[0-9]([.-]?[0-9A-Za-z]){0,31}"
}

fn release() -> impl Strategy<Value = String> {
    (version(), proptest::option::of("[0-9A-Za-z]([.-]?[0-9A-Za-z]){0,31}")).prop_map(|(version, build)| match build {
        Some(build) => format!("{version}+{build}"),
        None => version,
    })
}

proptest! {
    #[test]
    fn slugs_round_trip(
        app in "[a-z0-9][a-z0-9-]{0,62}",
        channel in "[a-z][a-z0-9-]{0,62}",
        part in "[a-z0-9][a-z0-9._-]{0,62}",
    ) {
        assert_round_trips::<AppSlug>(&app);
        assert_round_trips::<ChannelName>(&channel);
        assert_round_trips::<PartName>(&part);
        assert_round_trips::<RefName>(&format!("channels/{channel}"));
    }

    #[test]
    fn releases_round_trip(release in release(), part in "[a-z0-9][a-z0-9._-]{0,62}") {
        assert_round_trips::<ReleaseName>(&release);
        assert_round_trips::<RefName>(&format!("releases/{release}"));
        assert_round_trips::<RefName>(&format!("staging/{release}/{part}"));
        let name: ReleaseName = release.parse().unwrap();
        let again = ReleaseName::new(name.version().clone(), name.build().cloned());
        prop_assert_eq!(&again, &name);
        prop_assert_eq!(again.as_str(), release);
    }

    #[test]
    fn release_names_sort_as_their_text(a in release(), b in release()) {
        let order = a.parse::<ReleaseName>().unwrap().cmp(&b.parse().unwrap());
        prop_assert_eq!(order, a.cmp(&b));
    }

    #[test]
    fn whatever_parses_reads_back_the_same(text in "(channels/|releases/|staging/)?[a-z0-9.+/_-]{0,12}|.*") {
        if let Ok(name) = text.parse::<RefName>() {
            prop_assert_eq!(name.to_string(), text);
        }
    }
}
