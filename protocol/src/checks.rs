//! Does an artifact hold what its release says of it, and is it the app's? The same answer before a push and at the server.

use inspect::{Details, ExecutableKind, Finding, Format, Report, Severity, Summary};
use jiff::{SignedDuration, Timestamp};
use refs::{Build, Version};

use crate::rules::{AppRules, Level, Property};
use crate::{Arch, ArtifactLine, Kind, Platform};

/// The code of the finding of an artifact that could not be read within the limits: nothing is known of it.
pub const NOT_INSPECTED: &str = "not-inspected";

/// From when on the end of a profile is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What a release says of one artifact.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Its line in the manifest.
    pub line: &'a ArtifactLine,
    /// The release's version.
    pub version: &'a Version,
    /// The release's build.
    pub build: Option<&'a Build>,
}

impl Claim<'_> {
    /// What a report says against the claim and the app's rules, and what it found by itself, worst first.
    pub fn check(&self, report: &Report, rules: &AppRules, now: Timestamp) -> Vec<Finding> {
        let mut findings = report.findings.clone();
        if self.line.kind == Kind::File {
            // It claims to be a file and nothing more: what it is not is no error.
            for finding in &mut findings {
                finding.severity = finding.severity.min(Severity::Warning);
            }
        }
        if !findings.iter().any(|finding| finding.code == NOT_INSPECTED) {
            let summary = report.summary();
            findings.extend(self.check_kind(report));
            findings.extend(self.check_platform(report));
            findings.extend(self.check_arch(&summary));
            findings.extend(self.check_versions(&summary, rules));
            findings.extend(self.check_identity(&summary, rules));
            findings.extend(check_profile(&summary, now));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }

    fn check_kind(&self, report: &Report) -> Option<Finding> {
        let (kind, format) = (self.line.kind, report.format);
        let is_zip = matches!(format, Format::Ipa | Format::Apk | Format::Aab | Format::AppZip | Format::Msix);
        let fits = kind == Kind::File || kind.as_str() == format.as_str() || kind == Kind::Zip && is_zip;
        (!fits).then(|| {
            let is = if format == Format::File { "no format known here".to_owned() } else { format!("{format}") };
            error("kind-mismatch", format!("the release says {kind}, the bytes are {is}"))
        })
    }

    /// By the format where it tells, else by the executables inside: one of them at least is for the platform.
    fn check_platform(&self, report: &Report) -> Option<Finding> {
        let declared = self.line.platform;
        if declared == Platform::Any {
            return None;
        }
        let says = |what: String| error("platform-mismatch", format!("the release says {declared}, {what}"));
        if let Some(platform) = report.format.platform() {
            return (platform != declared.as_str()).then(|| says(format!("{} is for {platform}", report.format)));
        }
        let executables = match report.details.as_ref()? {
            Details::Tarball(tarball) => &tarball.executables,
            Details::Zip(zip) => &zip.executables,
            _ => return None,
        };
        let fits = |kind: ExecutableKind| match declared {
            Platform::Linux | Platform::Android => kind == ExecutableKind::Elf,
            Platform::Macos | Platform::Ios => kind == ExecutableKind::MachO,
            Platform::Windows => kind == ExecutableKind::Pe,
            Platform::Any => true,
        };
        let first = executables.first()?;
        (!executables.iter().any(|executable| fits(executable.kind)))
            .then(|| says(format!("none of the executables inside is, such as {}", first.path)))
    }

    fn check_arch(&self, summary: &Summary) -> Option<Finding> {
        let declared = &self.line.arch;
        let is_open = matches!(declared.as_str(), "universal" | "any") || summary.architectures.is_empty();
        let fits = |inside: &String| Arch::from_spelling(inside).is_ok_and(|inside| inside == *declared);
        if is_open || summary.architectures.iter().any(fits) {
            return None;
        }
        let message = format!("the release says {declared}, inside is {}", summary.architectures.join(", "));
        Some(Finding { code: "arch-mismatch".to_owned(), severity: Severity::Warning, message })
    }

    fn check_versions(&self, summary: &Summary, rules: &AppRules) -> Vec<Finding> {
        let severity = match rules.version_mismatch() {
            Level::Block => Severity::Error,
            Level::Warn => Severity::Warning,
            Level::Off => return Vec::new(),
        };
        let finding = |code: &str, message| Finding { code: code.to_owned(), severity, message };
        let (version, build) = (self.version.as_str(), self.build.map(Build::as_str));
        let mut findings = Vec::new();
        if let Some(inside) = summary.version.as_deref().filter(|inside| !versions_agree(inside, version, build)) {
            let message = format!("the release has version {version}, the artifact says {inside}");
            findings.push(finding("version-mismatch", message));
        }
        let counts_builds = matches!(self.line.kind, Kind::Ipa | Kind::Apk | Kind::Aab | Kind::AppZip | Kind::Dmg);
        if let (Some(inside), Some(build), true) = (&summary.build, build, counts_builds)
            && inside != build
        {
            let message = format!("the release has build {build}, the artifact says {inside}");
            findings.push(finding("build-mismatch", message));
        }
        findings
    }

    fn check_identity(&self, summary: &Summary, rules: &AppRules) -> Vec<Finding> {
        let platform = self.line.platform;
        let Some(identity) = rules.identity.get(&platform) else { return Vec::new() };
        let mut findings = Vec::new();
        for (property, allowed) in &identity.0 {
            let values = property.values(summary);
            if !applies(*property, self.line.kind, !values.is_empty())
                || values.iter().any(|value| allowed.contains(value))
            {
                continue;
            }
            let (code, what) = match property {
                Property::Ids => ("id-not-allowed", "id"),
                Property::Teams => ("team-not-allowed", "team"),
                Property::Signers => ("signer-not-allowed", "signer"),
            };
            let said =
                if values.is_empty() { format!("no {what}") } else { format!("the {what} {}", values.join(", ")) };
            let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
            let message = format!("it has {said}; the app's on {platform}: {}", allowed.join(", "));
            findings.push(error(code, message));
        }
        findings
    }
}

