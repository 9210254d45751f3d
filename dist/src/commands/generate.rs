//! `dist generate`: documents of the repository that are made from the code. Hidden: for the build, not for people.

use clap::{CommandFactory, Subcommand};
use clap_markdown::MarkdownOptions;
use protocol::ErrorCode;
use protocol::dist_json::DistJson;

use crate::cli::Cli;
use crate::error::{CliError, EXIT_CODES, exit_code};
use crate::ui::write_stdout;

/// Print documents that are generated from the code.
#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Print docs/CLI.md
    Markdown,
    /// Print the JSON Schema of dist.json
    Schema,
}

/// Runs `dist generate …`.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn run(command: &GenerateCommand) -> Result<(), CliError> {
    match command {
        GenerateCommand::Markdown => write_stdout(&markdown()),
        GenerateCommand::Schema => write_stdout(&format!("{:#}\n", DistJson::json_schema())),
    }
}

fn markdown() -> String {
    let options = MarkdownOptions::new().title("The command line".to_owned()).show_footer(false);
    let commands = clap_markdown::help_markdown_command_custom(&Cli::command(), &options);
    format!("{}\n{}", commands.trim_end(), codes())
}

/// The tables that belong to no single command.
fn codes() -> String {
    let exits: Vec<String> = EXIT_CODES.iter().map(|(code, meaning)| format!("| {code} | {meaning} |\n")).collect();
    let codes = ErrorCode::ALL.iter();
    let codes: Vec<String> =
        codes.map(|code| format!("| `{code}` | {} | {} |\n", exit_code(code.class()), code.meaning())).collect();
    let what = "The `code` of a `dist.error/1` document, and of every error answer of the server.";
    format!(
        "\n## Exit codes\n\n| code | meaning |\n|---|---|\n{}\n\
        ## Error codes\n\n{what}\n\n| code | exit | meaning |\n|---|---|---|\n{}",
        exits.concat(),
        codes.concat(),
    )
}
