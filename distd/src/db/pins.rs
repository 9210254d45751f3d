//! The table `pins`: channels that stay where they are.

use protocol::api::Pin;
use protocol::{AppSlug, ChannelName};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, parse, time};

/// Pins a channel; `false` where it is pinned already, and then the older pin stays.
pub(crate) fn insert(tx: &Transaction<'_>, app: &AppSlug, channel: &ChannelName, pin: &Pin) -> DbResult<bool> {
    let added = tx
        .prepare_cached(
            "INSERT INTO pins (app, channel, at, by, reason) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?
        .execute(params![app.as_str(), channel.as_str(), time(pin.at), pin.by, pin.reason])?;
    Ok(added == 1)
}

/// Unpins a channel; `false` where it was not pinned.
pub(crate) fn remove(tx: &Transaction<'_>, app: &AppSlug, channel: &ChannelName) -> DbResult<bool> {
    let removed = tx
        .prepare_cached("DELETE FROM pins WHERE app = ?1 AND channel = ?2")?
        .execute([app.as_str(), channel.as_str()])?;
    Ok(removed == 1)
}

/// The pin of a channel, where it is pinned.
pub(crate) fn find(connection: &Connection, app: &AppSlug, channel: &ChannelName) -> DbResult<Option<Pin>> {
    let mut statement = connection.prepare_cached("SELECT at, by, reason FROM pins WHERE app = ?1 AND channel = ?2")?;
    statement.query_row([app.as_str(), channel.as_str()], |row| Ok(read(row))).optional()?.transpose()
}

fn read(row: &Row<'_>) -> DbResult<Pin> {
    Ok(Pin { at: parse(row, "at")?, by: row.get("by")?, reason: row.get("reason")? })
}
