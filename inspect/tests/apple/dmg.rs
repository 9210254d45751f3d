//! Disk images.

use inspect::apple::SignatureState;

use crate::making::{codes, dmg, fixture, message, report, superblob};

#[test]
fn the_image_of_the_fixtures_is_read() {
    insta::assert_json_snapshot!(report(&fixture("dmgwiz-zlib.dmg")));
}

/// The image with a signature between its list and its trailer, as `codesign` puts it.
fn signed(superblob: &[u8]) -> Vec<u8> {
    let mut bytes = fixture("dmgwiz-zlib.dmg");
    let trailer = bytes.split_off(bytes.len() - 512);
    let (offset, len) = (bytes.len() as u64, superblob.len() as u64);
    bytes.extend_from_slice(superblob);
    let start = bytes.len();
    bytes.extend(trailer);
    bytes[start + 296..start + 304].copy_from_slice(&offset.to_be_bytes());
    bytes[start + 304..start + 312].copy_from_slice(&len.to_be_bytes());
    bytes
}

#[test]
fn signature_and_ticket_are_told() {
    let check = |superblob: &[u8], state, stapled, findings: &[&str]| {
        let report = report(&signed(superblob));
        assert_eq!((dmg(&report).signature.state, dmg(&report).stapled), (state, stapled));
        assert_eq!(codes(&report), [findings, &["no-app"]].concat());
    };
    let ticket = (0x1_0002, b"s8chs8ch\0\0\0\x10".to_vec());
    check(&superblob(0, &[message(b"x")]), SignatureState::Signed, false, &["no-ticket"]);
    check(&superblob(2, &[]), SignatureState::AdHoc, false, &["unsigned"]);
    let mut ticket_blob = ticket.1.clone();
    ticket_blob[4..8].copy_from_slice(&12u32.to_be_bytes());
    check(&superblob(0, &[message(b"x"), (ticket.0, ticket_blob)]), SignatureState::Signed, true, &[]);
    check(b"noise", SignatureState::Unsigned, false, &["signature-unreadable", "unsigned"]);
}

#[test]
fn an_encrypted_image_says_only_that() {
    let report = report(&[b"encrcdsa".as_slice(), &[0; 600]].concat());
    assert!(dmg(&report).encrypted);
    assert_eq!(codes(&report), ["encrypted"]);
}

#[test]
fn an_image_without_its_list_is_an_error() {
    let mut bytes = fixture("dmgwiz-zlib.dmg");
    let at = bytes.len() - 512 + 216;
    bytes[at..at + 8].copy_from_slice(&u64::MAX.to_be_bytes());
    assert_eq!(codes(&report(&bytes)), ["unsigned", "block-maps-unreadable"]);
}
