use refs::sqlite::{ReadError, Ref, RefKind, find, list, pointing_at};

use crate::store::{app, id, name, open, put, time};

/// Two channels and a release at 1, a staged part and a channel at 2.
fn filled() -> rusqlite::Connection {
    let mut conn = open();
    put(&mut conn, "staging/2.0/linux", Some(2), 1);
    put(&mut conn, "channels/stable", Some(1), 2);
    put(&mut conn, "channels/beta", Some(1), 3);
    put(&mut conn, "channels/nightly", Some(2), 4);
    put(&mut conn, "releases/1.0", Some(1), 5);
    conn
}

fn names(refs: &[Ref]) -> Vec<String> {
    refs.iter().map(|found| found.name.to_string()).collect()
}

#[test]
fn find_gives_one_ref_or_none() {
    let conn = filled();
    let beta = name("channels/beta");
    let found = find(&conn, &app(), &beta).unwrap();
    assert_eq!(found, Some(Ref { name: beta.clone(), target: id(1), updated_at: time(3) }));
    assert_eq!(find(&conn, &app(), &name("channels/alpha")).unwrap(), None);
    assert_eq!(find(&conn, &"other".parse().unwrap(), &beta).unwrap(), None);
}

#[test]
fn list_gives_the_refs_of_a_kind_by_name() {
    let conn = filled();
    let check = |kind, expect: &[&str]| assert_eq!(names(&list(&conn, &app(), kind).unwrap()), expect);
    let channels = ["channels/beta", "channels/nightly", "channels/stable"];
    check(RefKind::Channels, &channels);
    check(RefKind::Releases, &["releases/1.0"]);
    check(RefKind::Staging, &["staging/2.0/linux"]);
    check(RefKind::All, &[&channels[..], &["releases/1.0", "staging/2.0/linux"]].concat());
    assert!(list(&conn, &"other".parse().unwrap(), RefKind::All).unwrap().is_empty());
}

#[test]
fn pointing_at_gives_every_name_of_a_target() {
    let conn = filled();
    let check = |target, expect: &[&str]| {
        assert_eq!(names(&pointing_at(&conn, &app(), &target).unwrap()), expect);
    };
    check(id(1), &["channels/beta", "channels/stable", "releases/1.0"]);
    check(id(2), &["channels/nightly", "staging/2.0/linux"]);
    check(id(3), &[]);
    assert!(pointing_at(&conn, &"other".parse().unwrap(), &id(1)).unwrap().is_empty());
}

#[test]
fn a_row_under_a_name_that_is_none_is_named() {
    let conn = filled();
    conn.execute("UPDATE refs SET name = 'heads/main' WHERE name = 'releases/1.0'", ()).unwrap();
    let error = list(&conn, &app(), RefKind::All).unwrap_err();
    assert!(matches!(&error, ReadError::Corrupt(_)));
    assert_eq!(error.to_string(), r#"refs.name of acme heads/main holds "heads/main", which is not a ref name"#);
}
