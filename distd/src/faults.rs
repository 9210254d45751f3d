//! What the steps of writing do in a crash test: `DISTD_FAULT=object.rename=kill,db.commit@3=enospc`.
//!
//! Only in builds with debug assertions. `STEP[@N]=ACTION`: at the N-th time that the step is reached, or every time; the
//! actions are `kill` (SIGKILL to this process), and `enospc`, `eio`, `erofs` and `busy`, which fail the step as the system
//! would.

use std::io;

pub(crate) use objstore::faults::step;

/// The variable that says what happens where.
#[cfg(debug_assertions)]
const VARIABLE: &str = "DISTD_FAULT";

/// The steps of the server, beside those of the object store.
pub const STEPS: &[&str] = &[
    "db.begin",
    "db.commit",
    "db.committed",
    "upload.received",
    "commit.manifest",
    "gc.plan",
    "gc.trash",
    "gc.delete",
    "gc.deleted",
    "migrate.backup",
    "migrate.step",
    "migrate.commit",
    "migrate.committed",
    "quarantine.record",
    "webhook.send",
    "backup.copied",
    "backup.object",
    "backup.named",
    "backup.rotated",
    "restore.copied",
    "restore.object",
    "restore.named",
];

/// Reads the variable and installs what it says.
///
/// # Errors
/// When it is not understood.
pub fn install() -> io::Result<()> {
    #[cfg(debug_assertions)]
    if let Some(text) = std::env::var_os(VARIABLE) {
        plan::install(&text.to_string_lossy())?;
    }
    Ok(())
}

#[cfg(debug_assertions)]
mod plan {
    use std::io;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::io::Errno;
    use rustix::process::{Signal, getpid, kill_process};

    struct Fault {
        step: String,
        /// Which time; 0 for every time.
        at: u32,
        action: Action,
        reached: AtomicU32,
    }

    #[derive(Clone, Copy)]
    enum Action {
        Kill,
        Fail(Errno),
    }

    static PLAN: OnceLock<Vec<Fault>> = OnceLock::new();

    pub(super) fn install(text: &str) -> io::Result<()> {
        let faults = text.split(',').map(parse).collect::<Option<Vec<_>>>();
        let faults = faults.ok_or_else(|| io::Error::other(format!("DISTD_FAULT={text} is not understood")))?;
        let _ = PLAN.set(faults);
        objstore::faults::install(reach);
        Ok(())
    }

    fn parse(text: &str) -> Option<Fault> {
        let (place, action) = text.split_once('=')?;
        let (step, at) = place.split_once('@').map_or(Some((place, 0)), |(step, at)| Some((step, at.parse().ok()?)))?;
        let action = match action {
            "kill" => Action::Kill,
            "enospc" => Action::Fail(Errno::NOSPC),
            "eio" => Action::Fail(Errno::IO),
            "erofs" => Action::Fail(Errno::ROFS),
            "busy" => Action::Fail(Errno::BUSY),
            _ => return None,
        };
        let known = objstore::faults::STEPS.iter().chain(super::STEPS);
        known.copied().any(|known| known == step).then(|| Fault {
            step: step.to_owned(),
            at,
            action,
            reached: AtomicU32::new(0),
        })
    }

    fn reach(step: &'static str) -> io::Result<()> {
        for fault in PLAN.get().into_iter().flatten().filter(|fault| fault.step == step) {
            let time = fault.reached.fetch_add(1, Ordering::SeqCst) + 1;
            if fault.at != 0 && fault.at != time {
                continue;
            }
            match fault.action {
                Action::Fail(errno) => return Err(errno.into()),
                Action::Kill => {
                    let _ = kill_process(getpid(), Signal::KILL);
                    // It takes effect before this returns, or at the latest here.
                    std::process::abort();
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_plan_names_steps_that_exist() {
            let check = |text: &str, expect: bool| assert_eq!(parse(text).is_some(), expect, "{text}");
            check("object.rename=kill", true);
            check("db.commit@3=enospc", true);
            check("db.commit@x=kill", false);
            check("object.nowhere=kill", false);
            check("object.rename=sleep", false);
        }
    }
}
