//! `dist completions`: for bash, zsh, fish, elvish and PowerShell, from the same definitions as the help.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::CliError;
use crate::ui::write_stdout;

/// Print the completion script of a shell
///
/// For bash: dist completions bash > ~/.local/share/bash-completion/completions/dist
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Runs `dist completions`.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dist", &mut script);
    write_stdout(&String::from_utf8_lossy(&script))
}
