//! `cargo xtask screenshots`: every screen of the console, light and dark, 1280 and 390 pixels wide, into `target/console`.

use anyhow::Result;

use crate::{browser, process, workspace};

/// The test that opens every screen and lets axe-core look at it.
const TEST: &str = "console_browser::every_screen_stands_in_light_and_dark_wide_and_narrow";

/// Takes the pictures.
///
/// # Errors
/// When a screen does not stand: it is wider than its window, or axe-core finds something.
pub fn run() -> Result<()> {
    browser::run()?;
    let arguments = ["nextest", "run", "--package", "distd", "--test", "api", TEST];
    process::run(workspace::cargo().args(arguments))?;
    println!("{}", workspace::root().join("target/console").display());
    Ok(())
}
