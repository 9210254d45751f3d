//! `distd doctor`: the checks, and how they are told.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use protocol::diagnosis::{self, WORD_COLUMNS};

use super::print;
use super::serve::Serve;
use crate::Clock;
use crate::config::Setting;
use crate::doctor::{self, Check};

/// Check the server's configuration, data directory, disk, clock and certificate, and when it was last cared for. Reads only;
/// the server may run. Exits 1 when something is wrong. `dist doctor` looks at the way to it.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    serve: Serve,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Takes what the layers said.
    pub(super) fn take(&mut self, settings: Vec<Setting>) {
        self.serve.configuration = settings;
    }

    pub(super) fn run(&self) -> Result<ExitCode> {
        let checks = self.checks()?;
        let text = if self.json {
            let document = serde_json::json!({ "schema": "distd.doctor/1", "checks": checks });
            serde_json::to_string_pretty(&document)? + "\n"
        } else {
            render(&checks)
        };
        print(&text)?;
        Ok(if diagnosis::count_failed(&checks) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn checks(&self) -> Result<Vec<Check>> {
        let now = Clock::system().now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let configuration = match runtime.block_on(self.serve.check()) {
            Ok(()) => Check::ok("configuration", "right; distd config show tells where each value is from"),
            Err(error) => Check::fail("configuration", error.to_string()).mended_by("distd config check"),
        };
        let about = self.serve.about();
        let mut checks = vec![
            configuration,
            doctor::public_url(about.public_url.as_deref()),
            doctor::directory(about.data),
            doctor::file_system(about.data),
            doctor::space(about.data, about.reserve_bytes),
        ];
        checks.extend(doctor::database(about.data, now));
        checks.extend(about.certificate.map(|file| doctor::certificate(file, now)));
        checks.push(doctor::open_files());
        Ok(checks)
    }
}

fn render(checks: &[Check]) -> String {
    let width = diagnosis::code_columns(checks);
    let line = |check: &Check| {
        let mend = check
            .mend
            .iter()
            .map(|mend| format!("{:indent$}mend: {mend}\n", "", indent = WORD_COLUMNS + 2 + width + 2));
        format!("{}  {:<width$}  {}\n{}", check.level.word(), check.code, check.seen, mend.collect::<String>())
    };
    checks.iter().map(line).collect()
}
