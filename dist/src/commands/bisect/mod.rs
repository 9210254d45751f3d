//! `dist bisect`: which release brought a fault.

mod search;
mod state;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use protocol::api::{Release, ReleaseRef};
use protocol::{AppRevision, AppSelection, ErrorCode, Revision, RevisionRange, Selection, ServerUrl, paths};
use serde::Serialize;

use self::search::{Step, Verdict};
use self::state::{Mark, State};
use super::log::{History, Only};
use super::{parse_channel_of_app, parse_name};
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Look, Tone};

/// Commands of a bisect.
#[derive(Debug, Subcommand)]
pub(crate) enum BisectCommand {
    Start(StartArgs),
    Good(MarkArgs),
    Bad(MarkArgs),
    Skip(MarkArgs),
    Log(LogArgs),
    Reset(ResetArgs),
}

/// Begin to look for the first bad release
///
/// Says which release to try first. Try it, and say `dist bisect good`, `bad` or `skip`; each answer halves the suspects. What was
/// found is kept in .dist/bisect.json in this folder until `dist bisect reset`.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// The channel that the fault was seen on, as APP@CHANNEL
    #[arg(value_name = "APP@CHANNEL")]
    channel: String,
    /// A release without the fault, in the history of the bad one: any revision
    #[arg(long, value_name = "REV")]
    good: String,
    /// A release with the fault: any revision [default: where the channel points]
    #[arg(long, value_name = "REV")]
    bad: Option<String>,
}

/// Say what was found of a release
#[derive(Debug, Args)]
pub(crate) struct MarkArgs {
    /// The release, by name or the beginning of its id [default: the one to try]
    #[arg(value_name = "REV")]
    release: Option<String>,
}

/// Show what was found so far
#[derive(Debug, Args)]
pub(crate) struct LogArgs {}

/// End the bisect and forget what was found
#[derive(Debug, Args)]
pub(crate) struct ResetArgs {}

/// Runs `dist bisect …`.
///
/// # Errors
/// What the server refuses, and when no bisect is going on.
pub(crate) async fn run(command: BisectCommand, session: &Session) -> Result<(), CliError> {
    let (verdict, args) = match command {
        BisectCommand::Start(args) => return start(args, session).await,
        BisectCommand::Log(_) => return show_log(session),
        BisectCommand::Reset(_) => return reset(session),
        BisectCommand::Good(args) => (Verdict::Good, args),
        BisectCommand::Bad(args) => (Verdict::Bad, args),
        BisectCommand::Skip(args) => (Verdict::Skip, args),
    };
    mark(verdict, args.release.as_deref(), session)
}

async fn start(args: StartArgs, session: &Session) -> Result<(), CliError> {
    if let Some(file) = state::find(&current_folder()?) {
        return Err(CliError::usage(format!("a bisect is going on already: {}", file.display()))
            .hint("`dist bisect log` shows it, `dist bisect reset` ends it"));
    }
    let (app, channel) = parse_channel_of_app(&args.channel)?;
    let from: Revision = parse_name(&args.good, ErrorCode::RevisionInvalid)?;
    let to = args.bad.as_deref().map(|text| parse_name(text, ErrorCode::RevisionInvalid)).transpose()?;
    let to: Revision = to.unwrap_or_else(|| Revision::channel(&channel));
    let client = session.client()?;
    let good: Release = client.get(&paths::release(&app, &from)).await?;
    let range = Selection::Range(RevisionRange { from: from.clone(), to: to.clone() });
    let wanted = AppSelection { app: app.clone(), selection: Some(range) };
    let mut releases = History::new(&client, &wanted, Only::default(), None).collect().await?.releases;
    releases.reverse();
    // Where the two are on lines that fork, nobody has said anything of the release that both came from.
    if releases.first().and_then(|first| first.manifest.parent) != Some(good.id) {
        let of = |revision: &Revision| AppRevision { app: app.clone(), revision: revision.clone() }.to_string();
        return Err(CliError::usage(format!("{} is not in the history of {}", of(&from), of(&to)))
            .hint(format!("`dist log {}` shows what is", of(&to))));
    }
    let named = |release: Release| ReleaseRef { id: release.id, name: release.name };
    let server = client.server().to_string();
    let state = State::new(server, (app, channel), named(good), releases.into_iter().map(named).collect());
    state::write(&state::file_in(&current_folder()?), &state)?;
    tell(&state, session)
}

fn mark(verdict: Verdict, release: Option<&str>, session: &Session) -> Result<(), CliError> {
    let (file, mut state) = open()?;
    let mut search = state.search();
    let at = match (release, search.step()) {
        (Some(text), _) => state.find(text)?,
        (None, Step::Try { at, .. }) => at,
        (None, _) => {
            return Err(CliError::usage("there is nothing left to try").hint("`dist bisect log` shows what was found"));
        }
    };
    let release = state.releases[at].clone();
    if search.mark(at, verdict).is_err() {
        return Err(CliError::usage(format!("{} cannot be that: it contradicts what was said before", release.name))
            .hint("`dist bisect log` shows it; `dist bisect reset` begins anew"));
    }
    state.marks.push(Mark { release, verdict, at: session.now });
    state::write(&file, &state)?;
    tell(&state, session)
}

