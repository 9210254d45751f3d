//! Debian and RPM packages and `AppImages`, against dpkg-deb, rpm, unsquashfs, bsdtar and readelf.

use std::path::Path;

use inspect::compression::Compression;
use inspect::formats::appimage::AppImage;
use inspect::formats::deb::Deb;

use crate::snapshots::check_made;
use crate::tools::{Workshop, after, run};
use crate::{details, pins, report, report_of};

fn check_deb(file: &Path, deb: &Deb) {
    let field = |name: &str| {
        let value = run(Path::new("."), "dpkg-deb", &[Path::new("-f"), file, Path::new(name)]);
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let name = file.display();
    assert_eq!(deb.package, field("Package"), "{name}");
    assert_eq!(deb.version, field("Version"), "{name}");
    assert_eq!(deb.architecture, field("Architecture"), "{name}");
    assert_eq!(deb.maintainer, field("Maintainer"), "{name}");
    assert_eq!(Some(deb.depends.join(", ")).filter(|all| !all.is_empty()), field("Depends"), "{name}");
    assert_eq!(deb.installed_size_kib.map(|size| size.to_string()), field("Installed-Size"), "{name}");
    assert_eq!(deb.section, field("Section"), "{name}");
    assert_eq!(deb.homepage, field("Homepage"), "{name}");
    let description = field("Description").unwrap_or_default();
    assert_eq!(deb.summary.as_deref(), description.lines().next(), "{name}");
}

#[test]
fn debs_say_what_dpkg_prints() {
    for pin in pins::of_kinds(&["deb"]) {
        let report = report_of(&pin.file);
        check_deb(&pin.file, details!(report, Deb));
    }
}

#[test]
fn each_compression_of_a_deb_is_read() {
    let workshop = Workshop::new();
    workshop.write("acme/DEBIAN/control", "Package: acme\nVersion: 2.4-1\nArchitecture: all\nMaintainer: Acme <acme@example.org>\nDepends: libc6 (>= 2.36), adduser | systemd\nDescription: greets\n and says good-bye\n");
    workshop.write("acme/usr/bin/acme", "#!/bin/sh\necho hello\n");
    for (how, compression) in
        [("zstd", Compression::Zstd), ("xz", Compression::Xz), ("gzip", Compression::Gzip), ("none", Compression::None)]
    {
        workshop.run("dpkg-deb", &format!("--root-owner-group -Z{how} -b acme {how}.deb"));
        let report = report_of(&workshop.file(&format!("{how}.deb")));
        let deb = details!(report, Deb);
        check_deb(&workshop.file(&format!("{how}.deb")), deb);
        assert_eq!((deb.control_compression, deb.data_compression), (compression, Some(compression)), "{how}");
        check_made(&format!("{how}.deb"), &report);
    }
}

#[test]
fn rpms_say_what_rpm_prints() {
    const FORMAT: &str = "%{NAME}\\n%{EPOCH}\\n%{VERSION}\\n%{RELEASE}\\n%{ARCH}\\n%{SUMMARY}\\n%{LICENSE}\\n%{VENDOR}\\n%{SOURCERPM}\\n%{LONGSIZE}\\n";
    for pin in pins::of_kinds(&["rpm"]) {
        let report = report_of(&pin.file);
        let rpm = details!(report, Rpm);
        let file = pin.file.to_str().unwrap();
        let printed = run(Path::new("."), "rpm", &["-qp", "--nosignature", "--nodigest", "--qf", FORMAT, file]);
        let size = rpm.installed_size_bytes.map(|size| size.to_string());
        let epoch = rpm.epoch.map(|epoch| epoch.to_string());
        let fields = [
            rpm.name.as_deref(),
            epoch.as_deref(),
            rpm.version.as_deref(),
            rpm.release.as_deref(),
            rpm.arch.as_deref(),
            rpm.summary.as_deref(),
            rpm.licence.as_deref(),
            rpm.vendor.as_deref(),
            rpm.source_package.as_deref(),
            size.as_deref(),
        ];
        let ours: Vec<&str> = fields.iter().map(|field| field.unwrap_or("(none)")).collect();
        assert_eq!(ours, printed.lines().collect::<Vec<_>>(), "{}", pin.name);
        let tags = ["RSAHEADER", "DSAHEADER", "SIGPGP", "SIGGPG"].map(|tag| format!("%{{{tag}:pgpsig}}")).concat();
        let signed = run(Path::new("."), "rpm", &["-qp", "--nosignature", "--nodigest", "--qf", &tags, file]);
        assert_eq!(rpm.is_signed, !signed.replace("(none)", "").is_empty(), "{} {signed}", pin.name);
    }
}

/// A file at the top of the image's file system, as the tool for that file system unpacks it.
fn unpacked(file: &Path, image: &AppImage, name: &str) -> String {
    let file = file.to_str().unwrap();
    if image.image_type == 1 {
        return run(Path::new("."), "bsdtar", &["-xOf", file, name]);
    }
    run(Path::new("."), "unsquashfs", &["-o", &image.file_system_offset.to_string(), "-cat", file, name])
}

#[test]
fn app_images_say_what_their_file_systems_hold() {
    for pin in pins::of_kinds(&["appimage"]) {
        let report = report_of(&pin.file);
        let image = details!(report, Appimage);
        let entry = image.desktop_entry.as_ref().unwrap();
        let text = unpacked(&pin.file, image, &entry.file);
        let value = |key: &str| after(&text, &format!("{key}=")).map(str::to_owned);
        assert_eq!(entry.name, value("Name"), "{}", pin.name);
        assert_eq!(entry.comment, value("Comment"), "{}", pin.name);
        assert_eq!(entry.icon, value("Icon"), "{}", pin.name);
        assert_eq!(entry.version, value("X-AppImage-Version"), "{}", pin.name);
        let section = |name: &str| run(Path::new("."), "readelf", &["-p", name, pin.file.to_str().unwrap()]);
        let updates = image.update_information.as_deref();
        assert_eq!(updates, after(&section(".upd_info"), "[     0]"), "{}", pin.name);
        assert_eq!(image.is_signed, section(".sha256_sig").contains("BEGIN PGP SIGNATURE"), "{}", pin.name);
    }
}

#[test]
fn an_image_of_type_1_is_read_where_bsdtar_compressed_its_files() {
    let workshop = Workshop::new();
    let text = format!("[Desktop Entry]\nName=Acme\nIcon=acme\n{}", "# much that compresses well\n".repeat(3_000));
    workshop.write("top/acme.desktop", &text);
    workshop.write("top/a name that ISO 9660 alone has no room for.txt", "");
    std::os::unix::fs::symlink("acme.desktop", workshop.file("top/.DirIcon")).unwrap();
    workshop.run("bsdtar", "--format iso9660 --options zisofs=direct,rockridge=strict,!joliet -cf acme.iso -C top .");
    let mut bytes = std::fs::read(workshop.file("acme.iso")).unwrap();
    assert!(bytes.windows(8).any(|eight| eight == [0x37, 0xe4, 0x53, 0x96, 0xc9, 0xdb, 0xd6, 0x07]), "not compressed");
    let head = b"\x7fELF\x02\x01\x01\0AI\x01";
    bytes[..head.len()].copy_from_slice(head);
    bytes[18] = 62;

    let report = report(&bytes);
    let image = details!(report, Appimage);
    let entry = image.desktop_entry.as_ref().unwrap();
    assert_eq!((image.image_type, image.architecture.as_str()), (1, "x86_64"));
    assert_eq!((entry.file.as_str(), entry.name.as_deref()), ("acme.desktop", Some("Acme")));
    // The link was followed, to a file that is no icon.
    let why = report.findings.iter().find(|finding| finding.code == "icon-unreadable").unwrap();
    assert!(why.message.contains(".DirIcon is no PNG"), "{why:?}");
}
