//! Rust source as a flat list of tokens, so that a rule sees code and neither comments nor strings.

use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One token and the line it stands on, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The line in the file.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
}

/// As much of a token as the rules look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword, without `r#`.
    Word(String),
    /// One character of punctuation.
    Sign(char),
    /// `(`, `[` or `{`.
    Open(char),
    /// `)`, `]` or `}`.
    Close(char),
    /// A number, a string, or a documentation comment's text.
    Literal,
}

/// What a rule looks for in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention {
    /// This identifier, wherever it stands.
    Word(&'static str),
    /// This macro, called.
    Macro(&'static str),
    /// This module of the standard library, also inside `use std::{…}`.
    Std(&'static str),
    /// This attribute.
    Attribute(&'static str),
}

/// Reads Rust source into tokens.
///
/// # Errors
/// When the text is not Rust, with the line where it stops being so.
pub fn parse(text: &str) -> Result<Vec<Token>> {
    let stream = TokenStream::from_str(text)
        .map_err(|error| anyhow!("line {}: not Rust: {error}", error.span().start().line))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let kind = match tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                tokens.push(Token { line, kind: Kind::Open(open) });
                flatten(group.stream(), tokens);
                tokens.push(Token { line: group.span_close().end().line, kind: Kind::Close(close) });
                continue;
            }
            TokenTree::Ident(word) => Kind::Word(word.to_string().trim_start_matches("r#").to_owned()),
            TokenTree::Punct(sign) => Kind::Sign(sign.as_char()),
            TokenTree::Literal(_) => Kind::Literal,
        };
        tokens.push(Token { line, kind });
    }
}

fn brackets(delimiter: Delimiter) -> (char, char) {
    match delimiter {
        Delimiter::Parenthesis => ('(', ')'),
        Delimiter::Bracket => ('[', ']'),
        // Source text has no invisible groups.
        Delimiter::Brace | Delimiter::None => ('{', '}'),
    }
}

/// The tokens without what is compiled for tests only: every item under `#[cfg(test)]`, or all of
/// a file that begins with `#![cfg(test)]`.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_sign(tokens, at, '#') && is_sign(tokens, at + 1, '!') && is_test_attribute(tokens, at + 2) {
            return kept;
        }
        if is_sign(tokens, at, '#') && is_test_attribute(tokens, at + 1) {
            at = end_of_item(tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Whether `[cfg(… test …)]` stands at `at`; a `not` anywhere in it means the opposite.
fn is_test_attribute(tokens: &[Token], at: usize) -> bool {
    if !is_open(tokens, at, '[') || !is_word(tokens, at + 1, "cfg") {
        return false;
    }
    let inside = &tokens[at..end_of_group(tokens, at)];
    let has = |name: &str| inside.iter().any(|token| matches!(&token.kind, Kind::Word(word) if word == name));
    has("test") && !has("not")
}

/// The index after the item whose first attribute stands at `at`: after its `;`, after its body, or
/// where the group around it closes.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() {
        match tokens[at].kind {
            Kind::Sign(';') => return at + 1,
            Kind::Open('{') => return end_of_group(tokens, at),
            Kind::Open(_) => at = end_of_group(tokens, at),
            Kind::Close(_) => return at,
            _ => at += 1,
        }
    }
    at
}

