//! Negotiate: what to send, and where each ref is. One round trip.

use std::collections::{BTreeMap, HashSet};

use objstore::{Digest, Store, WriteError};
use protocol::api::{MissingObject, NegotiateRequest, Negotiated, WantedObject};
use protocol::scope::Need;
use protocol::{AppSlug, RefName, ReleaseId, limits};
use rusqlite::Connection;

use super::{Caller, OpError, mirror, release_id};
use crate::Server;
use crate::db;

/// Answers which objects the app lacks, and notes that they are about to come.
///
/// Only what this app holds counts as held. An object that another app holds is reported missing, and uploaded again.
pub(crate) async fn negotiate(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    request: NegotiateRequest,
) -> Result<Negotiated, OpError> {
    caller.require(Need::Publish(&app))?;
    check(&request)?;
    let store = server.store.clone();
    let (missing, trashed, arrived, answer, app) = server
        .db
        .read(move |connection| {
            db::apps::access(connection, &app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
            mirror::refuse(connection, &app)?;
            let mut missing = missing(connection, &store, &app, &request.objects)?;
            missing.extend(of_new_size(connection, &app, &request.provisional)?);
            let refs = targets(connection, &app, &request.refs)?;
            let answer = Negotiated { refs, missing: offsets(&store, &app, &missing)? };
            check_space(&store, &missing, &answer.missing)?;
            let trashed = trashed(connection, &request.objects)?;
            let arrived = arrived(connection, &app, &request.objects, &missing)?;
            Ok::<_, OpError>((missing, trashed, arrived, answer, app))
        })
        .await?;
    if !missing.is_empty() || !trashed.is_empty() || !arrived.is_empty() {
        let at = server.clock.now();
        server
            .db
            .write(move |tx| {
                // What is about to be named again is safe from gc for another grace period.
                trashed.iter().try_for_each(|digest| db::care::take_from_trash(tx, digest))?;
                // What arrived for a push that was stopped has its lease anew as well.
                arrived.iter().try_for_each(|digest| db::objects::renew_upload(tx, &app, digest, at))?;
                missing.iter().try_for_each(|object| db::objects::expect_upload(tx, &app, object, caller.actor(), at))
            })
            .await
            .map_err(OpError::Database)?;
    }
    Ok(answer)
}

fn check(request: &NegotiateRequest) -> Result<(), OpError> {
    let invalid = |message: String| Err(OpError::RequestInvalid(message));
    let count = request.objects.len() + request.provisional.len();
    if count > limits::NEGOTIATED_OBJECTS {
        return invalid(format!("{count} objects in one negotiation, the limit is {}", limits::NEGOTIATED_OBJECTS));
    }
    let mut seen = HashSet::new();
    let all = || request.objects.iter().chain(&request.provisional);
    if let Some(twice) = all().find(|object| !seen.insert(object.digest)) {
        return invalid(format!("{} is listed twice", twice.digest));
    }
    match all().find(|object| object.size > limits::ARTIFACT_BYTES) {
        Some(object) => {
            invalid(format!("{} has {} bytes, the limit is {}", object.digest, object.size, limits::ARTIFACT_BYTES))
        }
        None => Ok(()),
    }
}

/// Those of the objects that gc put into the trash.
pub(super) fn trashed(connection: &Connection, objects: &[WantedObject]) -> Result<Vec<Digest>, OpError> {
    let mut trashed = Vec::new();
    for object in objects {
        if db::care::is_trashed(connection, &object.digest)? {
            trashed.push(object.digest);
        }
    }
    Ok(trashed)
}

/// Those of the objects that have arrived and that no release of the app holds yet.
fn arrived(
    connection: &Connection,
    app: &AppSlug,
    objects: &[WantedObject],
    missing: &[WantedObject],
) -> Result<Vec<Digest>, OpError> {
    let missing: HashSet<Digest> = missing.iter().map(|object| object.digest).collect();
    let noted = db::objects::arrived(connection, app)?;
    let is_noted = |digest: &Digest| noted.contains(digest) && !missing.contains(digest);
    Ok(objects.iter().map(|object| object.digest).filter(is_noted).collect())
}

/// The objects that the app does not hold, or whose bytes are not on disk.
pub(super) fn missing<'a>(
    connection: &Connection,
    store: &Store,
    app: &AppSlug,
    objects: impl IntoIterator<Item = &'a WantedObject>,
) -> Result<Vec<WantedObject>, OpError> {
    let mut missing = Vec::new();
    for object in objects {
        let is_held = db::objects::holds(connection, app, object)? && store.len(&object.digest)? == Some(object.size);
        if !is_held {
            missing.push(*object);
        }
    }
    Ok(missing)
}

/// Those of which the app cannot have the bytes, because it has none of that size.
fn of_new_size(
    connection: &Connection,
    app: &AppSlug,
    provisional: &[WantedObject],
) -> Result<Vec<WantedObject>, OpError> {
    let mut new = Vec::new();
    for object in provisional {
        if !db::objects::has_size(connection, app, object.size)? {
            new.push(*object);
        }
    }
    Ok(new)
}

/// Refuses a push that would not fit before a byte of it is sent.
fn check_space(store: &Store, missing: &[WantedObject], offsets: &[MissingObject]) -> Result<(), OpError> {
    let rest = missing.iter().zip(offsets).map(|(object, at)| object.size.saturating_sub(at.offset)).sum();
    if rest == 0 {
        return Ok(());
    }
    store.check_space(rest).map_err(no_space)
}

/// What a refused or failed write means.
pub(super) fn no_space(error: WriteError) -> OpError {
    match error {
        WriteError::NoSpace { needed, available, reserve } => OpError::NoSpace { needed, available, reserve },
        other @ WriteError::Io { .. } => OpError::storage("writing an object")(other.into()),
    }
}

fn offsets(store: &Store, app: &AppSlug, missing: &[WantedObject]) -> Result<Vec<MissingObject>, OpError> {
    let with_offset = |digest: Digest| {
        let offset = store.upload_offset(app.as_str(), &digest)?.unwrap_or(0);
        Ok(MissingObject { digest, offset })
    };
    missing.iter().map(|object| with_offset(object.digest)).collect()
}

fn targets(connection: &Connection, app: &AppSlug, names: &[RefName]) -> Result<BTreeMap<RefName, ReleaseId>, OpError> {
    let mut targets = BTreeMap::new();
    for name in names {
        if let Some(found) = refs::sqlite::find(connection, app, name)? {
            targets.insert(name.clone(), release_id(found.target));
        }
    }
    Ok(targets)
}
