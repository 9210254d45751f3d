//! Whether a channel has something newer than what is installed.

use std::cmp::Ordering;

use protocol::api::{Update, UpdateArtifact, UpdateQuery};
use protocol::newer::{compare_builds, compare_versions};
use protocol::{AppSlug, ChannelName, RefName, ReleaseName};
use rusqlite::Connection;

use super::super::releases::read_manifest;
use super::super::{Caller, OpError, release_id};
use super::choose::{Wanted, choose};
use super::{files, head};
use crate::Server;
use crate::db::{self, releases::ReleaseRow};

/// What the channel points at, where it is newer and has a file for the device. Reads the index; the manifest only where there
/// is something to tell.
pub(crate) async fn find(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    channel: ChannelName,
    query: UpdateQuery,
) -> Result<Option<Update>, OpError> {
    let (store, site) = (server.store.clone(), server.settings().site.clone());
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let row = head(connection, &view, &app, &channel)?;
            if !is_newer(connection, &app, &row, &query)? {
                return Ok(None);
            }
            let lines = db::releases::artifacts(connection, &app, &row.id)?;
            let wanted = Wanted { arch: query.arch.as_ref(), kind: query.kind };
            let Some(line) = choose(&lines, query.platform, wanted) else { return Ok(None) };
            let path = files::address(&app, &row.name, &lines, line);
            let artifact = UpdateArtifact {
                filename: line.filename.clone(),
                arch: line.arch.clone(),
                kind: line.kind,
                size: line.size,
                sha256: line.sha256,
                url: site.address(&path).unwrap_or(path),
            };
            let (version, build) = (row.name.version().clone(), row.name.build().cloned());
            let notes = read_manifest(&store, &row.id)?.notes;
            Ok(Some(Update { release: row.to_ref(), version, build, published_at: row.published_at, notes, artifact }))
        })
        .await
}

fn is_newer(connection: &Connection, app: &AppSlug, row: &ReleaseRow, query: &UpdateQuery) -> Result<bool, OpError> {
    let Some(version) = &query.version else { return Ok(true) };
    let installed = ReleaseName::new(version.clone(), query.build.clone());
    match order(&row.name, &installed) {
        Some(order) => Ok(order.is_gt()),
        None => is_published_later(connection, app, row, installed),
    }
}

/// How a release stands to what is installed, by version and then by build; `None` where the builds do not count.
fn order(offered: &ReleaseName, installed: &ReleaseName) -> Option<Ordering> {
    let by_version = compare_versions(offered.version(), installed.version());
    match (offered.build(), installed.build()) {
        _ if by_version.is_ne() => Some(by_version),
        (Some(offered), Some(installed)) => compare_builds(offered, installed),
        // Who does not say its build has the version already.
        _ => Some(Ordering::Equal),
    }
}

/// Builds that are commit ids are told apart by when they were published here.
fn is_published_later(
    connection: &Connection,
    app: &AppSlug,
    row: &ReleaseRow,
    installed: ReleaseName,
) -> Result<bool, OpError> {
    let Some(found) = refs::sqlite::find(connection, app, &RefName::Release(installed))? else { return Ok(false) };
    let installed = db::releases::find(connection, app, &release_id(found.target))?;
    Ok(installed.is_some_and(|installed| installed.seq < row.seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_newer_by_version_and_then_by_build() {
        let check = |offered: &str, installed: &str, expect: Option<Ordering>| {
            let name = |text: &str| text.parse::<ReleaseName>().unwrap();
            assert_eq!(order(&name(offered), &name(installed)), expect, "{offered} for {installed}");
        };
        check("2.4.0+241", "2.4.0+240", Some(Ordering::Greater));
        check("2.4.0+241", "2.4.0+241", Some(Ordering::Equal));
        check("2.4.0+241", "2.10.0+1", Some(Ordering::Less));
        check("2.4.0+241", "2.3.9+999", Some(Ordering::Greater));
        check("2.4.0+241", "2.4.0", Some(Ordering::Equal));
        check("2.4.0", "2.4.0-rc.1", Some(Ordering::Greater));
        check("2.4.0+9f3ac01", "2.4.0+41c07aa", None);
    }
}
