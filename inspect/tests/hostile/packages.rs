//! Packages of Linux and Windows that lie.

use inspect::{Details, Format};

use crate::making::{fixture, message, stored, zip_of};
use crate::measure::held;

const MIB: usize = 1024 * 1024;

fn ar_member(name: &str, size: &str, data: &[u8]) -> Vec<u8> {
    [format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, "100644").as_bytes(), data].concat()
}

fn deb_of(members: &[Vec<u8>]) -> Vec<u8> {
    [b"!<arch>\n".to_vec(), ar_member("debian-binary", "4", b"2.0\n"), members.concat()].concat()
}

#[test]
fn debian_members_of_gigabytes_are_named() {
    let report = held(|| deb_of(&[ar_member("control.tar", "9999999999", b"")]));
    assert_eq!(message(&report, "file-truncated"), "control.tar goes beyond the end of the file.");
    let report = held(|| deb_of(&[ar_member("control.tar", "99999999999999", b"")]));
    assert_eq!(message(&report, "package-unreadable"), "members: no member at byte 72");
    let report = held(|| deb_of(&[ar_member("control.tar", "-5", b"")]));
    assert_eq!(message(&report, "package-unreadable"), "members: no member at byte 72");
    let report = held(|| deb_of(&vec![ar_member("x", "0", b""); 500_000]));
    assert_eq!(message(&report, "package-unreadable"), "control.tar: not in the package");
}

#[test]
fn a_debian_package_whose_control_archive_is_a_bomb_is_read_in_time() {
    for (name, size_bytes) in [("control.tar.gz", 160 * MIB), ("control.tar.bz2", 24 * MIB)] {
        let report = held(|| {
            let packed = if name.ends_with("gz") {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                std::io::copy(&mut std::io::Read::take(std::io::repeat(0), size_bytes as u64), &mut encoder).unwrap();
                encoder.finish().unwrap()
            } else {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
                std::io::copy(&mut std::io::Read::take(std::io::repeat(0), size_bytes as u64), &mut encoder).unwrap();
                encoder.finish().unwrap()
            };
            deb_of(&[ar_member(name, &packed.len().to_string(), &packed)])
        });
        assert!(message(&report, "package-unreadable").starts_with(name), "{report:?}");
    }
}

#[test]
fn a_control_file_of_many_fields_is_read_in_time() {
    let report = held(|| {
        let mut tar = tar::Builder::new(Vec::new());
        let text = format!("Package: a\nVersion: 1\nArchitecture: all\nDepends: {}\n", "a,".repeat(60_000))
            + &"a:b\n".repeat(30_000);
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, "./control", text.as_bytes()).unwrap();
        let tar = tar.into_inner().unwrap();
        deb_of(&[ar_member("control.tar", &tar.len().to_string(), &tar)])
    });
    let Some(Details::Deb(deb)) = &report.details else { panic!("{report:?}") };
    assert_eq!(deb.depends.len(), 1_000);
}

fn rpm_header(count: u32, size: u32, entries: &[[u32; 4]], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    bytes.extend([count, size].map(u32::to_be_bytes).concat());
    bytes.extend(entries.iter().flatten().flat_map(|word| word.to_be_bytes()));
    bytes.extend_from_slice(data);
    bytes
}

fn rpm_of(headers: &[u8]) -> Vec<u8> {
    let mut lead = vec![0; 96];
    lead[..4].copy_from_slice(&[0xed, 0xab, 0xee, 0xdb]);
    [&lead, headers].concat()
}

#[test]
fn rpm_headers_that_claim_billions_are_named() {
    let report = held(|| rpm_of(&rpm_header(u32::MAX, 16, &[], b"")));
    assert_eq!(
        message(&report, "package-unreadable"),
        "signature header: 4294967295 entries and 16 bytes are more than is read"
    );
    let report = held(|| rpm_of(&rpm_header(1, u32::MAX, &[], b"")));
    assert!(message(&report, "package-unreadable").contains("4294967295 bytes"), "{report:?}");
    let report = held(|| rpm_of(&rpm_header(4_096, 16, &[], b"")));
    assert_eq!(message(&report, "package-unreadable"), "signature header: it goes beyond the end of the file");
    let report = held(|| {
        rpm_of(&[rpm_header(0, 0, &[], b""), rpm_header(1, 0, &[[1000, 6, u32::MAX, u32::MAX]], b"")].concat())
    });
    assert!(report.findings.iter().any(|finding| finding.message.starts_with("The header has no name")), "{report:?}");
}

