//! What each error looks like on the wire. The only place that knows.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::manifest::ReadManifestError;
use protocol::{Digest, ErrorBody, ErrorCode};
use serde_json::{Value, json};

use crate::ops::OpError;

/// How far an upload has got (draft-ietf-httpbis-resumable-upload).
pub(crate) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// An error on its way to the client. The response carries its body as an extension; the outermost layer adds the request
/// id and writes it.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    body: ErrorBody,
    header: Option<(HeaderName, HeaderValue)>,
    refused: Option<Refused>,
    damaged: Option<Damaged>,
}

/// An answer that failed on the bytes of an object, as an extension of the response: they are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Damaged(pub(crate) Digest);

/// An answer that keeps someone out, as an extension of the response: what the audit log is told of it.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    /// What the answer says.
    pub(crate) code: ErrorCode,
    /// The scope that would have done.
    pub(crate) needed: Option<String>,
    /// What was presented in a form instead of a header.
    pub(crate) in_form: Option<String>,
}

impl Refused {
    /// What an error is to the audit log; `None` for one that keeps nobody out.
    pub(crate) fn of(error: &OpError) -> Option<Self> {
        let needed = match error {
            OpError::Forbidden { needed, .. } => Some(needed.clone()),
            OpError::Unauthenticated(_) | OpError::TooManyAttempts { .. } => None,
            _ => return None,
        };
        Some(Self { code: classify(error).1, needed, in_form: None })
    }
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        let body = ErrorBody { code, message: message.into(), hint: None, request_id: None, details: Value::Null };
        Self { status, body, header: None, refused: None, damaged: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    fn details(mut self, details: Value) -> Self {
        self.body.details = details;
        self
    }

    fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}

/// What an error says, for a page that says it in its own way.
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) body: ErrorBody,
    refused: Option<Refused>,
    damaged: Option<Damaged>,
}

impl Told {
    /// Leaves on the answer what the outermost layer looks for.
    pub(crate) fn mark(self, response: &mut Response) {
        *response.status_mut() = self.status;
        if let Some(damaged) = self.damaged {
            response.extensions_mut().insert(damaged);
        }
        if let Some(refused) = self.refused {
            response.extensions_mut().insert(refused);
        }
    }
}

impl From<OpError> for Told {
    fn from(error: OpError) -> Self {
        let ApiError { status, body, refused, damaged, .. } = ApiError::from(error);
        Self { status, body, refused, damaged }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(self.body);
        if let Some(damaged) = self.damaged {
            response.extensions_mut().insert(damaged);
        }
        if let Some(refused) = self.refused {
            response.extensions_mut().insert(refused);
        }
        response
    }
}

impl From<OpError> for ApiError {
    fn from(error: OpError) -> Self {
        if matches!(error, OpError::Database(_) | OpError::Storage { .. }) {
            return internal(&error);
        }
        let (status, code) = classify(&error);
        let mut answer = Self::new(status, code, error.to_string());
        answer.refused = Refused::of(&error);
        if let OpError::ObjectDamaged { digest } = error {
            answer.damaged = Some(Damaged(digest));
        }
        if let Some(hint) = hint(&error) {
            answer = answer.hint(hint);
        }
        match &error {
            OpError::Unauthenticated(_) => {
                let challenge = HeaderValue::from_static("Bearer realm=\"dist\"");
                answer = answer.header(header::WWW_AUTHENTICATE, challenge);
            }
            OpError::TooManyAttempts { seconds } => {
                answer = answer.header(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            OpError::UploadOffsetMismatch { actual, .. } => {
                answer = answer.header(UPLOAD_OFFSET, HeaderValue::from(*actual));
            }
            _ => {}
        }
        answer.details(details(error))
    }
}

/// What failed inside stays inside; the request id finds it in the log.
fn internal(error: &OpError) -> ApiError {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let chain: Vec<String> = chain.map(ToString::to_string).collect();
    tracing::error!(error = chain.join(": "), "operation failed");
    if error.is_disk_full() {
        let message = "the server's disk is full";
        return ApiError::new(StatusCode::INSUFFICIENT_STORAGE, ErrorCode::InsufficientStorage, message)
            .hint("free space on the server; the upload continues where it stopped");
    }
    if let Some(trouble) = error.storage_trouble() {
        return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::StorageFailed, trouble)
            .hint("whoever runs the server finds the cause in its log; nothing was changed");
    }
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, "the server could not do this")
        .hint("the request id finds the cause in the server's log")
}

