//! The rules about one source file: what it may mention, how long it may be, what must not be left
//! in it.

use anyhow::{Context, Result};

use super::{
    Finding,
    source::{self, Mention, Token},
};

/// A file longer than this is two files.
const MAX_LINES: usize = 500;

/// Spelled in two halves, so that this file passes its own rule.
const UNFINISHED: &str = concat!("FIX", "ME");

/// What code under some folders must not mention.
struct Ban {
    under: &'static [&'static str],
    mentions: &'static [Mention],
    /// Whether code that is compiled for tests is held to it as well.
    tests_too: bool,
    rule: &'static str,
    remedy: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        under: &["objstore/src/", "refs/src/", "protocol/src/", "inspect/src/"],
        mentions: &[
            Mention::Std("env"),
            Mention::Macro("print"),
            Mention::Macro("println"),
            Mention::Macro("eprint"),
            Mention::Macro("eprintln"),
            Mention::Word("tokio"),
            Mention::Word("axum"),
            Mention::Word("reqwest"),
        ],
        tests_too: false,
        rule: "a library knows no environment, terminal, HTTP or async runtime",
        remedy: "take what it needs as a parameter, and do the rest in dist or distd",
    },
    Ban {
        under: &["distd/src/http/", "distd/src/http.rs"],
        mentions: &[Mention::Word("rusqlite")],
        tests_too: false,
        rule: "a handler holds no SQL",
        remedy: "call one operation of distd::ops and wrap its answer",
    },
    Ban {
        under: &["distd/src/db/", "distd/src/db.rs"],
        mentions: &[Mention::Word("axum"), Mention::Word("http")],
        tests_too: false,
        rule: "SQL knows no HTTP",
        remedy: "return what was found or an error with its meaning; distd::http gives it a status",
    },
    Ban {
        under: &[""],
        mentions: &[Mention::Macro("todo"), Mention::Macro("unimplemented")],
        tests_too: true,
        rule: "nothing unfinished is committed",
        remedy: "finish it, or leave it out",
    },
    Ban {
        under: &[""],
        mentions: &[Mention::Attribute("ignore")],
        tests_too: true,
        rule: "a test that never runs is no test",
        remedy: "make it run, or delete it",
    },
];

/// Checks one Rust file, named by its path below the workspace's root.
///
/// # Errors
/// When the text is not Rust.
pub fn check(file: &str, text: &str) -> Result<Vec<Finding>> {
    let all = source::parse(text).with_context(|| format!("cannot read {file}"))?;
    let shipped = if is_test_file(file) { Vec::new() } else { source::without_tests(&all) };
    let mut findings: Vec<Finding> = BANS
        .iter()
        .filter(|ban| ban.under.iter().any(|folder| file.starts_with(folder)))
        .flat_map(|ban| check_ban(file, ban, if ban.tests_too { &all } else { &shipped }))
        .collect();
    findings.extend(check_marks(file, text));
    findings.extend(check_length(file, text));
    Ok(findings)
}

fn check_ban(file: &str, ban: &Ban, tokens: &[Token]) -> Vec<Finding> {
    let mentions = ban
        .mentions
        .iter()
        .flat_map(|&mention| source::find(tokens, mention).into_iter().map(move |line| (line, mention)));
    mentions
        .map(|(line, mention)| Finding {
            file: file.to_owned(),
            line: Some(line),
            rule: format!("{}: {}", ban.rule, name(mention)),
            remedy: ban.remedy.to_owned(),
        })
        .collect()
}

fn name(mention: Mention) -> String {
    match mention {
        Mention::Word(word) => format!("`{word}`"),
        Mention::Macro(name) => format!("`{name}!`"),
        Mention::Std(module) => format!("`std::{module}`"),
        Mention::Attribute(name) => format!("`#[{name}]`"),
    }
}

/// Marks are looked for in the text itself: they stand in comments.
fn check_marks(file: &str, text: &str) -> Vec<Finding> {
    let marked = text.lines().enumerate().filter(|(_, line)| line.contains(UNFINISHED));
    marked
        .map(|(index, _)| Finding {
            file: file.to_owned(),
            line: Some(index + 1),
            rule: format!("nothing unfinished is committed: `{UNFINISHED}`"),
            remedy: "mend it, or write down in the documentation what does not hold yet".into(),
        })
        .collect()
}

