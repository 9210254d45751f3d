//! `dist inspect`: what an artifact says of itself.

use std::fs::{self, File};
use std::path::PathBuf;

use ::inspect::{Entries, Finding, Limits, Report};
use clap::Args;
use serde_json::Value;

use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table, key_values, severity, size};

/// Show what an artifact says of itself
///
/// The bytes decide what it is, not its name. Identity, version, signing, what it runs on and what is odd about it; needs no
/// server. Nothing here proves who made it: a certificate is shown, not trusted.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The artifact
    file: PathBuf,
    /// List the files inside as well
    #[arg(long)]
    entries: bool,
    /// Write the icon there, as PNG
    #[arg(long, value_name = "FILE")]
    icon: Option<PathBuf>,
}

/// Runs `dist inspect`.
///
/// # Errors
/// When the file cannot be read, or the icon cannot be written.
pub(crate) fn run(args: &InspectArgs, session: &Session) -> Result<(), CliError> {
    let unreadable = |error| CliError::io("read", &args.file, error);
    let file = File::open(&args.file).map_err(unreadable)?;
    let size_bytes = file.metadata().map_err(unreadable)?.len();
    let report = ::inspect::inspect(file, size_bytes, &Limits::default()).map_err(unreadable)?;
    if let Some(target) = &args.icon {
        match &report.icon {
            Some(icon) => fs::write(target, &icon.png).map_err(|error| CliError::io("write", target, error))?,
            None => session.terminal.note(&format!("{} has no icon that can be read", args.file.display())),
        }
    }
    session.output.answer(&report, |look, report| render(look, report, args.entries))
}

fn render(look: &Look, report: &Report, with_entries: bool) -> String {
    let mut facts =
        vec![("format".to_owned(), report.format.to_string()), ("size".to_owned(), size(report.size_bytes))];
    let details = report.details.as_ref().and_then(|details| serde_json::to_value(details).ok());
    // One key, the format's own name, around what the format says.
    for (_, said) in details.iter().filter_map(Value::as_object).flatten() {
        flatten("", said, &mut facts);
    }
    if let Some(icon) = &report.icon {
        facts.push(("icon".to_owned(), format!("{} ({}×{})", icon.path, icon.width, icon.height)));
    }
    if let Some(entries) = &report.entries {
        facts.push(("files".to_owned(), format!("{}, {} unpacked", entries.count, size(entries.total_bytes))));
    }
    let facts: Vec<(&str, String)> = facts.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let listed = report.entries.as_ref().filter(|_| with_entries).map(|entries| render_entries(look, entries));
    key_values(look, &facts) + &render_findings(look, &report.findings) + &listed.unwrap_or_default()
}

/// One line per fact. Lists of words stand on one line, lists of facts get one block after the other.
fn flatten(name: &str, value: &Value, facts: &mut Vec<(String, String)>) {
    let text = match value {
        Value::Null => return,
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Array(items) => return items.iter().for_each(|item| flatten(name, item, facts)),
        Value::Object(fields) => {
            for (field, value) in fields {
                let label = field.replace('_', " ");
                // `app` of `app` is its name: once is enough.
                let label = if name.is_empty() || name == label { label } else { format!("{name} {label}") };
                flatten(&label, value, facts);
            }
            return;
        }
    };
    facts.push((name.to_owned(), text));
}

fn render_findings(look: &Look, findings: &[Finding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut table = Table::new(&[("severity", Align::Left), ("finding", Align::Left), ("what it means", Align::Left)]);
    for finding in sorted {
        table.row([severity(finding.severity).to_owned(), finding.code.clone(), finding.message.clone()]);
    }
    format!("\n{}", table.render(look))
}

fn render_entries(look: &Look, entries: &Entries) -> String {
    let mut table = Table::new(&[("path", Align::Left), ("size", Align::Right)]);
    for entry in &entries.listed {
        table.row([entry.path.clone(), size(entry.size_bytes)]);
    }
    let listed = entries.listed.len() as u64;
    let rest = if entries.count > listed { format!("and {} more\n", entries.count - listed) } else { String::new() };
    format!("\n{}{rest}", table.render(look))
}
