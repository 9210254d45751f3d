//! `bundle.json`: what a bundle holds of an app, and what it leaves out.
//!
//! A bundle carries releases to where there is no network. It is an uncompressed tar (GNU tar's headers) with
//! `bundle.json`, `SHA256SUMS` and then every object at `objects/ab/ab12…`, as in a data directory. docs/FORMAT.md describes it.
//! Here is what its description must satisfy; tar and files are no business of this crate.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

use objstore::Digest;
use refs::{AppSlug, ChannelName};
use serde::{Deserialize, Serialize};

use crate::api::{ReleaseRef, WantedObject};
use crate::limits;
use crate::manifest::{ReleaseId, ReleaseManifest};

/// What [`Bundle::schema`] always is.
pub const BUNDLE_SCHEMA: &str = "dist.bundle/1";

/// The first entry of a bundle: its description.
pub const BUNDLE_JSON: &str = "bundle.json";

/// The second entry of a bundle: a line for `sha256sum -c` of every other one.
pub const BUNDLE_SUMS: &str = "SHA256SUMS";

/// What a bundle holds: the content of `bundle.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// `dist.bundle/1`.
    pub schema: String,
    /// The app.
    pub app: AppSlug,
    /// What was asked for, such as `acme@1.0.0..beta`. Nothing depends on it.
    pub selection: String,
    /// The releases in it, each after its parent.
    pub releases: Vec<ReleaseRef>,
    /// The channels that pointed at one of them.
    pub channels: BTreeMap<ChannelName, BundledChannel>,
    /// What is not in it and has to be there before it can be imported.
    pub prerequisites: Prerequisites,
    /// The objects in it, in the order they follow: the manifests in the order of `releases`, then artifacts.
    pub objects: Vec<WantedObject>,
}

/// Where a channel pointed when the bundle was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledChannel {
    /// The release, one of the bundle's.
    pub release: ReleaseId,
    /// Where it was before, newest first, each release once, of at most 500 moves.
    pub was: Vec<ReleaseId>,
}

/// What has to be there already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prerequisites {
    /// Parents of releases in the bundle.
    pub releases: Vec<ReleaseRef>,
    /// Artifacts of those that are also artifacts of releases in the bundle.
    pub objects: Vec<WantedObject>,
}

/// Why a description contradicts itself or the manifests that came with it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CheckBundleError {
    /// It has no release.
    #[error("it holds no release")]
    Empty,
    /// An object or a release is listed twice.
    #[error("{0} is listed twice")]
    Twice(Digest),
    /// An object is larger than any may be.
    #[error("{} has {} bytes, the limit is {limit}", .0.digest, .0.size, limit = limits::ARTIFACT_BYTES)]
    TooLarge(WantedObject),
    /// The objects do not begin with the manifests.
    #[error("the objects do not begin with the manifest of {0}")]
    Order(ReleaseId),
    /// A manifest is of another app or has another name than the description says.
    #[error("the manifest {id} is of {found}, not of {expected}")]
    OtherRelease {
        /// The manifest.
        id: ReleaseId,
        /// App and name that it says.
        found: String,
        /// App and name that the description says.
        expected: String,
    },
    /// A release comes before its parent, and the parent is no prerequisite either.
    #[error("the parent of {release} is {parent}, which is neither before it nor a prerequisite")]
    Parent {
        /// The release.
        release: ReleaseId,
        /// Its parent.
        parent: ReleaseId,
    },
    /// A release has an artifact that is not listed.
    #[error("{digest} of {release} with {size} bytes is neither in it nor a prerequisite")]
    Artifact {
        /// The release.
        release: ReleaseId,
        /// The artifact.
        digest: Digest,
        /// Its size in bytes, as the manifest says.
        size: u64,
    },
    /// An object belongs to no release.
    #[error("{0} belongs to none of its releases")]
    Stray(Digest),
    /// A channel points at a release that is not in the bundle.
    #[error("{channel} points at {release}, which is not in it")]
    Channel {
        /// The channel.
        channel: ChannelName,
        /// Where it points.
        release: ReleaseId,
    },
}

