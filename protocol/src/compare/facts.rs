//! What an artifact says of itself, and how that differs between two.

use std::collections::{BTreeMap, BTreeSet};

use inspect::apple::{Entitlement, Signature};
use inspect::{Details, Report, Signing, Summary};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::platform::words;

words! {
    /// What may differ between two artifacts besides their bytes, in the order in which it is shown.
    Fact, "fact" {
        /// Version for people, inside the artifact.
        Version = "version",
        /// What counts builds: `CFBundleVersion`, the version code.
        Build = "build",
        /// What the system knows it by.
        Id = "id",
        /// Its name for people.
        Title = "title",
        /// The lowest version of the system that it runs on; on Android the API level.
        MinimumOs = "minimum-os",
        /// The version of the system that it was made for: Android's target API level.
        TargetOs = "target-os",
        /// Processors.
        Architectures = "architectures",
        /// Whether it is signed.
        Signing = "signing",
        /// Who signed it, as it matters for updates: SHA-256 of the certificates on Android, subjects on Windows.
        Signers = "signers",
        /// Apple's team.
        Team = "team",
        /// Subject of the certificate that signed it, on Apple's systems.
        Certificate = "certificate",
        /// Whether a notarization ticket is stapled to it.
        Stapled = "stapled",
        /// Whether a debugger may attach to it.
        Debuggable = "debuggable",
        /// What kind of provisioning profile is inside.
        ProfileKind = "profile-kind",
        /// What the profile is called.
        ProfileName = "profile-name",
        /// When the profile ends, RFC 3339.
        ProfileExpires = "profile-expires",
        /// How many devices the profile lists.
        ProfileDevices = "profile-devices",
        /// Permissions that it asks for: Android's, and capabilities of Windows packages.
        Permissions = "permissions",
        /// Entitlements of its signature, those that are not simply true with their value.
        Entitlements = "entitlements",
        /// Features of a device that it needs.
        RequiredFeatures = "required-features",
        /// Frameworks and libraries inside.
        Frameworks = "frameworks",
        /// App extensions inside, Android's modules, an installer's components.
        Parts = "parts",
        /// Packages that it needs.
        Dependencies = "dependencies",
    }
}

/// The value of one fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactValue {
    /// One value; absent where the artifact does not say.
    One(Option<String>),
    /// Several, in any order.
    Many(BTreeSet<String>),
}

/// Everything that an artifact says of itself.
pub type Facts = BTreeMap<Fact, FactValue>;

/// One fact that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactChange {
    /// Which.
    pub fact: Fact,
    /// How.
    #[serde(flatten)]
    pub change: ValueChange,
}

/// How a fact differs: `added` and `removed` where it has several values, `old` and `new` where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ValueChange {
    /// Of several values.
    Set {
        /// Those that only the newer has.
        added: Vec<String>,
        /// Those that only the older has.
        removed: Vec<String>,
    },
    /// Of one value.
    Value {
        /// On the older side; `null` where it does not say.
        old: Option<String>,
        /// On the newer side; `null` where it does not say.
        new: Option<String>,
    },
}

/// What a report says, in the same words for every format.
pub fn read_facts(report: &Report) -> Facts {
    let mut facts = of_summary(report.summary());
    let set = |values: &[String]| FactValue::Many(values.iter().cloned().collect());
    match &report.details {
        Some(Details::Ipa(ipa)) => {
            of_signature(&mut facts, &ipa.signature);
            facts.insert(Fact::Frameworks, set(&ipa.frameworks));
            facts.insert(Fact::Parts, FactValue::Many(ipa.extensions.iter().map(|it| it.path.clone()).collect()));
            let name = ipa.profile.as_ref().and_then(|profile| profile.name.clone());
            facts.insert(Fact::ProfileName, FactValue::One(name));
        }
        Some(Details::Apk(apk)) => {
            facts.insert(Fact::TargetOs, FactValue::One(apk.target_sdk.clone()));
            facts.insert(Fact::Permissions, set(&apk.permissions));
            let required = apk.features.iter().filter(|feature| feature.required);
            facts.insert(Fact::RequiredFeatures, FactValue::Many(required.map(|it| it.name.clone()).collect()));
        }
        Some(Details::Aab(aab)) => {
            facts.insert(Fact::TargetOs, FactValue::One(aab.target_sdk.clone()));
            facts.insert(Fact::Parts, set(&aab.modules));
        }
        Some(Details::AppZip(app)) => of_signature(&mut facts, &app.signature),
        Some(Details::Dmg(dmg)) => {
            of_signature(&mut facts, dmg.app.as_ref().map_or(&dmg.signature, |app| &app.signature));
        }
        Some(Details::Pkg(pkg)) => {
            let leaf = pkg.certificates.first().map(|certificate| certificate.subject.clone());
            facts.insert(Fact::Certificate, FactValue::One(leaf));
            facts.insert(Fact::Parts, FactValue::Many(pkg.components.iter().map(|it| it.path.clone()).collect()));
        }
        Some(Details::Deb(deb)) => {
            facts.insert(Fact::Dependencies, set(&deb.depends));
        }
        Some(Details::Msix(msix)) => {
            facts.insert(Fact::Permissions, set(&msix.capabilities));
        }
        _ => {}
    }
    facts
}

