//! What the server does, and whether the caller may.
//!
//! An operation takes the [`Server`], the [`Caller`] and validated values, checks the caller's scopes, and
//! answers with a protocol type or an [`OpError`]. It knows no HTTP. Whatever changes something writes its audit event in
//! the transaction that makes the change.

pub(crate) mod apps;
pub mod audit;
pub(crate) mod authenticate;
mod caller;
pub mod care;
pub(crate) mod channels;
pub(crate) mod commit;
pub(crate) mod compare;
pub(crate) mod doctor;
pub(crate) mod download;
mod error;
pub(crate) mod exchange;
pub(crate) mod finalize;
mod gates;
pub(crate) mod gauges;
mod history;
pub(crate) mod install;
pub(crate) mod links;
pub(crate) mod log;
pub mod mirror;
pub(crate) mod negotiate;
pub(crate) mod page;
pub(crate) mod pins;
pub(crate) mod promotion;
pub(crate) mod publishers;
pub(crate) mod refusals;
pub mod reindex;
pub(crate) mod releases;
pub mod remote;
pub(crate) mod reports;
mod resolve;
pub(crate) mod revoke;
pub(crate) mod rollback;
pub(crate) mod rules;
pub(crate) mod sessions;
pub mod staging;
pub mod tokens;
pub(crate) mod upload;
mod view;
pub mod webhooks;

pub use caller::Caller;
pub use error::OpError;

use protocol::{ReleaseId, limits};

use crate::Server;

/// A reason as it may be stored: trimmed, bounded, on one line; `None` where it is empty.
fn check_reason(reason: Option<String>) -> Result<Option<String>, OpError> {
    let Some(reason) = reason.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if reason.len() > limits::REASON_BYTES || reason.chars().any(char::is_control) {
        let message = format!("a reason is one line of at most {} bytes", limits::REASON_BYTES);
        return Err(OpError::RequestInvalid(message));
    }
    Ok(Some(reason))
}

/// A ref's target as a release id.
fn release_id(target: gix_hash::ObjectId) -> ReleaseId {
    ReleaseId::try_from(target).expect("the refs crate stores SHA-256 ids only")
}

/// Whether the database and the object store answer.
///
/// # Errors
/// Those of whichever does not.
pub(crate) async fn ready(server: &Server) -> Result<(), OpError> {
    let store = server.store.clone();
    server
        .db
        .read(move |connection| {
            crate::db::audit::head(connection)?;
            store.available_space()?;
            Ok(())
        })
        .await
}
