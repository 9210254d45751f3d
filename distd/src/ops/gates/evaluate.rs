//! What each gate says. Knows nothing but what it is given.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use inspect::{Signing, Summary};
use jiff::{SignedDuration, Timestamp};
use protocol::api::{GatePass, GateReport, GateResult, Pin, Revocation};
use protocol::compare::{Fact, FactValue, Facts};
use protocol::{AppRules, ChannelName, Digest, FileName, Gate, GateCode, Level, Platform, ReleaseName};

use super::rising::{compare_builds, compare_names};

/// From when on the end of a profile is told.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One release, as far as gates look at it.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) name: ReleaseName,
    /// The platforms of its artifacts and links.
    pub(super) platforms: BTreeSet<Platform>,
    pub(super) artifacts: Vec<Artifact>,
}

/// One artifact, and what inspection found; nothing where it was not inspected.
#[derive(Debug, Clone)]
pub(super) struct Artifact {
    pub(super) platform: Platform,
    pub(super) filename: FileName,
    pub(super) sha256: Digest,
    pub(super) summary: Summary,
    pub(super) facts: Facts,
}

/// How long a release was where it is to have been for a while.
#[derive(Debug, Clone)]
pub(super) struct Soaked {
    pub(super) on: ChannelName,
    pub(super) had: SignedDuration,
    pub(super) needed: SignedDuration,
}

/// A release that is to come onto a channel.
pub(super) struct Case<'a> {
    /// What the channel points at, unless it is this release.
    pub(super) live: Option<&'a Side>,
    pub(super) release: &'a Side,
    pub(super) revoked: Option<&'a Revocation>,
    pub(super) pin: Option<&'a Pin>,
    /// Absent where the channel asks for no time.
    pub(super) soaked: Option<&'a Soaked>,
    pub(super) now: Timestamp,
}

/// What one gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Says {
    /// There is nothing to ask of this release.
    Nothing,
    /// It passes; how clearly, where that can be said.
    Passed(Option<String>),
    /// What is wrong, on which platform.
    Against(Vec<(Option<Platform>, String)>),
}

/// What every gate says, at the levels that the channel has.
pub(super) fn evaluate(rules: &AppRules, channel: &ChannelName, case: &Case<'_>) -> GateReport {
    let mut report = GateReport::default();
    for gate in Gate::ALL {
        match ask(*gate, case) {
            Says::Nothing => {}
            Says::Passed(detail) => report.passed.push(GatePass { word: gate.passed().to_owned(), detail }),
            Says::Against(found) => report.gates.extend(found.into_iter().map(|(platform, message)| {
                let code = GateCode { gate: *gate, platform };
                GateResult { channel: channel.clone(), gate: code, level: rules.gate(channel, code), message }
            })),
        }
    }
    report.gates.retain(|result| result.level != Level::Off);
    report.gates.sort_by_key(|result| result.level);
    report
}

fn ask(gate: Gate, case: &Case<'_>) -> Says {
    match gate {
        Gate::ReleaseRevoked => revoked(case),
        Gate::ChannelPinned => pinned(case),
        Gate::SoakTooShort => soaked(case),
        Gate::BuildNotRising => rising(case),
        Gate::SignerChanged => signer(case),
        Gate::ProfileExpired => profile_expired(case),
        Gate::ProfileExpiring => profile_expiring(case),
        Gate::PlatformAbsent => platforms(case),
        Gate::Unsigned => unsigned(case),
        Gate::Debuggable => debuggable(case),
        Gate::Unstapled => unstapled(case),
        Gate::MinimumOsRaised => minimum_os(case),
        Gate::PermissionsAdded => added(case, Fact::Permissions),
        Gate::EntitlementsAdded => added(case, Fact::Entitlements),
    }
}

/// Against where anything was found, else passed.
fn judge(found: Vec<(Option<Platform>, String)>) -> Says {
    if found.is_empty() { Says::Passed(None) } else { Says::Against(found) }
}

fn against(message: String) -> Says {
    Says::Against(vec![(None, message)])
}

fn revoked(case: &Case<'_>) -> Says {
    let told = |it: &Revocation| against(format!("revoked by {}: {}", it.by, it.reason));
    case.revoked.map_or(Says::Nothing, told)
}

fn pinned(case: &Case<'_>) -> Says {
    let Some(pin) = case.pin else { return Says::Nothing };
    let at = case.live.map(|live| format!(" at {}", live.name)).unwrap_or_default();
    let why = pin.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    against(format!("pinned{at} by {}{why}", pin.by))
}

