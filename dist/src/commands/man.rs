//! `dist man`: manual pages from the same definitions as the help.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use protocol::ErrorCode;
use serde::Serialize;

use crate::cli::Cli;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::write_stdout;

/// Print the manual page, or write all of them into a folder
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder to write dist.1, dist-push.1 and so on into
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// The document of `dist man DIR --json`.
#[derive(Debug, Serialize)]
struct Written {
    schema: &'static str,
    folder: String,
    pages: usize,
}

/// Runs `dist man`.
///
/// # Errors
/// When a page cannot be written.
pub(crate) fn run(args: &ManArgs, session: &Session) -> Result<(), CliError> {
    let mut root = Cli::command();
    root.build();
    match &args.folder {
        None => write_stdout(&String::from_utf8_lossy(&page(&root)?)),
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|error| CliError::io("create", folder, error))?;
            let document = Written {
                schema: "dist.man/1",
                folder: folder.display().to_string(),
                pages: write_pages(&root, "dist", folder)?,
            };
            session.output.answer(&document, |_, document| {
                format!("{} pages are written to {}.\n", document.pages, document.folder)
            })
        }
    }
}

fn write_pages(command: &Command, name: &str, folder: &Path) -> Result<usize, CliError> {
    let path = folder.join(format!("{name}.1"));
    // Git's way: dist-token-create(1) documents `dist token create`.
    let titled = command.clone().display_name(name.to_owned());
    fs::write(&path, page(&titled)?).map_err(|error| CliError::io("write", &path, error))?;
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    shown
        .map(|command| write_pages(command, &format!("{name}-{}", command.get_name()), folder))
        .sum::<Result<usize, _>>()
        .map(|count| count + 1)
}

fn page(command: &Command) -> Result<Vec<u8>, CliError> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| CliError::new(ErrorCode::Io, "cannot render a manual page").caused_by(error))?;
    Ok(page)
}
