//! Windows programs and packages, against osslsigncode, msiinfo and 7-Zip.

use std::path::Path;

use inspect::Report;
use inspect::formats::exe::{Authenticode, Installer};

use crate::snapshots::check_made;
use crate::tools::{P256, P384, RSA_2048, Workshop, after, ask};
use crate::{details, has_finding, pins, report, report_of};

/// osslsigncode's name, `/C=US/CN=Acme`, as ours.
fn subject_of(said: &str) -> String {
    let subject = after(said, "Subject: ").unwrap_or_else(|| panic!("{said}"));
    subject.trim_start_matches('/').replace('/', ", ")
}

/// What follows the colon on the first line that begins so.
fn value<'a>(said: &'a str, start: &str) -> &'a str {
    after(said, start).and_then(|rest| rest.split_once(':')).map_or("", |(_, value)| value.trim())
}

/// Whether the digest that osslsigncode computes is the one that is signed.
fn is_digest_right(said: &str, what: &str) -> bool {
    let current = value(said, &format!("Current {what}"));
    assert!(!current.is_empty(), "{said}");
    current == value(said, &format!("Calculated {what}"))
}

#[track_caller]
fn check_signature(signature: &Authenticode, said: &str, what: &str) {
    assert_eq!(signature.is_digest_verified, Some(is_digest_right(said, what)), "{said}");
    assert_eq!(value(said, "Message digest algorithm").to_lowercase(), signature.digest_algorithm, "{said}");
    // It says nothing of the signer where the digest differs.
    if signature.is_digest_verified == Some(true) {
        assert_eq!(signature.signer.as_ref().unwrap().subject, subject_of(said));
    }
}

#[test]
fn programs_are_signed_as_osslsigncode_says() {
    for pin in pins::of_kinds(&["exe"]) {
        let report = report_of(&pin.file);
        let exe = details!(report, Exe);
        let (_, said) = ask(Path::new("."), "osslsigncode", &format!("verify -in {}", pin.file.display()));
        assert_eq!(exe.signatures.is_empty(), said.contains("No signature found"), "{} {said}", pin.name);
        if let Some(signature) = exe.signatures.first() {
            check_signature(signature, &said, "message digest");
            assert_eq!(signature.is_signature_verified, Some(true), "{}", pin.name);
        }
    }
}

/// Signs `FROM` as `signed` by a new key and returns what was signed with what osslsigncode says of it.
fn sign(workshop: &Workshop, from: &str, kind: &str, how: &str) -> (Report, bool, String) {
    workshop.make_key("acme", kind);
    workshop.run("osslsigncode", &format!("sign -certs acme.crt -key acme.pem {how} -in {from} -out signed"));
    let (holds, said) = verify(workshop, "signed");
    (report_of(&workshop.file("signed")), holds, said)
}

fn verify(workshop: &Workshop, file: &str) -> (bool, String) {
    ask(workshop.folder(), "osslsigncode", &format!("verify -CAfile acme.crt -in {file}"))
}

#[test]
fn programs_signed_here_hold_until_they_are_changed() {
    let check = |kind, how: &str| {
        let workshop = Workshop::new();
        workshop.write("program", std::fs::read(pins::fetched("notifu64.exe")).unwrap());
        let (good, holds, said) = sign(&workshop, "program", kind, how);
        assert!(holds, "{said}");
        let signature = &details!(good, Exe).signatures[0];
        check_signature(signature, &said, "message digest");
        assert_eq!(signature.is_signature_verified, Some(true), "{how}");
        assert_eq!(signature.signer.as_ref().unwrap().subject, "CN=acme");
        let mut changed = workshop.read("signed");
        changed[4096] ^= 1;
        workshop.write("changed", &changed);
        let (holds, said) = verify(&workshop, "changed");
        let changed = report(&changed);
        assert!(!holds && has_finding(&changed, "signature-digest-differs"), "{said}");
        check_signature(&details!(changed, Exe).signatures[0], &said, "message digest");
    };
    check(RSA_2048, "-h sha256");
    check(RSA_2048, "-h sha1");
    check(P384, "-h sha384");
    check(P256, "-h sha256");
}

#[test]
fn a_signature_that_is_not_by_its_key_is_told() {
    let workshop = Workshop::new();
    workshop.write("program", std::fs::read(pins::fetched("notifu64.exe")).unwrap());
    sign(&workshop, "program", RSA_2048, "-h sha256");
    let mut changed = workshop.read("signed");
    // The encrypted digest is the last octet string of 256 bytes.
    let head = [0x04, 0x82, 0x01, 0x00];
    let at = changed.windows(4).rposition(|window| window == head).unwrap();
    changed[at + 100] ^= 1;
    workshop.write("changed", &changed);
    let (holds, said) = verify(&workshop, "changed");
    let changed = report(&changed);
    assert!(!holds, "{said}");
    let signature = &details!(changed, Exe).signatures[0];
    assert_eq!((signature.is_digest_verified, signature.is_signature_verified), (Some(true), Some(false)));
    assert!(has_finding(&changed, "signature-wrong"));
}

