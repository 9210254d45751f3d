//! Uploads: in pieces, interrupted, resumed, refused.

use std::{fs, io};

use objstore::{Digest, UploadError};
use proptest::{collection::vec, prelude::*, sample::Index};

mod common;
use common::{TestStore, files_below, overwrite};

const BYTES: &[u8] = b"the bytes of an artifact";
const SIZE: u64 = BYTES.len() as u64;

fn digest() -> Digest {
    Digest::of(BYTES)
}

#[test]
fn upload_in_pieces_becomes_an_object() {
    let t = TestStore::new();
    assert_eq!(t.store.upload_offset("acme", &digest()).unwrap(), None);
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    assert_eq!((upload.offset(), upload.size_bytes()), (0, SIZE));
    for chunk in BYTES.chunks(5) {
        upload.write(chunk).unwrap();
        assert_eq!(t.store.upload_offset("acme", &digest()).unwrap(), Some(upload.offset()));
    }
    assert_eq!(t.store.len(&digest()).unwrap(), None, "nothing is held before it is finished");

    let put = upload.finish().unwrap();
    assert_eq!((put.digest, put.size_bytes, put.was_new), (digest(), SIZE, true));
    assert_eq!(t.store.read_to_vec(&digest(), SIZE).unwrap(), BYTES);
    assert_eq!(t.store.upload_offset("acme", &digest()).unwrap(), None);
    assert_eq!(t.files_in_objects(), 1);
}

#[cfg(unix)]
#[test]
fn uploaded_object_is_read_only_and_its_partial_private() {
    use std::os::unix::fs::PermissionsExt;
    let t = TestStore::new();
    let mode = |path: std::path::PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    upload.write(BYTES).unwrap();
    assert_eq!(mode(t.partial("acme", &digest())), 0o600);
    upload.finish().unwrap();
    assert_eq!(mode(t.object(&digest())), 0o444);
}

#[test]
fn empty_object_can_be_uploaded() {
    let t = TestStore::new();
    let empty = Digest::of(b"");
    assert!(t.store.upload("acme", empty, 0).unwrap().finish().unwrap().was_new);
    assert_eq!(t.store.len(&empty).unwrap(), Some(0));
}

#[test]
fn parked_upload_resumes() {
    let t = TestStore::new();
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    upload.write(&BYTES[..7]).unwrap();
    assert_eq!(upload.park().unwrap(), 7);

    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    assert_eq!(upload.offset(), 7);
    upload.write(&BYTES[7..]).unwrap();
    assert!(upload.finish().unwrap().was_new);
}

#[test]
fn upload_resumes_after_a_restart() {
    let t = TestStore::new();
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    upload.write(&BYTES[..7]).unwrap();
    drop(upload);

    let t = t.reopen();
    assert_eq!(t.store.upload_offset("acme", &digest()).unwrap(), Some(7));
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    assert_eq!(upload.offset(), 7);
    upload.write(&BYTES[7..]).unwrap();
    assert!(upload.finish().unwrap().was_new);
    t.store.verify(&digest()).unwrap();
}

#[test]
fn crash_between_sealing_and_renaming_resumes_at_the_end() {
    let t = TestStore::new();
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    upload.write(BYTES).unwrap();
    drop(upload);
    let partial = t.partial("acme", &digest());
    let mut permissions = fs::metadata(&partial).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&partial, permissions).unwrap();

    let t = t.reopen();
    let upload = t.store.upload("acme", digest(), SIZE).unwrap();
    assert_eq!(upload.offset(), SIZE);
    assert!(upload.finish().unwrap().was_new);
}

#[test]
fn resumed_hash_in_memory_yields_to_the_file() {
    let t = TestStore::new();
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    upload.write(&BYTES[..7]).unwrap();
    drop(upload);
    overwrite(&t.partial("acme", &digest()), &BYTES[..3]);

    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    assert_eq!(upload.offset(), 3);
    upload.write(&BYTES[3..]).unwrap();
    upload.finish().unwrap();
}

