//! Ctrl-C during a benchmark: servers are in process groups of their own, so that it does not reach them, and end with it all the
//! same.

use std::{fs, process};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use super::measure;

/// From now on, an interrupt or a request to end kills the groups of all that this process started, and then ends it.
///
/// # Errors
/// When the system does not let signals be watched.
pub(super) fn end_servers_with_this() -> Result<()> {
    ctrlc::set_handler(|| {
        for group in find_groups(process::id()) {
            // One that has ended meanwhile needs no signal.
            let _ = kill_process_group(group, Signal::KILL);
        }
        process::exit(130);
    })
    .context("cannot watch for Ctrl-C")
}

/// The groups that children of a process lead.
fn find_groups(parent: u32) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let stats = entries.flatten().filter_map(|entry| measure::read_stat(&entry.path()));
    let leaders = stats.filter(|stat| stat.parent == parent && stat.id == stat.group);
    leaders.filter_map(|stat| Pid::from_raw(i32::try_from(stat.group).ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[test]
    fn only_children_that_lead_a_group_are_found() {
        let start = |command: &mut Command| command.arg("60").spawn().unwrap();
        let mut leader = start(Command::new("sleep").process_group(0));
        let mut follower = start(&mut Command::new("sleep"));
        let found = find_groups(process::id());
        let [is_leader_found, is_follower_found] =
            [&leader, &follower].map(|child| found.contains(&Pid::from_child(child)));
        for child in [&mut leader, &mut follower] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(is_leader_found && !is_follower_found);
    }
}