const PRODUCT: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
  <Product Id="*" Name="Acme Notifier" Language="1033" Version="2.4.1" Manufacturer="Acme, Inc."
      UpgradeCode="6d2c1f6e-3c3f-4b7f-9a6e-0d3c7a5f1b20">
    <Package InstallerVersion="200" Compressed="yes" Description="Acme Notifier 2.4.1"/>
    <Media Id="1" Cabinet="acme.cab" EmbedCab="yes"/>
    <Directory Id="TARGETDIR" Name="SourceDir"><Directory Id="ProgramFiles64Folder">
      <Directory Id="INSTALLDIR" Name="Acme">
        <Component Id="Main" Guid="6d2c1f6e-3c3f-4b7f-9a6e-0d3c7a5f1b21" Win64="yes">
          <File Id="Exe" Name="program.exe" Source="program.exe" KeyPath="yes"/>
        </Component>
      </Directory></Directory></Directory>
    <Feature Id="All" Level="1"><ComponentRef Id="Main"/></Feature>
  </Product>
</Wix>
"#;

fn make_msi(workshop: &Workshop) {
    workshop.write("program.exe", std::fs::read(pins::fetched("notifu64.exe")).unwrap());
    workshop.write("acme.wxs", PRODUCT);
    workshop.run("wixl", "-a x64 -o acme.msi acme.wxs");
}

#[test]
fn an_msi_says_what_msiinfo_prints() {
    let workshop = Workshop::new();
    make_msi(&workshop);
    let report = report_of(&workshop.file("acme.msi"));
    let msi = details!(report, Msi);
    let table = workshop.run("msiinfo", "export acme.msi Property");
    let property = |name: &str| after(&table, &format!("{name}\t")).map(str::to_owned);
    assert_eq!(property("ProductName").as_deref(), Some("Acme Notifier"));
    assert_eq!(msi.product_name, property("ProductName"));
    assert_eq!(msi.product_version, property("ProductVersion"));
    assert_eq!(msi.manufacturer, property("Manufacturer"));
    assert_eq!(msi.product_code, property("ProductCode"));
    assert_eq!(msi.upgrade_code, property("UpgradeCode"));
    let summary = workshop.run("msiinfo", "suminfo acme.msi");
    assert_eq!(msi.subject.as_deref(), after(&summary, "Subject: "));
    assert_eq!((after(&summary, "Template: "), msi.architecture.as_deref()), (Some("x64;1033"), Some("x86_64")));
    assert!(!msi.is_signed && has_finding(&report, "not-signed"));
    check_made("acme.msi", &report);
}

#[test]
fn an_msi_signed_here_holds_until_it_is_changed() {
    let check = |kind, how: &str| {
        let workshop = Workshop::new();
        make_msi(&workshop);
        let (good, holds, said) = sign(&workshop, "acme.msi", kind, how);
        assert!(holds, "{said}");
        let signature = &details!(good, Msi).signatures[0];
        check_signature(signature, &said, "DigitalSignature");
        if kind == RSA_2048 {
            check_made("signed.msi", &good);
        }
        assert_eq!((signature.is_digest_verified, signature.is_signature_verified), (Some(true), Some(true)), "{how}");
        let mut changed = workshop.read("signed");
        let cabinet = changed.windows(4).position(|window| window == b"MSCF").unwrap();
        changed[cabinet + 5_000] ^= 1;
        workshop.write("changed", &changed);
        let (holds, said) = verify(&workshop, "changed");
        let changed = report(&changed);
        assert!(!holds && has_finding(&changed, "signature-digest-differs"), "{said}");
        check_signature(&details!(changed, Msi).signatures[0], &said, "DigitalSignature");
    };
    check(RSA_2048, "-h sha256");
    check(P384, "-h sha384 -add-msi-dse");
}

const INSTALLER: &str = r#"Unicode true
Name "Acme Notifier"
OutFile "setup.exe"
InstallDir "$PROGRAMFILES\Acme"
VIProductVersion "2.4.1.0"
VIAddVersionKey "ProductName" "Acme Notifier"
VIAddVersionKey "CompanyName" "Acme, Inc."
VIAddVersionKey "FileVersion" "2.4.1"
VIAddVersionKey "ProductVersion" "2.4.1"
VIAddVersionKey "FileDescription" "Installs Acme Notifier"
VIAddVersionKey "LegalCopyright" "Acme"
Section
  SetOutPath "$INSTDIR"
  File "program.exe"
SectionEnd
"#;

