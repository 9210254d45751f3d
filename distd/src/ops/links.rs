//! Capability links: who has one sees what a channel points at and fetches its files, without a token.

use jiff::{SignedDuration, Timestamp};
use objstore::Digest;
use protocol::api::{Access, AuditAction, CreateLink, Link, Links, RotateKey, RotatedKey};
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName};
use rusqlite::Connection;
use serde_json::json;

use super::caller::Record;
use super::channels::find;
use super::install::fetch::Mint;
use super::install::{self, Shown};
use super::releases::{Known, read_manifest};
use super::{Caller, OpError, release_id, rules};
use crate::Server;
use crate::blocking::blocking;
use crate::capability::{Audience, Capability, LinkId, What};
use crate::db::{self, links::LinkRow};
use crate::keys::{Keys, OldKeys};

/// For how long a link works unless said otherwise: 30 days. At most ten years.
const DEFAULT_SECONDS: u64 = 30 * 24 * 60 * 60;
const MOST_SECONDS: u64 = 10 * 365 * 24 * 60 * 60;

const NOTE_BYTES: usize = 200;

/// Makes a link to a channel.
pub(crate) async fn create(server: &Server, caller: Caller, app: AppSlug, wanted: CreateLink) -> Result<Link, OpError> {
    caller.require(Need::Promote(&app, &wanted.channel))?;
    let link = make(&caller, app, wanted, server.clock.now())?;
    let keys = server.keys.clone();
    server
        .db
        .write(move |tx| {
            find(tx, &link.app, &link.channel)?;
            if channel_access(tx, &link.app, &link.channel)? == Access::Token {
                return Err(OpError::LinkNotAllowed { app: link.app, channel: link.channel });
            }
            db::links::insert(tx, &link)?;
            let details = json!({"note": link.note, "expires_at": link.expires_at, "max_uses": link.max_uses});
            caller.record(tx, link.created_at, record(AuditAction::LinkCreate, &link, details))?;
            Ok(describe_link(link, &keys))
        })
        .await
}

/// The links of an app to channels that the caller may promote to.
pub(crate) async fn list(server: &Server, caller: Caller, app: AppSlug) -> Result<Links, OpError> {
    let keys = server.keys.clone();
    server
        .db
        .read(move |connection| {
            caller.require_read(connection, &app)?;
            let mut links = db::links::list(connection, &app)?;
            links.retain(|link| caller.may(Need::Promote(&app, &link.channel)));
            Ok(Links { links: links.into_iter().map(|link| describe_link(link, &keys)).collect() })
        })
        .await
}

/// Revokes a link: whoever has it is refused from the next request on. Revoking it again changes nothing.
pub(crate) async fn revoke(server: &Server, caller: Caller, app: AppSlug, id: String) -> Result<Link, OpError> {
    let at = server.clock.now();
    let keys = server.keys.clone();
    server
        .db
        .write(move |tx| {
            let found = db::links::parse_id(&id).map(|id| db::links::find(tx, id)).transpose()?.flatten();
            let found = found.filter(|link| link.app == app && caller.may(Need::Promote(&app, &link.channel)));
            let Some(link) = found else {
                caller.require_read(tx, &app)?;
                return Err(OpError::LinkNotFound(id));
            };
            if db::links::revoke(tx, link.id, at)? {
                caller.record(tx, at, record(AuditAction::LinkRevoke, &link, json!({"note": link.note})))?;
            }
            let link = db::links::find(tx, link.id)?.ok_or(OpError::LinkNotFound(id))?;
            Ok(describe_link(link, &keys))
        })
        .await
}

/// Makes a new key that signs links from now on.
pub(crate) async fn rotate_key(server: &Server, caller: Caller, wanted: RotateKey) -> Result<RotatedKey, OpError> {
    caller.require(Need::Admin)?;
    let old = if wanted.drop_old { OldKeys::Drop } else { OldKeys::Keep };
    let keys = server.keys.clone();
    let id = blocking(move || keys.rotate(old)).await;
    let id = id.map_err(|error| OpError::storage("writing the key that signs links")(error.into()))?;
    let key = data_encoding::HEXLOWER.encode(&id);
    let at = server.clock.now();
    server
        .db
        .write(move |tx| {
            let record = Record {
                action: AuditAction::KeyRotate,
                app: None,
                subject: key.clone(),
                old: None,
                new: None,
                reason: None,
                details: json!({"drop_old": wanted.drop_old}),
            };
            caller.record(tx, at, record)?;
            Ok(RotatedKey { key })
        })
        .await
}