fn classify(error: &OpError) -> (StatusCode, ErrorCode) {
    use ErrorCode as Code;
    use StatusCode as Status;
    match error {
        OpError::RequestInvalid(_) => (Status::BAD_REQUEST, Code::RequestInvalid),
        OpError::RevisionInvalid(_) => (Status::BAD_REQUEST, Code::RevisionInvalid),
        OpError::Unauthenticated(_) => (Status::UNAUTHORIZED, Code::Unauthenticated),
        OpError::TooManyAttempts { .. } => (Status::TOO_MANY_REQUESTS, Code::TooManyAttempts),
        OpError::Forbidden { .. } => (Status::FORBIDDEN, Code::Forbidden),
        OpError::AppNotFound(_) => (Status::NOT_FOUND, Code::AppNotFound),
        OpError::ChannelNotFound { .. } => (Status::NOT_FOUND, Code::ChannelNotFound),
        OpError::RevisionUnknown { .. } => (Status::NOT_FOUND, Code::RevisionUnknown),
        OpError::ObjectNotFound { .. } | OpError::FileNotFound { .. } => (Status::NOT_FOUND, Code::ObjectNotFound),
        OpError::TokenNotFound(_) => (Status::NOT_FOUND, Code::TokenNotFound),
        OpError::LinkNotFound(_) | OpError::LinkInvalid => (Status::NOT_FOUND, Code::LinkNotFound),
        OpError::LinkNotAllowed { .. } => (Status::FORBIDDEN, Code::LinkNotAllowed),
        OpError::ReportNotFound(_) => (Status::NOT_FOUND, Code::ReportNotFound),
        OpError::AppExists(_) => (Status::CONFLICT, Code::AppExists),
        OpError::AppIsMirror { .. } => (Status::CONFLICT, Code::AppIsMirror),
        OpError::RevisionAmbiguous { .. } => (Status::CONFLICT, Code::RevisionAmbiguous),
        OpError::ObjectNotNegotiated { .. } => (Status::CONFLICT, Code::ObjectNotNegotiated),
        OpError::ObjectMissing { .. } => (Status::CONFLICT, Code::ObjectMissing),
        OpError::UploadOffsetMismatch { .. } => (Status::CONFLICT, Code::UploadOffsetMismatch),
        OpError::UploadInProgress(_) => (Status::CONFLICT, Code::UploadInProgress),
        OpError::ReleaseExists { .. } => (Status::CONFLICT, Code::ReleaseExists),
        OpError::RefMoved { .. } => (Status::CONFLICT, Code::RefMoved),
        OpError::NothingToRollBack { .. } => (Status::CONFLICT, Code::NothingToRollBack),
        OpError::RollbackTargetInvalid { .. } => (Status::CONFLICT, Code::RollbackTargetInvalid),
        OpError::DigestMismatch { .. } => (Status::UNPROCESSABLE_ENTITY, Code::DigestMismatch),
        OpError::SizeMismatch { .. } => (Status::UNPROCESSABLE_ENTITY, Code::SizeMismatch),
        OpError::UpdateInvalid(_) => (Status::UNPROCESSABLE_ENTITY, Code::UpdateInvalid),
        OpError::ParentUnknown { .. } => (Status::UNPROCESSABLE_ENTITY, Code::ParentUnknown),
        OpError::Manifest(error) => (Status::UNPROCESSABLE_ENTITY, manifest_code(error)),
        OpError::ArtifactRefused { .. } => (Status::UNPROCESSABLE_ENTITY, Code::ArtifactRefused),
        OpError::RulesInvalid(_) => (Status::UNPROCESSABLE_ENTITY, Code::RulesInvalid),
        OpError::IdentityRefused(refusal) => (Status::FORBIDDEN, refusal.code),
        OpError::IssuerUnavailable(_) => (Status::SERVICE_UNAVAILABLE, Code::OidcIssuerUnavailable),
        OpError::PublisherInvalid(_) => (Status::UNPROCESSABLE_ENTITY, Code::PublisherInvalid),
        OpError::PublisherNotFound { .. } => (Status::NOT_FOUND, Code::PublisherNotFound),
        OpError::WebhookInvalid(_) => (Status::UNPROCESSABLE_ENTITY, Code::WebhookInvalid),
        OpError::MailNotConfigured => (Status::UNPROCESSABLE_ENTITY, Code::MailNotConfigured),
        OpError::WebhookNotFound { .. } => (Status::NOT_FOUND, Code::WebhookNotFound),
        OpError::DeliveryNotFound { .. } => (Status::NOT_FOUND, Code::DeliveryNotFound),
        OpError::GateBlocked { .. } => (Status::FORBIDDEN, Code::GateBlocked),
        OpError::ChannelPinned { .. } => (Status::FORBIDDEN, Code::ChannelPinned),
        OpError::ReleaseRevoked { .. } => (Status::GONE, Code::ReleaseRevoked),
        OpError::ReleaseLive { .. } => (Status::CONFLICT, Code::ReleaseLive),
        OpError::StageMismatch { .. } => (Status::CONFLICT, Code::StageMismatch),
        OpError::NoSpace { .. } => (Status::INSUFFICIENT_STORAGE, Code::InsufficientStorage),
        OpError::UploadStalled(_) | OpError::UploadCut(_) => (Status::REQUEST_TIMEOUT, Code::RequestTimeout),
        OpError::ObjectDamaged { .. } => (Status::INTERNAL_SERVER_ERROR, Code::ObjectDamaged),
        OpError::ReleaseExpired { .. } => (Status::GONE, Code::ReleaseExpired),
        OpError::Database(_) | OpError::Storage { .. } => (Status::INTERNAL_SERVER_ERROR, Code::Internal),
    }
}

