//! How a release gets onto a device, and what clients ask about updates.

use jiff::Timestamp;
use objstore::Digest;
use refs::{Build, Version};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ReleaseRef;
use crate::platform::words;
use crate::{Arch, FileName, Kind, Platform};

words! {
    /// How something gets onto a device.
    InstallMode, "install mode" {
        /// Through Apple's TestFlight, by an invitation that `url` leads to.
        Testflight = "testflight",
        /// By a tap on an iPhone or iPad: the profile is for every device that trusts its makers.
        Enterprise = "enterprise",
        /// By a tap on one of the iPhones and iPads that are registered in the build.
        AdHoc = "ad_hoc",
        /// The file itself is opened, unpacked or installed by the person who downloads it.
        Direct = "direct",
        /// A file for its makers and their tools, for holders of a token; nothing that installs.
        ArtifactOnly = "artifact_only",
        /// Nowhere outside the store, or nowhere any more.
        None = "none",
    }
}

words! {
    /// Why something is not installed in a better way.
    InstallReason, "reason" {
        /// The profile is for the App Store: only the store and TestFlight install it.
        StoreProfile = "store_profile",
        /// The profile has ended: the app starts on no device.
        ProfileExpired = "profile_expired",
        /// It has no profile that could be read.
        ProfileMissing = "profile_missing",
        /// The profile's signed message does not hold what it says.
        ProfileUnverified = "profile_unverified",
        /// A build for debugging: developers' tools put it onto the devices that are registered in it.
        DevelopmentProfile = "development_profile",
        /// It is not signed, and devices take no unsigned app.
        Unsigned = "unsigned",
        /// It runs in the simulator only.
        Simulator = "simulator",
        /// The App Store encrypted it for one account.
        Encrypted = "encrypted",
        /// It is for neither iPhones nor iPads.
        OtherDevices = "other_devices",
        /// It does not say who it is.
        Unreadable = "unreadable",
        /// It was not inspected yet.
        NotInspected = "not_inspected",
        /// An App Bundle, which Google Play makes packages of.
        AppBundle = "app_bundle",
    }
}

/// One way in which a release gets onto devices: a file of it, or a TestFlight invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Install {
    /// For which system.
    pub platform: Platform,
    /// How.
    pub mode: InstallMode,
    /// Why not in a better way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<InstallReason>,
    /// The file, by its name; absent for an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub filename: Option<FileName>,
    /// The file, by the SHA-256 of its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub sha256: Option<Digest>,
    /// Where the invitation is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How many devices are registered in the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<u64>,
    /// When it ends: the profile, or 90 days after the release was made for TestFlight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// Whole days until then; 0 on the last one and ever after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_left: Option<u64>,
}

/// What an installed app says of itself when it asks for something newer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UpdateQuery {
    /// The system it runs on.
    pub platform: Platform,
    /// The processor it runs on; a file for all processors unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub arch: Option<Arch>,
    /// The package format to update with; the platform's usual one unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The installed version. Without it the answer is what the channel points at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub version: Option<Version>,
    /// The installed build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub build: Option<Build>,
}

/// Something newer than what is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Update {
    /// The release.
    pub release: ReleaseRef,
    /// Its version.
    #[schema(value_type = String)]
    pub version: Version,
    /// Its build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub build: Option<Build>,
    /// When it was published.
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    /// What is new in it, Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The file to install.
    pub artifact: UpdateArtifact,
}

/// The file of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateArtifact {
    /// Its name.
    #[schema(value_type = String)]
    pub filename: FileName,
    /// Its processor.
    #[schema(value_type = String)]
    pub arch: Arch,
    /// Its package format.
    pub kind: Kind,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes.
    #[schema(value_type = String)]
    pub sha256: Digest,
    /// Where it is: an address where the server knows its own, else a path on the server.
    pub url: String,
}

/// Which days of an app's downloads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DownloadsQuery {
    /// How many days, today (UTC) included: 1 to 366; 30 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 366)]
    pub days: Option<u32>,
}

/// How often the artifacts of an app were downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Downloads {
    /// Newest day first, then by count.
    pub downloads: Vec<DownloadCount>,
}

/// How often one artifact was downloaded on one day. Nothing is kept of who did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DownloadCount {
    /// The day, UTC.
    #[schema(value_type = String, format = Date)]
    pub day: jiff::civil::Date,
    /// The artifact, by the SHA-256 of its bytes.
    #[schema(value_type = String)]
    pub sha256: Digest,
    /// Its name in the newest release that has it.
    #[schema(value_type = String)]
    pub filename: FileName,
    /// The newest release that has it.
    pub release: ReleaseRef,
    /// Downloads that began at the first byte.
    pub count: u64,
}