fn soaked(case: &Case<'_>) -> Says {
    match case.soaked {
        None => Says::Nothing,
        Some(Soaked { on, had, needed }) if had < needed => {
            against(format!("{} on {on}, {} are asked", in_words(*had), in_words(*needed)))
        }
        Some(Soaked { had, .. }) => Says::Passed(Some(in_words(*had))),
    }
}

/// The largest unit of which there are several: `3 days`, `24 hours`, `90 minutes`.
fn in_words(time: SignedDuration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let fits = |(length, _): &&(i64, &str)| seconds >= 2 * length;
    let (length, unit) = units.iter().find(fits).unwrap_or(&(1, "second"));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The version or build of the release, and the builds inside its artifacts that devices compare.
fn rising(case: &Case<'_>) -> Says {
    let Some(live) = case.live else { return Says::Nothing };
    let (to, from) = (&case.release.name, &live.name);
    let is_higher = compare_names(to, from).is_none_or(|order| order == Ordering::Greater);
    let mut found: Vec<_> =
        (!is_higher).then(|| (None, format!("{to} is not above {from}, which is live"))).into_iter().collect();
    for platform in [Platform::Ios, Platform::Android, Platform::Macos] {
        let (new, old) = (case.release.on(platform), live.on(platform));
        let same_bytes = new.iter().any(|artifact| old.iter().any(|other| other.sha256 == artifact.sha256));
        if let (Some(new), Some(old), false) = (highest_build(&new), highest_build(&old), same_bytes)
            && compare_builds(&new, &old).is_some_and(|order| order != Ordering::Greater)
        {
            let what = if platform == Platform::Android { "version code" } else { "build" };
            found.push((Some(platform), format!("{what} {new} is not above {old}, which is live")));
        }
    }
    judge(found)
}

fn highest_build(artifacts: &[&Artifact]) -> Option<String> {
    let builds = artifacts.iter().filter_map(|artifact| artifact.summary.build.clone());
    builds.max_by(|one, other| compare_builds(one, other).unwrap_or(Ordering::Equal))
}

fn signer(case: &Case<'_>) -> Says {
    let Some(live) = case.live else { return Says::Nothing };
    let mut found = Vec::new();
    let mut is_asked = false;
    for platform in case.release.platforms.iter().copied() {
        let (new, old) = (signers(&case.release.on(platform)), signers(&live.on(platform)));
        if new.is_empty() || old.is_empty() {
            continue;
        }
        is_asked = true;
        if new.is_disjoint(&old) {
            found.push((Some(platform), format!("signed by {}, the live one by {}", list(&new), list(&old))));
        }
    }
    if is_asked { judge(found) } else { Says::Nothing }
}

/// Who signed artifacts, as systems compare it: certificates, subjects, Apple's teams.
fn signers(artifacts: &[&Artifact]) -> BTreeSet<String> {
    artifacts.iter().flat_map(|it| it.summary.signers.iter().chain(&it.summary.team_id).cloned()).collect()
}

/// Values in a line, digests by their first digits.
fn list(values: &BTreeSet<String>) -> String {
    let short = |value: &String| match Digest::parse(value) {
        Ok(digest) => digest.short(),
        Err(_) => value.clone(),
    };
    values.iter().map(short).collect::<Vec<_>>().join(", ")
}

/// The profile that ends first, and in which artifact.
fn first_end<'a>(case: &Case<'a>) -> Option<(Timestamp, &'a FileName)> {
    let ends = case.release.artifacts.iter().filter_map(|artifact| {
        let expires = artifact.summary.profile.as_ref()?.expires.as_ref()?;
        Some((expires.parse().ok()?, &artifact.filename))
    });
    ends.min()
}

fn profile_expired(case: &Case<'_>) -> Says {
    match first_end(case) {
        Some((end, file)) if end <= case.now => {
            against(format!("the profile in {file} ended on {}", end.strftime("%Y-%m-%d")))
        }
        _ => Says::Nothing,
    }
}

fn profile_expiring(case: &Case<'_>) -> Says {
    let Some((end, file)) = first_end(case).filter(|(end, _)| *end > case.now) else { return Says::Nothing };
    let left = end.duration_since(case.now);
    if left > SOON {
        return Says::Passed(Some(in_words(SignedDuration::from_hours(left.as_hours() / 24 * 24))));
    }
    against(format!("the profile in {file} ends on {}, in {}", end.strftime("%Y-%m-%d"), in_words(left)))
}

fn platforms(case: &Case<'_>) -> Says {
    let Some(live) = case.live else { return Says::Nothing };
    let absent = live.platforms.difference(&case.release.platforms);
    judge(
        absent
            .map(|platform| (Some(*platform), format!("{} has it, {} does not", live.name, case.release.name)))
            .collect(),
    )
}

