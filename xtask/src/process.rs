//! Running other programs to their end, with errors that say which program, how it ended and what
//! it said.

use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// A program that runs beside this one: killed (SIGKILL) and waited for when this is dropped.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for what has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command whose output the person sees.
///
/// # Errors
/// When it cannot be started or ends with anything but success.
pub fn run(command: &mut Command) -> Result<()> {
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{}`", describe(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", describe(command));
    }
    Ok(())
}

/// Runs a command and returns how it ended with all it printed, whatever the exit code.
///
/// # Errors
/// When it cannot be started.
pub fn capture(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{}`", describe(command)))
}

/// Runs a command and returns its standard output, which must be UTF-8.
///
/// # Errors
/// When it cannot be started, ends with anything but success (the error carries the end of its
/// standard error, or of its output where it said nothing there), or prints something that is not UTF-8.
pub fn read(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    if !output.status.success() {
        // With --json a program says on standard output what went wrong.
        let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
        bail!("`{}` ended with {}{}", describe(command), output.status, quote_tail(said));
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed bytes that are not UTF-8", describe(command)))
}

/// The end of what a program said, indented, for the tail of an error message.
pub fn quote_tail(said: &[u8]) -> String {
    const LINES: usize = 15;
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said.trim_end().lines().collect();
    let tail = &lines[lines.len().saturating_sub(LINES)..];
    tail.iter().fold(String::new(), |quoted, line| quoted + "\n    " + line)
}

/// The command as one line. The value of a token or a header, which may hold one, is left out.
pub fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    let mut secret = false;
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        line.push(' ');
        line.push_str(if secret { "…" } else { &argument });
        secret = argument == "--token" || argument == "--header";
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_described_command_hides_the_token() {
        let mut command = Command::new("dist");
        command.args(["ci", "publish", "--token", "dist_a_b", "--json"]);
        assert_eq!(describe(&command), "dist ci publish --token … --json");
        let mut command = Command::new("schemathesis");
        command.args(["run", "--header", "Authorization: Bearer dist_a_b", "--seed", "7"]);
        assert_eq!(describe(&command), "schemathesis run --header … --seed 7");
    }

    #[test]
    fn a_failed_command_is_quoted() {
        let error = read(Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("exit status: 3"), "{message}");
        assert!(message.ends_with("    broken"), "{message}");
    }

    #[test]
    fn a_quoted_tail_is_bounded() {
        let said = (0..100).map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n");
        let tail = quote_tail(said.as_bytes());
        assert_eq!(tail.trim_start().lines().count(), 15);
        assert!(tail.ends_with("line 99"));
    }
}