fn manifest_code(error: &ReadManifestError) -> ErrorCode {
    match error {
        ReadManifestError::TooLarge(_) => ErrorCode::ManifestTooLarge,
        ReadManifestError::Shape(error) if error.is_data() => ErrorCode::ManifestField,
        ReadManifestError::Shape(_) => ErrorCode::ManifestSyntax,
        ReadManifestError::NotCanonical { .. } => ErrorCode::ManifestNotCanonical,
        ReadManifestError::Invalid(problem) => problem.code,
    }
}

fn hint(error: &OpError) -> Option<String> {
    let closest =
        |candidates: &[String]| (!candidates.is_empty()).then(|| format!("there is: {}", candidates.join(", ")));
    match error {
        OpError::Unauthenticated(_) => Some("send a token that works: Authorization: Bearer dist_…".to_owned()),
        OpError::TooManyAttempts { seconds } => Some(format!("send a token that works, or wait {seconds} s")),
        OpError::Forbidden { needed, .. } => Some(format!("use a token with the scope {needed}")),
        OpError::AppNotFound(app) => Some(format!("create it: dist app create {app}")),
        OpError::AppIsMirror { of, .. } => Some(format!("change it there: dist --server {of} …")),
        OpError::ChannelNotFound { candidates, .. } | OpError::RevisionUnknown { candidates, .. } => {
            closest(candidates)
        }
        OpError::RevisionAmbiguous { .. } => Some("give more digits of the id".to_owned()),
        OpError::ObjectNotNegotiated { .. } => Some("negotiate the push first".to_owned()),
        OpError::ObjectMissing { .. } => Some("negotiate again and upload what is missing".to_owned()),
        OpError::UploadOffsetMismatch { actual, .. } => Some(format!("continue at byte {actual}")),
        OpError::UploadInProgress(_) => Some("wait for it, or try again in a moment".to_owned()),
        OpError::DigestMismatch { .. } => {
            Some("the file changed or the network damaged it: upload it again".to_owned())
        }
        OpError::ReleaseExists { .. } => Some("a name is taken for good: raise the version or build".to_owned()),
        OpError::RefMoved { .. } => Some("read it again, decide again, try again".to_owned()),
        OpError::RollbackTargetInvalid { .. } => Some("dist promote moves a channel to any release".to_owned()),
        OpError::IdentityRefused(refusal) => identity_hint(refusal.code).map(str::to_owned),
        OpError::IssuerUnavailable(_) => Some("try again in a moment; the server's log says more".to_owned()),
        OpError::PublisherNotFound { app, .. } => Some(format!("dist publisher list {app} shows those there are")),
        OpError::MailNotConfigured => {
            Some("whoever runs the server sets smtp_url and smtp_from (docs/CONFIGURATION.md)".to_owned())
        }
        OpError::WebhookNotFound { app, .. } => Some(format!("dist webhook list {app} shows those there are")),
        OpError::DeliveryNotFound { .. } => Some("dist webhook deliveries shows those that are kept".to_owned()),
        OpError::ArtifactRefused { .. } => Some(
            "dist check says the same before a byte is sent; dist app rules changes what the app asks; kind \"file\" publishes a file as it is"
                .to_owned(),
        ),
        OpError::GateBlocked { app, .. } => Some(format!("dist app rules {app} shows what each channel asks")),
        OpError::ChannelPinned { app, channel, .. } => Some(format!("let it move again: dist unpin {app}@{channel}")),
        OpError::ReleaseRevoked { app, .. } => Some(format!("take another release; dist restore {app}@REV undoes it")),
        OpError::ReleaseLive { .. } => Some("give --rollback to take these channels back and pin them".to_owned()),
        OpError::StageMismatch { app, .. } => Some(format!("dist ci status {app} shows what is staged")),
        OpError::LinkNotAllowed { app, channel } => {
            Some(format!("open it first: dist app access {app} link --channel {channel}"))
        }
        OpError::ObjectDamaged { .. } => {
            Some("push the release again, or have the server repaired: distd fsck --repair --from BACKUP".to_owned())
        }
        OpError::ReleaseExpired { .. } => Some("pushing the same content again brings it back".to_owned()),
        OpError::NoSpace { .. } => Some("free space on the server, or lower its reserve".to_owned()),
        _ => None,
    }
}