fn unsigned(case: &Case<'_>) -> Says {
    let is_wrong = |artifact: &&Artifact| matches!(artifact.summary.signing, Signing::Unsigned | Signing::Invalid);
    let is_signed = |artifact: &&Artifact| artifact.summary.signing == Signing::Signed;
    let mut found = Vec::new();
    for platform in case.release.platforms.iter().copied() {
        let mine = case.release.on(platform);
        let wrong: Vec<&Artifact> = mine.into_iter().filter(|artifact| is_wrong(artifact)).collect();
        if wrong.is_empty() {
            continue;
        }
        let is_live_signed = case.live.is_some_and(|live| live.on(platform).iter().any(&is_signed));
        let tail = if is_live_signed { "; the live one is" } else { "" };
        found.push((Some(platform), format!("not signed, or not by its signature: {}{tail}", names(&wrong))));
    }
    let is_asked = case.release.artifacts.iter().any(|artifact| artifact.summary.signing != Signing::NotApplicable);
    if is_asked { judge(found) } else { Says::Nothing }
}

fn names(artifacts: &[&Artifact]) -> String {
    artifacts.iter().map(|artifact| artifact.filename.as_str()).collect::<Vec<_>>().join(", ")
}

fn debuggable(case: &Case<'_>) -> Says {
    let wrong: Vec<&Artifact> = case.release.artifacts.iter().filter(|artifact| artifact.summary.debuggable).collect();
    if !wrong.is_empty() {
        return against(format!("a debugger may attach to {}", names(&wrong)));
    }
    if case.release.on(Platform::Android).is_empty() { Says::Nothing } else { Says::Passed(None) }
}

fn unstapled(case: &Case<'_>) -> Says {
    let asked = case.release.artifacts.iter().filter(|it| it.summary.signing == Signing::Signed);
    let asked: Vec<&Artifact> = asked.filter(|it| it.summary.stapled.is_some()).collect();
    let wrong: Vec<&Artifact> = asked.iter().copied().filter(|it| it.summary.stapled == Some(false)).collect();
    match (asked.is_empty(), wrong.is_empty()) {
        (true, _) => Says::Nothing,
        (false, true) => Says::Passed(None),
        (false, false) => against(format!("signed, no notarization ticket found: {}", names(&wrong))),
    }
}

fn minimum_os(case: &Case<'_>) -> Says {
    let Some(live) = case.live else { return Says::Nothing };
    let mut found = Vec::new();
    let mut is_asked = false;
    for platform in case.release.platforms.iter().copied() {
        let (Some(new), Some(old)) = (lowest_os(&case.release.on(platform)), lowest_os(&live.on(platform))) else {
            continue;
        };
        is_asked = true;
        if compare_builds(&new, &old) == Some(Ordering::Greater) {
            let what = if platform == Platform::Android { "API level " } else { "" };
            found.push((Some(platform), format!("needs {what}{new}, the live one {what}{old}")));
        }
    }
    if is_asked { judge(found) } else { Says::Nothing }
}

fn lowest_os(artifacts: &[&Artifact]) -> Option<String> {
    let systems = artifacts.iter().filter_map(|artifact| artifact.summary.minimum_os.clone());
    systems.min_by(|one, other| compare_builds(one, other).unwrap_or(Ordering::Equal))
}

/// Values that artifacts have and those of the live release for the same platform have not.
fn added(case: &Case<'_>, fact: Fact) -> Says {
    let Some(live) = case.live else { return Says::Nothing };
    let (mut found, mut is_asked) = (BTreeSet::new(), false);
    for platform in case.release.platforms.iter().copied() {
        if let (Some(new), Some(old)) = (values(&case.release.on(platform), fact), values(&live.on(platform), fact)) {
            is_asked = true;
            found.extend(new.difference(&old).cloned());
        }
    }
    match (is_asked, found.is_empty()) {
        (false, _) => Says::Nothing,
        (true, true) => Says::Passed(None),
        (true, false) => against(list(&found)),
    }
}

/// All values of a fact; `None` where no artifact's format has it.
fn values(artifacts: &[&Artifact], fact: Fact) -> Option<BTreeSet<String>> {
    let known = artifacts.iter().filter_map(|artifact| match artifact.facts.get(&fact) {
        Some(FactValue::Many(values)) => Some(values.clone()),
        _ => None,
    });
    known.reduce(|one, other| &one | &other)
}

impl Side {
    fn on(&self, platform: Platform) -> Vec<&Artifact> {
        self.artifacts.iter().filter(|artifact| artifact.platform == platform).collect()
    }
}

#[cfg(test)]
mod tests;
