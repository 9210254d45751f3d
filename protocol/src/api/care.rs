//! Care of the store: what checks find, what gc does, and how the server is.

use jiff::Timestamp;
use objstore::Digest;
use refs::AppSlug;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ReleaseId;
use crate::audit_chain::Mark;
use crate::platform::words;

words! {
    /// What a check can find.
    FindingKind, "finding" {
        /// The bytes of an object are not those of its name.
        ObjectDamaged = "object-damaged",
        /// An object does not have the size that a release or its upload says.
        ObjectSize = "object-size",
        /// A release holds an object that is not there.
        ObjectMissing = "object-missing",
        /// An object cannot be read.
        ObjectUnreadable = "object-unreadable",
        /// An object is not read-only for everyone.
        ObjectMode = "object-mode",
        /// A whole object that nothing names; gc deletes it in time.
        ObjectOrphan = "object-orphan",
        /// A manifest is not canonical, not valid, or of another app or name than the ref that points at it.
        Manifest = "manifest",
        /// A ref cannot be read, or points at nothing.
        Ref = "ref",
        /// A reflog has a gap, does not follow from line to line, or does not end where its ref is.
        Reflog = "reflog",
        /// The index does not say what manifests and refs say.
        Index = "index",
        /// The audit chain is broken.
        Audit = "audit",
        /// `SQLite` finds the database damaged.
        Database = "database",
        /// A file or folder that is no part of the store lies among the objects.
        Stray = "stray",
        /// A secret can be read by others on the machine.
        Permissions = "permissions",
    }
}

words! {
    /// How much a finding means.
    FindingLevel, "level" {
        /// Something is lost, wrong or open.
        Error = "error",
        /// Nothing is wrong: it is what a crash or an interrupted push leaves, and goes away by itself.
        Note = "note",
    }
}

/// Something that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = StoreFinding)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How much it means.
    pub level: FindingLevel,
    /// What it is about: a digest, `APP REF`, or a path.
    pub subject: String,
    /// In words.
    pub message: String,
    /// What was done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<String>,
}

/// What a check found in all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckReport {
    /// `dist.fsck/1`.
    pub schema: String,
    /// Whether bytes were read, or sizes and links only.
    pub quick: bool,
    /// Objects looked at.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Refs, lines of reflogs and rows of the index that were looked at.
    pub records: u64,
    /// How long it took.
    pub seconds: f64,
    /// The end of the audit chain: `SEQ:HASH`.
    #[schema(value_type = String)]
    pub audit_head: Mark,
    /// What is wrong, and what is worth a note.
    pub findings: Vec<Finding>,
    /// Whether it was ended before it was through.
    pub interrupted: bool,
}

impl CheckReport {
    /// Whether nothing is wrong that was not repaired.
    pub fn is_clean(&self) -> bool {
        let is_wrong = |finding: &&Finding| finding.level == FindingLevel::Error && finding.repaired.is_none();
        !self.findings.iter().any(|finding| is_wrong(&finding))
    }
}

/// A line of a check that is going on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum CheckEvent {
    /// How far it is.
    Progress {
        /// Objects done.
        objects: u64,
        /// Objects in all.
        of_objects: u64,
        /// Bytes read.
        bytes: u64,
        /// Bytes in all.
        of_bytes: u64,
    },
    /// Something was found.
    Found(Finding),
    /// It is through.
    Done(CheckReport),
    /// It could not go on.
    Failed {
        /// Why.
        message: String,
    },
}

/// What to check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckRequest {
    /// Sizes and links only, no bytes.
    pub quick: bool,
    /// Read no more than so many MiB a second; 0 for no limit.
    pub max_mib_per_second: u64,
}

/// Whether to delete, or to say only what would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GcRequest {
    /// Change nothing.
    pub dry_run: bool,
}

/// An object and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct SizedObject {
    /// The object.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// An upload that nobody went on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AbandonedUpload {
    /// The app that announced it.
    #[schema(value_type = String)]
    pub app: AppSlug,
    /// The object announced.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Bytes that had arrived and were not an object yet.
    pub partial: u64,
}

/// What is left of a copy that distd itself was making: for a repair, or of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftCopy {
    /// Which of its tasks made it.
    pub owner: String,
    /// The object that it was to become.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Bytes that had arrived.
    pub partial: u64,
}

/// A release whose artifacts retention gives up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExpiredRelease {
    /// The app.
    #[schema(value_type = String)]
    pub app: AppSlug,
    /// The release.
    #[schema(value_type = String)]
    pub release: ReleaseId,
    /// Its name.
    pub name: String,
    /// Bytes of its artifacts, also of those that another release holds.
    pub size: u64,
}

/// What gc did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GcReport {
    /// `dist.gc/1`.
    pub schema: String,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Releases that retention gives up.
    pub expired: Vec<ExpiredRelease>,
    /// Uploads that were dropped.
    pub abandoned: Vec<AbandonedUpload>,
    /// Copies of distd's own that were dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_copies: Vec<LeftCopy>,
    /// Objects that nothing names any more, put into the trash.
    pub trashed: Vec<SizedObject>,
    /// Objects that something names again, taken out of the trash.
    #[schema(value_type = Vec<String>)]
    pub restored: Vec<Digest>,
    /// Objects deleted for good: in the trash for longer than the grace period.
    pub deleted: Vec<SizedObject>,
    /// Why nothing was deleted, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

impl GcReport {
    /// Whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        self.expired.is_empty()
            && self.abandoned.is_empty()
            && self.left_copies.is_empty()
            && self.trashed.is_empty()
            && self.restored.is_empty()
            && self.deleted.is_empty()
    }

    /// Bytes that are free afterwards.
    pub fn freed_bytes(&self) -> u64 {
        self.deleted.iter().map(|object| object.size).sum::<u64>()
            + self.abandoned.iter().map(|upload| upload.partial).sum::<u64>()
            + self.left_copies.iter().map(|copy| copy.partial).sum::<u64>()
    }
}

/// How the store is, and when it was last cared for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoreStatus {
    /// `dist.store/1`.
    pub schema: String,
    /// Objects held.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes free on their disk.
    pub free_bytes: u64,
    /// Bytes that stay free: below them, uploads are refused.
    pub reserve_bytes: u64,
    /// Objects in the trash.
    pub trashed: u64,
    /// Objects in quarantine: found damaged and moved aside.
    pub quarantined: u64,
    /// Objects that the disk did not give when the background check last tried.
    #[serde(default)]
    pub unreadable: u64,
    /// How the background check is.
    pub scrub: ScrubStatus,
    /// When a check that was asked for last came to its end, or could not be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub check_at: Option<Timestamp>,
    /// What that check came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<LastCheck>,
    /// When gc last ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub gc_at: Option<Timestamp>,
    /// When a backup was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub backup_at: Option<Timestamp>,
    /// Why that backup is none, or lacks objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_error: Option<String>,
    /// When the last backup was made that lacks nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub whole_backup_at: Option<Timestamp>,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastCheck {
    /// Whether it looked at sizes and links only.
    pub quick: bool,
    /// Whether it was ended before it was through.
    pub interrupted: bool,
    /// Findings that mean something is wrong.
    pub errors: u64,
    /// Why it could not be made, where it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// How the background check is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScrubStatus {
    /// Within how many days every object is read; 0 where it is off.
    pub days: u64,
    /// Objects that were not read within them.
    pub overdue: u64,
    /// The object that was not read for the longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_check: Option<Timestamp>,
}
