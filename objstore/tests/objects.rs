//! Objects: written, read back, listed, verified, moved aside.

use std::{
    fs,
    io::{Read, Seek, SeekFrom},
};

use objstore::{Digest, FileId, ReadError, VerifyError, WriteError};

mod common;
use common::{TestStore, files_below, overwrite};

#[test]
fn put_object_reads_back() {
    let t = TestStore::new();
    let put = t.store.put(b"0123456789").unwrap();
    assert_eq!((put.digest, put.size_bytes, put.was_new), (Digest::of(b"0123456789"), 10, true));
    assert_eq!(t.store.len(&put.digest).unwrap(), Some(10));
    assert_eq!(t.store.read_to_vec(&put.digest, 10).unwrap(), b"0123456789");

    let mut reader = t.store.read(&put.digest).unwrap();
    let mut buf = [0; 4];
    assert_eq!(reader.len(), 10);
    assert_eq!(reader.read_at(8, &mut buf).unwrap(), 2);
    assert_eq!(&buf[..2], b"89");
    assert_eq!(reader.read_at(10, &mut buf).unwrap(), 0);
    reader.seek(SeekFrom::Start(3)).unwrap();
    reader.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"3456");
}

#[test]
fn empty_object_is_an_object() {
    let t = TestStore::new();
    let put = t.store.put(b"").unwrap();
    assert_eq!(t.store.len(&put.digest).unwrap(), Some(0));
    assert!(t.store.read(&put.digest).unwrap().is_empty());
    assert_eq!(t.store.read_to_vec(&put.digest, 0).unwrap(), b"");
}

#[test]
fn same_bytes_are_stored_once() {
    let t = TestStore::new();
    assert!(t.store.put(b"same").unwrap().was_new);
    assert!(!t.store.put(b"same").unwrap().was_new);
    let t = t.reopen();
    assert!(!t.store.put(b"same").unwrap().was_new);
    assert_eq!(t.files_in_objects(), 1);
}

#[test]
fn threads_writing_the_same_bytes_store_them_once() {
    let t = TestStore::new();
    let new = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8).map(|_| scope.spawn(|| t.store.put(b"raced").unwrap().was_new)).collect();
        writers.into_iter().map(|w| w.join().unwrap()).filter(|was_new| *was_new).count()
    });
    assert_eq!(new, 1);
    assert_eq!(t.files_in_objects(), 1);
}

#[cfg(unix)]
#[test]
fn objects_are_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let t = TestStore::new();
    let put = t.store.put(b"mine").unwrap();
    let mode = fs::metadata(t.object(&put.digest)).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o444);
}

#[test]
fn missing_object_is_not_found() {
    let t = TestStore::new();
    let digest = Digest::of(b"never written");
    assert_eq!(t.store.len(&digest).unwrap(), None);
    assert!(matches!(t.store.read(&digest), Err(ReadError::NotFound { .. })));
    assert!(matches!(t.store.read_to_vec(&digest, 10), Err(ReadError::NotFound { .. })));
    assert!(matches!(t.store.verify(&digest), Err(VerifyError::NotFound { .. })));
}

#[test]
fn read_to_vec_refuses_what_is_larger_than_allowed() {
    let t = TestStore::new();
    let put = t.store.put(b"12345").unwrap();
    let error = t.store.read_to_vec(&put.digest, 4).unwrap_err();
    assert!(matches!(error, ReadError::TooLarge { size_bytes: 5, max_bytes: 4, .. }));
}

/// What verification says of an object that is damaged.
fn damage(t: &TestStore, digest: &Digest) -> (Digest, FileId) {
    match t.store.verify(digest) {
        Err(VerifyError::Damaged { actual, file, .. }) => (actual, file),
        other => panic!("{other:?}"),
    }
}

#[test]
fn damage_is_found_and_can_be_healed() {
    let t = TestStore::new();
    let digest = t.store.put(b"good").unwrap().digest;
    t.store.verify(&digest).unwrap();

    overwrite(&t.object(&digest), b"evil");
    let (actual, file) = damage(&t, &digest);
    assert_eq!((actual, file.size_bytes()), (Digest::of(b"evil"), 4));
    assert!(matches!(t.store.read_to_vec(&digest, 9), Err(ReadError::Damaged { actual: a, .. }) if a == actual));

    let moved = t.store.quarantine(&digest, &file).unwrap().unwrap();
    assert_eq!(fs::read(&moved).unwrap(), b"evil");
    assert_eq!(t.store.len(&digest).unwrap(), None);
    assert_eq!(t.store.quarantine(&digest, &file).unwrap(), None);
    assert!(t.store.put(b"good").unwrap().was_new);
    t.store.verify(&digest).unwrap();
}

