//! Named steps at which a test makes the process end, or a call fail as a bad disk would.
//!
//! Only where debug assertions are compiled in: a release build has no trace of it. What happens at a step is not known here;
//! the program installs it.

use std::io;

/// Says what happens at a step: nothing, an error in place of what the step would do, or the end of the process.
pub type Hook = fn(step: &'static str) -> io::Result<()>;

/// The steps of this crate, in the order in which an object passes them.
pub const STEPS: &[&str] = &[
    "upload.open",
    "upload.write",
    "upload.park",
    "object.seal",
    "object.sealed",
    "object.temp",
    "object.rename",
    "object.renamed",
    "object.durable",
    "object.read",
    "object.remove",
    "object.removed",
    "quarantine.move",
    "quarantine.moved",
    "directory.sync",
];

#[cfg(debug_assertions)]
static HOOK: std::sync::OnceLock<Hook> = std::sync::OnceLock::new();

/// Installs what happens at steps, once for the process; without effect in a release build.
pub fn install(hook: Hook) {
    #[cfg(debug_assertions)]
    let _ = HOOK.set(hook);
    #[cfg(not(debug_assertions))]
    let _ = hook;
}

/// A step is reached.
///
/// # Errors
/// What the hook says, in place of what would be done next.
#[inline]
pub fn step(name: &'static str) -> io::Result<()> {
    #[cfg(debug_assertions)]
    if let Some(hook) = HOOK.get() {
        return hook(name);
    }
    let _ = name;
    Ok(())
}