#[test]
fn wrong_bytes_leave_nothing_behind() {
    let t = TestStore::new();
    let wrong = vec![0; BYTES.len()];
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    upload.write(&wrong).unwrap();
    let error = upload.finish().unwrap_err();
    assert!(matches!(error, UploadError::DigestMismatch { expected, actual }
        if expected == digest() && actual == Digest::of(&wrong)));
    assert_eq!(t.files_in_objects(), 0);
    assert_eq!(files_below(&t.root().join("uploads")), 0);
    assert_eq!(t.store.upload("acme", digest(), SIZE).unwrap().offset(), 0);
}

#[test]
fn chunk_past_the_end_is_refused_whole() {
    let t = TestStore::new();
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    upload.write(&BYTES[..20]).unwrap();
    let error = upload.write(BYTES).unwrap_err();
    assert!(matches!(error, UploadError::TooLong { would_be, .. } if would_be == 20 + SIZE));
    assert_eq!(upload.offset(), 20);
    upload.write(&BYTES[20..]).unwrap();
    upload.finish().unwrap();
}

#[test]
fn unfinished_upload_does_not_finish_and_is_kept() {
    let t = TestStore::new();
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    upload.write(&BYTES[..7]).unwrap();
    let error = upload.finish().unwrap_err();
    assert!(matches!(error, UploadError::Incomplete { offset: 7, size_bytes: SIZE, .. }));
    assert_eq!(t.store.upload_offset("acme", &digest()).unwrap(), Some(7));
}

#[test]
fn partial_longer_than_announced_is_dropped() {
    let t = TestStore::new();
    let mut upload = t.store.upload("acme", digest(), 1000).unwrap();
    upload.write(&[0; 500]).unwrap();
    drop(upload);
    assert_eq!(t.store.upload("acme", digest(), SIZE).unwrap().offset(), 0);
}

