//! `AppImages`: file systems that mksquashfs made, behind an ELF head that says where they begin.

use inspect::formats::appimage::AppImage;
use inspect::{Details, Report};

use crate::{codes, report};

/// An image with a file system that `tests/data/make.py` made.
fn made(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

fn appimage(file_system: &[u8]) -> Vec<u8> {
    let mut head = b"\x7fELF\x02\x01\x01\0AI\x02".to_vec();
    head.resize(64, 0);
    head[18] = 62;
    // Where the table of sections would be, and so where the program ends.
    head[0x28] = 64;
    [head, file_system.to_vec()].concat()
}

fn details(report: &Report) -> &AppImage {
    let Some(Details::Appimage(details)) = &report.details else { panic!("{report:?}") };
    details
}

#[test]
fn the_desktop_entry_and_the_icon_are_read_whatever_packs_them() {
    for name in ["gzip.squashfs", "xz.squashfs", "zstd.squashfs"] {
        let report = report(&appimage(&made(name)));
        let entry = details(&report).desktop_entry.as_ref().unwrap_or_else(|| panic!("{name}: {report:?}"));
        assert_eq!((entry.file.as_str(), entry.name.as_deref()), ("acme.desktop", Some("Acme")));
        assert_eq!((entry.comment.as_deref(), entry.icon.as_deref()), (Some("Does it all"), Some("acme")));
        assert_eq!(entry.version.as_deref(), Some("2.4"));
        let icon = report.icon.as_ref().unwrap();
        assert_eq!((icon.path.as_str(), icon.width, icon.height), ("acme.png", 128, 128));
        assert_eq!(codes(&report), ["no-update-information"], "{name}");
    }
}

#[test]
fn superblocks_that_lie_are_named() {
    let check = |at: usize, bytes: &[u8], findings: &[&str]| {
        let mut changed = made("gzip.squashfs");
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        let report = report(&appimage(&changed));
        assert_eq!(codes(&report), [findings, &["no-update-information"]].concat(), "{at}");
        assert_eq!(details(&report).desktop_entry.as_ref(), None);
    };
    check(0, b"hsqx", &["file-system-missing"]);
    check(12, &[0xff; 4], &["file-system-unreadable"]);
    check(20, &[3, 0], &["file-system-unreadable"]);
    check(28, &[3, 0], &["file-system-unreadable"]);
    check(32, &[0xff; 8], &["file-system-unreadable"]);
    check(64, &[0xff; 8], &["file-system-unreadable"]);
    check(72, &[0xff; 8], &["file-system-unreadable"]);
    check(80, &[0xff; 8], &["desktop-entry-unreadable", "icon-unreadable"]);
}

#[test]
fn damaged_file_systems_get_a_report() {
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for name in ["gzip.squashfs", "xz.squashfs", "zstd.squashfs"] {
        let whole = made(name);
        for _ in 0..60 {
            let mut changed = whole.clone();
            for _ in 0..=next(4) {
                let at = next(changed.len());
                changed[at] ^= 1 << next(8);
            }
            report(&appimage(&changed));
            report(&appimage(&whole[..next(whole.len())]));
        }
    }
}
