//! Apple's formats, against Python's plistlib, openssl and the tools that made them.

use std::path::Path;

use inspect::apple::ProfileKind;
use serde_json::{Value, json};

use crate::snapshots::check_made;
use crate::tools::{RSA_2048, Workshop, run};
use crate::{details, pins, report_of};

/// The `Info.plist` at a path inside of an archive as plistlib reads it, dates and data as text.
fn plist_inside(archive: &Path, path: &str) -> Value {
    const PROGRAM: &str = "import sys, zipfile, plistlib, json\n\
        print(json.dumps(plistlib.loads(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2])), default=str))";
    serde_json::from_str(&run(Path::new("."), "python3", &["-c", PROGRAM, archive.to_str().unwrap(), path])).unwrap()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[test]
fn ios_apps_say_what_plistlib_reads() {
    for pin in pins::of_kinds(&["ipa"]) {
        let report = report_of(&pin.file);
        let ipa = details!(report, Ipa);
        let info = plist_inside(&pin.file, &format!("{}/Info.plist", ipa.app));
        assert_eq!(ipa.bundle_id, text(&info["CFBundleIdentifier"]), "{}", pin.name);
        assert_eq!(ipa.short_version, text(&info["CFBundleShortVersionString"]), "{}", pin.name);
        assert_eq!(ipa.build, text(&info["CFBundleVersion"]), "{}", pin.name);
        // Where the list has none, the executable's is told.
        if let Some(minimum_os) = text(&info["MinimumOSVersion"]) {
            assert_eq!(ipa.minimum_os, Some(minimum_os), "{}", pin.name);
        }
        let name = text(&info["CFBundleDisplayName"]).or_else(|| text(&info["CFBundleName"]));
        assert_eq!(ipa.display_name, name, "{}", pin.name);
        let family = |family: &Value| if *family == 1 { "iphone" } else { "ipad" };
        let families: Vec<&str> = info["UIDeviceFamily"].as_array().into_iter().flatten().map(family).collect();
        assert_eq!(ipa.device_families, families, "{}", pin.name);
    }
}

#[test]
fn mac_apps_say_what_plistlib_reads() {
    for pin in pins::of_kinds(&["app-zip"]) {
        let report = report_of(&pin.file);
        let app = details!(report, AppZip);
        let info = plist_inside(&pin.file, &format!("{}/Contents/Info.plist", app.app));
        assert_eq!(app.bundle_id, text(&info["CFBundleIdentifier"]), "{}", pin.name);
        assert_eq!(app.short_version, text(&info["CFBundleShortVersionString"]), "{}", pin.name);
        assert_eq!(app.build, text(&info["CFBundleVersion"]), "{}", pin.name);
        assert_eq!(app.minimum_macos, text(&info["LSMinimumSystemVersion"]), "{}", pin.name);
    }
}

const MAKE_PROFILE: &str = "import sys, json, plistlib, datetime\n\
    values = json.loads(sys.argv[1])\n\
    values['ExpirationDate'] = datetime.datetime.fromisoformat(values['ExpirationDate'])\n\
    plistlib.dump(values, open('list', 'wb'))";

/// The real app with a profile of these values, which `acme.pem` signed, as `acme.ipa`.
fn make_ipa(workshop: &Workshop, values: &Value) {
    run(workshop.folder(), "python3", &["-c", MAKE_PROFILE, &values.to_string()]);
    workshop.run("openssl", "cms -sign -binary -nodetach -outform DER -in list -out Payload/TestApp.app/embedded.mobileprovision -signer acme.crt -inkey acme.pem");
    workshop.write("acme.ipa", std::fs::read(pins::fetched("TestApp7.1.ipa")).unwrap());
    workshop.run("7z", "a -tzip acme.ipa Payload");
}

#[test]
fn profiles_of_each_kind_say_what_plistlib_reads_of_them() {
    let workshop = Workshop::new();
    workshop.make_key("acme", RSA_2048);
    workshop.write("Payload/TestApp.app/embedded.mobileprovision", "");
    let check = |further: &[(&str, Value)], kind, devices, expires: &str| {
        let mut values = json!({
            "Name": "Acme", "UUID": "0a1b", "TeamName": "Acme Inc.", "TeamIdentifier": ["ABCDE12345"],
            "ExpirationDate": expires,
            "Entitlements": {"application-identifier": "ABCDE12345.*", "get-task-allow": false},
        });
        for (key, value) in further {
            values[*key] = value.clone();
        }
        make_ipa(&workshop, &values);
        let report = report_of(&workshop.file("acme.ipa"));
        let profile = details!(report, Ipa).profile.as_ref().unwrap();
        // openssl takes the list out of the message again, and checks the message.
        workshop.run(
            "openssl",
            "cms -verify -noverify -inform DER -in Payload/TestApp.app/embedded.mobileprovision -out read",
        );
        let read = "import plistlib, json; print(json.dumps(plistlib.load(open('read', 'rb')), default=lambda it: it.isoformat()))";
        let read: Value = serde_json::from_str(&run(workshop.folder(), "python3", &["-c", read])).unwrap();
        assert_eq!((profile.kind, profile.devices, profile.verified), (kind, devices, true));
        check_made(&format!("{kind:?}.ipa").to_lowercase(), &report);
        assert_eq!(profile.expires, read["ExpirationDate"].as_str().map(|date| format!("{date}Z")));
        assert_eq!((profile.name.clone(), profile.uuid.clone()), (text(&read["Name"]), text(&read["UUID"])));
        assert_eq!(
            (profile.team_name.clone(), profile.team_id.clone()),
            (text(&read["TeamName"]), text(&read["TeamIdentifier"][0]))
        );
        assert_eq!(profile.application_id, text(&read["Entitlements"]["application-identifier"]));
    };
    let devices = ("ProvisionedDevices", json!(["one", "two"]));
    let debug = json!({"application-identifier": "ABCDE12345.*", "get-task-allow": true});
    check(&[("ProvisionsAllDevices", json!(true))], ProfileKind::Enterprise, 0, "2035-06-01T10:00:00");
    check(std::slice::from_ref(&devices), ProfileKind::AdHoc, 2, "2020-06-01T10:00:00");
    check(&[devices, ("Entitlements", debug)], ProfileKind::Development, 2, "2035-06-01T10:00:00");
    check(&[], ProfileKind::Store, 0, "2035-06-01T10:00:00");
}

#[test]
fn a_profile_with_another_signature_is_not_believed() {
    let workshop = Workshop::new();
    workshop.make_key("acme", RSA_2048);
    let folder = "Payload/TestApp.app";
    workshop.write(&format!("{folder}/embedded.mobileprovision"), "");
    make_ipa(
        &workshop,
        &json!({"Name": "Acme", "ExpirationDate": "2035-06-01T10:00:00", "ProvisionsAllDevices": true}),
    );
    let mut message = workshop.read(&format!("{folder}/embedded.mobileprovision"));
    // The signature is the last thing in the message.
    *message.last_mut().unwrap() ^= 1;
    workshop.write(&format!("{folder}/embedded.mobileprovision"), &message);
    workshop.run("7z", "a -tzip acme.ipa Payload");
    let report = report_of(&workshop.file("acme.ipa"));
    assert!(!details!(report, Ipa).profile.as_ref().unwrap().verified);
}

#[test]
fn a_flat_package_of_bsdtar_says_what_is_in_it() {
    let workshop = Workshop::new();
    workshop.write(
        "flat/PackageInfo",
        r#"<?xml version="1.0" encoding="utf-8"?>
<pkg-info format-version="2" identifier="com.acme.pkg" version="2.4.1" install-location="/Applications" auth="root">
  <payload numberOfFiles="2" installKBytes="3"/>
</pkg-info>
"#,
    );
    workshop.write("flat/Payload", "not read");
    workshop.run("bsdtar", "--format xar -cf acme.pkg -C flat PackageInfo Payload");
    let report = report_of(&workshop.file("acme.pkg"));
    let pkg = details!(report, Pkg);
    assert_eq!((pkg.id.as_deref(), pkg.version.as_deref()), (Some("com.acme.pkg"), Some("2.4.1")));
    assert_eq!((pkg.install_location.as_deref(), pkg.signed, pkg.stapled), (Some("/Applications"), false, false));
    check_made("acme.pkg", &report);
    let listed = workshop.run("bsdtar", "-tf acme.pkg");
    assert_eq!(listed.lines().collect::<Vec<_>>(), ["PackageInfo", "Payload"]);
    if let Some(entries) = report.entries {
        assert_eq!(entries.count, 2);
    }
}
