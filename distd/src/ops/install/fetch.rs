//! What is fetched by a capability in the path, without cookie or token: files, and all that an iOS installer asks for.
//!
//! Whom a capability was made for is asked again when it is used: it is good while they may fetch the same themselves.

use inspect::Report;
use jiff::{SignedDuration, Timestamp};
use objstore::Digest;
use protocol::{AppSlug, ServerUrl, paths};
use rusqlite::Connection;

use super::super::download::{self, Download};
use super::super::{Caller, OpError, links};
use super::plist::Manifest;
use super::{chunks, modes};
use crate::Server;
use crate::capability::{Audience, Capability, Fetch, What};
use crate::db::{self, links::LinkRow};
use crate::keys::Keys;

/// For how long an installation may begin from a page.
const MANIFEST_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// For how long requests for a file may begin: long enough to resume a large one.
const BYTES_LIFETIME: SignedDuration = SignedDuration::from_hours(2);

/// What was fetched.
pub(crate) enum Fetched {
    /// The bytes of a file.
    Bytes(Box<Download>),
    /// The manifest of an installation: an XML property list.
    Manifest(Vec<u8>),
    /// An icon: PNG.
    Icon(Vec<u8>),
}

/// Makes capabilities for one audience.
pub(crate) struct Mint<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) audience: &'a Audience,
    pub(crate) app: &'a AppSlug,
    pub(crate) now: Timestamp,
}

impl Mint<'_> {
    /// The path under which something of an artifact is fetched.
    pub(crate) fn path(&self, what: What, digest: &Digest, filename: &str) -> String {
        let lifetime = if what == What::Manifest { MANIFEST_LIFETIME } else { BYTES_LIFETIME };
        let fetch = Fetch {
            what,
            audience: self.audience.clone(),
            app: self.app.clone(),
            digest: *digest,
            expires: self.now + lifetime,
        };
        paths::fetched_file(&Capability::Fetch(fetch).seal(self.keys), filename)
    }

    /// The address that starts an installation on an iPhone. The value is percent-decoded once and then used as it is.
    pub(crate) fn install_url(&self, site: &ServerUrl, digest: &Digest) -> String {
        let manifest = site.join(&self.path(What::Manifest, digest, "manifest.plist"));
        format!("itms-services://?action=download-manifest&url={}", paths::query_value(&manifest))
    }
}

/// Fetches what a capability is for.
///
/// # Errors
/// [`OpError::LinkInvalid`] whatever is wrong with it.
pub(crate) async fn redeem(server: &Server, text: &str) -> Result<Fetched, OpError> {
    let now = server.clock.now();
    let fetch = match Capability::open(text, &server.keys) {
        Some(Capability::Fetch(fetch)) if now < fetch.expires => fetch,
        _ => return Err(OpError::LinkInvalid),
    };
    match fetch.what {
        What::Manifest => manifest(server, text, fetch).await.map(Fetched::Manifest),
        What::Bytes => {
            let find = move |connection: &Connection| {
                check_audience(connection, &fetch, now)?;
                download::find(connection, &fetch.app, fetch.digest)
            };
            let found = server.db.read(find).await?;
            download::open_found(server, found).await.map(|download| Fetched::Bytes(Box::new(download)))
        }
        What::Icon => {
            let find = move |connection: &Connection| {
                check_audience(connection, &fetch, now)?;
                db::reports::find_icon(connection, &fetch.digest)?.ok_or(OpError::LinkInvalid)
            };
            server.db.read(find).await.map(Fetched::Icon)
        }
    }
}

/// Refuses a capability whose audience may no longer fetch the same themselves. Gives the link, where it came by one.
fn check_audience(connection: &Connection, fetch: &Fetch, now: Timestamp) -> Result<Option<LinkRow>, OpError> {
    let caller = match &fetch.audience {
        Audience::Link(id) => {
            let link = links::unrevoked(connection, *id)?;
            return if link.app == fetch.app { Ok(Some(link)) } else { Err(OpError::LinkInvalid) };
        }
        Audience::Anyone => Caller::anonymous(),
        Audience::Token(id) => {
            let id = std::str::from_utf8(id).map_err(|_| OpError::LinkInvalid)?;
            let (token, _) = db::tokens::find(connection, id)?.ok_or(OpError::LinkInvalid)?;
            Caller::holding(token, now).map_err(|_| OpError::LinkInvalid)?
        }
    };
    let sees =
        caller.view(connection, &fetch.app).and_then(|view| view.has_object(connection, &fetch.app, &fetch.digest));
    match sees {
        Ok(true) => Ok(None),
        Err(error @ (OpError::Database(_) | OpError::Storage { .. })) => Err(error),
        _ => Err(OpError::LinkInvalid),
    }
}

/// The manifest of an installation, with capabilities for the rest of it.
async fn manifest(server: &Server, text: &str, fetch: Fetch) -> Result<Vec<u8>, OpError> {
    let now = server.clock.now();
    let site = server.settings().site.clone();
    let site = site.https().ok_or(OpError::LinkInvalid)?;
    let asked = fetch.clone();
    let (report, link, name, has_icon) = server
        .db
        .read(move |connection| {
            let link = check_audience(connection, &asked, now)?;
            download::check_published(connection, &asked.app, &asked.digest)?;
            let report = db::reports::find(connection, &asked.digest)?.ok_or(OpError::LinkInvalid)?;
            let app = db::apps::find(connection, &asked.app)?.ok_or(OpError::LinkInvalid)?;
            let has_icon = db::reports::has_icon(connection, &asked.digest)?;
            Ok::<_, OpError>((report, link, app.name, has_icon))
        })
        .await?;
    let sums = chunks::ensure(server, fetch.digest).await?;
    let mint = Mint { keys: &server.keys, audience: &fetch.audience, app: &fetch.app, now };
    let manifest = Manifest {
        app_url: site.join(&mint.path(What::Bytes, &fetch.digest, "app.ipa")),
        icon_url: has_icon.then(|| site.join(&mint.path(What::Icon, &fetch.digest, "icon.png"))),
        sums: &sums,
        ..describe(&report, &name, now).ok_or(OpError::LinkInvalid)?
    };
    let bytes = manifest.encode();
    if let Some(link) = link {
        spend(server, link, text, fetch.expires).await?;
    }
    Ok(bytes)
}

/// What the app says of itself; `None` where no device would install it.
fn describe<'a>(report: &'a Report, name: &'a str, now: Timestamp) -> Option<Manifest<'a>> {
    let ipa = modes::over_the_air(report, now)?;
    let version = ipa.build.as_deref().or(ipa.short_version.as_deref());
    Some(Manifest {
        app_url: String::new(),
        sums: &[],
        icon_url: None,
        bundle_id: ipa.bundle_id.as_deref()?,
        bundle_version: version.unwrap_or("1"),
        title: ipa.display_name.as_deref().unwrap_or(name),
    })
}

/// Counts an installation as a use of its link, once for each capability: installers ask more than once.
async fn spend(server: &Server, link: LinkRow, text: &str, expires: Timestamp) -> Result<(), OpError> {
    let (fetch, now) = (Digest::of(text.as_bytes()), server.clock.now());
    server
        .db
        .write(move |tx| {
            if !db::chunks::begin_install(tx, link.id, &fetch, expires, now)? || db::links::spend(tx, link.id)? {
                return Ok(());
            }
            Err(OpError::LinkInvalid)
        })
        .await
}