#[test]
fn rpm_headers_as_large_as_they_may_be_are_read_in_time() {
    let report = held(|| {
        let (size, data) = (16 * MIB, vec![b'a'; 16 * MIB]);
        let entries: Vec<[u32; 4]> = (0..4_096).map(|index| [1000 + index % 50, 6, 0, 1]).collect();
        let header = rpm_header(4_096, u32::try_from(size).unwrap(), &entries, &data);
        rpm_of(&[header.clone(), header].concat())
    });
    let Some(Details::Rpm(rpm)) = &report.details else { panic!("{report:?}") };
    assert_eq!(rpm.name.as_ref().map(String::len), Some(4_096));
}

/// Where the resources of the fixture begin in the file.
fn resources_of(bytes: &[u8]) -> usize {
    let at = bytes.windows(5).position(|window| window == b".rsrc").unwrap();
    usize::try_from(u32::from_le_bytes(bytes[at + 20..at + 24].try_into().unwrap())).unwrap()
}

/// A directory of 256 entries, each leading to `offset`, whose names are texts at `name`.
fn directory(name: u32, offset: u32) -> Vec<u8> {
    let rows: Vec<u8> = [name, offset].map(u32::to_le_bytes).concat().repeat(256);
    [vec![0; 12], 256u16.to_le_bytes().to_vec(), vec![0; 2], rows].concat()
}

#[test]
fn resources_that_lead_to_themselves_end() {
    const HIGH: u32 = 1 << 31;
    for (name, offset) in [(7, HIGH), (HIGH, HIGH), (HIGH | 0x0c, 0x10), (HIGH | 0x7fff_ffff, HIGH | 0x7fff_fff0)] {
        let report = held(|| {
            let mut bytes = fixture("notifu64.exe");
            let at = resources_of(&bytes);
            let directory = directory(name, offset);
            bytes[at..at + directory.len()].copy_from_slice(&directory);
            bytes
        });
        assert_eq!(report.format, Format::Exe);
        let Some(Details::Exe(exe)) = &report.details else { panic!("{report:?}") };
        assert_eq!(exe.version, None);
    }
}

/// A program of 50 MiB with the signature `blob`.
fn signed(blob: &[u8], padding: usize) -> Vec<u8> {
    let mut bytes = fixture("notifu64.exe");
    bytes.resize((bytes.len() + padding).next_multiple_of(8), 0);
    let pe = usize::try_from(u32::from_le_bytes(bytes[0x3c..0x40].try_into().unwrap())).unwrap();
    let entry = pe + 24 + 112 + 4 * 8;
    let mut blob = blob.to_vec();
    blob.resize(blob.len().next_multiple_of(8), 0);
    let (offset, size) = (u32::try_from(bytes.len()).unwrap(), u32::try_from(blob.len() + 8).unwrap());
    bytes[entry..entry + 8].copy_from_slice(&[offset, size].map(u32::to_le_bytes).concat());
    bytes.extend(size.to_le_bytes());
    bytes.extend([0, 2, 2, 0]);
    bytes.extend(blob);
    bytes
}

#[test]
fn messages_that_nest_without_end_are_refused() {
    const SIGNED_DATA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    let long =
        |tag: u8, inner: &[u8]| [&[tag, 0x84][..], &u32::try_from(inner.len()).unwrap().to_be_bytes(), inner].concat();
    let mut definite = Vec::new();
    (0..2_000).for_each(|_| definite = long(0x30, &definite));
    for nest in [[0x30, 0x80].as_slice(), &[0x24, 0x80], &[0xa0, 0x80], &[0x31, 0x80]] {
        let deep = nest.repeat(2 * MIB);
        let report = held(|| signed(&[&[0x30, 0x80][..], &SIGNED_DATA, &[0xa0, 0x80], &deep].concat(), 0));
        message(&report, "signature-unreadable");
        let report = held(|| signed(&deep, 0));
        message(&report, "signature-unreadable");
    }
    let report = held(|| signed(&long(0x30, &[&SIGNED_DATA[..], &long(0xa0, &definite)].concat()), 0));
    message(&report, "signature-unreadable");
}

#[test]
fn signatures_that_lie_about_their_place_are_named() {
    let report = held(|| {
        let mut bytes = signed(&[0x30; 64], 0);
        let len = bytes.len();
        bytes[len - 72..len - 68].copy_from_slice(&u32::MAX.to_le_bytes());
        bytes
    });
    assert!(message(&report, "signature-unreadable").contains("has an impossible length"), "{report:?}");
}

#[test]
fn headers_that_break_off_are_named() {
    let report = held(|| fixture("notifu64.exe")[..0x200].to_vec());
    assert!(report.details.is_some() || message(&report, "headers-unreadable").starts_with("headers of the program"));
}

