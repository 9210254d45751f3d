//! What can go wrong with an operation, by meaning. `http` decides what each looks like on the wire.

use inspect::Severity;
use objstore::Digest;
use protocol::api::{ArtifactReport, GateResult, Pin, ReflogLine, ReleaseRef, Revocation, WantedObject};
use protocol::manifest::{Difference, ReadManifestError};
use protocol::revision::ParseRevisionError;
use protocol::{AppSlug, ChannelName, Level, PartName, RefName, ReleaseId, ReleaseName, Revision, ServerUrl};
use refs::sqlite::ReadError;

use crate::db::DbError;
use crate::oidc::{IssuerError, Refusal};

/// What the system says of a disk that fails; the same number on every system that this runs on.
const EIO: i32 = 5;

/// Why an operation was refused or failed. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// The request contradicts itself or a limit.
    #[error("{0}")]
    RequestInvalid(String),
    /// No credential that works.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// No credential that works, after too many that did not.
    #[error("too many requests with credentials that do not work; this one does not work either")]
    TooManyAttempts {
        /// Until a failure is told as such again.
        seconds: u64,
    },
    /// The token may not do this.
    #[error("{actor} may not do this: it needs the scope {needed}")]
    Forbidden {
        /// Who asked.
        actor: String,
        /// The narrowest scope that would do.
        needed: String,
    },
    /// No such app.
    #[error("there is no app {0}")]
    AppNotFound(AppSlug),
    /// The slug is taken.
    #[error("the app {0} exists already")]
    AppExists(AppSlug),
    /// The app is a copy of that of another server, where it changes.
    #[error("{app} is a mirror: it is kept equal to {app} at {of}")]
    AppIsMirror {
        /// The app.
        app: AppSlug,
        /// The other server.
        of: ServerUrl,
    },
    /// No such channel.
    #[error("{app} has no channel {channel}")]
    ChannelNotFound {
        /// The app.
        app: AppSlug,
        /// The channel asked for.
        channel: ChannelName,
        /// Channels that exist, likeliest first.
        candidates: Vec<String>,
    },
    /// The text follows no grammar for revisions.
    #[error(transparent)]
    RevisionInvalid(#[from] ParseRevisionError),
    /// No release goes by this revision.
    #[error("{app}@{revision} names no release: {why}")]
    RevisionUnknown {
        /// The app.
        app: AppSlug,
        /// The revision asked for.
        revision: Revision,
        /// Which part of it leads nowhere.
        why: String,
        /// Revisions that exist, likeliest first.
        candidates: Vec<String>,
    },
    /// Several releases go by this revision.
    #[error("{app}@{revision} names {count} releases or more", count = candidates.len())]
    RevisionAmbiguous {
        /// The app.
        app: AppSlug,
        /// The revision asked for.
        revision: Revision,
        /// Some of the releases.
        candidates: Vec<ReleaseRef>,
    },
    /// The app holds no such object.
    #[error("{app} has no object {digest}")]
    ObjectNotFound {
        /// The app.
        app: AppSlug,
        /// The object asked for.
        digest: Digest,
    },
    /// A release has no such file.
    #[error("{app} {release} has no {what}")]
    FileNotFound {
        /// The app.
        app: AppSlug,
        /// The release.
        release: ReleaseName,
        /// What was asked for, in words.
        what: String,
    },
    /// The app never announced this object.
    #[error("{digest} was not negotiated for {app}")]
    ObjectNotNegotiated {
        /// The app.
        app: AppSlug,
        /// The object sent.
        digest: Digest,
    },
    /// A release needs objects that this app does not hold.
    #[error("the release needs objects that were not uploaded to {app}: {count}", count = objects.len())]
    ObjectMissing {
        /// The app.
        app: AppSlug,
        /// What is missing.
        objects: Vec<WantedObject>,
    },
    /// The upload does not continue where the server has got to.
    #[error("the server has {actual} bytes of {digest}, the request begins at {given}")]
    UploadOffsetMismatch {
        /// The object.
        digest: Digest,
        /// Where the request begins.
        given: u64,
        /// Where it would have to begin.
        actual: u64,
    },
    /// Another request is uploading this object.
    #[error("another request is uploading {0} right now")]
    UploadInProgress(Digest),
    /// The bytes are not what they were announced as. They were dropped.
    #[error("the bytes sent as {expected} have the SHA-256 {actual}")]
    DigestMismatch {
        /// As announced.
        expected: Digest,
        /// As received.
        actual: Digest,
    },
    /// The size is not what was announced.
    #[error("{digest} was announced with {announced} bytes, {actual} were sent")]
    SizeMismatch {
        /// The object.
        digest: Digest,
        /// As announced.
        announced: u64,
        /// As received.
        actual: u64,
    },
    /// The disk would be fuller than allowed.
    #[error("the server has {available} bytes free and keeps {reserve} in reserve; {needed} more do not fit")]
    NoSpace {
        /// Bytes that were to be written.
        needed: u64,
        /// Bytes free.
        available: u64,
        /// Bytes that stay free.
        reserve: u64,
    },
    /// The client stopped sending.
    #[error("no byte of {0} arrived for too long; what arrived is kept")]
    UploadStalled(Digest),
    /// The client went away in the middle.
    #[error("the connection ended in the middle of {0}; what arrived is kept")]
    UploadCut(Digest),
    /// The release manifest is not valid.
    #[error(transparent)]
    Manifest(#[from] ReadManifestError),
    /// A ref update does not belong to the release.
    #[error("{0}")]
    UpdateInvalid(String),
    /// The parent is not a release of this app.
    #[error("the parent {parent} is not a release of {app}")]
    ParentUnknown {
        /// The app.
        app: AppSlug,
        /// The parent named.
        parent: ReleaseId,
    },
    /// Artifacts are not what the release says, or not the app's.
    #[error("{name} is not published: {why}", why = errors_of(reports))]
    ArtifactRefused {
        /// The release.
        name: ReleaseName,
        /// What was found in each artifact.
        reports: Vec<ArtifactReport>,
    },
    /// A gate keeps the release out of a channel.
    #[error("{app} {channel}: {why}", why = blocks_of(results))]
    GateBlocked {
        /// The app.
        app: AppSlug,
        /// The channel.
        channel: ChannelName,
        /// What every gate says.
        results: Vec<GateResult>,
    },
    /// The channel is pinned.
    #[error("{app} {channel} is pinned{at}: {by}", at = at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default(), by = who_and_why(&pin.by, pin.reason.as_deref()))]
    ChannelPinned {
        /// The app.
        app: AppSlug,
        /// The channel.
        channel: ChannelName,
        /// Where it is.
        at: Option<ReleaseName>,
        /// Since when, by whom and why.
        pin: Pin,
        /// What every gate says.
        results: Vec<GateResult>,
    },
    /// The release was withdrawn.
    #[error("{app} {what} was revoked: {by}", by = who_and_why(&revocation.by, Some(&revocation.reason)))]
    ReleaseRevoked {
        /// The app.
        app: AppSlug,
        /// The release by name, or an artifact of it by digest.
        what: String,
        /// Since when, by whom and why.
        revocation: Revocation,
    },
    /// Channels point at the release that is to be withdrawn.
    #[error("{app} {release} is live: {names} points at it", names = join(channels))]
    ReleaseLive {
        /// The app.
        app: AppSlug,
        /// The release.
        release: ReleaseName,
        /// The channels.
        channels: Vec<ChannelName>,
    },
    /// The parts that are staged do not make the release.
    #[error("{app} {release} is not published: {why}")]
    StageMismatch {
        /// The app.
        app: AppSlug,
        /// The release.
        release: ReleaseName,
        /// What does not fit.
        why: String,
        /// The parts that are there.
        staged: Vec<PartName>,
        /// The parts that are missing.
        missing: Vec<PartName>,
    },
    /// The rules are not valid.
    #[error("{0}")]
    RulesInvalid(String),
    /// There is no report on the object, or no icon in it.
    #[error("there is no report on {0}")]
    ReportNotFound(Digest),
    /// The name is taken by other content.
    #[error("{app} {name} is published already with other content")]
    ReleaseExists {
        /// The app.
        app: AppSlug,
        /// The name.
        name: ReleaseName,
        /// The release that has it.
        existing: ReleaseId,
        /// What the new one has differently.
        difference: Difference,
    },
    /// A ref is not where the request expected it.
    #[error("{name} of {app} is at {place}, not where it was expected{mover}", place = at_place(actual.as_ref()), mover = mover(last.as_deref()))]
    RefMoved {
        /// The app.
        app: AppSlug,
        /// The ref.
        name: RefName,
        /// Where it is.
        actual: Option<ReleaseId>,
        /// The move that brought it there.
        last: Option<Box<ReflogLine>>,
    },
    /// There is nothing to go back to.
    #[error("{app} {channel} has no earlier release to go back to")]
    NothingToRollBack {
        /// The app.
        app: AppSlug,
        /// The channel.
        channel: ChannelName,
    },
    /// The release is not one that the channel can go back to.
    #[error("{app} {channel} cannot go back to {release}: it was not on the channel before the current release")]
    RollbackTargetInvalid {
        /// The app.
        app: AppSlug,
        /// The channel.
        channel: ChannelName,
        /// The release asked for.
        release: ReleaseName,
    },
    /// There is no such link in the app.
    #[error("there is no link {0}")]
    LinkNotFound(String),
    /// Links to the channel are not made.
    #[error("{app} {channel} is for holders of tokens only")]
    LinkNotAllowed {
        /// The app.
        app: AppSlug,
        /// The channel.
        channel: ChannelName,
    },
    /// The text of a link that does not work, for whatever reason: its holder learns no more.
    #[error("this link does not work")]
    LinkInvalid,
    /// No such token.
    #[error("there is no token {0}")]
    TokenNotFound(String),
    /// A pipeline's identity token is refused.
    #[error(transparent)]
    IdentityRefused(#[from] Refusal),
    /// The issuer of an identity token cannot be asked for its keys.
    #[error("the issuer's keys are not to be had: {0}")]
    IssuerUnavailable(IssuerError),
    /// The rule of a trusted publisher is not valid.
    #[error("{0}")]
    PublisherInvalid(String),
    /// No such trusted publisher.
    #[error("{app} has no trusted publisher {id}")]
    PublisherNotFound {
        /// The app.
        app: AppSlug,
        /// The publisher asked for.
        id: String,
    },
    /// A webhook cannot be made like this.
    #[error("{0}")]
    WebhookInvalid(String),
    /// A webhook is to be a mail, and there is nothing to send it through.
    #[error("this server sends no mail")]
    MailNotConfigured,
    /// No such webhook.
    #[error("{app} has no webhook {id}")]
    WebhookNotFound {
        /// The app.
        app: AppSlug,
        /// The webhook asked for.
        id: String,
    },
    /// No such delivery.
    #[error("the webhook {id} has no delivery {delivery}")]
    DeliveryNotFound {
        /// The webhook.
        id: String,
        /// The delivery asked for.
        delivery: u64,
    },
    /// The bytes of an object are not what was written, or are gone. Nothing of them was handed out.
    #[error("the server's copy of {digest} is damaged or lost")]
    ObjectDamaged {
        /// The object.
        digest: Digest,
    },
    /// Retention gave up the artifacts of a release.
    #[error("the artifacts of {app} {release} were given up by the app's retention")]
    ReleaseExpired {
        /// The app.
        app: AppSlug,
        /// The release.
        release: ReleaseName,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The object store failed.
    #[error("{what}: {source}")]
    Storage {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// `ana: crashes on start`
fn who_and_why(by: &str, reason: Option<&str>) -> String {
    reason.map_or_else(|| format!("by {by}"), |reason| format!("{reason} ({by})"))
}

fn join(names: &[ChannelName]) -> String {
    names.iter().map(ChannelName::as_str).collect::<Vec<_>>().join(", ")
}

fn at_place(id: Option<&ReleaseId>) -> String {
    id.map_or_else(|| "nothing yet".to_owned(), Digest::short)
}

/// `: ana moved it there from 2.3.9+238 by promote at …`
fn mover(last: Option<&ReflogLine>) -> String {
    let Some(last) = last else { return String::new() };
    let name =
        |release: &Option<ReleaseRef>| release.as_ref().map_or_else(|| "nothing".to_owned(), |it| it.name.to_string());
    let (from, to, at) = (name(&last.old), name(&last.new), last.at.strftime("%Y-%m-%dT%H:%M:%SZ"));
    format!(": {} moved it from {from} to {to} ({}) at {at}", last.actor, last.action)
}

/// `acme.apk: it has no signer; …`, the errors only.
fn errors_of(reports: &[ArtifactReport]) -> String {
    let errors = reports.iter().flat_map(|report| {
        let of_one = report.findings.iter().filter(|finding| finding.severity == Severity::Error);
        of_one.map(|finding| format!("{}: {} ({})", report.filename, finding.message, finding.code))
    });
    errors.collect::<Vec<_>>().join("; ")
}

fn blocks_of(results: &[GateResult]) -> String {
    let blocks = results.iter().filter(|result| result.level == Level::Block);
    blocks.map(|result| format!("{} ({})", result.message, result.gate)).collect::<Vec<_>>().join("; ")
}

impl OpError {
    /// Whether the cause is a full disk.
    pub(crate) fn is_disk_full(&self) -> bool {
        std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source()).any(|error| {
            let of_sqlite = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
            let of_system = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            of_sqlite == Some(rusqlite::ErrorCode::DiskFull) || of_system == Some(std::io::ErrorKind::StorageFull)
        })
    }

    /// What the disk or the database does not do right now, in words; `None` where the cause is another.
    pub(crate) fn storage_trouble(&self) -> Option<&'static str> {
        std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source()).find_map(|error| {
            use rusqlite::ErrorCode;
            let of_sqlite = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
            let of_system = error.downcast_ref::<std::io::Error>();
            match (of_sqlite, of_system.map(std::io::Error::kind), of_system.and_then(std::io::Error::raw_os_error)) {
                (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), ..) => {
                    Some("the server's database is busy")
                }
                (Some(ErrorCode::ReadOnly), ..) | (_, Some(std::io::ErrorKind::ReadOnlyFilesystem), _) => {
                    Some("the server's disk is read-only")
                }
                (Some(ErrorCode::SystemIoFailure), ..) | (_, _, Some(EIO)) => Some("the server's disk fails"),
                (Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase), ..) => {
                    Some("the server's database is damaged")
                }
                _ => None,
            }
        })
    }

    /// A failure of the object store.
    pub(crate) fn storage(what: &'static str) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Self {
        move |source| Self::Storage { what, source }
    }
}

impl From<rusqlite::Error> for OpError {
    fn from(error: rusqlite::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<ReadError> for OpError {
    fn from(error: ReadError) -> Self {
        DbError::from(error).into()
    }
}

impl From<std::io::Error> for OpError {
    fn from(error: std::io::Error) -> Self {
        Self::Storage { what: "reading the object store", source: error.into() }
    }
}