/// Opens a link.
pub(crate) async fn open(server: &Server, text: &str) -> Result<Shown, OpError> {
    let Some(Capability::Link(id)) = Capability::open(text, &server.keys) else { return Err(OpError::LinkInvalid) };
    let (store, now) = (server.store.clone(), server.clock.now());
    server
        .db
        .read(move |connection| {
            let link = working(connection, id, now)?;
            let head = find(connection, &link.app, &link.channel)?;
            let row = install::load(connection, &link.app, release_id(head.target))?;
            let mut release = Known::of(connection, &store, &link.app, now)?.describe(row)?;
            // Other channels are nobody's business here.
            release.channels = vec![link.channel.clone()];
            install::show(connection, release, Some(link.channel), Audience::Link(id))
        })
        .await
}

/// Begins a download through a link: counts a use, and gives the path under which the file can be fetched for a while.
pub(crate) async fn begin_download(server: &Server, text: &str, digest: Digest) -> Result<String, OpError> {
    let Some(Capability::Link(id)) = Capability::open(text, &server.keys) else { return Err(OpError::LinkInvalid) };
    let (store, now, keys) = (server.store.clone(), server.clock.now(), server.keys.clone());
    server
        .db
        .write(move |tx| {
            let link = working(tx, id, now)?;
            let head = find(tx, &link.app, &link.channel)?;
            let row = install::load(tx, &link.app, release_id(head.target))?;
            let manifest = read_manifest(&store, &row.id)?;
            let artifact = manifest.artifacts.into_iter().find(|artifact| artifact.sha256 == digest);
            let artifact = artifact.ok_or_else(|| OpError::ObjectNotFound { app: link.app.clone(), digest })?;
            let audience = Audience::Link(id);
            install::check_handed_out(tx, &audience, &artifact, now)?;
            if !db::links::spend(tx, id)? {
                return Err(OpError::LinkInvalid);
            }
            let mint = Mint { keys: &keys, audience: &audience, app: &link.app, now };
            Ok(mint.path(What::Bytes, &digest, artifact.filename.as_str()))
        })
        .await
}

/// A link that still may be used to begin something.
fn working(connection: &Connection, id: LinkId, now: Timestamp) -> Result<LinkRow, OpError> {
    let link = unrevoked(connection, id)?;
    if now < link.expires_at { Ok(link) } else { Err(OpError::LinkInvalid) }
}

/// A link that was neither revoked nor overruled by the channel's access.
pub(super) fn unrevoked(connection: &Connection, id: LinkId) -> Result<LinkRow, OpError> {
    let link = db::links::find(connection, id)?.filter(|link| link.revoked_at.is_none()).ok_or(OpError::LinkInvalid)?;
    if channel_access(connection, &link.app, &link.channel)? == Access::Token {
        return Err(OpError::LinkInvalid);
    }
    Ok(link)
}

fn channel_access(connection: &Connection, app: &AppSlug, channel: &ChannelName) -> Result<Access, OpError> {
    let of_app = db::apps::access(connection, app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
    Ok(rules::load(connection, app)?.channel_access(of_app, channel))
}

fn make(caller: &Caller, app: AppSlug, wanted: CreateLink, now: Timestamp) -> Result<LinkRow, OpError> {
    let invalid = |message: String| Err(OpError::RequestInvalid(message));
    let note = wanted.note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    if note.as_ref().is_some_and(|note| note.len() > NOTE_BYTES || note.chars().any(char::is_control)) {
        return invalid(format!("a link's note is one line of at most {NOTE_BYTES} bytes"));
    }
    let seconds = wanted.expires_in_seconds.unwrap_or(DEFAULT_SECONDS);
    if !(1..=MOST_SECONDS).contains(&seconds) {
        return invalid(format!("a link works for 1 to {MOST_SECONDS} seconds"));
    }
    if wanted.max_uses.is_some_and(|uses| uses == 0 || i64::try_from(uses).is_err()) {
        return invalid("a link is good for at least one download".to_owned());
    }
    let mut id = LinkId::default();
    getrandom::fill(&mut id).expect("the system has a source of random bytes");
    Ok(LinkRow {
        id,
        app,
        channel: wanted.channel,
        note,
        created_at: now,
        created_by: caller.actor().to_owned(),
        expires_at: now + SignedDuration::from_secs(i64::try_from(seconds).expect("bounded by ten years")),
        max_uses: wanted.max_uses,
        uses: 0,
        revoked_at: None,
    })
}

fn describe_link(link: LinkRow, keys: &Keys) -> Link {
    Link {
        id: db::links::id_text(link.id),
        path: protocol::paths::opened_link(&Capability::Link(link.id).seal(keys)),
        app: link.app,
        channel: link.channel,
        note: link.note,
        created_at: link.created_at,
        created_by: link.created_by,
        expires_at: link.expires_at,
        max_uses: link.max_uses,
        uses: link.uses,
        revoked_at: link.revoked_at,
    }
}

fn record(action: AuditAction, link: &LinkRow, details: serde_json::Value) -> Record<'_> {
    let subject = format!("{} channels/{}", db::links::id_text(link.id), link.channel);
    Record { action, app: Some(&link.app), subject, old: None, new: None, reason: None, details }
}