fn of_summary(summary: Summary) -> Facts {
    let profile = summary.profile.as_ref();
    let kind = profile.and_then(|profile| serde_json::to_value(profile.kind).ok()?.as_str().map(str::to_owned));
    let one = [
        (Fact::Version, summary.version),
        (Fact::Build, summary.build),
        (Fact::Id, summary.id),
        (Fact::Title, summary.title),
        (Fact::MinimumOs, summary.minimum_os),
        (Fact::Signing, (summary.signing != Signing::NotApplicable).then(|| summary.signing.as_str().to_owned())),
        (Fact::Team, summary.team_id),
        (Fact::Stapled, summary.stapled.map(|is_stapled| yes_or_no(is_stapled).to_owned())),
        (Fact::Debuggable, Some(yes_or_no(summary.debuggable).to_owned())),
        (Fact::ProfileKind, kind),
        (Fact::ProfileExpires, profile.and_then(|profile| profile.expires.clone())),
        (Fact::ProfileDevices, profile.map(|profile| profile.devices.to_string())),
    ];
    let many = [(Fact::Architectures, summary.architectures), (Fact::Signers, summary.signers)];
    let one = one.into_iter().map(|(fact, value)| (fact, FactValue::One(value)));
    one.chain(many.into_iter().map(|(fact, values)| (fact, FactValue::Many(values.into_iter().collect())))).collect()
}

fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

fn of_signature(facts: &mut Facts, signature: &Signature) {
    let leaf = signature.certificates.first().map(|certificate| certificate.subject.clone());
    facts.insert(Fact::Certificate, FactValue::One(leaf));
    let entitlements = signature.entitlements.iter().map(|(key, value)| match value {
        Entitlement::Flag(true) => key.clone(),
        other => format!("{key} = {}", serde_json::to_string(other).unwrap_or_default()),
    });
    facts.insert(Fact::Entitlements, FactValue::Many(entitlements.collect()));
}

/// What differs, in the order of [`Fact`]. A fact that one side's format does not have differs from nothing only where the other
/// has a value.
pub fn compare_facts(old: &Facts, new: &Facts) -> Vec<FactChange> {
    let compare = |fact: &Fact| {
        let change = compare_values(old.get(fact), new.get(fact))?;
        Some(FactChange { fact: *fact, change })
    };
    Fact::ALL.iter().filter_map(compare).collect()
}

fn compare_values(old: Option<&FactValue>, new: Option<&FactValue>) -> Option<ValueChange> {
    if matches!(old.or(new)?, FactValue::Many(_)) {
        let values = |value: Option<&FactValue>| match value {
            Some(FactValue::Many(values)) => values.clone(),
            _ => BTreeSet::new(),
        };
        let (old, new) = (values(old), values(new));
        let only = |these: &BTreeSet<String>, others: &BTreeSet<String>| these.difference(others).cloned().collect();
        return (old != new).then(|| ValueChange::Set { added: only(&new, &old), removed: only(&old, &new) });
    }
    let value = |value: Option<&FactValue>| match value {
        Some(FactValue::One(value)) => value.clone(),
        _ => None,
    };
    let (old, new) = (value(old), value(new));
    (old != new).then_some(ValueChange::Value { old, new })
}
