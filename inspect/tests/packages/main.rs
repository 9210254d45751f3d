//! Windows and Linux packages and tar archives: committed fixtures, hand-made inputs and damaged ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod appimage;

use std::io::{Cursor, Write};
use std::path::Path;

use inspect::compression::Compression;
use inspect::{Details, Format, Limits, Report, inspect};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)).unwrap()
}

fn report(bytes: &[u8]) -> Report {
    inspect(Cursor::new(bytes), bytes.len() as u64, &Limits::default()).unwrap()
}

fn codes(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn notifu_is_an_unsigned_program() {
    insta::assert_json_snapshot!(report(&fixture("notifu64.exe")));
}

#[test]
fn ripgrep_is_a_debian_package() {
    insta::assert_json_snapshot!(report(&fixture("ripgrep_13.0.0-4+b2_amd64.deb")));
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tarball(report: &Report) -> &inspect::formats::tarball::Tarball {
    let Some(Details::Tarball(tarball)) = &report.details else { panic!("{report:?}") };
    tarball
}

#[test]
fn a_gzipped_tar_is_read_with_its_executables() {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(64, 0);
    elf[18] = 183;
    let long = format!("acme/{}/readme", "x".repeat(150));
    let report = report(&gzip(&tar_of(&[("acme/bin/acme", &elf), (&long, b"read me")])));
    let tarball = tarball(&report);
    assert_eq!((tarball.compression, tarball.top_folder.as_deref()), (Compression::Gzip, Some("acme")));
    assert_eq!((tarball.architectures.as_slice(), tarball.is_complete), (["aarch64".to_owned()].as_slice(), true));
    let entries = report.entries.as_ref().unwrap();
    assert_eq!((entries.count, entries.total_bytes, entries.listed[1].path.as_str()), (2, 71, long.as_str()));
    assert_eq!(codes(&report), [""; 0]);
}

#[test]
fn a_tar_without_one_folder_has_no_top_folder() {
    assert_eq!(tarball(&report(&tar_of(&[("a/b", b"1"), ("c", b"2")]))).top_folder, None);
}

#[test]
fn a_compressed_file_that_holds_no_tar_is_a_file() {
    assert_eq!(report(&gzip(&[7; 4_096])).format, Format::File);
}

#[test]
fn a_tar_that_breaks_off_says_so() {
    let bytes = tar_of(&[("a/b", &[1; 5_000]), ("a/c", &[2; 5_000])]);
    assert_eq!(codes(&report(&gzip(&bytes[..7_000]))), ["archive-damaged"]);
}

#[test]
fn a_bomb_is_left_unfinished() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut header = tar::Header::new_gnu();
    header.set_path("zeros").unwrap();
    header.set_size(64 << 20);
    header.set_cksum();
    encoder.write_all(header.as_bytes()).unwrap();
    for _ in 0..64 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bytes = encoder.finish().unwrap();
    let limits = Limits { total_bytes: 8 << 20, ..Limits::default() };
    let report = inspect(Cursor::new(&bytes), bytes.len() as u64, &limits).unwrap();
    assert!(!tarball(&report).is_complete);
    assert_eq!(codes(&report), ["archive-not-read-to-end"]);
}

/// A Zstandard frame whose header asks for a window of 128 MiB (RFC 8878, 3.1.1.1.2).
#[test]
fn a_huge_window_is_refused() {
    let report = report(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00]);
    assert_eq!(report.format, Format::Tarball);
    assert_eq!(codes(&report), ["dictionary-too-large"]);
}

fn msix_of(manifest: &str, signature: Option<&[u8]>) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("AppxManifest.xml", options).unwrap();
    writer.write_all(manifest.as_bytes()).unwrap();
    if let Some(signature) = signature {
        writer.start_file("AppxSignature.p7x", options).unwrap();
        writer.write_all(signature).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const MANIFEST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10" xmlns:rescap="r">
  <Identity Name="Acme.App" Publisher="CN=Acme, O=&quot;Acme, Inc.&quot;, C=US" Version="2.4.1.0" ProcessorArchitecture="x64"/>
  <Properties><DisplayName>ms-resource:Name</DisplayName><PublisherDisplayName>Acme</PublisherDisplayName></Properties>
  <Dependencies>
    <TargetDeviceFamily Name="Windows.Universal" MinVersion="10.0.17763.0" MaxVersionTested="10.0.22000.0"/>
    <TargetDeviceFamily Name="Windows.Desktop" MinVersion="10.0.9000.0" MaxVersionTested="10.0.22000.0"/>
  </Dependencies>
  <Capabilities><Capability Name="internetClient"/><rescap:Capability Name="runFullTrust"/></Capabilities>
</Package>"#;

#[test]
fn an_app_package_is_read_from_its_manifest() {
    let report = report(&msix_of(MANIFEST, None));
    insta::assert_json_snapshot!(report.details);
    assert_eq!(codes(&report), ["not-signed"]);
}

#[test]
fn a_signature_that_is_none_is_an_error() {
    assert_eq!(codes(&report(&msix_of(MANIFEST, Some(b"PKCXnothing")))), ["signature-unreadable"]);
}

/// Damages `bytes` in a few hundred ways that are the same on each run.
fn damage(bytes: &[u8], head: usize) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 1).unwrap()
    };
    for round in 0..300 {
        let mut damaged = bytes.to_vec();
        if round % 4 == 0 {
            damaged.truncate(next() % bytes.len());
        } else {
            for _ in 0..=round % 3 {
                let reach = if round % 2 == 0 { head.min(bytes.len()) } else { bytes.len() };
                damaged[next() % reach] ^= 1 << (next() % 8);
            }
        }
        report(&damaged);
    }
}

#[test]
fn damaged_artifacts_are_reported_without_a_panic() {
    damage(&fixture("notifu64.exe"), 1_024);
    damage(&fixture("ripgrep_13.0.0-4+b2_amd64.deb"), 2_048);
    damage(&gzip(&tar_of(&[("a/b", b"1"), ("c", b"2")])), 256);
    damage(&tar_of(&[("a/b", b"1"), ("c", b"2")]), 512);
    damage(&msix_of(MANIFEST, Some(b"PKCXnothing")), 256);
}