/// Where an object is in a bundle: `objects/ab/ab12…`.
pub fn object_path(digest: &Digest) -> String {
    let text = digest.to_string();
    format!("objects/{}/{text}", &text[..2])
}

impl Bundle {
    /// The content of `SHA256SUMS`, given that of `bundle.json`.
    pub fn sums(&self, json: &[u8]) -> String {
        let mut text = format!("{}  {BUNDLE_JSON}\n", Digest::of(json));
        for object in &self.objects {
            let _ = writeln!(text, "{}  {}", object.digest, object_path(&object.digest));
        }
        text
    }

    /// Checks what can be checked before any object is read.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check_list(&self) -> Result<(), CheckBundleError> {
        if self.releases.is_empty() {
            return Err(CheckBundleError::Empty);
        }
        let mut seen = HashSet::new();
        for object in self.objects.iter().chain(&self.prerequisites.objects) {
            if !seen.insert(object.digest) {
                return Err(CheckBundleError::Twice(object.digest));
            }
            if object.size > limits::ARTIFACT_BYTES {
                return Err(CheckBundleError::TooLarge(*object));
            }
        }
        let mut manifests = self.objects.iter();
        for release in &self.releases {
            let is_next = manifests
                .next()
                .is_some_and(|object| object.digest == release.id && object.size <= limits::MANIFEST_BYTES);
            if !is_next {
                return Err(CheckBundleError::Order(release.id));
            }
        }
        let included: HashSet<ReleaseId> = self.releases.iter().map(|release| release.id).collect();
        match self.channels.iter().find(|(_, at)| !included.contains(&at.release)) {
            Some((channel, at)) => Err(CheckBundleError::Channel { channel: channel.clone(), release: at.release }),
            None => Ok(()),
        }
    }

    /// Checks the description against the manifests, which are in the order of `releases`; [`Bundle::check_list`] went well.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check_manifests(&self, manifests: &[ReleaseManifest]) -> Result<(), CheckBundleError> {
        let known = self.objects.iter().chain(&self.prerequisites.objects);
        let sizes: HashMap<Digest, u64> = known.map(|object| (object.digest, object.size)).collect();
        let mut before: HashSet<ReleaseId> = self.prerequisites.releases.iter().map(|release| release.id).collect();
        let mut named: HashSet<Digest> = self.releases.iter().map(|release| release.id).collect();
        for (release, manifest) in self.releases.iter().zip(manifests) {
            let id = release.id;
            if manifest.app != self.app || manifest.name() != release.name {
                let found = format!("{} {}", manifest.app, manifest.name());
                return Err(CheckBundleError::OtherRelease {
                    id,
                    found,
                    expected: format!("{} {}", self.app, release.name),
                });
            }
            if let Some(parent) = manifest.parent.filter(|parent| !before.contains(parent)) {
                return Err(CheckBundleError::Parent { release: id, parent });
            }
            for line in &manifest.artifacts {
                if sizes.get(&line.sha256) != Some(&line.size) {
                    return Err(CheckBundleError::Artifact { release: id, digest: line.sha256, size: line.size });
                }
                named.insert(line.sha256);
            }
            before.insert(id);
        }
        match self.objects.iter().find(|object| !named.contains(&object.digest)) {
            Some(stray) => Err(CheckBundleError::Stray(stray.digest)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ArtifactLine;
    use crate::manifest::{SCHEMA, Source};

    fn manifest(version: &str, parent: Option<ReleaseId>, content: &[u8]) -> ReleaseManifest {
        ReleaseManifest {
            schema: SCHEMA.to_owned(),
            app: "acme".parse().unwrap(),
            version: version.parse().unwrap(),
            build: None,
            parent,
            created_at: Timestamp::UNIX_EPOCH,
            source: Source::default(),
            notes: None,
            artifacts: vec![ArtifactLine {
                platform: "linux".parse().unwrap(),
                arch: "universal".parse().unwrap(),
                kind: "file".parse().unwrap(),
                filename: "acme".parse().unwrap(),
                size: content.len() as u64,
                sha256: Digest::of(content),
            }],
            links: Vec::new(),
        }
    }

    fn object(bytes: &[u8]) -> WantedObject {
        WantedObject { digest: Digest::of(bytes), size: bytes.len() as u64 }
    }

    /// 1.1.0, whose artifact is there already, and 1.2.0 after it; 1.0.0 is a prerequisite.
    fn bundle() -> (Bundle, Vec<ReleaseManifest>) {
        let base = ReleaseRef { id: Digest::of(b"base"), name: "1.0.0".parse().unwrap() };
        let one = manifest("1.1.0", Some(base.id), b"old");
        let two = manifest("1.2.0", Some(one.id()), b"new");
        let bundle = Bundle {
            schema: BUNDLE_SCHEMA.to_owned(),
            app: "acme".parse().unwrap(),
            selection: "acme@1.0.0..beta".to_owned(),
            releases: [&one, &two].map(|manifest| ReleaseRef { id: manifest.id(), name: manifest.name() }).into(),
            channels: BTreeMap::from([(
                "beta".parse().unwrap(),
                BundledChannel { release: two.id(), was: vec![one.id(), base.id] },
            )]),
            prerequisites: Prerequisites { releases: vec![base], objects: vec![object(b"old")] },
            objects: vec![object(&one.canonical_bytes()), object(&two.canonical_bytes()), object(b"new")],
        };
        (bundle, vec![one, two])
    }

    fn checked(bundle: &Bundle, manifests: &[ReleaseManifest]) -> Result<(), CheckBundleError> {
        bundle.check_list()?;
        bundle.check_manifests(manifests)
    }

    #[test]
    fn a_bundle_that_agrees_with_itself_is_taken_and_read_back() {
        let (bundle, manifests) = bundle();
        assert_eq!(checked(&bundle, &manifests), Ok(()));
        let json = serde_json::to_vec(&bundle).unwrap();
        assert_eq!(serde_json::from_slice::<Bundle>(&json).unwrap(), bundle);
        let sums = bundle.sums(&json);
        assert_eq!(sums.lines().count(), 4);
        assert_eq!(sums.lines().next().unwrap(), format!("{}  bundle.json", Digest::of(&json)));
        let new = Digest::of(b"new").to_string();
        assert_eq!(sums.lines().last().unwrap(), format!("{new}  objects/{}/{new}", &new[..2]));
    }

    #[test]
    fn each_contradiction_has_its_own_name() {
        let check = |change: fn(&mut Bundle, &mut Vec<ReleaseManifest>), expected: &str| {
            let (mut bundle, mut manifests) = bundle();
            change(&mut bundle, &mut manifests);
            let error = checked(&bundle, &manifests).unwrap_err();
            let name = format!("{error:?}");
            assert!(name.starts_with(expected), "{name}");
        };
        check(|bundle, _| bundle.releases.clear(), "Empty");
        check(|bundle, _| bundle.objects.push(object(b"new")), "Twice");
        check(|bundle, _| bundle.prerequisites.objects.push(object(b"new")), "Twice");
        check(|bundle, _| bundle.objects[2].size = u64::MAX, "TooLarge");
        check(|bundle, _| bundle.objects.swap(0, 1), "Order");
        check(|bundle, _| bundle.objects[0].size = limits::MANIFEST_BYTES + 1, "Order");
        check(|bundle, _| bundle.releases.push(bundle.prerequisites.releases[0].clone()), "Order");
        check(|_, manifests| manifests[0].app = "other".parse().unwrap(), "OtherRelease");
        check(|bundle, _| bundle.releases[1].name = "9.9.9".parse().unwrap(), "OtherRelease");
        check(|bundle, _| bundle.prerequisites.releases.clear(), "Parent");
        check(|bundle, _| bundle.prerequisites.objects.clear(), "Artifact");
        check(|bundle, _| bundle.objects[2].size += 1, "Artifact");
        check(|bundle, _| bundle.objects.push(object(b"stowaway")), "Stray");
        check(
            |bundle, _| {
                let base = bundle.prerequisites.releases[0].id;
                bundle.channels.values_mut().for_each(|at| at.release = base);
            },
            "Channel",
        );
    }
}