/// What can say something about a property at all. An archive of files has no id, an App Bundle no signer that reaches a
/// device; a disk image has the id of its app where that can be read.
fn applies(property: Property, kind: Kind, is_said: bool) -> bool {
    match kind {
        Kind::Ipa | Kind::Apk | Kind::AppZip | Kind::Msix => true,
        Kind::Dmg => is_said || property != Property::Ids,
        Kind::Pkg | Kind::Exe | Kind::Msi => property != Property::Ids,
        Kind::Aab | Kind::Deb | Kind::Rpm => property == Property::Ids,
        Kind::Tarball | Kind::Appimage | Kind::Zip | Kind::File => false,
    }
}

/// Formats write one version in several ways: `v2.4`, `1:2.4.0-1`, `2.4.0.0`, `2.4.0.241`, `2.4.0 (241)`.
fn versions_agree(inside: &str, version: &str, build: Option<&str>) -> bool {
    let inside = inside.trim();
    let inside = inside.strip_prefix(['v', 'V']).unwrap_or(inside);
    let inside = inside.split_once(':').filter(|(epoch, _)| is_number(epoch)).map_or(inside, |(_, rest)| rest);
    let plain = |text: &str| {
        let mut parts: Vec<&str> = text.split('.').collect();
        while parts.last() == Some(&"0") {
            parts.pop();
        }
        parts.join(".")
    };
    let upstream = inside.rsplit_once('-').map_or(inside, |(upstream, _)| upstream);
    let with_build =
        build.map(|build| [format!("{version}.{build}"), format!("{version} ({build})"), format!("{version}+{build}")]);
    plain(inside) == plain(version)
        || plain(upstream) == plain(version)
        || with_build.is_some_and(|spellings| spellings.iter().any(|spelling| inside == spelling))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_profile(summary: &Summary, now: Timestamp) -> Option<Finding> {
    let expires = summary.profile.as_ref()?.expires.as_deref()?;
    let at: Timestamp = expires.parse().ok()?;
    let warning = |code: &str, message| Some(Finding { code: code.to_owned(), severity: Severity::Warning, message });
    if at <= now {
        return warning("profile-expired", format!("its profile ended on {expires}: it installs nowhere any more"));
    }
    if at.duration_since(now) < SOON {
        let days = at.duration_since(now).as_hours() / 24;
        return warning("profile-expires-soon", format!("its profile ends in {days} days, on {expires}"));
    }
    None
}

fn error(code: &str, message: String) -> Finding {
    Finding { code: code.to_owned(), severity: Severity::Error, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    fn line(platform: Platform, kind: Kind) -> ArtifactLine {
        let filename = "a".parse().unwrap();
        ArtifactLine { platform, arch: Arch::universal(), kind, filename, size: 1, sha256: Digest::of(b"a") }
    }

    fn report(format: Format, details: &serde_json::Value) -> Report {
        let json =
            serde_json::json!({"inspector": 1, "format": format, "size_bytes": 1, "details": details, "findings": []});
        serde_json::from_value(json).unwrap()
    }

    fn apk(package: &str, code: u64) -> Report {
        let details = serde_json::json!({"apk": {"package": package, "version_name": "2.4.0", "version_code": code,
            "permissions": [], "features": [], "abis": [], "debuggable": false, "test_only": false, "requires_splits": false,
            "signatures": []}});
        report(Format::Apk, &details)
    }

    fn codes(line: &ArtifactLine, report: &Report, rules: &str) -> Vec<String> {
        let (version, build) = ("2.4.0".parse().unwrap(), "241".parse().unwrap());
        let claim = Claim { line, version: &version, build: Some(&build) };
        let now = "2026-11-22T09:00:00Z".parse().unwrap();
        let rules = serde_json::from_str(rules).unwrap();
        claim.check(report, &rules, now).into_iter().map(|it| format!("{:?} {}", it.severity, it.code)).collect()
    }

    #[test]
    fn bytes_decide_what_an_artifact_is() {
        let android = line(Platform::Android, Kind::Apk);
        assert!(codes(&android, &apk("a", 241), "{}").is_empty());
        assert_eq!(
            codes(&line(Platform::Ios, Kind::Ipa), &apk("a", 241), "{}"),
            ["Error kind-mismatch", "Error platform-mismatch"]
        );
        assert_eq!(codes(&line(Platform::Linux, Kind::File), &apk("a", 241), "{}"), ["Error platform-mismatch"]);
        assert!(codes(&line(Platform::Any, Kind::Zip), &apk("a", 241), "{}").is_empty());
        let text = report(Format::File, &serde_json::Value::Null);
        assert_eq!(codes(&android, &text, "{}"), ["Error kind-mismatch"]);
        assert!(codes(&line(Platform::Linux, Kind::File), &text, "{}").is_empty());
    }

    #[test]
    fn damage_is_an_error_unless_it_is_just_a_file() {
        let mut damaged = apk("a", 241);
        let message = String::new();
        damaged.findings.push(Finding { code: "signature-wrong".to_owned(), severity: Severity::Error, message });
        assert_eq!(codes(&line(Platform::Android, Kind::Apk), &damaged, "{}"), ["Error signature-wrong"]);
        assert_eq!(codes(&line(Platform::Android, Kind::File), &damaged, "{}"), ["Warning signature-wrong"]);
    }

    #[test]
    fn an_archive_is_for_the_platform_of_one_of_its_executables() {
        let executable =
            |path: &str, kind: &str| serde_json::json!({"path": path, "kind": kind, "architectures": ["x86_64"]});
        let zip =
            |list: Vec<serde_json::Value>| report(Format::Zip, &serde_json::json!({"zip": {"executables": list}}));
        let linux = line(Platform::Linux, Kind::Zip);
        assert!(codes(&linux, &zip(vec![executable("a", "pe"), executable("b", "elf")]), "{}").is_empty());
        assert_eq!(codes(&linux, &zip(vec![executable("a", "pe")]), "{}"), ["Error platform-mismatch"]);
        assert!(codes(&linux, &zip(Vec::new()), "{}").is_empty());
    }

    #[test]
    fn the_app_decides_what_another_build_means() {
        let android = line(Platform::Android, Kind::Apk);
        assert_eq!(codes(&android, &apk("a", 1), "{}"), ["Warning build-mismatch"]);
        assert_eq!(codes(&android, &apk("a", 1), r#"{"version_mismatch": "block"}"#), ["Error build-mismatch"]);
        assert!(codes(&android, &apk("a", 1), r#"{"version_mismatch": "off"}"#).is_empty());
    }

    #[test]
    fn a_disk_image_has_the_id_of_its_app_where_that_can_be_read() {
        let rules = r#"{"identity": {"macos": {"ids": ["com.acme.app"]}}}"#;
        let held = |id: Option<&str>| {
            let said = Summary { id: id.map(str::to_owned), ..Summary::default() };
            let (line, version) = (line(Platform::Macos, Kind::Dmg), "2.4.0".parse().unwrap());
            let claim = Claim { line: &line, version: &version, build: None };
            let findings = claim.check_identity(&said, &serde_json::from_str(rules).unwrap());
            findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert!(held(Some("com.acme.app")).is_empty());
        assert_eq!(held(Some("com.other.app")), ["id-not-allowed"]);
        assert!(held(None).is_empty());
    }

    #[test]
    fn an_app_keeps_its_identity() {
        let android = line(Platform::Android, Kind::Apk);
        let rules = r#"{"identity": {"android": {"ids": ["com.acme"], "signers": ["ab"]}, "ios": {"teams": ["T"]}}}"#;
        assert_eq!(codes(&android, &apk("com.acme", 241), rules), ["Error signer-not-allowed"]);
        assert_eq!(codes(&android, &apk("com.evil", 241), rules), ["Error id-not-allowed", "Error signer-not-allowed"]);
    }

    #[test]
    fn nothing_is_held_against_what_could_not_be_read() {
        let mut unread = report(Format::File, &serde_json::Value::Null);
        unread.findings.push(Finding {
            code: NOT_INSPECTED.to_owned(),
            severity: Severity::Warning,
            message: String::new(),
        });
        assert_eq!(codes(&line(Platform::Ios, Kind::Ipa), &unread, "{}"), ["Warning not-inspected"]);
    }

    #[test]
    fn a_version_has_several_spellings() {
        let check =
            |inside: &str, expect: bool| assert_eq!(versions_agree(inside, "2.4.0", Some("241")), expect, "{inside}");
        for same in [
            "2.4.0",
            "2.4",
            " 2.4.0 ",
            "v2.4.0",
            "1:2.4.0-1",
            "2.4.0-1ubuntu1",
            "2.4.0.0",
            "2.4.0.241",
            "2.4.0 (241)",
            "2.4.0+241",
        ] {
            check(same, true);
        }
        for other in ["2.4.1", "2.4.0.242", "12.4.0", "", "2.4.0rc1"] {
            check(other, false);
        }
    }
}
