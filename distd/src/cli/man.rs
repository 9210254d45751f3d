//! `distd man`: manual pages from the same definitions as the help.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;

use super::{Cli, print};

/// Write the manual pages, distd.8 and so on, into a folder.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The folder; made where it does not exist.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(self) -> Result<()> {
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        let mut root = Cli::command();
        root.build();
        let pages = write_pages(&root, "distd", &self.folder)?;
        print(&format!("{pages} pages are written to {}\n", self.folder.display()))
    }
}

/// Git's way: distd-token-create(8) documents `distd token create`.
fn write_pages(command: &Command, name: &str, folder: &Path) -> Result<usize> {
    let path = folder.join(format!("{name}.8"));
    let mut page = Vec::new();
    Page::new(command.clone().display_name(name.to_owned())).section("8").render(&mut page)?;
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    let below = shown.map(|command| write_pages(command, &format!("{name}-{}", command.get_name()), folder));
    Ok(below.sum::<Result<usize>>()? + 1)
}
