//! `cargo xtask image`: the static programs, the image of them, and a container that proves it.

mod engine;
mod root;
mod smoke;

use anyhow::{Result, ensure};
use clap::Args;

use self::engine::Engine;
use crate::{
    client::version_of,
    tools::{self, Tool},
    workspace,
};

/// What runs containers, and what brings roots of trust.
const TOOLS: &[Tool] = &[
    Tool { program: "docker", package: "docker.io" },
    Tool { program: "dockerd", package: "docker.io" },
    Tool { program: "update-ca-certificates", package: "ca-certificates" },
];

/// The most an image may have, unpacked.
const MAX_BYTES: u64 = 25_000_000;

/// What `cargo xtask image` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// Name of the image
    #[arg(long, value_name = "NAME", default_value = "dist")]
    name: String,
    /// Size of the file that goes up and down through the container
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    mib: u64,
}

/// Builds the programs and the image, and runs a container of it as docs/NAS.md says, but for its health being asked
/// more often.
///
/// # Errors
/// When something is missing, or the container does not do what it should.
pub fn run(options: &Options) -> Result<()> {
    tools::ensure(TOOLS)?;
    let program = workspace::build_both_in_one()?;
    let version = version_of(&program)?;
    root::lay_out(&program)?;
    let engine = Engine::find_or_start()?;
    let tag = format!("{}:{version}", options.name);
    engine.build(&tag, &version)?;
    let bytes = engine.image_bytes(&tag)?;
    #[expect(clippy::cast_precision_loss, reason = "it is for people")]
    let megabytes = bytes as f64 / 1e6;
    println!("built {tag}, {megabytes:.1} MB");
    ensure!(bytes <= MAX_BYTES, "the image has {bytes} bytes; at most {MAX_BYTES} are allowed");
    smoke::run(&engine, &root::folder().join("usr/bin/dist"), &tag, options.mib)?;
    println!("{tag} holds");
    Ok(())
}
