//! Gates: what a channel asks of a release that comes onto it.

use inspect::{Signing, Summary};
use protocol::api::GateResult;
use protocol::{AppRules, AppSlug, ChannelName, FileName, Gate, Level, ReleaseId};
use rusqlite::Connection;

use super::{OpError, rules};
use crate::db;

/// What the gates of a channel say of a release: those that warn. One that blocks refuses.
pub(super) fn pass(
    connection: &Connection,
    app: &AppSlug,
    channel: &ChannelName,
    release: ReleaseId,
) -> Result<Vec<GateResult>, OpError> {
    let rules = rules::load(connection, app)?;
    let mut artifacts = Vec::new();
    for line in db::releases::artifacts(connection, app, &release)? {
        if let Some(report) = db::reports::find(connection, &line.sha256)? {
            artifacts.push((line.filename, report.summary()));
        }
    }
    let results = evaluate(&rules, channel, &artifacts);
    if results.iter().any(|result| result.level == Level::Block) {
        return Err(OpError::GateBlocked { app: app.clone(), channel: channel.clone(), results });
    }
    Ok(results.into_iter().filter(|result| result.level == Level::Warn).collect())
}

/// What each gate says. Knows nothing but what it is given.
fn evaluate(rules: &AppRules, channel: &ChannelName, artifacts: &[(FileName, Summary)]) -> Vec<GateResult> {
    let names = |is_wrong: fn(&Summary) -> bool| {
        let wrong = artifacts.iter().filter(|(_, summary)| is_wrong(summary));
        wrong.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let result = |gate: Gate, wrong: &str, message: String| {
        let level = if wrong.is_empty() { Level::Off } else { rules.gate(channel, gate) };
        GateResult { channel: channel.clone(), gate, level, message }
    };
    let debuggable = names(|summary| summary.debuggable);
    let unsigned = names(|summary| matches!(summary.signing, Signing::Unsigned | Signing::Invalid));
    vec![
        result(Gate::Debuggable, &debuggable, format!("a debugger may attach to {debuggable}")),
        result(Gate::Unsigned, &unsigned, format!("not signed, or not by its signature: {unsigned}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_does_what_the_channel_says() {
        let rules: AppRules =
            serde_json::from_str(r#"{"gates": {"stable": {"unsigned": "block"}, "nightly": {"unsigned": "off"}}}"#)
                .unwrap();
        let artifact =
            |signing, debuggable| ("a.apk".parse().unwrap(), Summary { signing, debuggable, ..Summary::default() });
        let check = |channel: &str, signing, debuggable, expect: [Level; 2]| {
            let results = evaluate(&rules, &channel.parse().unwrap(), &[artifact(signing, debuggable)]);
            assert_eq!(results.iter().map(|result| result.level).collect::<Vec<_>>(), expect, "{channel} {signing:?}");
        };
        check("stable", Signing::Signed, false, [Level::Off, Level::Off]);
        check("stable", Signing::NotApplicable, false, [Level::Off, Level::Off]);
        check("stable", Signing::Unsigned, true, [Level::Warn, Level::Block]);
        check("stable", Signing::Invalid, false, [Level::Off, Level::Block]);
        check("beta", Signing::Unsigned, false, [Level::Off, Level::Warn]);
        check("nightly", Signing::Unsigned, false, [Level::Off, Level::Off]);
    }
}
