//! Many objects, each damaged in another way at another place: a check finds them all, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use distd::ops::care::check::{self, Options as CheckOptions};
use objstore::{BLOCK_BYTES, Digest, Options, Store};
use protocol::api::{Committed, FindingKind, FindingLevel};

use crate::harness::{TestServer, read, release};

const OBJECTS: usize = 96;

/// Numbers that look random and are the same each time.
fn number(seed: usize, of: &str) -> usize {
    let digest = Digest::of(format!("{of} {seed}").as_bytes());
    usize::try_from(u64::from_le_bytes(digest.as_bytes()[..8].try_into().unwrap()) >> 1).unwrap()
}

/// From one byte to a little more than two blocks.
fn content(seed: usize) -> Vec<u8> {
    let block = usize::try_from(BLOCK_BYTES).unwrap();
    let size = match seed % 8 {
        0 => 1 + number(seed, "size") % 64,
        7 => 2 * block + number(seed, "size") % 1000,
        _ => 1 + number(seed, "size") % 20_000,
    };
    let mut bytes = vec![u8::try_from(seed).unwrap(); size];
    bytes[0] = u8::try_from(seed).unwrap();
    bytes.extend_from_slice(&seed.to_le_bytes());
    bytes
}

/// Damages a file in the way that its number says; what a check has to call it, or nothing where it is left alone.
fn damage(path: &Path, seed: usize) -> Option<FindingKind> {
    let mut bytes = fs::read(path).unwrap();
    let at = number(seed, "place") % bytes.len();
    let last = bytes.len() - 1;
    let kind = match seed % 7 {
        0 => return None,
        1 => {
            bytes[at] ^= 1 << (number(seed, "bit") % 8);
            FindingKind::ObjectDamaged
        }
        2 => {
            let end = bytes.len().min(at + 4);
            bytes[at..end].iter_mut().for_each(|byte| *byte = !*byte);
            FindingKind::ObjectDamaged
        }
        3 => {
            bytes[if seed.is_multiple_of(2) { 0 } else { last }] ^= 0x80;
            FindingKind::ObjectDamaged
        }
        4 => {
            bytes.truncate(at);
            FindingKind::ObjectSize
        }
        5 => {
            bytes.push(0);
            FindingKind::ObjectSize
        }
        _ => {
            fs::remove_file(path).unwrap();
            return Some(FindingKind::ObjectMissing);
        }
    };
    fs::remove_file(path).unwrap();
    fs::write(path, &bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
    Some(kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flip_cut_gap_and_orphan_is_found_and_nothing_else() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let contents: Vec<Vec<u8>> = (0..OBJECTS).map(content).collect();
    let names: Vec<String> = (0..OBJECTS).map(|seed| format!("part-{seed}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(contents.iter().map(Vec::as_slice)).collect();
    let bytes: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let _: Committed = read(admin.publish(&release("1.0", &files), &bytes, Some(("beta", None))).await).await;

    let data = server.data.path();
    let store = Store::attach(data, Options::default());
    let path = |digest: &Digest| -> PathBuf {
        let name = digest.to_string();
        data.join("objects").join(&name[..2]).join(name)
    };
    let mut expected = BTreeSet::new();
    for (seed, bytes) in contents.iter().enumerate() {
        let digest = Digest::of(bytes);
        expected.extend(damage(&path(&digest), seed).map(|kind| (kind, digest.to_string())));
    }
    let mut orphans = BTreeSet::new();
    for seed in 0..16 {
        orphans.insert(store.put(format!("nothing names {seed}").as_bytes()).unwrap().digest.to_string());
    }
    for seed in 0..8 {
        let stray = format!("objects/{seed:02x}/left-{seed}.tmp");
        fs::create_dir_all(data.join(&stray).parent().unwrap()).unwrap();
        fs::write(data.join(&stray), "x").unwrap();
        expected.insert((FindingKind::Stray, stray));
    }
    assert_eq!(expected.len(), OBJECTS - OBJECTS.div_ceil(7) + 8);

    let report = check::run(data, &store, &CheckOptions::default(), &AtomicBool::new(false), &|_| {}).unwrap();
    let found = |level: FindingLevel| {
        let findings = report.findings.iter().filter(move |finding| finding.level == level);
        findings.map(|finding| (finding.kind, finding.subject.clone())).collect::<BTreeSet<_>>()
    };
    assert_eq!(found(FindingLevel::Error), expected);
    let orphans: BTreeSet<_> = orphans.into_iter().map(|orphan| (FindingKind::ObjectOrphan, orphan)).collect();
    assert_eq!(found(FindingLevel::Note), orphans);
}