#[test]
fn an_installer_of_nsis_is_recognised() {
    let workshop = Workshop::new();
    workshop.write("program.exe", std::fs::read(pins::fetched("notifu64.exe")).unwrap());
    workshop.write("setup.nsi", INSTALLER);
    workshop.run("makensis", "-V1 setup.nsi");
    let report = report_of(&workshop.file("setup.exe"));
    let exe = details!(report, Exe);
    assert_eq!((exe.installer, exe.architectures.as_slice()), (Some(Installer::Nsis), ["x86".to_owned()].as_slice()));
    let listed = workshop.run("7z", "l -slt setup.exe");
    assert_eq!(after(&listed, "Type = "), Some("Nsis"));
    let version = exe.version.as_ref().unwrap();
    assert_eq!((version.product.as_deref(), version.company.as_deref()), (Some("Acme Notifier"), Some("Acme, Inc.")));
    assert_eq!((version.file_version.as_deref(), version.product_version.as_deref()), (Some("2.4.1"), Some("2.4.1")));
    assert_eq!(version.fixed_product_version.as_deref(), Some("2.4.1.0"));
    check_made("nsis-setup.exe", &report);
}

const PACKAGE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10"
    xmlns:uap="http://schemas.microsoft.com/appx/manifest/uap/windows10"
    xmlns:rescap="http://schemas.microsoft.com/appx/manifest/foundation/windows10/restrictedcapabilities"
    IgnorableNamespaces="uap rescap">
  <Identity Name="Acme.Notifier" Publisher="CN=acme" Version="2.4.1.0" ProcessorArchitecture="x64"/>
  <Properties>
    <DisplayName>Acme Notifier</DisplayName>
    <PublisherDisplayName>Acme, Inc.</PublisherDisplayName>
    <Logo>Logo.png</Logo>
  </Properties>
  <Dependencies>
    <TargetDeviceFamily Name="Windows.Desktop" MinVersion="10.0.17763.0" MaxVersionTested="10.0.22621.0"/>
  </Dependencies>
  <Resources><Resource Language="en-us"/></Resources>
  <Applications>
    <Application Id="App" Executable="program.exe" EntryPoint="Windows.FullTrustApplication">
      <uap:VisualElements DisplayName="Acme Notifier" Description="Acme" BackgroundColor="transparent"
          Square150x150Logo="Logo.png" Square44x44Logo="Logo.png"/>
    </Application>
  </Applications>
  <Capabilities><Capability Name="internetClient"/><rescap:Capability Name="runFullTrust"/></Capabilities>
</Package>
"#;

/// Packs `layout` as `acme.msix` with openappx, which runs out of its wheel.
fn make_msix(workshop: &Workshop) {
    workshop.write("layout/AppxManifest.xml", PACKAGE);
    workshop.write("layout/Logo.png", b"\x89PNG\r\n\x1a\n");
    workshop.write("layout/program.exe", std::fs::read(pins::fetched("notifu64.exe")).unwrap());
    let wheel = pins::fetched("openappx-0.7.0.whl");
    let run = format!(
        "import sys, runpy; sys.path.insert(0, {:?}); sys.argv = ['openappx', 'pack', '--root', 'layout', '--out', 'acme.msix']; \
         runpy.run_module('openappx', run_name='__main__')",
        wheel.to_str().unwrap()
    );
    crate::tools::run(workshop.folder(), "python3", &["-c", &run]);
}

#[test]
fn an_msix_says_who_may_sign_it() {
    let workshop = Workshop::new();
    make_msix(&workshop);
    let unsigned = report_of(&workshop.file("acme.msix"));
    assert!(has_finding(&unsigned, "not-signed"), "{:?}", unsigned.findings);
    let (report, holds, said) = sign(&workshop, "acme.msix", RSA_2048, "-h sha256");
    assert!(holds, "{said}");
    let msix = details!(report, Msix);
    assert_eq!((msix.name.as_deref(), msix.version.as_deref()), (Some("Acme.Notifier"), Some("2.4.1.0")));
    assert_eq!((msix.architectures.as_slice(), msix.is_bundle), (["x86_64".to_owned()].as_slice(), false));
    assert_eq!(msix.minimum_os_version.as_deref(), Some("10.0.17763.0"));
    assert_eq!(msix.capabilities, ["internetClient", "runFullTrust"]);
    assert_eq!((msix.is_signed, msix.is_publisher_signer), (true, Some(true)));
    assert_eq!(msix.signer.as_ref().unwrap().subject, subject_of(&said));
    check_made("acme.msix", &report);
    let listed = workshop.run("7z", "l -slt -tzip signed");
    let files = listed.lines().filter(|line| line.starts_with("CRC = ")).count();
    assert_eq!(report.entries.unwrap().count, files as u64);
}
