//! Verified reading, surveys and copies between stores, on real directories.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;

use objstore::{
    BLOCK_BYTES, BadBlock, BlockSums, CopyError, CopyMethod, Digest, Options, ReadError, Store, UploadError,
};

mod common;
use common::{TestStore, overwrite};

/// Bytes of three blocks and a bit.
fn bytes() -> Vec<u8> {
    (0..BLOCK_BYTES * 3 + 10).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect()
}

/// Uploads the bytes; returns their checksums as they come with the upload.
fn upload(t: &TestStore, bytes: &[u8]) -> (Digest, BlockSums) {
    let digest = Digest::of(bytes);
    let mut upload = t.store.upload("acme", digest, bytes.len() as u64).unwrap();
    upload.write(&bytes[..100_000]).unwrap();
    drop(upload);
    let mut upload = t.store.upload("acme", digest, bytes.len() as u64).unwrap();
    upload.write(&bytes[100_000..]).unwrap();
    let sealed = upload.seal().unwrap();
    let sums = sealed.sums().clone();
    sealed.publish().unwrap();
    (digest, sums)
}

#[test]
fn a_range_is_returned_where_its_blocks_are_whole_and_refused_where_one_is_not() {
    let t = TestStore::new();
    let whole = bytes();
    let (digest, sums) = upload(&t, &whole);
    assert_eq!(t.store.verify_and_sum(&digest).unwrap(), sums, "made on the way in or later, they are the same");
    assert!(matches!(t.store.read_verified(&digest, None), Err(ReadError::NoSums { .. })));

    let check = |range: std::ops::Range<u64>, expect: Result<(), u64>| {
        let reader = t.store.read_verified(&digest, Some(sums.clone())).unwrap();
        let held = |found: std::io::Result<std::ops::Range<usize>>, bytes: &[u8]| {
            let found = found.map_err(|error| error.get_ref().unwrap().downcast_ref::<BadBlock>().unwrap().at);
            let found = found.map(|part| {
                let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
                assert_eq!(bytes[part], whole[start..end], "{range:?}");
            });
            assert_eq!(found, expect, "{range:?}");
        };
        let mut bytes = vec![9; 3];
        held(reader.read_range(range.clone(), &mut bytes), &bytes);
        // Where the system can tell that it is in memory, which after that it is.
        if let Some(found) = reader.read_cached(range.clone(), &mut bytes).transpose() {
            held(found, &bytes);
        }
    };
    let len = whole.len() as u64;
    for range in [0..len, 0..1, len - 1..len, BLOCK_BYTES - 1..BLOCK_BYTES + 1, 5..5] {
        check(range, Ok(()));
    }
    let mut damaged = whole.clone();
    damaged[usize::try_from(BLOCK_BYTES).unwrap() + 1] ^= 1;
    overwrite(&t.object(&digest), &damaged);
    check(0..BLOCK_BYTES, Ok(()));
    check(2 * BLOCK_BYTES..len, Ok(()));
    check(BLOCK_BYTES..BLOCK_BYTES + 1, Err(BLOCK_BYTES));
    check(0..len, Err(BLOCK_BYTES));

    overwrite(&t.object(&digest), &whole[..100]);
    let cut = t.store.read_verified(&digest, Some(sums.clone()));
    assert!(matches!(cut, Err(ReadError::WrongSize { size_bytes: 100, .. })));
}

#[test]
fn a_small_object_is_verified_when_it_is_opened() {
    let t = TestStore::new();
    let digest = t.store.put(b"a few bytes").unwrap().digest;
    let (reader, mut bytes) = (t.store.read_verified(&digest, None).unwrap(), vec![9; 3]);
    let part = reader.read_range(2..5, &mut bytes).unwrap();
    assert_eq!(&bytes[part], b"few");
    let part = reader.read_cached(0..11, &mut bytes).unwrap().unwrap();
    assert_eq!(&bytes[part], b"a few bytes");
    overwrite(&t.object(&digest), b"a fEw bytes");
    assert!(matches!(t.store.read_verified(&digest, None), Err(ReadError::Damaged { .. })));
}

#[test]
fn a_survey_tells_objects_strays_and_temporary_files_apart() {
    let t = TestStore::new();
    let digest = t.store.put(b"object").unwrap().digest;
    let other = if digest.to_string().starts_with("00") { "01" } else { "00" };
    fs::write(t.root().join("objects/readme.txt"), "x").unwrap();
    fs::write(t.root().join(format!("objects/{other}/{digest}")), "in the wrong folder").unwrap();
    fs::write(t.root().join("objects/00/.tmp-abc"), "x").unwrap();
    fs::create_dir(t.root().join("objects/00/folder")).unwrap();
    let survey = t.store.survey().unwrap();
    assert_eq!(survey.objects.len(), 1);
    assert_eq!((survey.objects[0].digest, survey.objects[0].size_bytes), (digest, 6));
    assert!(survey.objects[0].is_read_only);
    assert_eq!((survey.stray_count, survey.strays.len(), survey.temp_count), (3, 3, 1));
    let attached = Store::attach(t.root(), Options::default());
    assert_eq!(attached.survey().unwrap(), survey, "looking changes nothing");
}

#[test]
fn objects_come_from_another_store_by_every_method_and_damaged_ones_do_not() {
    for method in [CopyMethod::Copy, CopyMethod::Link, CopyMethod::Reflink] {
        let (from, to) = (TestStore::new(), TestStore::new());
        let (digest, _) = upload(&from, &bytes());
        assert!(to.store.copy_from(&from.store, &digest, method).unwrap(), "{method:?}");
        assert!(!to.store.copy_from(&from.store, &digest, method).unwrap(), "{method:?}: it is there");
        to.store.verify(&digest).unwrap();
        assert_eq!(to.files_in_objects(), 1);
    }
    for method in [CopyMethod::Copy, CopyMethod::Link, CopyMethod::Reflink] {
        let (from, to) = (TestStore::new(), TestStore::new());
        let digest = from.store.put(b"whole").unwrap().digest;
        overwrite(&from.object(&digest), b"wrong");
        let error = to.store.copy_from(&from.store, &digest, method).unwrap_err();
        assert!(matches!(error, CopyError::Write(UploadError::DigestMismatch { .. })), "{method:?}: {error:?}");
        assert_eq!((to.store.len(&digest).unwrap(), to.files_in_objects()), (None, 0), "{method:?}");
    }
}

#[test]
fn a_removed_object_is_gone_and_can_be_written_again() {
    let t = TestStore::new();
    let digest = t.store.put(b"bytes").unwrap().digest;
    assert!(t.store.remove(&digest).unwrap());
    assert!(!t.store.remove(&digest).unwrap());
    assert_eq!(t.store.len(&digest).unwrap(), None);
    assert!(t.store.put(b"bytes").unwrap().was_new);
}
