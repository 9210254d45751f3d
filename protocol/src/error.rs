//! Error codes: one stable word per thing that can go wrong, the same on the wire, in `--json` and in pages.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What kind of trouble a code is. The server turns it into a status, the client into an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request or the command line is malformed.
    Usage,
    /// A manifest, a `dist.json` or an artifact is not valid.
    Invalid,
    /// No credential, or one that may not do this.
    Denied,
    /// The named thing does not exist, or not for this caller.
    NotFound,
    /// The world is not as the request expected it.
    Conflict,
    /// A rule of the app or of the server forbids it.
    Policy,
    /// The server or the network did not answer as it should; trying again later may help.
    Unavailable,
    /// A person stopped it.
    Interrupted,
    /// A defect.
    Unexpected,
}

macro_rules! codes {
    ($($class:ident { $($(#[doc = $doc:literal])+ $variant:ident = $word:literal),+ $(,)? })+) => {
        /// The stable, machine-readable name of an error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ErrorCode { $($($(#[doc = $doc])+ #[serde(rename = $word)] $variant,)+)+ }

        // The derive does not see words that a macro hands on.
        impl utoipa::PartialSchema for ErrorCode {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                crate::platform::words_schema(Self::ALL.iter().map(|code| code.as_str()))
            }
        }

        impl ToSchema for ErrorCode {}

        impl ErrorCode {
            /// Every code, grouped by class.
            pub const ALL: &'static [ErrorCode] = &[$($(ErrorCode::$variant,)+)+];

            /// The word itself, in `snake_case`.
            pub fn as_str(self) -> &'static str {
                match self { $($(ErrorCode::$variant => $word,)+)+ }
            }

            /// What kind of trouble this is.
            pub fn class(self) -> ErrorClass {
                match self { $($(ErrorCode::$variant)|+ => ErrorClass::$class,)+ }
            }

            /// One sentence on when it is given, for the documentation.
            pub fn meaning(self) -> &'static str {
                match self { $($(ErrorCode::$variant => concat!($($doc),+).trim_ascii(),)+)+ }
            }
        }
    };
}

codes! {
    Usage {
        /// The command line or configuration is not complete or contradicts itself.
        Usage = "usage",
        /// The configuration file cannot be read.
        ConfigInvalid = "config_invalid",
        /// The request is not what this route takes.
        RequestInvalid = "request_invalid",
        /// The request body is larger than this route takes.
        BodyTooLarge = "body_too_large",
        /// The route does not take this method.
        MethodNotAllowed = "method_not_allowed",
        /// A revision does not follow the grammar.
        RevisionInvalid = "revision_invalid",
        /// A token scope does not follow the grammar.
        ScopeInvalid = "scope_invalid",
        /// The bytes asked for are not in the object.
        RangeNotSatisfiable = "range_not_satisfiable",
    }
    Invalid {
        /// There is no `dist.json` at the path given.
        ManifestMissing = "manifest_missing",
        /// A manifest is not JSON; the message has line and column.
        ManifestSyntax = "manifest_syntax",
        /// A manifest has a field that is unknown, missing or of the wrong type.
        ManifestField = "manifest_field",
        /// A manifest is larger than 1 MiB.
        ManifestTooLarge = "manifest_too_large",
        /// A release manifest is not in its canonical form (RFC 8785).
        ManifestNotCanonical = "manifest_not_canonical",
        /// A release manifest contradicts itself or the request it came in.
        ManifestInvalid = "manifest_invalid",
        /// An app slug is not valid.
        AppInvalid = "app_invalid",
        /// A version is not valid.
        VersionInvalid = "version_invalid",
        /// A build is not valid.
        BuildInvalid = "build_invalid",
        /// A channel name is not valid.
        ChannelInvalid = "channel_invalid",
        /// A platform is not one that exists.
        PlatformUnknown = "platform_unknown",
        /// A platform is not given and the file does not tell it.
        PlatformMissing = "platform_missing",
        /// A kind is not one that exists.
        KindUnknown = "kind_unknown",
        /// A kind exists for another platform only.
        KindMismatch = "kind_mismatch",
        /// An architecture is not valid.
        ArchInvalid = "arch_invalid",
        /// A file name is not one that every system can hold.
        FilenameInvalid = "filename_invalid",
        /// An artifact's file does not exist.
        ArtifactMissing = "artifact_missing",
        /// An artifact's pattern matches more than one file.
        ArtifactAmbiguous = "artifact_ambiguous",
        /// An artifact's file cannot be read.
        ArtifactUnreadable = "artifact_unreadable",
        /// An artifact's file is larger than the server takes.
        ArtifactTooLarge = "artifact_too_large",
        /// An artifact changed while it was being published.
        ArtifactChanged = "artifact_changed",
        /// Two artifacts have the same platform, architecture, kind and file name.
        ArtifactDuplicate = "artifact_duplicate",
        /// A release has neither artifacts nor links.
        ReleaseEmpty = "release_empty",
        /// An artifact's path leads out of the manifest's folder.
        PathOutside = "path_outside",
        /// A link is not an https URL of a known kind.
        LinkInvalid = "link_invalid",
        /// The release notes cannot be read or are too long.
        NotesInvalid = "notes_invalid",
        /// The bytes received do not have the digest they were announced with.
        DigestMismatch = "digest_mismatch",
        /// The size announced is not the size it is.
        SizeMismatch = "size_mismatch",
        /// A ref update does not belong to the release in the same request.
        UpdateInvalid = "update_invalid",
        /// The parent is not a release of this app.
        ParentUnknown = "parent_unknown",
        /// An artifact is not what the release says, or not the app's.
        ArtifactRefused = "artifact_refused",
        /// The rules of an app are not valid.
        RulesInvalid = "rules_invalid",
        /// The rule of a trusted publisher is not valid.
        PublisherInvalid = "publisher_invalid",
        /// A webhook's address or events are not valid, or the app has too many.
        WebhookInvalid = "webhook_invalid",
        /// The server has no mail server to send mail through.
        MailNotConfigured = "mail_not_configured",
        /// A bundle is cut off, damaged, contradicts itself or is none.
        BundleInvalid = "bundle_invalid",
    }
    Denied {
        /// No credential was sent, or one that is unknown, expired or revoked.
        Unauthenticated = "unauthenticated",
        /// The token may not do this.
        Forbidden = "forbidden",
        /// An identity token is not a JWT, or lacks a claim that every one has.
        OidcTokenInvalid = "oidc_token_invalid",
        /// No trusted publisher of the app has the issuer of the identity token.
        OidcIssuerUnknown = "oidc_issuer_unknown",
        /// An identity token is signed with another algorithm than RS256 and ES256, or not at all.
        OidcAlgorithmRefused = "oidc_algorithm_refused",
        /// The issuer has no such key.
        OidcKeyUnknown = "oidc_key_unknown",
        /// The signature of an identity token is not right.
        OidcSignatureInvalid = "oidc_signature_invalid",
        /// An identity token has expired.
        OidcTokenExpired = "oidc_token_expired",
        /// An identity token is not valid yet.
        OidcTokenEarly = "oidc_token_early",
        /// An identity token is meant for another audience.
        OidcAudienceMismatch = "oidc_audience_mismatch",
        /// The pipeline was started by an event that outsiders can cause, or that is not known to be safe.
        OidcEventRefused = "oidc_event_refused",
        /// The pipeline is of another repository or owner.
        OidcRepositoryMismatch = "oidc_repository_mismatch",
        /// The pipeline is defined by another file.
        OidcWorkflowMismatch = "oidc_workflow_mismatch",
        /// The pipeline runs on another branch or tag.
        OidcRefMismatch = "oidc_ref_mismatch",
        /// The pipeline runs on a branch or tag that is not protected.
        OidcRefUnprotected = "oidc_ref_unprotected",
        /// The job runs in another environment, or in none.
        OidcEnvironmentMismatch = "oidc_environment_mismatch",
        /// Another claim of an identity token is not what the rule says.
        OidcClaimMismatch = "oidc_claim_mismatch",
        /// An identity token has no `jti`, so that its reuse could not be seen.
        OidcIdMissing = "oidc_id_missing",
        /// An identity token was exchanged before.
        OidcTokenReused = "oidc_token_reused",
        /// Too many requests with credentials that do not work came from there; this one does not work either.
        TooManyAttempts = "too_many_attempts",
    }
    NotFound {
        /// There is nothing at this address.
        NotFound = "not_found",
        /// There is no such app.
        AppNotFound = "app_not_found",
        /// There is no such channel.
        ChannelNotFound = "channel_not_found",
        /// No release goes by this revision.
        RevisionUnknown = "revision_unknown",
        /// There is no such object in this app.
        ObjectNotFound = "object_not_found",
        /// There is no report on the object yet, or no icon in it.
        ReportNotFound = "report_not_found",
        /// There is no such link.
        LinkNotFound = "link_not_found",
        /// There is no such token.
        TokenNotFound = "token_not_found",
        /// Retention gave up the artifacts of the release; its manifest and history are kept.
        ReleaseExpired = "release_expired",
        /// The app has no such trusted publisher.
        PublisherNotFound = "publisher_not_found",
        /// The app has no such webhook.
        WebhookNotFound = "webhook_not_found",
        /// The webhook has no such delivery.
        DeliveryNotFound = "delivery_not_found",
    }
    Conflict {
        /// The app exists already.
        AppExists = "app_exists",
        /// The app is a mirror: it changes where it is a mirror of, and not here.
        AppIsMirror = "app_is_mirror",
        /// The release name is taken by other content.
        ReleaseExists = "release_exists",
        /// A ref is not where the request expected it.
        RefMoved = "ref_moved",
        /// A revision names more than one release.
        RevisionAmbiguous = "revision_ambiguous",
        /// The object was not negotiated for this app.
        ObjectNotNegotiated = "object_not_negotiated",
        /// The release needs objects that were not uploaded to this app.
        ObjectMissing = "object_missing",
        /// The upload does not continue where the server has got to.
        UploadOffsetMismatch = "upload_offset_mismatch",
        /// Another request is uploading the same object to the same app.
        UploadInProgress = "upload_in_progress",
        /// The channel has no earlier release to go back to.
        NothingToRollBack = "nothing_to_roll_back",
        /// The release was not on the channel before its current one.
        RollbackTargetInvalid = "rollback_target_invalid",
        /// A channel points at the release that is to be revoked.
        ReleaseLive = "release_live",
        /// The parts that were staged are not those that the release is to have, or do not belong together.
        StageMismatch = "stage_mismatch",
        /// A file that would be overwritten is not one this command wrote.
        FileExists = "file_exists",
        /// The app lacks a release or an object that a bundle builds on and does not hold.
        BundlePrerequisiteMissing = "bundle_prerequisite_missing",
    }
    Policy {
        /// The server would have less free space than its reserve.
        InsufficientStorage = "insufficient_storage",
        /// The channel is only for holders of tokens: links to it are not made.
        LinkNotAllowed = "link_not_allowed",
        /// A gate of the channel keeps the release out.
        GateBlocked = "gate_blocked",
        /// The channel is pinned: it stays where it is until it is unpinned.
        ChannelPinned = "channel_pinned",
        /// The release was revoked: it is not promoted, installed or downloaded any more.
        ReleaseRevoked = "release_revoked",
    }
    Unavailable {
        /// The server cannot be reached.
        ServerUnreachable = "server_unreachable",
        /// The server answered something that is not the protocol.
        ServerAnswerInvalid = "server_answer_invalid",
        /// The server is starting, stopping or overloaded.
        Unavailable = "unavailable",
        /// The issuer of an identity token cannot be asked for its keys.
        OidcIssuerUnavailable = "oidc_issuer_unavailable",
        /// A webhook did not arrive where it was sent.
        WebhookUndelivered = "webhook_undelivered",
        /// The server's copy of the object is damaged or lost; the next push of it, or a repair, brings it back.
        ObjectDamaged = "object_damaged",
        /// The server's disk fails, is read-only, or its database is busy.
        StorageFailed = "storage_failed",
        /// The request took longer than the server waits.
        RequestTimeout = "request_timeout",
    }
    Interrupted {
        /// A person or the system stopped the command.
        Interrupted = "interrupted",
    }
    Unexpected {
        /// A local file or folder cannot be read or written.
        Io = "io",
        /// A defect in the server; the request id finds it in the log.
        Internal = "internal",
        /// The audit chain does not hold: events were edited, removed or reordered.
        AuditChainBroken = "audit_chain_broken",
        /// A check of the store found something that is lost or wrong.
        StoreDamaged = "store_damaged",
        /// `dist doctor` found something wrong on the way to the server.
        DoctorFoundFaults = "doctor_found_faults",
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The body of every error answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What kind of error, stable for scripts.
    pub code: ErrorCode,
    /// What happened, to what, and why.
    pub message: String,
    /// One thing to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Finds this request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Facts for scripts; their shape depends on the code.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Object)]
    pub details: Value,
}

/// One thing that is wrong with a manifest, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem.
    pub code: ErrorCode,
    /// Where: `artifacts[2].platform`, a path, or empty for the whole document.
    pub at: String,
    /// What is wrong.
    pub message: String,
    /// One thing to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(code: ErrorCode, at: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { code, at: at.into(), message: message.to_string(), hint: None }
    }

    /// The same problem with one thing to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.at, self.message) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_spelled_the_same_in_json() {
        let words: HashSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(code.meaning().ends_with('.'), "{code} has no meaning");
        }
    }
}
