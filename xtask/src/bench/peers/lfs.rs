//! git-lfs: Debian has the client and no server, so the batch API is answered here and nginx takes the bytes.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    thread,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Ground, Kind, Nginx, Peer, git};
use crate::{
    process,
    tools::{NGINX, Tool},
};

pub(super) const KIND: Kind = Kind {
    name: "git-lfs",
    tools: &[git::GIT, Tool { program: "git-lfs", package: "git-lfs" }, NGINX],
    what: "git add, commit and push, the file to nginx by the basic transfer; Debian has no server for it, so the bench \
           answers the batch API, and the ref goes into a folder. A second push looks at size and time only",
    durability: "the client hashes every byte with SHA-256, this server none; nothing of the file is synced",
    start,
};

struct Lfs {
    nginx: Nginx,
    folder: PathBuf,
    file_name: String,
}

fn start(ground: &Ground) -> Result<Box<dyn Peer>> {
    let stored = ground.make("files")?;
    let nginx = Nginx::start(ground, &stored)?;
    let api = answer_batches(nginx.url().to_owned(), stored)?;
    let (remote, work) = (ground.folder.join("remote.git"), ground.folder.join("work"));
    git::init(ground, &remote, &["--bare"])?;
    git::init(ground, &work, &[])?;
    let remote = remote.to_str().context("the folder's name is not UTF-8")?;
    let attributes = format!("{} filter=lfs diff=lfs merge=lfs -text\n", ground.file_name());
    fs::write(work.join(".gitattributes"), attributes).context("cannot write .gitattributes")?;
    fs::write(work.join(".lfsconfig"), format!("[lfs]\n\turl = {api}\n")).context("cannot write .lfsconfig")?;
    for arguments in [
        &["lfs", "install", "--local"][..],
        &["config", &format!("lfs.{api}.locksverify"), "false"],
        &["remote", "add", "origin", remote],
        &["add", ".gitattributes", ".lfsconfig"],
    ] {
        process::read(git::run(&work).args(arguments))?;
    }
    ground.link(&work.join(ground.file_name()))?;
    Ok(Box::new(Lfs { nginx, folder: ground.folder.to_owned(), file_name: ground.file_name().to_owned() }))
}

impl Peer for Lfs {
    fn push(&self) -> Vec<Command> {
        git::push(&self.folder.join("work"), &self.file_name)
    }

    fn push_again(&self) -> Vec<Command> {
        git::push_again(&self.folder.join("work"), &self.file_name)
    }

    fn pull(&self) -> Vec<Command> {
        let mut command = git::run(&self.folder);
        let filter = ["filter.lfs.process=git-lfs filter-process", "filter.lfs.smudge=git-lfs smudge -- %f"];
        command.args(["-c", filter[0], "-c", filter[1], "-c", "filter.lfs.required=true"]);
        command.args(["clone", "-q", "remote.git", "pulled"]);
        vec![command]
    }

    fn pulled(&self) -> PathBuf {
        self.folder.join("pulled").join(&self.file_name)
    }

    fn group(&self) -> Option<u32> {
        Some(self.nginx.group())
    }
}

/// Answers batch requests (git-lfs, `docs/api/batch.md`) for as long as the bench runs, and says at which URL.
fn answer_batches(store: String, stored: PathBuf) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            // A client that goes away fails its own command, which is looked at.
            let _ = answer(&connection, &store, &stored);
        }
    });
    Ok(url)
}

fn answer(connection: &TcpStream, store: &str, stored: &std::path::Path) -> Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        line.clear();
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let reply = plan_batch(&serde_json::from_slice(&body)?, store, |oid| stored.join(oid).exists()).to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.git-lfs+json\r\nConnection: close\r\nContent-Length:";
    write!(&mut &*connection, "{head} {}\r\n\r\n{reply}", reply.len()).context("cannot answer")
}

/// An upload for what is not there, a download for what is.
fn plan_batch(request: &Value, store: &str, has: impl Fn(&str) -> bool) -> Value {
    let operation = request["operation"].as_str().unwrap_or("download");
    let objects = request["objects"].as_array().into_iter().flatten().map(|object| {
        let oid = object["oid"].as_str().unwrap_or_default();
        let mut planned = json!({ "oid": oid, "size": object["size"], "authenticated": true });
        if has(oid) == (operation == "download") {
            planned["actions"] = json!({ operation: { "href": format!("{store}/{oid}") } });
        }
        planned
    });
    json!({ "transfer": "basic", "objects": objects.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_is_uploaded() {
        let request =
            json!({ "operation": "upload", "objects": [{ "oid": "ab", "size": 1 }, { "oid": "cd", "size": 2 }] });
        let plan = plan_batch(&request, "http://x", |oid| oid == "ab");
        assert_eq!(plan["objects"][0], json!({ "oid": "ab", "size": 1, "authenticated": true }));
        assert_eq!(plan["objects"][1]["actions"], json!({ "upload": { "href": "http://x/cd" } }));
    }
}
