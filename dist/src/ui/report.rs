//! An error as a person reads it.

use protocol::Problem;
use protocol::api::{ArtifactReport, GateResult};
use protocol::manifest::Change;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::table::printable;
use super::{Look, findings, gates};
use crate::error::CliError;

/// Most lines of what a list of problems or differences shows; the rest is counted.
const LINES: usize = 50;

/// The error, what belongs to it, and the hint; ends in a newline.
pub(crate) fn render_error(look: &Look, error: &CliError) -> String {
    let problems = error.problems();
    // One problem is the message itself. Several carry their hints with them.
    let (message, several, hint) = if problems.len() > 1 {
        (error.message().to_owned(), problems.as_slice(), None)
    } else {
        (error.full_message(), &[][..], error.hint_text())
    };
    [
        format!("{} {} ({})\n", look.bold("error:"), printable(&message), error.code()),
        list(several.iter().map(problem)),
        list(differences(error).iter().map(difference)),
        findings(look, &facts::<ArtifactReport>(error, "artifacts")),
        gates(look, &facts::<GateResult>(error, "gates")),
        list(candidates(error, hint).into_iter().map(|candidate| format!("  {candidate}\n"))),
        hint.map(|hint| format!("{} {}\n", look.bold("hint:"), printable(hint))).unwrap_or_default(),
        error.request_id().map(|id| format!("request: {}\n", printable(id))).unwrap_or_default(),
    ]
    .concat()
}

fn problem(problem: &Problem) -> String {
    let hint = problem.hint.as_ref().map(|hint| format!("    hint: {hint}\n")).unwrap_or_default();
    format!("  {problem} ({})\n{hint}", problem.code)
}

/// The facts of this name, where the error has them.
fn facts<T: DeserializeOwned>(error: &CliError, name: &str) -> Vec<T> {
    error.facts().get(name).and_then(|list| serde_json::from_value(list.clone()).ok()).unwrap_or_default()
}

fn differences(error: &CliError) -> Vec<Change> {
    facts(error, "difference")
}

fn difference(change: &Change) -> String {
    let side = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), shortened);
    format!("  {}: {} there, {} here\n", change.what, side(&change.old), side(&change.new))
}

/// The first line of a value, with a digest at its start cut to 12 digits.
fn shortened(value: &str) -> String {
    let line = value.lines().next().unwrap_or_default();
    let is_digest = line.len() > 64 && line.bytes().take(64).all(|byte| byte.is_ascii_hexdigit());
    let line = if is_digest { format!("{}{}", &line[..12], &line[64..]) } else { line.to_owned() };
    if line.chars().count() > 60 { line.chars().take(59).chain(['…']).collect() } else { line }
}

/// One candidate in words: a name as it is, or a release by name and id.
fn candidate(value: &Value) -> Option<String> {
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let id = field("id").map(|id| id.get(..12).unwrap_or(id));
    let words: Vec<&str> = value.as_str().into_iter().chain(field("name")).chain(id).collect();
    (!words.is_empty()).then(|| words.join("  "))
}

/// What an ambiguous or unknown revision may have meant: names, or releases. What the hint tells is left out.
fn candidates(error: &CliError, hint: Option<&str>) -> Vec<String> {
    let is_news = |candidate: &String| hint.is_none_or(|hint| !hint.contains(candidate.as_str()));
    let Some(list) = error.facts().get("candidates").and_then(|list| list.as_array()) else { return Vec::new() };
    list.iter().filter_map(candidate).filter(is_news).collect()
}

fn list(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(LINES);
    let more = if more > 0 { format!("  and {more} more\n") } else { String::new() };
    items.take(LINES).map(|item| printable(&item)).chain([more]).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use protocol::ErrorCode;
    use serde_json::json;

    use super::super::Times;
    use super::*;

    fn render(error: &CliError) -> String {
        let look = Look { now: Timestamp::UNIX_EPOCH, times: Times::Relative, width: Some(80), colour: false };
        render_error(&look, error)
    }

    #[test]
    fn one_problem_is_one_sentence() {
        let problem = Problem::new(ErrorCode::ArtifactMissing, "artifacts[0].path", "no file matches \"build/*.ipa\"");
        let error = CliError::from_problems("dist.json", &[problem.hint("build it first")]);
        insta::assert_snapshot!(render(&error), @r#"
        error: dist.json: artifacts[0].path: no file matches "build/*.ipa" (artifact_missing)
        hint: build it first
        "#);
    }

    #[test]
    fn several_problems_are_a_list() {
        let error = CliError::from_problems(
            "dist.json",
            &[
                Problem::new(ErrorCode::VersionInvalid, "version", "is missing").hint("give --version"),
                Problem::new(ErrorCode::PathOutside, "artifacts[1].path", "\"../a\" leads out of the folder"),
            ],
        );
        insta::assert_snapshot!(render(&error), @r#"
        error: dist.json has 2 problems (version_invalid)
          version: is missing (version_invalid)
            hint: give --version
          artifacts[1].path: "../a" leads out of the folder (path_outside)
        "#);
    }

    #[test]
    fn a_taken_name_shows_what_differs() {
        let digest = |digit: &str| format!("{} (10 bytes)", digit.repeat(64));
        let error = CliError::new(ErrorCode::ReleaseExists, "acme 2.4.0 is published with other content")
            .hint("publish under another version or build")
            .details(json!({"difference": [
                {"what": "notes", "old": null, "new": "Fix login"},
                {"what": "artifacts/android/universal/apk/acme.apk", "old": digest("a"), "new": digest("b")},
            ]}));
        insta::assert_snapshot!(render(&error), @r"
        error: acme 2.4.0 is published with other content (release_exists)
          notes: nothing there, Fix login here
          artifacts/android/universal/apk/acme.apk: aaaaaaaaaaaa (10 bytes) there, bbbbbbbbbbbb (10 bytes) here
        hint: publish under another version or build
        ");
    }

    #[test]
    fn an_ambiguous_revision_lists_what_it_may_mean() {
        let error = CliError::new(ErrorCode::RevisionAmbiguous, "9f3ac01 names 2 releases")
            .details(json!({"candidates": [{"id": "9".repeat(64), "name": "2.4.0+241"}, "beta"]}));
        insta::assert_snapshot!(render(&error), @r"
        error: 9f3ac01 names 2 releases (revision_ambiguous)
          2.4.0+241  999999999999
          beta
        ");
    }
}