/// The index after the bracket that closes the one at `at`.
fn end_of_group(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// The lines where `mention` occurs, in order.
pub fn find(tokens: &[Token], mention: Mention) -> Vec<usize> {
    (0..tokens.len()).filter_map(|at| find_at(tokens, at, mention)).collect()
}

fn find_at(tokens: &[Token], at: usize, mention: Mention) -> Option<usize> {
    let found = match mention {
        Mention::Word(word) => is_word(tokens, at, word),
        Mention::Macro(name) => {
            is_word(tokens, at, name)
                && is_sign(tokens, at + 1, '!')
                && matches!(tokens.get(at + 2).map(|token| &token.kind), Some(Kind::Open(_)))
        }
        Mention::Attribute(name) => {
            is_sign(tokens, at, '#') && is_open(tokens, at + 1, '[') && is_word(tokens, at + 2, name)
        }
        Mention::Std(module) => {
            let path = is_word(tokens, at, "std") && is_sign(tokens, at + 1, ':') && is_sign(tokens, at + 2, ':');
            return if path { find_module(tokens, at + 3, module) } else { None };
        }
    };
    found.then(|| tokens[at].line)
}

/// The line of `module` right at `at`, or first in a branch of the `{…}` that opens there.
fn find_module(tokens: &[Token], at: usize, module: &str) -> Option<usize> {
    if is_word(tokens, at, module) {
        return Some(tokens[at].line);
    }
    if !is_open(tokens, at, '{') {
        return None;
    }
    let end = end_of_group(tokens, at);
    let mut branch = at + 1;
    while branch < end {
        if is_word(tokens, branch, module) {
            return Some(tokens[branch].line);
        }
        branch = end_of_branch(tokens, branch, end);
    }
    None
}

/// The index after the next `,` that belongs to no inner group.
fn end_of_branch(tokens: &[Token], mut at: usize, end: usize) -> usize {
    while at < end {
        match tokens[at].kind {
            Kind::Sign(',') => return at + 1,
            Kind::Open(_) => at = end_of_group(tokens, at),
            _ => at += 1,
        }
    }
    at
}

fn is_word(tokens: &[Token], at: usize, word: &str) -> bool {
    matches!(tokens.get(at).map(|token| &token.kind), Some(Kind::Word(found)) if found == word)
}

fn is_sign(tokens: &[Token], at: usize, sign: char) -> bool {
    tokens.get(at).is_some_and(|token| token.kind == Kind::Sign(sign))
}

fn is_open(tokens: &[Token], at: usize, bracket: char) -> bool {
    tokens.get(at).is_some_and(|token| token.kind == Kind::Open(bracket))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, mention: Mention, lines: &[usize]) {
        let tokens = without_tests(&parse(text).unwrap());
        assert_eq!(find(&tokens, mention), lines, "{mention:?} in:\n{text}");
    }

    #[test]
    fn words_are_found_in_code_and_not_in_comments_or_strings() {
        check("use tokio::fs;\nfn f() { tokio::spawn(x) }", Mention::Word("tokio"), &[1, 2]);
        check(
            "// tokio\n/* tokio */\n/// knows no tokio\nfn f() { g(\"tokio\", r#\"tokio\"#) }",
            Mention::Word("tokio"),
            &[],
        );
        check("fn tokio_like() {}", Mention::Word("tokio"), &[]);
    }

    #[test]
    fn macros_are_found_where_they_are_called() {
        check("fn f() {\n    println!(\"x\");\n}", Mention::Macro("println"), &[2]);
        check("fn f() { assert_eq!(g(), todo!()) }", Mention::Macro("todo"), &[1]);
        check("fn println() {}\nfn f() { if println != 3 {} }", Mention::Macro("println"), &[]);
    }

    #[test]
    fn modules_of_std_are_found_alone_and_in_groups() {
        check("fn f() { std::env::var(\"X\") }", Mention::Std("env"), &[1]);
        check("use std::{\n    env,\n    fs,\n};", Mention::Std("env"), &[2]);
        check("use std::{fmt::{self, env}, io};", Mention::Std("env"), &[]);
        check("use std::{fmt::{self, Write}, env::vars};", Mention::Std("env"), &[1]);
        check("let env = std::fs::read(env);", Mention::Std("env"), &[]);
    }

    #[test]
    fn attributes_are_found() {
        check(concat!("#[test]\n#", "[ignore = \"slow\"]\nfn f() {}"), Mention::Attribute("ignore"), &[2]);
        check("#[must_use]\nfn ignore() {}", Mention::Attribute("ignore"), &[]);
    }

    #[test]
    fn what_is_compiled_for_tests_is_left_out() {
        let word = Mention::Word("tokio");
        check("#[cfg(test)]\nmod tests {\n    use tokio::test;\n}\nfn f() { tokio() }", word, &[5]);
        check("#[cfg(test)]\nuse tokio::test;\nuse tokio::fs;", word, &[3]);
        check("#[cfg(test)]\n#[allow(x)]\nfn f(a: [u8; 3]) -> u8 { tokio() }\nfn g() {}", word, &[]);
        check("#[cfg(all(test, unix))]\nmod tests { use tokio; }", word, &[]);
        check("#[cfg(not(test))]\nmod real { use tokio; }", word, &[2]);
        check("#![cfg(test)]\nuse tokio;", word, &[]);
        check("mod a {\n    #[cfg(test)]\n    mod tests;\n}\nuse tokio;", word, &[5]);
    }

    #[test]
    fn text_that_is_not_rust_is_an_error_with_its_line() {
        assert!(parse("fn f() {}\n}").unwrap_err().to_string().starts_with("line 2"));
    }
}
