//! Gates: what a channel asks of a release that comes onto it. `evaluate` decides, this loads what it decides on.

mod evaluate;
mod rising;

use inspect::Report;
use jiff::{SignedDuration, Timestamp};
use objstore::Store;
use protocol::api::{GateReport, GateResult, Held, Pin, ReleaseRef, Revocation};
use protocol::compare::read_facts;
use protocol::{AppRules, AppSlug, ChannelName, ErrorCode, Gate, GateCode, RefName, ReleaseId};
use rusqlite::Connection;

use super::releases::read_manifest;
use super::resolve::load;
use super::{OpError, release_id, rules};
use crate::db;
use evaluate::{Artifact, Case, Side, Soaked, evaluate};

/// Newest moves of a channel among which the time that a release was on it is looked for.
const SOAK_MOVES: u32 = 1_000;

/// Everything that gates look at besides the request.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) connection: &'a Connection,
    pub(super) store: &'a Store,
    pub(super) app: &'a AppSlug,
    pub(super) now: Timestamp,
}

/// What the gates of a channel say of a release that is in the index.
#[derive(Debug)]
pub(super) struct Judged {
    app: AppSlug,
    channel: ChannelName,
    /// Where the channel is.
    pub(super) from: Option<ReleaseRef>,
    release: ReleaseRef,
    pin: Option<Pin>,
    revoked: Option<Revocation>,
    pub(super) report: GateReport,
}

/// Asks all gates of a channel.
pub(super) fn judge(ground: Ground<'_>, channel: &ChannelName, release: ReleaseId) -> Result<Judged, OpError> {
    let Ground { connection, app, .. } = ground;
    let rules = rules::load(connection, app)?;
    let head = refs::sqlite::find(connection, app, &RefName::Channel(channel.clone()))?;
    let from =
        head.map(|head| Ok::<_, OpError>(load(connection, app, release_id(head.target))?.to_ref())).transpose()?;
    let other = from.as_ref().filter(|from| from.id != release);
    let live = other.map(|from| ground.side(from.id)).transpose()?;
    let side = ground.side(release)?;
    let (pin, revoked) = (db::pins::find(connection, app, channel)?, db::revocations::find(connection, app, &release)?);
    let soaked = ground.soaked(&rules, channel, release)?;
    let case = Case {
        live: live.as_ref(),
        release: &side,
        revoked: revoked.as_ref(),
        pin: pin.as_ref(),
        soaked: soaked.as_ref(),
        now: ground.now,
    };
    let report = evaluate(&rules, channel, &case);
    let release = ReleaseRef { id: release, name: side.name };
    Ok(Judged { app: app.clone(), channel: channel.clone(), from, release, pin, revoked, report })
}

impl Judged {
    /// The gates that block, without those that are overridden.
    pub(super) fn blocks(&self, overrides: &[GateCode]) -> Vec<&GateResult> {
        self.report.blocks().filter(|result| !is_overridden(result, overrides)).collect()
    }

    /// The gates that would block and are overridden.
    pub(super) fn overridden(&self, overrides: &[GateCode]) -> Vec<GateResult> {
        self.report.blocks().filter(|result| is_overridden(result, overrides)).cloned().collect()
    }

    /// Why the release does not come onto the channel; `None` where it may.
    pub(super) fn refusal(&self, overrides: &[GateCode]) -> Option<OpError> {
        let code = code(&self.blocks(overrides))?;
        let (app, channel, results) = (self.app.clone(), self.channel.clone(), self.report.gates.clone());
        Some(match (code, &self.revoked, &self.pin) {
            (ErrorCode::ReleaseRevoked, Some(revocation), _) => {
                OpError::ReleaseRevoked { app, what: self.release.name.to_string(), revocation: revocation.clone() }
            }
            (ErrorCode::ChannelPinned, _, Some(pin)) => {
                let at = self.from.as_ref().map(|from| from.name.clone());
                OpError::ChannelPinned { app, channel, at, pin: pin.clone(), results }
            }
            _ => OpError::GateBlocked { app, channel, results },
        })
    }

    /// The channel that does not move to a release that is published all the same; `None` where it may move.
    pub(super) fn held(&self) -> Option<Held> {
        let (code, refusal) = (code(&self.blocks(&[]))?, self.refusal(&[])?);
        let gates = self.report.gates.clone();
        Some(Held { channel: self.channel.clone(), code, message: refusal.to_string(), at: self.from.clone(), gates })
    }
}

fn is_overridden(result: &GateResult, overrides: &[GateCode]) -> bool {
    result.gate.gate.can_be_overridden() && overrides.iter().any(|named| result.gate.is_meant_by(*named))
}

/// What is told first where several gates block: that which nothing but undoing it helps against.
fn code(blocks: &[&GateResult]) -> Option<ErrorCode> {
    let has = |gate: Gate| blocks.iter().any(|result| result.gate.gate == gate);
    if blocks.is_empty() {
        None
    } else if has(Gate::ReleaseRevoked) {
        Some(ErrorCode::ReleaseRevoked)
    } else if has(Gate::ChannelPinned) {
        Some(ErrorCode::ChannelPinned)
    } else {
        Some(ErrorCode::GateBlocked)
    }
}

impl Ground<'_> {
    fn side(self, release: ReleaseId) -> Result<Side, OpError> {
        let manifest = read_manifest(self.store, &release)?;
        let mut artifacts = Vec::new();
        for line in &manifest.artifacts {
            let report = db::reports::find(self.connection, &line.sha256)?;
            artifacts.push(Artifact {
                platform: line.platform,
                filename: line.filename.clone(),
                sha256: line.sha256,
                summary: report.as_ref().map(Report::summary).unwrap_or_default(),
                facts: report.as_ref().map(read_facts).unwrap_or_default(),
            });
        }
        let links = manifest.links.iter().map(|link| link.platform);
        let platforms = manifest.artifacts.iter().map(|line| line.platform).chain(links).collect();
        Ok(Side { name: manifest.name(), platforms, artifacts })
    }

    fn soaked(self, rules: &AppRules, channel: &ChannelName, release: ReleaseId) -> Result<Option<Soaked>, OpError> {
        let Some(soak) = rules.soak.get(channel) else { return Ok(None) };
        let had = self.time_on(&soak.on, release)?;
        Ok(Some(Soaked { on: soak.on.clone(), had, needed: SignedDuration::from_secs(soak.seconds.into()) }))
    }

    /// For how long a channel has pointed at a release, all together.
    fn time_on(self, channel: &ChannelName, release: ReleaseId) -> Result<SignedDuration, OpError> {
        let name = RefName::Channel(channel.clone());
        let lines = refs::sqlite::reflog(self.connection, self.app, &name, None, SOAK_MOVES)?;
        let mut until = self.now;
        let mut had = SignedDuration::ZERO;
        for line in lines {
            if line.new == Some(release.into()) {
                had += until.duration_since(line.at).max(SignedDuration::ZERO);
            }
            until = line.at;
        }
        Ok(had)
    }
}
