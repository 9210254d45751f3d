//! `dist`, the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    dist::main()
}