#[test]
fn second_opener_is_busy_until_the_first_is_done() {
    let t = TestStore::new();
    let first = t.store.upload("acme", digest(), SIZE).unwrap();
    let busy = t.store.clone().upload("acme", digest(), SIZE).unwrap_err();
    assert!(matches!(busy, UploadError::Busy { owner, digest: d } if owner == "acme" && d == digest()));
    let error = t.store.discard_upload("acme", &digest()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
    drop(first);
    t.store.upload("acme", digest(), SIZE).unwrap();
}

#[test]
fn owners_upload_apart_and_the_object_is_stored_once() {
    let t = TestStore::new();
    let mut a = t.store.upload("a", digest(), SIZE).unwrap();
    let mut b = t.store.upload("b", digest(), SIZE).unwrap();
    a.write(BYTES).unwrap();
    b.write(&BYTES[..1]).unwrap();
    assert!(a.finish().unwrap().was_new);
    assert_eq!(t.store.upload_offset("b", &digest()).unwrap(), Some(1));
    b.write(&BYTES[1..]).unwrap();
    assert!(!b.finish().unwrap().was_new);
    assert_eq!(t.files_in_objects(), 1);
    assert_eq!(files_below(&t.root().join("uploads")), 0);
}

#[test]
fn upload_replaces_a_damaged_object_of_any_size() {
    let t = TestStore::new();
    t.store.put(BYTES).unwrap();
    let flipped: Vec<u8> = BYTES.iter().map(|byte| byte ^ 1).collect();
    for (number, damaged) in [&b"the by"[..], &flipped].into_iter().enumerate() {
        overwrite(&t.object(&digest()), damaged);
        let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
        upload.write(BYTES).unwrap();
        let put = upload.finish().unwrap();
        assert!(put.was_new);
        assert_eq!(put.replaced.unwrap().actual, Some(Digest::of(damaged)));
        t.store.verify(&digest()).unwrap();
        assert_eq!(files_below(&t.root().join("quarantine")), number + 1);
    }
}

#[test]
fn discarded_upload_starts_over() {
    let t = TestStore::new();
    t.store.discard_upload("acme", &digest()).unwrap();
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    upload.write(&BYTES[..7]).unwrap();
    upload.park().unwrap();
    t.store.discard_upload("acme", &digest()).unwrap();
    assert_eq!(t.store.upload_offset("acme", &digest()).unwrap(), None);
    assert_eq!(t.store.upload("acme", digest(), SIZE).unwrap().offset(), 0);
}

#[test]
fn upload_below_the_reserve_is_refused_before_it_starts() {
    let t = TestStore::with_reserve(u64::MAX / 2);
    let error = t.store.upload("acme", digest(), SIZE).unwrap_err();
    assert!(matches!(error, UploadError::NoSpace { needed: SIZE, .. }));
    assert_eq!(t.store.upload_offset("acme", &digest()).unwrap(), None);
    let error = t.store.upload("acme", digest(), SIZE).unwrap_err();
    assert!(matches!(error, UploadError::NoSpace { .. }), "a refused upload is not open: {error}");
}

#[test]
fn open_uploads_count_as_taken_space() {
    let t = TestStore::new();
    let most = t.store.available_space().unwrap() / 4 * 3;
    let first = t.store.upload("acme", digest(), most).unwrap();
    let other = Digest::of(b"other");
    assert!(matches!(t.store.upload("acme", other, most), Err(UploadError::NoSpace { .. })));
    assert!(t.store.check_space(most).is_err());
    drop(first);
    t.store.upload("acme", other, most).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk_fails_the_write_and_keeps_the_upload_consistent() {
    let t = TestStore::new();
    drop(t.store.upload("acme", digest(), SIZE).unwrap());
    let partial = t.partial("acme", &digest());
    fs::remove_file(&partial).unwrap();
    std::os::unix::fs::symlink("/dev/full", &partial).unwrap();

    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    let error = upload.write(BYTES).unwrap_err();
    assert!(matches!(&error, UploadError::Io { path, source }
        if *path == partial && source.kind() == io::ErrorKind::StorageFull));
    assert_eq!(upload.offset(), 0);
    drop(upload);

    fs::remove_file(&partial).unwrap();
    let mut upload = t.store.upload("acme", digest(), SIZE).unwrap();
    upload.write(BYTES).unwrap();
    upload.finish().unwrap();
}

#[test]
fn owner_that_is_no_plain_name_is_refused() {
    let t = TestStore::new();
    let error = t.store.upload("../x", digest(), SIZE).unwrap_err();
    assert!(matches!(error, UploadError::BadOwner { owner } if owner == "../x"));
    let error = t.store.upload_offset("a/b", &digest()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let error = t.store.discard_upload("", &digest()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[derive(Debug, Clone, Copy)]
enum Pause {
    No,
    Drop,
    Park,
    Restart,
}

fn pause() -> impl Strategy<Value = Pause> {
    prop_oneof![Just(Pause::No), Just(Pause::Drop), Just(Pause::Park), Just(Pause::Restart)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn however_it_is_cut_the_object_is_the_same(
        bytes in vec(any::<u8>(), 0..2000),
        cuts in vec((any::<Index>(), pause()), 0..6),
    ) {
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        let mut ends: Vec<_> = cuts.into_iter().map(|(at, pause)| (at.index(bytes.len() + 1), pause)).collect();
        ends.sort_by_key(|(end, _)| *end);
        ends.push((bytes.len(), Pause::No));

        let mut t = TestStore::new();
        let mut upload = t.store.upload("acme", digest, size).unwrap();
        let mut begin = 0;
        for (end, pause) in ends {
            upload.write(&bytes[begin..end]).unwrap();
            begin = end;
            match pause {
                Pause::No => continue,
                Pause::Drop => drop(upload),
                Pause::Park => prop_assert_eq!(upload.park().unwrap(), end as u64),
                Pause::Restart => {
                    drop(upload);
                    t = t.reopen();
                }
            }
            upload = t.store.upload("acme", digest, size).unwrap();
            prop_assert_eq!(upload.offset(), end as u64);
        }
        upload.finish().unwrap();
        prop_assert_eq!(t.store.read_to_vec(&digest, size).unwrap(), bytes);
    }
}
