//! The systemd unit, as `systemd-analyze` reads it. No systemd has to run for this.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{process, tools::Tool, workspace};

/// Reads units.
pub const SYSTEMD_ANALYZE: Tool = Tool { program: "systemd-analyze", package: "systemd" };

/// The highest exposure that the unit may have, of 10.
const MOST: f32 = 2.0;

/// How exposed the unit leaves the system, of 10.
///
/// # Errors
/// When `systemd-analyze` cannot be run, or does not say.
pub fn exposure() -> Result<f32> {
    let unit = workspace::root().join("docs/deploy/distd.service");
    let mut command = Command::new(SYSTEMD_ANALYZE.program);
    let said = process::read(command.args(["security", "--offline=true", "--no-pager"]).arg(unit))?;
    read_exposure(&said).with_context(|| format!("systemd-analyze does not say how exposed the unit is:\n{said}"))
}

/// Holds the unit to the bound.
///
/// # Errors
/// When it is more exposed.
pub fn check() -> Result<()> {
    let exposure = exposure()?;
    ensure!(exposure < MOST, "systemd-analyze rates the unit {exposure:.1}; below {MOST:.1} is asked for");
    println!("systemd-analyze security: {exposure:.1} of 10, below {MOST:.1}");
    Ok(())
}

/// `→ Overall exposure level for distd.service: 1.1 OK`
fn read_exposure(said: &str) -> Option<f32> {
    let line = said.lines().find(|line| line.contains("Overall exposure level"))?;
    line.split(": ").last()?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_read_from_the_last_line() {
        let said = "✓ PrivateTmp= …\n\n→ Overall exposure level for distd.service: 1.1 OK 🙂\n";
        assert_eq!(read_exposure(said), Some(1.1));
        assert_eq!(read_exposure("nothing"), None);
    }
}
