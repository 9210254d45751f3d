//! An Android App Bundle that bundletool makes, against what it dumps.

use crate::snapshots::check_made;
use crate::tools::{Workshop, after, run};
use crate::{details, has_finding, pins, report_of};

/// Turns `ContactManager.apk` into the bundle `acme.aab`.
fn make_bundle(workshop: &Workshop) {
    let apk = pins::fetched("ContactManager.apk");
    workshop.run("aapt2", &format!("convert --output-format proto -o proto.apk {}", apk.display()));
    let mut from = zip::ZipArchive::new(std::fs::File::open(workshop.file("proto.apk")).unwrap()).unwrap();
    let mut to = zip::ZipWriter::new(std::fs::File::create(workshop.file("base.zip")).unwrap());
    for index in 0..from.len() {
        let mut entry = from.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let place = match name.as_str() {
            "AndroidManifest.xml" => format!("manifest/{name}"),
            "classes.dex" => format!("dex/{name}"),
            _ if name.starts_with("META-INF/") => continue,
            _ => name,
        };
        to.start_file(place, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::copy(&mut entry, &mut to).unwrap();
    }
    to.finish().unwrap();
    bundletool(workshop, "build-bundle --modules=base.zip --output=acme.aab");
}

fn bundletool(workshop: &Workshop, arguments: &str) -> String {
    let jar = pins::fetched("bundletool.jar");
    let mut all = vec!["-jar", jar.to_str().unwrap()];
    all.extend(arguments.split(' '));
    run(workshop.folder(), "java", &all)
}

#[test]
fn a_bundle_says_what_bundletool_dumps() {
    let workshop = Workshop::new();
    make_bundle(&workshop);
    let report = report_of(&workshop.file("acme.aab"));
    let aab = details!(report, Aab);
    let manifest = bundletool(&workshop, "dump manifest --bundle=acme.aab");
    let dumped = |name: &str| {
        let value = manifest.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
        Some(value.to_owned())
    };
    assert_eq!(dumped("package").as_deref(), Some("com.example.android.contactmanager"));
    assert_eq!(aab.package, dumped("package"));
    assert_eq!(aab.version_code.map(|code| code.to_string()), dumped("android:versionCode"));
    assert_eq!(aab.version_name, dumped("android:versionName"));
    assert_eq!(aab.min_sdk, dumped("android:minSdkVersion"));
    assert_eq!(aab.target_sdk, dumped("android:targetSdkVersion"));
    let validated = bundletool(&workshop, "validate --bundle=acme.aab");
    assert_eq!(aab.modules, [after(&validated, "Feature module: ").unwrap()]);
    assert!(has_finding(&report, "never-installable"));
    check_made("acme.aab", &report);
}
