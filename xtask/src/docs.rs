//! `cargo xtask docs`: the pages that the programs write themselves.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{
    process,
    workspace::{self, Binaries, Profile},
};

/// A file that a program prints.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Path below the workspace's root.
    pub file: &'static str,
    program: Program,
    arguments: &'static [&'static str],
}

#[derive(Clone, Copy, Debug)]
enum Program {
    Dist,
    Distd,
}

/// Every generated page.
pub const PAGES: &[Page] = &[
    Page { file: "docs/CLI.md", program: Program::Dist, arguments: &["generate", "markdown"] },
    Page { file: "docs/dist.schema.json", program: Program::Dist, arguments: &["generate", "schema"] },
    Page { file: "docs/CONFIGURATION.md", program: Program::Distd, arguments: &["config", "reference"] },
    Page { file: "docs/openapi.json", program: Program::Distd, arguments: &["openapi"] },
];

/// Builds the programs and rewrites every page.
///
/// # Errors
/// When the programs cannot be built, do not print a page, or a file cannot be written.
pub fn run() -> Result<()> {
    let binaries = workspace::build(Profile::Test)?;
    for page in PAGES {
        let file = workspace::root().join(page.file);
        write_page(&file, &generate(&binaries, page)?)?;
        println!("wrote {}", page.file);
    }
    Ok(())
}

/// What the page's program prints now.
///
/// # Errors
/// When it fails, or prints something that is not UTF-8.
pub fn generate(binaries: &Binaries, page: &Page) -> Result<String> {
    let program = match page.program {
        Program::Dist => &binaries.dist,
        Program::Distd => &binaries.distd,
    };
    process::read(Command::new(program).args(page.arguments)).with_context(|| format!("cannot generate {}", page.file))
}

fn write_page(file: &PathBuf, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
