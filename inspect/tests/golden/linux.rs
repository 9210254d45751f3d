//! Debian and RPM packages, against dpkg-deb and rpm.

use std::path::Path;

use inspect::compression::Compression;
use inspect::formats::deb::Deb;

use crate::snapshots::check_made;
use crate::tools::{Workshop, run};
use crate::{details, pins, report_of};

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
