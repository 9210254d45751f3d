//! The log: a release with its parents, a range of them, or every release of an app.

use protocol::api::{LogQuery, ReleasePage};
use protocol::{AppSlug, Platform, ReleaseId, Revision, Selection};
use rusqlite::Connection;

use super::history::meeting;
use super::page::{Page, parse_limit};
use super::resolve::load;
use super::view::View;
use super::{Caller, OpError};
use crate::Server;
use crate::db::{
    self,
    releases::{Filter, ReleaseRow},
};

/// Most releases that one request looks at to fill a page, where few of them are asked for.
const LOOKED_AT: usize = 10_000;

/// Part of an app's history, newest first.
pub(crate) async fn log(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    query: LogQuery,
) -> Result<ReleasePage, OpError> {
    let selection: Option<Selection> = query.revision.as_deref().map(str::parse).transpose()?;
    let filter = Filter { platform: query.platform, since: query.since };
    let (store, now) = (server.store.clone(), server.clock.now());
    let rows = parse_limit(query.limit)?;
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let (rows, next) = match selection {
                None => all(connection, &app, Page::parse(query.after.as_deref(), Some(rows))?, filter)?,
                Some(selection) => {
                    let lineage = Lineage::of(connection, &view, &app, selection, query.after.as_deref())?;
                    lineage.page(rows as usize, filter)?
                }
            };
            Ok(ReleasePage { releases: view.describe_all(connection, &store, &app, rows, now)?, next })
        })
        .await
}

/// Releases by age, whatever their parents.
fn all(
    connection: &Connection,
    app: &AppSlug,
    page: Page,
    filter: Filter,
) -> Result<(Vec<ReleaseRow>, Option<String>), OpError> {
    let mut rows = db::releases::list(connection, app, page.before, filter.platform, page.rows_and_one())?;
    let next = page.cut(&mut rows, |row| row.seq);
    let found = rows.len();
    rows.retain(|row| filter.is_recent(row));
    // Releases are in the order of their publication: after the first that is too old come only older ones.
    let next = next.filter(|_| rows.len() == found);
    Ok((rows, next))
}

/// A line of releases, each the parent of the one before.
struct Lineage<'a> {
    connection: &'a Connection,
    view: &'a View,
    app: &'a AppSlug,
    /// The first release of this page.
    begin: ReleaseRow,
    /// The first release that is no longer meant.
    end: Option<ReleaseId>,
}

impl<'a> Lineage<'a> {
    fn of(
        connection: &'a Connection,
        view: &'a View,
        app: &'a AppSlug,
        selection: Selection,
        after: Option<&str>,
    ) -> Result<Self, OpError> {
        let (from, to) = match selection {
            Selection::History(to) => (None, to),
            Selection::Range(range) => (Some(view.resolve(connection, app, &range.from)?), range.to),
        };
        let begin: Revision = after.map(str::parse).transpose()?.unwrap_or(to);
        let begin = view.resolve(connection, app, &begin)?;
        let parent = |id| db::releases::parent(connection, app, &id);
        let end = from.map(|from| meeting(from.id, begin.id, parent)).transpose()?.flatten();
        Ok(Self { connection, view, app, begin, end })
    }

    /// At most so many of the line, and the first of the next page.
    fn page(self, wanted: usize, filter: Filter) -> Result<(Vec<ReleaseRow>, Option<String>), OpError> {
        let mut found = Vec::new();
        let mut at = Some(self.begin.clone());
        let mut looked_at = 0;
        while let Some(row) = at {
            if Some(row.id) == self.end || !filter.is_recent(&row) {
                break;
            }
            if found.len() == wanted || looked_at == LOOKED_AT {
                return Ok((found, Some(row.id.to_string())));
            }
            looked_at += 1;
            let parent = row.parent;
            if self.is_wanted(&row, filter.platform)? {
                found.push(row);
            }
            at = match parent {
                Some(parent) if self.view.has_release(self.connection, self.app, parent)? => {
                    Some(load(self.connection, self.app, parent)?)
                }
                _ => None,
            };
        }
        Ok((found, None))
    }

    fn is_wanted(&self, row: &ReleaseRow, platform: Option<Platform>) -> Result<bool, OpError> {
        match platform {
            Some(platform) => Ok(db::releases::has_platform(self.connection, self.app, &row.id, platform)?),
            None => Ok(true),
        }
    }
}
