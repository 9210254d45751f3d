//! `cargo xtask conform`: asks a server of its own everything that its description allows, and much that it does not, and holds
//! each answer against the description. The asking is done by schemathesis.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    client::Client,
    process,
    server::Server,
    tools::{self, PIP, PYTHON},
    workspace::{self, Profile},
};

/// The one version whose verdicts are known.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// What it looks at in each answer: never a 5xx, and status, media type, headers and body as described.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// Operations that would take the token away from under the rest.
const SELF_DESTROYING: [&str; 2] = ["tokens_revoke", "tokens_rotate"];

/// Enough to reach every branch of a schema; more find rarer combinations.
const EXAMPLES: u32 = 20;

/// What `cargo xtask conform` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// Requests that are made up for each operation
    #[arg(long, value_name = "N", default_value_t = EXAMPLES)]
    examples: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { examples: EXAMPLES }
    }
}

/// Builds, asks, and tells what did not conform.
///
/// # Errors
/// When an answer is not as described, or something is missing to ask with.
pub fn run(options: &Options, profile: Profile) -> Result<()> {
    tools::ensure(&[PYTHON, PIP])?;
    let packages = install()?;
    let binaries = workspace::build(profile)?;
    let folder = tempfile::Builder::new().prefix("dist-conform-").tempdir().context("cannot create a folder")?;
    let data = folder.path().join("data");
    let server = Server::start(&binaries.distd, &data)?;
    let client = Client::new(&binaries, &server, &data)?;
    publish(&client, folder.path())?;
    ask(&packages, &client, options.examples, &SELF_DESTROYING, false, folder.path())?;
    // By a client of their own, whose token they may take.
    let other = Client::new(&binaries, &server, &data)?;
    ask(&packages, &other, options.examples, &SELF_DESTROYING, true, folder.path())?;
    server.stop()
}

/// Something to be found: an app that links open, with a release on a channel.
fn publish(client: &Client, folder: &Path) -> Result<()> {
    let project = folder.join("project");
    fs::create_dir(&project)?;
    fs::copy(workspace::root().join("fixtures/ContactManager.apk"), project.join("acme.apk"))?;
    fs::write(
        project.join("dist.json"),
        r#"{"app":"acme","version":"1.0","channel":"beta","artifacts":[{"path":"acme.apk"}]}"#,
    )?;
    process::read(client.command().args(["app", "create", "acme", "--access", "link"]))?;
    process::read(client.command().arg("push").current_dir(&project))?;
    process::read(client.command().args(["link", "create", "acme@beta"]))?;
    Ok(())
}

/// Asks the operations named, or all others.
fn ask(packages: &Path, client: &Client, examples: u32, named: &[&str], only: bool, folder: &Path) -> Result<()> {
    let flag = if only { "--include-operation-id" } else { "--exclude-operation-id" };
    let mut command = Command::new("python3");
    command
        .env("PYTHONPATH", packages)
        .args(["-m", "schemathesis.cli", "run"])
        .arg(format!("{}/api/v1/openapi.json", client.url()))
        .args(["--header", &format!("Authorization: Bearer {}", client.token()), "--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing", "--generation-deterministic", "--continue-on-failure"])
        .args(["--max-examples", &examples.to_string(), "--no-color"])
        .current_dir(folder);
    for operation in named {
        command.args([flag, operation]);
    }
    let output = process::capture(&mut command)?;
    if !output.status.success() {
        bail!("an answer is not as the description says:\n{}", String::from_utf8_lossy(&output.stdout));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let verdict = said.lines().map(str::trim).find(|line| line.contains(" generated, ")).unwrap_or_default();
    println!("requests: {verdict}");
    Ok(())
}

/// The folder with the program and what it needs, kept under `target/`.
fn install() -> Result<PathBuf> {
    let folder = workspace::root().join("target").join(SCHEMATHESIS);
    let marker = folder.join("whole");
    if !marker.exists() {
        println!("installing {SCHEMATHESIS}");
        process::read(
            Command::new("pip3").args(["install", "--quiet", "--upgrade", "--target"]).arg(&folder).arg(SCHEMATHESIS),
        )?;
        fs::write(marker, "")?;
    }
    Ok(folder)
}