fn identity_hint(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::OidcTokenReused => Some("an identity token is exchanged once: ask for another one"),
        ErrorCode::OidcTokenExpired => Some("ask for the identity token right before it is exchanged"),
        ErrorCode::OidcTokenEarly => Some("check the clocks of the server and of the issuer"),
        ErrorCode::OidcEventRefused => {
            Some("publish from a push, tag, release, schedule or manual start, not from a pull or merge request")
        }
        ErrorCode::OidcRefUnprotected => Some("protect the branch or tag in the project's settings"),
        ErrorCode::OidcIssuerUnknown
        | ErrorCode::OidcAudienceMismatch
        | ErrorCode::OidcRepositoryMismatch
        | ErrorCode::OidcWorkflowMismatch
        | ErrorCode::OidcRefMismatch
        | ErrorCode::OidcEnvironmentMismatch
        | ErrorCode::OidcClaimMismatch => {
            Some("whoever administers the app compares this with what dist publisher list shows")
        }
        _ => None,
    }
}

fn details(error: OpError) -> Value {
    match error {
        OpError::Forbidden { needed, .. } => json!({ "needed": needed }),
        OpError::ChannelNotFound { candidates, .. } | OpError::RevisionUnknown { candidates, .. } => {
            json!({ "candidates": candidates })
        }
        OpError::RevisionAmbiguous { candidates, .. } => json!({ "candidates": candidates }),
        OpError::AppIsMirror { of, .. } => json!({ "source": of }),
        OpError::ObjectMissing { objects, .. } => json!({ "objects": objects }),
        OpError::UploadOffsetMismatch { given, actual, .. } => json!({ "given": given, "expected": actual }),
        OpError::ObjectDamaged { digest } => json!({ "digest": digest }),
        OpError::DigestMismatch { expected, actual } => json!({ "expected": expected, "actual": actual }),
        OpError::SizeMismatch { announced, actual, .. } => json!({ "announced": announced, "actual": actual }),
        OpError::NoSpace { needed, available, reserve } => {
            json!({ "needed": needed, "available": available, "reserve": reserve })
        }
        OpError::ArtifactRefused { reports, .. } => json!({ "artifacts": reports }),
        OpError::GateBlocked { results, .. } => json!({ "gates": results }),
        OpError::ChannelPinned { at, pin, results, .. } => json!({ "at": at, "pin": pin, "gates": results }),
        OpError::ReleaseRevoked { revocation, .. } => json!({ "revoked": revocation }),
        OpError::ReleaseLive { channels, .. } => json!({ "channels": channels }),
        OpError::StageMismatch { staged, missing, .. } => json!({ "staged": staged, "missing": missing }),
        OpError::ReleaseExists { existing, difference, .. } => {
            json!({ "existing": existing, "difference": difference })
        }
        OpError::RefMoved { name, actual, last, .. } => json!({ "ref": name, "actual": actual, "last": last }),
        OpError::Manifest(ReadManifestError::Invalid(problem)) => json!({ "problems": [problem] }),
        OpError::Manifest(ReadManifestError::NotCanonical { at }) => json!({ "byte": at }),
        _ => Value::Null,
    }
}
