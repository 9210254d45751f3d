//! The table `links`: capability links, without what makes one work.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use protocol::{AppSlug, ChannelName};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, integer, parse, parse_opt, time, unsigned};
use crate::capability::LinkId;

/// A link as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkRow {
    pub(crate) id: LinkId,
    pub(crate) app: AppSlug,
    pub(crate) channel: ChannelName,
    pub(crate) note: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) max_uses: Option<u64>,
    pub(crate) uses: u64,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// How an id stands in columns and lists.
pub(crate) fn id_text(id: LinkId) -> String {
    HEXLOWER.encode(&id)
}

/// The id of a text in that form.
pub(crate) fn parse_id(text: &str) -> Option<LinkId> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Adds a link.
pub(crate) fn insert(tx: &Transaction<'_>, link: &LinkRow) -> DbResult<()> {
    tx.prepare_cached(
        "INSERT INTO links (id, app, channel, note, created_at, created_by, expires_at, max_uses)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        id_text(link.id),
        link.app.as_str(),
        link.channel.as_str(),
        link.note,
        time(link.created_at),
        link.created_by,
        time(link.expires_at),
        link.max_uses.map(integer)
    ])?;
    Ok(())
}

/// One link.
pub(crate) fn find(connection: &Connection, id: LinkId) -> DbResult<Option<LinkRow>> {
    let mut statement = connection.prepare_cached("SELECT * FROM links WHERE id = ?1")?;
    statement.query_row([id_text(id)], |row| Ok(read(row))).optional()?.transpose()
}

/// The links of an app, newest first.
pub(crate) fn list(connection: &Connection, app: &AppSlug) -> DbResult<Vec<LinkRow>> {
    let mut statement = connection.prepare_cached("SELECT * FROM links WHERE app = ?1 ORDER BY created_at DESC, id")?;
    statement.query_and_then([app.as_str()], read)?.collect()
}

/// Revokes a link; `false` where it was revoked before or does not exist.
pub(crate) fn revoke(tx: &Transaction<'_>, id: LinkId, at: Timestamp) -> DbResult<bool> {
    let changed = tx
        .prepare_cached("UPDATE links SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")?
        .execute(params![id_text(id), time(at)])?;
    Ok(changed == 1)
}

/// Counts one use; `false` where there is none left.
pub(crate) fn spend(tx: &Transaction<'_>, id: LinkId) -> DbResult<bool> {
    let changed = tx
        .prepare_cached("UPDATE links SET uses = uses + 1 WHERE id = ?1 AND (max_uses IS NULL OR uses < max_uses)")?
        .execute([id_text(id)])?;
    Ok(changed == 1)
}

fn read(row: &Row<'_>) -> DbResult<LinkRow> {
    let max_uses: Option<i64> = row.get("max_uses")?;
    let id: String = row.get("id")?;
    Ok(LinkRow {
        id: parse_id(&id).ok_or_else(|| super::convert::corrupt("links.id", &id, "not 16 hexadecimal digits"))?,
        app: parse(row, "app")?,
        channel: parse(row, "channel")?,
        note: row.get("note")?,
        created_at: parse(row, "created_at")?,
        created_by: row.get("created_by")?,
        expires_at: parse(row, "expires_at")?,
        max_uses: max_uses.map(|_| unsigned(row, "max_uses")).transpose()?,
        uses: unsigned(row, "uses")?,
        revoked_at: parse_opt(row, "revoked_at")?,
    })
}
