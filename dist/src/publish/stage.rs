//! A part of a release, staged: hash, negotiate, upload, and note the part instead of publishing.

use std::sync::Arc;
use std::time::Instant;

use protocol::api::{Stage, StageRequest};
use protocol::publish::{STAGE_SCHEMA, Staged};
use protocol::{PartName, ReleaseName, paths};
use serde_json::value::RawValue;

use super::{Again, Digest, Origin, Plan, PublishOptions, Push, is_worth_another_round};
use crate::client::Client;
use crate::error::CliError;
use crate::ui::Terminal;

/// Which part a job has.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: PartName,
    /// How many the release has in all, where the job knows.
    pub(crate) of: Option<u32>,
}

/// Stages what was planned as `part` of its release. `digests` are those of the plan's files, in order, as far as they are known.
///
/// # Errors
/// What the server refuses, and what became of the files or the network on the way.
pub(crate) async fn stage(
    client: &Client,
    terminal: &Arc<Terminal>,
    plan: &Plan,
    (digests, origin): (Vec<Option<Digest>>, Origin),
    options: &PublishOptions,
    part: &Part,
) -> Result<Staged, CliError> {
    let started = Instant::now();
    let mut push = Push::new(client, terminal, plan, digests, options);
    let mut again = Again::default();
    let stage = loop {
        match push.stage_once(&origin, part).await {
            Err(error) if is_worth_another_round(error.code()) && again.is_left() => again.wait(terminal, &error).await,
            outcome => break outcome?,
        }
    };
    Ok(Staged {
        schema: STAGE_SCHEMA.to_owned(),
        app: plan.header.app.clone(),
        stage,
        transfer: push.transfer(started.elapsed()),
        warnings: plan.warnings.clone(),
    })
}

impl Push<'_> {
    async fn stage_once(&mut self, origin: &Origin, part: &Part) -> Result<Stage, CliError> {
        let negotiated = self.learn().await?;
        let manifest = self.manifest(origin);
        self.upload(&negotiated.missing).await?;
        let header = &self.plan.header;
        let name = ReleaseName::new(header.version.clone(), header.build.clone());
        let canonical = String::from_utf8(manifest.canonical_bytes()).expect("JSON is UTF-8");
        let manifest = RawValue::from_string(canonical).expect("canonical JSON is JSON");
        let request = StageRequest { manifest, of: part.of };
        self.client.put(&paths::stage(&header.app, &name, &part.name), &request).await
    }
}
