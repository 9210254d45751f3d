//! Installer packages, made here as XAR archives.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::making::{codes, pkg, report};

const PACKAGE_INFO: &[u8] = br#"<pkg-info format-version="2" identifier="com.acme.pkg" version="2.4" install-location="/Applications" auth="root"><payload installKBytes="10"/></pkg-info>"#;
const DISTRIBUTION: &[u8] = br#"<?xml version="1.0"?><installer-gui-script minSpecVersion="1">
<title>Acme &amp; Sons</title><options customize="never" hostArchitectures="x86_64,arm64"/>
<volume-check><allowed-os-versions><os-version min="11.0"/></allowed-os-versions></volume-check>
<product id="com.acme.product" version="2.4.1"/></installer-gui-script>"#;

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A XAR archive: files packed by zlib on the heap, `further` XML beside them in the table of contents.
pub(crate) fn xar_of(files: &[(&str, &[u8])], further: &str) -> Vec<u8> {
    let (mut table, mut heap) = (String::from("<xar><toc>"), Vec::new());
    for (path, bytes) in files {
        let packed = zlib(bytes);
        let (folder, name) = path.split_once('/').map_or((None, *path), |(folder, name)| (Some(folder), name));
        if let Some(folder) = folder {
            write!(table, "<file><name>{folder}</name><type>directory</type>").unwrap();
        }
        write!(
            table,
            "<file><name>{name}</name><type>file</type><data><length>{}</length><offset>{}</offset><size>{}</size>\
             <encoding style=\"application/x-gzip\"/></data></file>",
            packed.len(),
            heap.len(),
            bytes.len()
        )
        .unwrap();
        table.push_str(if folder.is_some() { "</file>" } else { "" });
        heap.extend(packed);
    }
    write!(table, "{further}</toc></xar>").unwrap();
    let packed = zlib(table.as_bytes());
    let mut bytes = b"xar!\0\x1c\0\x01".to_vec();
    bytes.extend((packed.len() as u64).to_be_bytes());
    bytes.extend((table.len() as u64).to_be_bytes());
    bytes.extend([0, 0, 0, 0]);
    [bytes, packed, heap].concat()
}

pub(crate) fn installer() -> Vec<u8> {
    xar_of(&[("Distribution", DISTRIBUTION), ("acme.pkg/PackageInfo", PACKAGE_INFO)], "")
}

#[test]
fn an_installer_with_a_distribution_is_read() {
    // How small zlib makes things is its own matter.
    insta::assert_json_snapshot!(report(&installer()), {
        ".size_bytes" => "[bytes]",
        ".entries.listed[].compressed_bytes" => "[bytes]",
    });
}

#[test]
fn a_bare_component_is_read() {
    let report = report(&xar_of(&[("PackageInfo", PACKAGE_INFO)], ""));
    let pkg = pkg(&report);
    assert_eq!((pkg.id.as_deref(), pkg.version.as_deref()), (Some("com.acme.pkg"), Some("2.4")));
    assert_eq!(pkg.install_location.as_deref(), Some("/Applications"));
    assert_eq!(pkg.components.len(), 1);
    assert_eq!(codes(&report), ["unsigned"]);
}

#[test]
fn certificates_and_ticket_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "req -x509 -newkey rsa:2048 -nodes -keyout k -outform DER -out c -days 2 -subj /CN=Acme";
    let openssl = std::process::Command::new("openssl").args(arguments.split(' ')).current_dir(&folder).output();
    assert!(openssl.unwrap().status.success());
    let certificate = data_encoding::BASE64.encode(&std::fs::read(folder.path().join("c")).unwrap());
    let signature = format!(
        "<signature style=\"RSA\"><KeyInfo><X509Data><X509Certificate>\n{certificate}\n</X509Certificate></X509Data></KeyInfo></signature>"
    );
    let mut bytes = xar_of(&[("PackageInfo", PACKAGE_INFO)], &signature);
    let unstapled = report(&bytes);
    assert!(pkg(&unstapled).signed && !pkg(&unstapled).stapled);
    assert_eq!(pkg(&unstapled).certificates[0].subject, "CN=Acme");
    assert_eq!(codes(&unstapled), ["no-ticket"]);
    bytes.extend(b"ticket..t8lr\x01\0\x02\0\x08\0\0\0\0\0\0\0");
    let stapled = report(&bytes);
    assert!(pkg(&stapled).stapled);
    assert_eq!(codes(&stapled), [""; 0]);
}

#[test]
fn what_is_missing_or_broken_is_named() {
    let check = |bytes: &[u8], findings: &[&str]| assert_eq!(codes(&report(bytes)), findings);
    check(&xar_of(&[], ""), &["package-id-missing", "unsigned"]);
    check(&xar_of(&[("PackageInfo", b"noise")], ""), &["package-info-unreadable", "package-id-missing", "unsigned"]);
    check(&installer()[..100], &["pkg-unreadable"]);
    check(b"xar!", &["pkg-unreadable"]);
}
