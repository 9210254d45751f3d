//! `distd`, the dist server.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "client")]
    if was_started_as("dist") {
        return dist::main();
    }
    let run = || {
        distd::buffers::keep_freed();
        distd::faults::install()?;
        if let Some(worked) = distd::worker::run() {
            return worked.map(|()| ExitCode::SUCCESS);
        }
        distd::cli::Cli::load()?.run()
    };
    match run() {
        Ok(code) => code,
        Err(error) => {
            // Where stderr is gone too there is no one left to tell.
            let _ = writeln!(std::io::stderr(), "error: {}", explain(&error));
            distd::exit::code(&error)
        }
    }
}

#[cfg(feature = "client")]
fn was_started_as(name: &str) -> bool {
    let program = std::env::args_os().next().map(std::path::PathBuf::from);
    program.is_some_and(|program| program.file_name().is_some_and(|file| file == name))
}

/// What went wrong and why, on one line. A cause that its effect quotes already is not said twice.
fn explain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        said if said.contains(&cause) => said.to_owned(),
        said => format!("{said}: {cause}"),
    })
}