/// A compound file of version 3 (`[MS-CFB]` 2.2) with these sectors; the first is its allocation table, the second its
/// directory.
fn compound(fat: &[u32], sectors: usize) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..8].copy_from_slice(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
    for (at, word) in [(24, 0x3e_u16), (26, 3), (28, 0xfffe), (30, 9), (32, 6)] {
        header[at..at + 2].copy_from_slice(&word.to_le_bytes());
    }
    for (at, word) in [(44, 1_u32), (48, 1), (56, 0x1000), (60, 0xffff_fffe), (68, 0xffff_fffe)] {
        header[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    header[76..512].fill(0xff);
    header[76..80].copy_from_slice(&0_u32.to_le_bytes());
    let mut table: Vec<u8> = fat.iter().flat_map(|word| word.to_le_bytes()).collect();
    table.resize(512, 0xff);
    let mut directory = vec![0; 512];
    directory[..20].copy_from_slice(&"Root Entry".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    directory[64] = 22;
    directory[66] = 5;
    directory[67] = 1;
    directory[68..80].fill(0xff);
    directory[116..120].copy_from_slice(&0xffff_fffe_u32.to_le_bytes());
    [header, table, directory, vec![0; sectors * 512]].concat()
}

#[test]
fn allocation_tables_that_go_in_circles_are_named() {
    const FAT: u32 = 0xffff_fffd;
    const END: u32 = 0xffff_fffe;
    let check = |fat: &[u32], sectors: usize, why: &str| {
        let report = held(|| compound(fat, sectors));
        let message = message(&report, "package-unreadable");
        assert!(message.starts_with("compound file: ") && message.contains(why), "{message}");
    };
    check(&[FAT, 1], 2, "");
    check(&[FAT, 2, 1], 2, "");
    check(&[FAT, 2, 3, 2], 2, "pointed to twice");
    let report = held(|| compound(&[FAT, END], 0));
    assert!(message(&report, "properties-unreadable").starts_with("The table of properties cannot be read: "));
}

#[test]
fn tables_of_a_compound_file_that_claim_billions_are_refused() {
    for at in [40, 44, 64, 72, 76] {
        for value in [u32::MAX, u32::MAX - 5, 0x7fff_ffff, 1 << 20] {
            let report = held(|| {
                let mut bytes = compound(&[0xffff_fffd, 0xffff_fffe], 100_000);
                bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
                bytes
            });
            assert_eq!(report.format, Format::Msi);
        }
    }
}

#[test]
fn a_manifest_that_laughs_a_billion_times_is_not_unfolded() {
    let report = held(|| {
        let mut text = "<?xml version=\"1.0\"?><!DOCTYPE p [<!ENTITY a \"ha\">".to_owned();
        for level in 0..20 {
            text += &format!(
                "<!ENTITY b{level} \"{}\">",
                if level == 0 { "&a;".repeat(20) } else { format!("&b{};", level - 1).repeat(20) }
            );
        }
        text += "]><Package><Identity Name=\"&b19;\" Publisher=\"&b19;\"/><Properties><DisplayName>&b19;</DisplayName></Properties></Package>";
        zip_of(&[stored("AppxManifest.xml", text.as_bytes())])
    });
    let missing: Vec<&str> = report.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(missing.contains(&"The identity in AppxManifest.xml has no Name: Windows refuses it."), "{missing:?}");
}

#[test]
fn a_manifest_of_as_much_as_fits_is_read_in_time() {
    let attributes: String = (0..100_000).map(|index| format!(" a{index:x}=''")).collect();
    let nested = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let wide = "<Capability Name='a'/>".repeat(40_000);
    for inside in [format!("<Identity{attributes}/>"), nested, wide, format!("<Capability{attributes}/>")] {
        let report = held(|| zip_of(&[stored("AppxManifest.xml", format!("<Package>{inside}</Package>").as_bytes())]));
        assert!(report.details.is_some(), "{report:?}");
    }
}

#[test]
fn sections_of_a_program_that_claim_all_there_is_are_read_in_time() {
    let report = held(|| {
        let mut bytes = vec![0; 50 * MIB];
        bytes[..11].copy_from_slice(b"\x7fELF\x02\x01\x01\0AI\x02");
        bytes[18] = 62;
        bytes[0x28..0x30].copy_from_slice(&64_u64.to_le_bytes());
        bytes[0x3a..0x40].copy_from_slice(&[64, 0, 0xff, 0xff, 1, 0]);
        bytes[64 + 24..64 + 40].copy_from_slice(&[0xff; 16]);
        bytes
    });
    assert!(message(&report, "file-system-missing").starts_with("No squashfs begins at byte"), "{report:?}");
}
