//! Which of several files of a platform is the one that someone asks for. Pure.

use protocol::manifest::ArtifactLine;
use protocol::{Arch, Kind, Platform};

/// What is known of the device and of what is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    /// Its processor.
    pub(crate) arch: Option<&'a Arch>,
    /// The package format.
    pub(crate) kind: Option<Kind>,
}

/// The file for a platform: by its package format first, then by its processor. An App Bundle is never one.
pub(crate) fn choose<'a>(
    lines: &'a [ArtifactLine],
    platform: Platform,
    wanted: Wanted<'_>,
) -> Option<&'a ArtifactLine> {
    let fitting = lines.iter().filter(|line| {
        line.platform == platform && line.kind != Kind::Aab && wanted.kind.is_none_or(|kind| kind == line.kind)
    });
    let ranked = fitting.filter_map(|line| Some((kind_rank(platform, line.kind), arch_rank(line, wanted.arch)?, line)));
    ranked.min_by_key(|(kind, arch, _)| (*kind, *arch)).map(|(_, _, line)| line)
}

/// How well a file fits a processor, the smaller the better; `None` for one that does not run on it. Where the processor is
/// not known: a file for all of them, else the one that most devices have.
pub(crate) fn arch_rank(line: &ArtifactLine, arch: Option<&Arch>) -> Option<u8> {
    let is_for_all = is_universal(&line.arch);
    match arch {
        Some(arch) if line.arch == *arch => Some(0),
        Some(arch) => (is_for_all || runs_also(line.platform, arch, &line.arch)).then_some(1),
        None if is_for_all => Some(0),
        None => Some(if line.arch.as_str() == usual_arch(line.platform) { 1 } else { 2 }),
    }
}

/// Whether a file is for every processor.
pub(crate) fn is_universal(arch: &Arch) -> bool {
    matches!(arch.as_str(), "universal" | "any")
}

/// What systems run for other processors: 32-bit code, and Intel code on ARM.
fn runs_also(platform: Platform, device: &Arch, file: &Arch) -> bool {
    matches!(
        (platform, device.as_str(), file.as_str()),
        (Platform::Macos | Platform::Windows, "aarch64", "x86_64")
            | (Platform::Windows, "x86_64" | "aarch64", "x86")
            | (Platform::Android, "aarch64", "armv7")
            | (Platform::Android, "x86_64", "x86")
    )
}

/// The processor of most devices of a platform.
fn usual_arch(platform: Platform) -> &'static str {
    match platform {
        Platform::Ios | Platform::Android | Platform::Macos => "aarch64",
        Platform::Windows | Platform::Linux | Platform::Any => "x86_64",
    }
}

/// Package formats of a platform, the one that most people want first.
pub(crate) fn kind_rank(platform: Platform, kind: Kind) -> usize {
    let order: &[Kind] = match platform {
        Platform::Ios => &[Kind::Ipa],
        Platform::Android => &[Kind::Apk],
        Platform::Macos => &[Kind::Dmg, Kind::Pkg, Kind::AppZip],
        Platform::Windows => &[Kind::Exe, Kind::Msi, Kind::Msix],
        Platform::Linux => &[Kind::Appimage, Kind::Tarball, Kind::Deb, Kind::Rpm],
        Platform::Any => &[],
    };
    let further = [Kind::Zip, Kind::Tarball, Kind::File, Kind::Aab];
    order.iter().chain(&further).position(|known| *known == kind).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> ArtifactLine {
        let parts: Vec<&str> = text.split(' ').collect();
        ArtifactLine {
            platform: parts[0].parse().unwrap(),
            arch: parts[1].parse().unwrap(),
            kind: parts[2].parse().unwrap(),
            filename: "acme".parse().unwrap(),
            size: 1,
            sha256: objstore::Digest::of(text.as_bytes()),
        }
    }

    fn check(files: &[&str], platform: Platform, arch: Option<&str>, expect: Option<&str>) {
        let lines: Vec<ArtifactLine> = files.iter().map(|text| line(text)).collect();
        let arch: Option<Arch> = arch.map(|arch| arch.parse().unwrap());
        let chosen = choose(&lines, platform, Wanted { arch: arch.as_ref(), kind: None });
        let found = chosen.map(|line| format!("{} {} {}", line.platform, line.arch, line.kind));
        assert_eq!(found.as_deref(), expect, "{platform} {arch:?} of {files:?}");
    }

    #[test]
    fn a_device_gets_what_runs_on_it() {
        let apks = ["android universal aab", "android aarch64 apk", "android armv7 apk", "android universal apk"];
        check(&apks, Platform::Android, Some("aarch64"), Some("android aarch64 apk"));
        check(&apks, Platform::Android, Some("x86_64"), Some("android universal apk"));
        check(&apks, Platform::Android, None, Some("android universal apk"));
        check(&apks[1..3], Platform::Android, None, Some("android aarch64 apk"));
        check(&apks[2..3], Platform::Android, Some("aarch64"), Some("android armv7 apk"));
        check(&apks[1..2], Platform::Android, Some("x86_64"), None);
        check(&apks[..1], Platform::Android, None, None);
    }

    #[test]
    fn the_format_that_most_people_want_goes_before_the_processor() {
        let macos = ["macos aarch64 app-zip", "macos universal dmg", "macos x86_64 dmg"];
        check(&macos, Platform::Macos, Some("aarch64"), Some("macos universal dmg"));
        check(&macos, Platform::Macos, Some("x86_64"), Some("macos x86_64 dmg"));
        check(&macos[2..], Platform::Macos, Some("aarch64"), Some("macos x86_64 dmg"));
        check(&["windows x86 exe", "windows x86_64 exe"], Platform::Windows, None, Some("windows x86_64 exe"));
        check(&["linux x86_64 deb", "linux x86_64 tarball"], Platform::Linux, None, Some("linux x86_64 tarball"));
        check(&["linux x86_64 deb"], Platform::Linux, Some("aarch64"), None);
        check(&["any universal file"], Platform::Linux, None, None);
    }
}
