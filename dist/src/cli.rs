//! The command line: every command, flag and help text, defined once for parsing, help, man pages and completions.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::client::RetryPolicy;
use crate::commands::{
    app, audit, bisect, bundle, channels, check, ci, completions, diff, doctor, fsck, gc, generate, init, inspect,
    link, log, man, notes, pin, promote, publisher, pull, push, reflog, revoke, rollback, show, token, webhook, whoami,
};

/// Git for releases: push artifacts, move channels, pull them back
///
/// A release is one version and build of an app, named by the SHA-256 of its manifest. Channels such as beta point at
/// releases and move. APP@REV names a release everywhere: a channel (acme@beta), a release name (acme@2.4.0+241) or at
/// least 7 digits of a release id, followed by ~N (N parents back) or, after a channel, @{N} (N moves back) or
/// @{2026-11-01} (what it was then).
#[derive(Debug, Parser)]
#[command(name = "dist", version, after_long_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    unexpected, or what is named does not exist
  2    usage
  3    manifest or artifact invalid
  4    not allowed
  5    conflict
  6    refused by policy
  7    server or network unreachable after retries
  130  interrupted; the same command continues";

/// Flags that every command takes.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Address of the server, an http or https URL
    #[arg(long, global = true, env = "DIST_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Token to send with every request
    ///
    /// A flag shows in the process list: where others use the machine, set the variable or the configuration file.
    #[arg(long, global = true, env = "DIST_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Print exactly one JSON document on stdout, also when the command fails
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Configuration file with server and token [default: ~/.config/dist/config.toml]
    #[arg(long, global = true, env = "DIST_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Write times as 2026-11-22T09:00:00Z instead of "2 hours ago"
    #[arg(long, global = true)]
    pub(crate) iso: bool,
    /// Print long answers to a terminal at once instead of a screen at a time
    ///
    /// The pager is `DIST_PAGER`, else `PAGER`, else `less`; none where that is empty or `cat`.
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,
    /// How often a request is repeated when the server or the network fails
    ///
    /// Waits double from 0.25 s up to 10 s. The default outlasts a server that restarts within 30 seconds.
    #[arg(long, global = true, env = "DIST_RETRIES", value_name = "N", default_value_t = RetryPolicy::RETRIES)]
    pub(crate) retries: u32,
}

/// Every command. Its help is the documentation of its arguments; only groups of commands have theirs here.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Apps: who may see them, and what they ask of their artifacts
    #[command(subcommand)]
    App(app::AppCommand),
    Init(init::InitArgs),
    Check(check::CheckArgs),
    Inspect(inspect::InspectArgs),
    Push(push::PushArgs),
    /// Commands for continuous integration
    #[command(subcommand)]
    Ci(ci::CiCommand),
    Pull(pull::PullArgs),
    Log(log::LogArgs),
    Show(show::ShowArgs),
    Diff(diff::DiffArgs),
    Notes(notes::NotesArgs),
    Channels(channels::ChannelsArgs),
    Promote(promote::PromoteArgs),
    Rollback(rollback::RollbackArgs),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
    Revoke(revoke::RevokeArgs),
    Restore(revoke::RestoreArgs),
    Reflog(reflog::ReflogArgs),
    /// Find the release that brought a fault, by halves
    #[command(subcommand)]
    Bisect(bisect::BisectCommand),
    /// Bundles: releases in one file, for places without a network
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// Links that open a channel to whoever has them
    #[command(subcommand)]
    Link(link::LinkCommand),
    /// Create, list, rotate and revoke tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Add, list and remove trusted publishers: pipelines that may publish without a secret
    #[command(subcommand)]
    Publisher(publisher::PublisherCommand),
    /// Webhooks: tell other programs and chats what happens to an app
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    Whoami(whoami::WhoamiArgs),
    Audit(audit::AuditArgs),
    Doctor(doctor::DoctorArgs),
    Fsck(fsck::FsckArgs),
    Gc(gc::GcArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    /// Print documents that are generated from the code
    #[command(subcommand, hide = true)]
    Generate(generate::GenerateCommand),
}

#[cfg(test)]
mod templates;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::error::EXIT_CODES;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_is_explained() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{} {} has no help", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn help_lists_every_exit_code() {
        for (code, _) in EXIT_CODES {
            assert!(AFTER_HELP.contains(&format!("\n  {code:<3}  ")), "{code}");
        }
    }
}