#[test]
fn a_damaged_object_gives_way_to_whole_bytes_of_its_size() {
    let t = TestStore::new();
    let digest = t.store.put(b"good").unwrap().digest;
    overwrite(&t.object(&digest), b"evil");
    let put = t.store.put(b"good").unwrap();
    let aside = put.replaced.unwrap();
    assert_eq!((aside.actual, aside.size_bytes), (Some(Digest::of(b"evil")), 4));
    assert_eq!(fs::read(aside.to).unwrap(), b"evil");
    assert!(put.was_new);
    t.store.verify(&digest).unwrap();
    assert_eq!(t.store.put(b"good").unwrap().replaced, None);
}

#[test]
fn an_object_that_came_since_damage_was_found_stays() {
    let t = TestStore::new();
    let digest = t.store.put(b"good").unwrap().digest;
    overwrite(&t.object(&digest), b"evil");
    let (_, file) = damage(&t, &digest);
    t.store.put(b"good").unwrap();
    assert_eq!(t.store.quarantine(&digest, &file).unwrap(), None);
    t.store.verify(&digest).unwrap();
}

#[test]
fn truncated_object_is_quarantined_and_replaced() {
    let t = TestStore::new();
    let digest = t.store.put(b"whole").unwrap().digest;
    for damaged in ["who", "w"] {
        overwrite(&t.object(&digest), damaged.as_bytes());
        assert!(t.store.put(b"whole").unwrap().was_new);
        t.store.verify(&digest).unwrap();
    }
    let quarantine = t.root().join("quarantine");
    assert_eq!(fs::read(quarantine.join(format!("{digest}.0"))).unwrap(), b"who");
    assert_eq!(fs::read(quarantine.join(format!("{digest}.1"))).unwrap(), b"w");
    assert_eq!(files_below(&quarantine), 2);
}

#[test]
fn write_below_the_reserve_is_refused_before_it_starts() {
    let t = TestStore::with_reserve(u64::MAX / 2);
    assert!(matches!(t.store.put(b"x"), Err(WriteError::NoSpace { needed: 1, .. })));
    assert!(matches!(t.store.check_space(0), Err(WriteError::NoSpace { needed: 0, .. })));
    assert_eq!(t.files_in_objects(), 0);
    assert!(t.store.available_space().unwrap() > 0);
}

#[test]
fn opening_removes_stale_temporary_files_and_nothing_else() {
    let t = TestStore::new();
    let digest = t.store.put(b"kept").unwrap().digest;
    let (temp, stray) = (t.shard(&digest).join(".tmp-Ab12Cd"), t.shard(&digest).join("README"));
    fs::write(&temp, "half").unwrap();
    fs::write(&stray, "not ours").unwrap();

    let t = t.reopen();
    assert!(!temp.exists());
    assert!(stray.exists());
    assert_eq!(t.store.len(&digest).unwrap(), Some(4));
}

#[test]
fn listing_has_every_object_in_order_and_no_stray() {
    let t = TestStore::new();
    let mut expect: Vec<_> =
        (0..40).map(|n| t.store.put(&vec![1; n]).unwrap()).map(|put| (put.digest, put.size_bytes)).collect();
    expect.sort();

    let shard = t.shard(&expect[0].0);
    fs::write(shard.join(".tmp-half"), "x").unwrap();
    fs::write(shard.join("f".repeat(64)), "an object's name in another's shard").unwrap();
    fs::write(t.root().join("objects/note"), "x").unwrap();
    fs::create_dir(t.shard(&Digest::of(b"a directory")).join(Digest::of(b"a directory").to_string())).unwrap();

    assert_eq!(t.listed(), expect);
}

#[test]
fn all_shards_are_there_from_the_start() {
    let t = TestStore::new();
    let shards = fs::read_dir(t.root().join("objects")).unwrap().count();
    assert_eq!(shards, 256);
    assert!(t.root().join("uploads").is_dir());
    assert!(t.root().join("quarantine").is_dir());
}

#[cfg(target_os = "linux")]
#[test]
fn coreutils_alone_can_check_the_store() {
    let t = TestStore::new();
    for n in 0..10u8 {
        t.store.put(&[n; 100]).unwrap();
    }
    let check = || {
        let script = "find . -type f -printf '%f  %p\\n' | sha256sum -c --strict --quiet";
        let dir = t.root().join("objects");
        std::process::Command::new("sh").args(["-c", script]).current_dir(dir).output().unwrap().status
    };
    assert!(check().success());
    overwrite(&t.object(&Digest::of(&[3; 100])), &[4; 100]);
    assert!(!check().success());
}
