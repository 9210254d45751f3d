//! Windows and Linux packages, and what pefile, osslsigncode and rpm say of the same files.

use inspect::Details;
use inspect::formats::exe::{Exe, Installer};
use inspect::formats::rpm::Rpm;

use crate::{fetched, report};

fn exe(name: &str) -> Exe {
    match report(&fetched(name)).details {
        Some(Details::Exe(exe)) => *exe,
        other => panic!("{other:?}"),
    }
}

fn rpm(name: &str) -> Rpm {
    match report(&fetched(name)).details {
        Some(Details::Rpm(rpm)) => *rpm,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nuget_is_signed_by_microsoft() {
    let exe = exe("nuget-5.8.0.exe");
    assert_eq!((exe.architectures.as_slice(), exe.subsystem.as_str()), (["x86".to_owned()].as_slice(), "console"));
    assert!(exe.is_dotnet);
    assert_eq!((exe.overlay_bytes, exe.signatures.len()), (9_112, 1));
    assert_eq!(exe.version.unwrap().fixed_file_version.as_deref(), Some("5.8.0.6930"));
    let signature = &exe.signatures[0];
    assert_eq!((signature.digest_algorithm.as_str(), signature.is_digest_verified), ("sha256", Some(true)));
    assert_eq!(signature.timestamp.as_deref(), Some("2020-10-24T04:30:29Z"));
    let signer = signature.signer.as_ref().unwrap();
    assert_eq!(signer.subject, "C=US, ST=Washington, L=Redmond, O=Microsoft Corporation, CN=Microsoft Corporation");
    assert_eq!(signer.sha256, "c0772d3c9e20c3f4ebb09f5816d6dada0d8fa86563c2d68898539ec1cd355a1b");
    assert_eq!(signer.not_after, "2021-03-03T18:39:47Z");
}

#[test]
fn installers_are_recognised() {
    assert_eq!(exe("squirrel-Setup.exe").installer, Some(Installer::Squirrel));
    assert_eq!(exe("rcedit-x64.exe").installer, None);
    let inno = exe("InnoSetup-Setup.e32");
    assert_eq!(inno.installer, Some(Installer::Inno));
    let version = inno.version.unwrap();
    assert_eq!((version.product, version.product_version), (None, None), "they are spaces only");
    assert_eq!(version.fixed_file_version.as_deref(), Some("51.1052.0.0"));
}

#[test]
fn rpms_of_either_version_are_read() {
    let names = [
        ("rpm-basic-2.3.4-5.el9.noarch.rpm", false, "None"),
        ("v4_signed_rpm-basic-with-rsa4096-2.3.4-5.el9.noarch.rpm", true, "None"),
        ("v6_xz_rpm-basic-2.3.4-5.el9.noarch.rpm", false, "Xz"),
        ("v6_zstd_rpm-basic-2.3.4-5.el9.noarch.rpm", false, "Zstd"),
    ];
    for (name, is_signed, compression) in names {
        let rpm = rpm(name);
        assert_eq!((rpm.name.as_deref(), rpm.epoch), (Some("rpm-basic"), Some(1)), "{name}");
        assert_eq!((rpm.version.as_deref(), rpm.release.as_deref()), (Some("2.3.4"), Some("5.el9")), "{name}");
        assert_eq!((rpm.arch.as_deref(), rpm.licence.as_deref()), (Some("noarch"), Some("MPL-2.0")), "{name}");
        assert_eq!(rpm.summary.as_deref(), Some("A package for exercising basic features of RPM"), "{name}");
        assert_eq!(
            (rpm.is_signed, format!("{:?}", rpm.payload_compression).as_str()),
            (is_signed, compression),
            "{name}"
        );
    }
}
