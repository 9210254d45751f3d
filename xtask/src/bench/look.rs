//! What a step took besides time: memory and bytes in one run of it, syncs in another. Neither is timed.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    measure::{self, Watch},
    peers::{Peer, Product},
};
use crate::{process, workspace::Binaries};

/// What one step took besides time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Look {
    /// Of the largest process on the pushing or pulling side.
    pub(super) client_peak_bytes: u64,
    /// Of the largest process of the server since it started.
    pub(super) server_peak_bytes: Option<u64>,
    /// Calls that make bytes durable, on the pushing or pulling side.
    pub(super) client_syncs: u64,
    /// The same of the server.
    pub(super) server_syncs: u64,
    /// What loopback carried.
    pub(super) wire_bytes: u64,
}

impl Look {
    /// The same with syncs that were counted in another run, of client and server.
    pub(super) fn with_syncs(self, (client_syncs, server_syncs): (u64, u64)) -> Self {
        Self { client_syncs, server_syncs, ..self }
    }
}

/// The heads of [`columns`].
pub(super) const HEADS: [&str; 2] = ["    memory  memory     syncs     wire", "    client  server     c + s       MB"];

/// What the columns are, below a table that has them.
pub(super) const LEGEND: &str = "memory: of the largest process, in MiB; syncs: calls of client + server; wire: 10^6 bytes over loopback, of \
     everything on this machine";

/// One line's columns.
pub(super) fn columns(look: &Look) -> String {
    let server = look.server_peak_bytes.map_or_else(|| "-".into(), |bytes| (bytes >> 20).to_string());
    let (client, syncs) = (look.client_peak_bytes >> 20, format!("{} + {}", look.client_syncs, look.server_syncs));
    // Tenths, as a push with nothing new is far below a million.
    let wire = format!("{}.{}", look.wire_bytes / 1_000_000, look.wire_bytes / 100_000 % 10);
    format!("{client:>10} {server:>7} {syncs:>9} {wire:>8}")
}

/// A table of the steps of these names.
pub(super) fn render(names: &[&str], looks: &[Look]) -> String {
    let heads = HEADS.iter().map(|head| format!("{:<24}{head}\n", ""));
    let lines = names.iter().zip(looks).map(|(name, look)| format!("{name:<24}{}\n", columns(look)));
    heads.chain(lines).collect()
}

/// The same as JSON.
pub(super) fn to_json(names: &[&str], looks: &[Look]) -> Vec<Value> {
    names.iter().zip(looks).map(|(name, look)| json!({ "name": name, "look": look })).collect()
}

/// Runs commands, looks at the memory of them and of a server's process group, and says what they printed.
///
/// # Errors
/// When one fails.
pub(super) fn watch(commands: Vec<Command>, group: Option<u32>, folder: &Path) -> Result<(Look, String)> {
    let before = measure::read_loopback_bytes()?;
    let watch = group.map(Watch::start);
    let (mut look, mut printed) = (Look::default(), String::new());
    for command in commands {
        let (peak, said) = measure::run_for_memory(&command, folder)?;
        look.client_peak_bytes = look.client_peak_bytes.max(peak);
        printed += &said;
    }
    look.server_peak_bytes = watch.map(Watch::finish).transpose()?;
    look.wire_bytes = measure::read_loopback_bytes()?.saturating_sub(before);
    Ok((look, printed))
}

/// The syncs of commands and, meanwhile, of the server that is traced to a file.
///
/// # Errors
/// When one fails.
pub(super) fn count_syncs(commands: Vec<Command>, server: Option<&Path>, folder: &Path) -> Result<(u64, u64)> {
    let of_server = || server.map_or(Ok(0), measure::count_syncs);
    let (trace, before) = (folder.join("client.strace"), of_server()?);
    // An earlier step's would be counted with this one's.
    let _ = fs::remove_file(&trace);
    for command in commands {
        process::read(&mut measure::traced(&command, Some(&trace)))?;
    }
    Ok((measure::count_syncs(&trace)?, of_server()?.saturating_sub(before)))
}

/// The product with a release of any number of files: a cold push, a push with nothing new and a pull.
///
/// # Errors
/// When a step fails.
pub(super) fn of_product(binaries: &Binaries, manifest: &Path, folder: &Path) -> Result<[Look; 3]> {
    let own = tempfile::tempdir_in(folder).context("cannot create a folder")?;
    let [plain, traced] = ["plain", "traced"].map(|name| own.path().join(name));
    for folder in [&plain, &traced] {
        fs::create_dir(folder).context("cannot create a folder")?;
    }
    let product = Product::of_manifest(binaries, &plain, manifest, None)?;
    let mut looks = [Look::default(); 3];
    for (look, commands) in looks.iter_mut().zip(steps(&product)) {
        *look = watch(commands, product.group(), &plain)?.0;
    }
    drop(product);
    let trace = own.path().join("server.strace");
    let product = Product::of_manifest(binaries, &traced, manifest, Some(&trace))?;
    for (look, commands) in looks.iter_mut().zip(steps(&product)) {
        *look = look.with_syncs(count_syncs(commands, Some(&trace), &traced)?);
    }
    Ok(looks)
}

/// A cold push, a push with nothing new, a pull.
pub(super) fn steps(peer: &dyn Peer) -> [Vec<Command>; 3] {
    [peer.push(), peer.push_again(), peer.pull()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_their_heads() {
        let look = Look { client_peak_bytes: 17 << 20, wire_bytes: 1_260_000, ..Look::default() }.with_syncs((0, 11));
        assert_eq!(columns(&look), "        17       -    0 + 11      1.2");
        assert!(HEADS.iter().all(|head| head.len() == columns(&look).len()));
    }
}
