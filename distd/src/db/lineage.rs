//! What the history of one release has that another's has not, by the index.

use protocol::{AppSlug, ReleaseId};
use rusqlite::{Connection, params};

use super::convert::{DbResult, parse};

/// The releases of the history of `of` that the history of `beside` has not, `of` first and each parent after its child. Without
/// `beside`, the whole history.
pub(crate) fn ahead(
    connection: &Connection,
    app: &AppSlug,
    of: &ReleaseId,
    beside: Option<&ReleaseId>,
) -> DbResult<Vec<ReleaseId>> {
    // A release has one parent, so a history is a chain, and what two of them share is the end of both.
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE
           shared (id) AS (
             SELECT ?3 WHERE ?3 IS NOT NULL
             UNION SELECT parent FROM releases JOIN shared USING (id) WHERE app = ?1 AND parent IS NOT NULL),
           own (id, distance) AS (
             SELECT ?2, 0 WHERE ?2 NOT IN shared
             UNION ALL SELECT parent, distance + 1 FROM releases JOIN own USING (id)
               WHERE app = ?1 AND parent IS NOT NULL AND parent NOT IN shared)
         SELECT id FROM own ORDER BY distance",
    )?;
    let params = params![app.as_str(), of.to_string(), beside.map(ReleaseId::to_string)];
    statement.query_and_then(params, |row| parse(row, "id"))?.collect()
}
