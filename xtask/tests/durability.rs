//! What is on disk before a push is acknowledged, as the kernel sees it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;

use xtask::client::Client;
use xtask::manifest::{Entry, Manifest};
use xtask::server::Server;
use xtask::workspace::Binaries;

/// Everything that makes bytes or names durable, and everything that writes to a socket.
const CALLS: &str = "fsync,fdatasync,rename,renameat,renameat2,linkat,write,writev,sendto,sendmsg,pwrite64";

#[test]
fn a_push_is_on_disk_bytes_then_names_then_database_before_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let binaries = Binaries::of_this_build().unwrap();
    let (data, trace) = (folder.path().join("data"), folder.path().join("trace"));
    let server = Server::start_traced(&binaries.distd, &data, CALLS, &trace).unwrap();
    let client = Client::new(&binaries, &server, &data).unwrap();
    client.run(["app", "create", "acme", "--access", "token"]).unwrap();
    fs::write(folder.path().join("a.bin"), vec![7; 3_000_000]).unwrap();
    let manifest = Manifest {
        app: "acme",
        version: "1.0.0".into(),
        build: "1".into(),
        channel: "beta",
        artifacts: vec![Entry::opaque("a.bin")],
    };
    let publication = client.publish(&manifest.write(folder.path()).unwrap()).unwrap();
    server.stop().unwrap();

    let trace = Trace::read(&fs::read_to_string(&trace).unwrap());
    let mut at = 0;
    for object in [&publication.artifacts[0].sha256, &publication.release.id] {
        let shard = format!("/objects/{}", &object[..2]);
        let named = format!("{shard}/{object}");
        let rename = trace.first_after(at, |call| call.name.starts_with("rename") && call.text.contains(&named));
        // The temporary file that gets the name was synced under its own name.
        let from = trace.calls[rename].text.split('"').nth(1).unwrap().to_owned();
        let file = from.rsplit('/').next().unwrap().to_owned();
        let synced = trace.first_after(at, |call| call.is_sync() && call.text.contains(&file));
        let shard_synced = trace.first_after(rename, |call| call.is_sync() && call.text.contains(&format!("{shard}>")));
        let recorded = trace.first_after(synced, |call| call.is_sync() && call.text.contains("dist.sqlite"));
        let durable = shard_synced.max(recorded);
        let answered = trace.first_after(at, |call| call.begun_at > durable && call.text.contains("\"HTTP/1.1 20"));
        assert!(synced < rename, "the bytes of {object} are durable before they get their name");
        assert!(rename < shard_synced && durable < answered);
        let early = trace.calls[synced..durable].iter().find(|call| call.text.contains("\"HTTP/1.1 20"));
        assert!(early.is_none(), "nothing is acknowledged in between: {early:?}");
        at = answered;
    }
}

/// System calls in the order in which they returned.
struct Trace {
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    name: String,
    text: String,
    /// How many calls had returned when this one began.
    begun_at: usize,
}

impl Call {
    fn is_sync(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
    }
}

impl Trace {
    /// Puts together the two halves of calls that another thread's came between.
    fn read(text: &str) -> Self {
        let mut calls: Vec<Call> = Vec::new();
        let mut unfinished = std::collections::HashMap::new();
        for line in text.lines() {
            let Some((thread, rest)) = line.split_once(char::is_whitespace) else { continue };
            let rest = rest.trim_start();
            if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
                unfinished.insert(thread.to_owned(), (begun.to_owned(), calls.len()));
            } else if rest.starts_with("<... ") {
                let Some((begun, begun_at)) = unfinished.remove(thread) else { continue };
                calls.push(Call::read(format!("{begun}{rest}"), begun_at));
            } else {
                calls.push(Call::read(rest.to_owned(), calls.len()));
            }
        }
        Self { calls }
    }

    fn first_after(&self, at: usize, is: impl Fn(&Call) -> bool) -> usize {
        let found = self.calls[at..].iter().position(is);
        at + found.unwrap_or_else(|| panic!("no such call after number {at} of {:#?}", self.calls))
    }
}

impl Call {
    fn read(text: String, begun_at: usize) -> Self {
        let name = text.split('(').next().unwrap_or_default().to_owned();
        Self { name, text, begun_at }
    }
}