fn show_log(session: &Session) -> Result<(), CliError> {
    let (_, state) = open()?;
    session.output.answer(&state, |look, state| {
        let began = |word: &str, release: &ReleaseRef| {
            format!("  {word}  {}  {}  where it began\n", release.name, look.dim(&release.id.short()))
        };
        let marks = state.marks.iter().map(|mark| {
            let (name, id) = (&mark.release.name, look.dim(&mark.release.id.short()));
            format!("  {}  {name}  {id}  {}\n", word(look, mark.verdict), look.when(mark.at))
        });
        let bad = state.releases.last().map(|bad| began("bad ", bad)).unwrap_or_default();
        let ends = [format!("{}@{}\n", state.app, state.channel), began("good", &state.good), bad];
        ends.into_iter().chain(marks).collect::<String>() + "\n" + &render(look, &document(state))
    })
}

/// The verdict, four letters and a blank at most, so that names stand below each other.
fn word(look: &Look, verdict: Verdict) -> String {
    match verdict {
        Verdict::Good => look.tone(Tone::Good, "good"),
        Verdict::Bad => look.tone(Tone::Bad, "bad") + " ",
        Verdict::Skip => look.tone(Tone::Muted, "skip"),
    }
}

fn reset(session: &Session) -> Result<(), CliError> {
    let found = state::find(&current_folder()?);
    if let Some(file) = &found {
        state::remove(file)?;
    }
    session.output.answer(&serde_json::json!({ "reset": found.is_some() }), |_, _| match found {
        Some(_) => "The bisect has ended.\n".to_owned(),
        None => "No bisect is going on.\n".to_owned(),
    })
}

fn open() -> Result<(PathBuf, State), CliError> {
    let file = state::find(&current_folder()?).ok_or_else(|| {
        CliError::usage("no bisect is going on here").hint("dist bisect start APP@CHANNEL --good REV begins one")
    })?;
    let state = state::read(&file)?;
    Ok((file, state))
}

fn current_folder() -> Result<PathBuf, CliError> {
    std::env::current_dir()
        .map_err(|error| CliError::new(ErrorCode::Io, "the current folder is not to be had").caused_by(error))
}

/// Where a bisect is, for a program.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Document {
    app: String,
    channel: String,
    /// `try`, `found` or `stuck`.
    state: &'static str,
    /// The release to try, or the first bad one.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<ReleaseRef>,
    /// The page to install it from.
    #[serde(skip_serializing_if = "Option::is_none")]
    install_url: Option<String>,
    /// How many releases may be the first bad one.
    suspects: usize,
    /// Tries left, this one counted, at most where none is skipped.
    steps: u32,
    /// The release before the first bad one.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_good: Option<ReleaseRef>,
    /// Where all that is left was skipped: the releases one of which is the first bad one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    one_of: Vec<ReleaseRef>,
}

fn tell(state: &State, session: &Session) -> Result<(), CliError> {
    session.output.answer(&document(state), render)
}

fn document(state: &State) -> Document {
    let at = |at: usize| state.releases.get(at).cloned();
    let document = Document {
        app: state.app.to_string(),
        channel: state.channel.to_string(),
        state: "stuck",
        release: None,
        install_url: None,
        suspects: 0,
        steps: 0,
        last_good: None,
        one_of: Vec::new(),
    };
    match state.search().step() {
        Step::Try { at: place, suspects, steps_after } => {
            let release = at(place);
            let url = release.as_ref().and_then(|release| install_url(state, release));
            Document { state: "try", release, install_url: url, suspects, steps: steps_after + 1, ..document }
        }
        Step::Found(place) => {
            let last_good = if place == 0 { Some(state.good.clone()) } else { at(place - 1) };
            Document { state: "found", release: at(place), suspects: 1, last_good, ..document }
        }
        Step::Stuck(places) => {
            let one_of: Vec<ReleaseRef> = places.into_iter().filter_map(at).collect();
            Document { suspects: one_of.len(), one_of, ..document }
        }
    }
}

fn install_url(state: &State, release: &ReleaseRef) -> Option<String> {
    let server: ServerUrl = state.server.parse().ok()?;
    Some(server.join(&paths::install_release(&state.app, &Revision::release(&release.name))))
}

fn render(look: &Look, document: &Document) -> String {
    let named =
        |release: &ReleaseRef| format!("{}  {}", look.bold(release.name.as_str()), look.dim(&release.id.short()));
    let app = &document.app;
    match (&document.release, &document.last_good) {
        (Some(bad), Some(good)) => {
            format!("{} is the first bad release; {} is the last good one.\n", named(bad), good.name)
                + &format!("  what changed  dist diff {app}@{}..{}\n", good.name, bad.name)
                + "  end           dist bisect reset\n"
        }
        (Some(next), None) => {
            let steps = if document.steps == 1 { "1 step".to_owned() } else { format!("{} steps", document.steps) };
            let url = document.install_url.as_deref().unwrap_or_default();
            format!("Try {}   {} suspects, {steps} left\n", named(next), document.suspects)
                + &format!("  install  {url}\n  pull     dist pull {app}@{}\n", next.name)
                + "  then     dist bisect good, bad or skip\n"
        }
        _ => {
            let lines = document.one_of.iter().map(|release| format!("  {}\n", named(release)));
            format!("The first bad release is one of these {}; what could tell was skipped.\n", document.suspects)
                + &lines.collect::<String>()
        }
    }
}