fn check_length(file: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    (lines > MAX_LINES && !in_tests_folder(file)).then(|| Finding {
        file: file.to_owned(),
        line: None,
        rule: format!("a file has at most {MAX_LINES} lines: {lines}"),
        remedy: "split it where its subjects part".into(),
    })
}

fn in_tests_folder(file: &str) -> bool {
    file.split('/').any(|part| part == "tests")
}

/// By convention `tests.rs` and everything below `tests/` is compiled for tests only.
fn is_test_file(file: &str) -> bool {
    in_tests_folder(file) || file.ends_with("/tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn expect(file: &str, text: &str, found: &[(Option<usize>, &str)]) {
        let findings = check(file, text).unwrap();
        let got: Vec<_> = findings.iter().map(|finding| (finding.line, finding.rule.as_str())).collect();
        assert_eq!(got, found, "{file}");
    }

    const LIBRARY: &str = "a library knows no environment, terminal, HTTP or async runtime";

    #[test]
    fn libraries_know_no_environment_terminal_or_http() {
        let text = "use std::env;\nfn f() {\n    eprintln!(\"x\");\n}\nuse reqwest::Url;\n";
        let rules =
            [format!("{LIBRARY}: `std::env`"), format!("{LIBRARY}: `eprintln!`"), format!("{LIBRARY}: `reqwest`")];
        let found = [(Some(1), &*rules[0]), (Some(3), &*rules[1]), (Some(5), &*rules[2])];
        for file in ["objstore/src/lib.rs", "refs/src/a.rs", "protocol/src/x/y.rs", "inspect/src/lib.rs"] {
            expect(file, text, &found);
        }
        expect("dist/src/main.rs", text, &[]);
        expect("objstore/tests/crash.rs", text, &[]);
        expect("objstore/src/write/tests.rs", text, &[]);
    }

    #[test]
    fn tests_inside_a_library_are_free() {
        expect("refs/src/edit.rs", "#[cfg(test)]\nmod tests {\n    fn f() { println!(); }\n}\n", &[]);
    }

    #[test]
    fn sql_and_http_are_kept_apart() {
        expect("distd/src/http/apps.rs", "use rusqlite::params;\n", &[(Some(1), "a handler holds no SQL: `rusqlite`")]);
        expect("distd/src/ops/apps.rs", "use rusqlite::params;\n", &[]);
        expect("distd/src/db/apps.rs", "\nuse http::StatusCode;\n", &[(Some(2), "SQL knows no HTTP: `http`")]);
        expect("distd/src/db.rs", "use axum::Json;\n", &[(Some(1), "SQL knows no HTTP: `axum`")]);
        expect("distd/src/http/apps.rs", "use axum::Json;\n", &[]);
    }

    #[test]
    fn nothing_unfinished_passes_also_in_tests() {
        let rule = "nothing unfinished is committed: `todo!`";
        expect("dist/src/a.rs", "fn f() {\n    todo!()\n}\n", &[(Some(2), rule)]);
        expect("dist/tests/a.rs", "#[cfg(test)]\nmod m { fn f() { todo!() } }\n", &[(Some(2), rule)]);
        expect(
            "dist/tests/a.rs",
            "fn f() { unimplemented!() }",
            &[(Some(1), "nothing unfinished is committed: `unimplemented!`")],
        );
        expect(
            "dist/tests/a.rs",
            concat!("#[test]\n#", "[ignore]\nfn f() {}\n"),
            &[(Some(2), concat!("a test that never runs is no test: `#", "[ignore]`"))],
        );
        let marked = format!("fn f() {{}}\n// {UNFINISHED}: later\n");
        let rule = format!("nothing unfinished is committed: `{UNFINISHED}`");
        expect("distd/src/a.rs", &marked, &[(Some(2), &rule)]);
    }

    #[test]
    fn a_long_file_is_found_outside_tests_folders() {
        let text = "\n".repeat(MAX_LINES);
        expect("dist/src/a.rs", &text, &[]);
        let text = "\n".repeat(MAX_LINES + 1);
        expect("dist/src/a.rs", &text, &[(None, "a file has at most 500 lines: 501")]);
        expect("dist/tests/a.rs", &text, &[]);
    }
}
