//! What a power cut takes: everything that was not synced.
//!
//! A server is traced (`strace`) while releases are pushed to it. The trace is played again on a model of a disk that keeps
//! what was written and what was synced apart: the bytes of a file are durable by a sync of the file, its name by a sync of
//! the folder. At each moment at which the server had just answered a request with success, what is durable is laid out as a
//! data directory, and everything that had been answered must be in it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::release::{APP, Release};
use crate::{
    client::Client,
    server::Server,
    store,
    tools::{self, STRACE},
    workspace::Binaries,
};

/// What changes files, makes them durable, and answers requests.
const CALLS: &str = "openat,write,pwrite64,writev,lseek,ftruncate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,\
                     fsync,fdatasync,sendto,recvfrom,read,close";

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// System calls that were played.
    pub calls: usize,
    /// Answers after each of which the power was cut.
    pub answers: usize,
    /// Objects that had to be there, over all cuts.
    pub objects: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, answers, objects } = self;
        write!(formatter, "power cut after each of {answers} answers ({calls} calls): all {objects} objects were there")
    }
}

/// Records pushes and cuts the power after each answer.
///
/// # Errors
/// When something that was acknowledged is not there.
pub fn run(binaries: &Binaries) -> Result<Tally> {
    tools::ensure(&[STRACE])?;
    let folder = tempfile::tempdir().context("cannot create a folder")?;
    let (data, trace) = (folder.path().join("data"), folder.path().join("trace"));
    let mut server = Server::start_recorded(&binaries.distd, &data, CALLS, &trace)?;
    // The one that it made itself: another process beside it would not be in the trace.
    let token = server.read_first_token()?;
    let client = Client::of_server(&binaries.dist, server.url(), &token)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    let mut random = fastrand::Rng::with_seed(11);
    for number in 1..=2 {
        let release = Release::write(folder.path(), number, &[300_000, 5_000], &mut random)?;
        client.publish(&release.manifest)?;
    }
    server.stop()?;
    let trace = fs::read_to_string(&trace).context("cannot read the trace")?;
    play(binaries, &data, &trace, &folder.path().join("after"))
}

fn play(binaries: &Binaries, data: &Path, trace: &str, after: &Path) -> Result<Tally> {
    let mut disk = Disk::new(data);
    let mut asked: HashMap<String, String> = HashMap::new();
    let mut must: Vec<Request> = Vec::new();
    let mut tally = Tally::default();
    let mut unfinished: HashMap<String, String> = HashMap::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(char::is_whitespace) else { continue };
        let rest = rest.trim_start();
        let text = if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            disk.begin(thread, begun);
            unfinished.insert(thread.to_owned(), begun.to_owned());
            continue;
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once("resumed>")) {
            unfinished.remove(thread).unwrap_or_default() + end
        } else {
            disk.begin(thread, rest);
            rest.to_owned()
        };
        let Some(call) = Call::parse(&text) else { continue };
        tally.calls += 1;
        disk.apply(thread, &call);
        if let Some(request) = answered(&call, &mut asked) {
            must.push(request);
            tally.answers += 1;
            disk.lay_out(after)?;
            tally.objects +=
                check(binaries, after, &must).with_context(|| format!("after answer {}", tally.answers))?;
        }
    }
    ensure!(must.iter().filter(|request| **request == Request::Commit).count() == 2, "two commits are in the trace");
    ensure!(must.iter().any(|request| matches!(request, Request::Upload(_))), "no upload is in the trace");
    Ok(tally)
}

/// What a client was told that it succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Request {
    Upload(String),
    Commit,
    Other,
}

/// Notes requests, and says which one was just answered with success.
fn answered(call: &Call, asked: &mut HashMap<String, String>) -> Option<Request> {
    let socket = call.path.as_deref().filter(|path| path.starts_with("TCP") || path.starts_with("socket"))?;
    let head = String::from_utf8_lossy(&call.bytes).into_owned();
    match call.name.as_str() {
        "read" | "recvfrom" if head.contains("HTTP/1.1\r\n") => {
            asked.insert(socket.to_owned(), head.lines().next().unwrap_or_default().to_owned());
            None
        }
        "write" | "writev" | "sendto" if head.starts_with("HTTP/1.1 20") => {
            let line = asked.get(socket).cloned().unwrap_or_default();
            let mut words = line.split_whitespace();
            let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            Some(match (method, path.rsplit_once('/')) {
                ("PATCH", Some((before, digest))) if before.ends_with("/objects") => Request::Upload(digest.to_owned()),
                ("POST", Some((_, "commit"))) => Request::Commit,
                _ => Request::Other,
            })
        }
        _ => None,
    }
}

/// Everything acknowledged is there. Returns how many objects that are.
fn check(binaries: &Binaries, data: &Path, must: &[Request]) -> Result<usize> {
    if !must.iter().any(|request| *request != Request::Other) {
        return Ok(0);
    }
    let uploads = must.iter().filter_map(|request| match request {
        Request::Upload(digest) => Some(digest),
        _ => None,
    });
    let mut objects = 0;
    for digest in uploads {
        ensure!(store::object_path(data, digest).is_file(), "object {digest} was acknowledged and is lost");
        objects += 1;
    }
    store::check_objects(data)?;
    let commits = must.iter().filter(|request| **request == Request::Commit).count();
    let rows = store::check_rows(data)?;
    // A release, its two artifacts, its ref, and once the channel.
    ensure!(
        rows >= commits * 4 + usize::from(commits > 0),
        "{commits} commits were acknowledged, {rows} rows are there"
    );
    store::fsck(&binaries.distd, data)?;
    Ok(objects)
}

/// One system call as `strace -f -y -xx` writes it.
#[derive(Debug)]
struct Call {
    name: String,
    /// The file or socket of its descriptor.
    path: Option<String>,
    /// Its descriptor.
    descriptor: Option<i32>,
    /// Every string among its arguments.
    strings: Vec<Vec<u8>>,
    /// The first strings put together: what is written.
    bytes: Vec<u8>,
    arguments: String,
    result: i64,
}

impl Call {
    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let result = result.split(['<', ' ']).next()?.parse().ok()?;
        let first = arguments.split(',').next().unwrap_or_default();
        let (number, path) = first.split_once('<').map_or((first, None), |(number, path)| {
            (number, Some(String::from_utf8_lossy(&unescape(path.trim_end_matches([')', '>', ' ']))).into_owned()))
        });
        let strings: Vec<Vec<u8>> = arguments.split('"').skip(1).step_by(2).map(unescape).collect();
        Some(Self {
            name: name.to_owned(),
            path,
            descriptor: number.trim_end_matches(')').parse().ok(),
            bytes: strings.concat(),
            strings,
            // A call that another thread came between has blanks before its end, and after it.
            arguments: arguments.trim_end().trim_end_matches(')').trim_end().to_owned(),
            result,
        })
    }

    /// The number that is the argument at `place`, from the end.
    fn number_from_end(&self, place: usize) -> Option<u64> {
        let argument = self.arguments.rsplit(',').nth(place)?;
        argument.trim().parse().ok()
    }
}

/// `\x2f\x64` as bytes; what is not written so stays.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text;
    while !rest.is_empty() {
        let hex = rest.strip_prefix("\\x").and_then(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok());
        bytes.push(hex.unwrap_or(rest.as_bytes()[0]));
        let taken = if hex.is_some() { 4 } else { 1 };
        rest = rest.get(taken..).unwrap_or_default();
    }
    bytes
}

/// A file: what was written, and what of it was synced.
#[derive(Default, Clone)]
struct File {
    written: Vec<u8>,
    durable: Vec<u8>,
}

/// A folder: its entries, and those that were synced.
#[derive(Default, Clone)]
struct Folder {
    entries: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

/// A sync that has begun: what is durable when it returns.
enum Syncing {
    File(usize, Vec<u8>),
    Folder(PathBuf, BTreeMap<String, Node>),
}

/// What is below the data directory, as it is and as it would be after a power cut.
struct Disk {
    root: PathBuf,
    files: Vec<File>,
    folders: BTreeMap<PathBuf, Folder>,
    /// Open files by descriptor: which, and where the next write goes.
    open: HashMap<i32, (usize, usize)>,
    syncing: HashMap<String, Syncing>,
}

impl Disk {
    fn new(root: &Path) -> Self {
        let folders = BTreeMap::from([(root.to_owned(), Folder::default())]);
        Self { root: root.to_owned(), files: Vec::new(), folders, open: HashMap::new(), syncing: HashMap::new() }
    }

    fn split(&self, path: &Path) -> Option<(PathBuf, String)> {
        let is_below = path.starts_with(&self.root) && path != self.root;
        is_below.then(|| Some((path.parent()?.to_owned(), path.file_name()?.to_str()?.to_owned()))).flatten()
    }

    fn find(&self, path: &Path) -> Option<Node> {
        let (folder, name) = self.split(path)?;
        self.folders.get(&folder)?.entries.get(&name).copied()
    }

    /// What a sync makes durable is what was there when it began.
    fn begin(&mut self, thread: &str, text: &str) {
        let is_sync = text.starts_with("fsync(") || text.starts_with("fdatasync(");
        let path = text.split_once('<').map(|(_, path)| unescape(path.split('>').next().unwrap_or_default()));
        let Some(path) = path.filter(|_| is_sync) else { return };
        let path = PathBuf::from(String::from_utf8_lossy(&path).into_owned());
        let descriptor = text.split(['(', '<']).nth(1).and_then(|number| number.parse::<i32>().ok());
        let syncing = match (self.folders.get(&path), descriptor.and_then(|number| self.open.get(&number))) {
            (Some(folder), _) => Syncing::Folder(path, folder.entries.clone()),
            (None, Some((file, _))) => Syncing::File(*file, self.files[*file].written.clone()),
            _ => return,
        };
        self.syncing.insert(thread.to_owned(), syncing);
    }

    fn apply(&mut self, thread: &str, call: &Call) {
        if call.result < 0 {
            self.syncing.remove(thread);
            return;
        }
        match call.name.as_str() {
            "openat" => self.open(call),
            "write" | "writev" => self.write(call, None),
            "pwrite64" => self.write(call, call.number_from_end(0)),
            "lseek" => self.seek(call),
            "ftruncate" => self.truncate(call),
            "rename" | "renameat" | "renameat2" => self.rename(call),
            "unlink" | "unlinkat" => self.unlink(call),
            "mkdir" | "mkdirat" => self.make_folder(call),
            "close" => {
                call.descriptor.and_then(|number| self.open.remove(&number));
            }
            "fsync" | "fdatasync" => match self.syncing.remove(thread) {
                Some(Syncing::File(file, bytes)) => self.files[file].durable = bytes,
                Some(Syncing::Folder(path, entries)) => {
                    if let Some(folder) = self.folders.get_mut(&path) {
                        folder.durable = entries;
                    }
                }
                None => {}
            },
            _ => {}
        }
    }

    fn path_of(string: &[u8]) -> PathBuf {
        PathBuf::from(String::from_utf8_lossy(string).into_owned())
    }

    fn open(&mut self, call: &Call) {
        let Some(path) = call.strings.first().map(|string| Self::path_of(string)) else { return };
        let Some((folder, name)) = self.split(&path) else { return };
        let known = self.find(&path);
        let file = match known {
            Some(Node::File(file)) => file,
            None if call.arguments.contains("O_CREAT") => {
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.folders.entry(folder).or_default().entries.insert(name, Node::File(file));
                file
            }
            Some(Node::Folder) | None => return,
        };
        if call.arguments.contains("O_TRUNC") {
            self.files[file].written.clear();
        }
        if let Ok(descriptor) = i32::try_from(call.result) {
            self.open.insert(descriptor, (file, 0));
        }
    }

    fn write(&mut self, call: &Call, at: Option<u64>) {
        let is_ours = call.path.as_ref().is_some_and(|path| Path::new(path).starts_with(&self.root));
        let Some((file, next)) = call.descriptor.filter(|_| is_ours).and_then(|number| self.open.get_mut(&number))
        else {
            return;
        };
        let length = usize::try_from(call.result).unwrap_or(0).min(call.bytes.len());
        let start = at.map_or(*next, |at| usize::try_from(at).unwrap_or(0));
        let bytes = &mut self.files[*file].written;
        if bytes.len() < start + length {
            bytes.resize(start + length, 0);
        }
        bytes[start..start + length].copy_from_slice(&call.bytes[..length]);
        if at.is_none() {
            *next = start + length;
        }
    }

    fn seek(&mut self, call: &Call) {
        if let Some(open) = call.descriptor.and_then(|number| self.open.get_mut(&number)) {
            open.1 = usize::try_from(call.result).unwrap_or(0);
        }
    }

    fn truncate(&mut self, call: &Call) {
        let length = call.number_from_end(0).and_then(|length| usize::try_from(length).ok());
        if let (Some((file, _)), Some(length)) = (call.descriptor.and_then(|number| self.open.get(&number)), length) {
            self.files[*file].written.resize(length, 0);
        }
    }

    fn rename(&mut self, call: &Call) {
        let [from, to] = call.strings.as_slice() else { return };
        let (from, to) = (Self::path_of(from), Self::path_of(to));
        let (Some(node), Some((from_folder, from_name)), Some((to_folder, to_name))) =
            (self.find(&from), self.split(&from), self.split(&to))
        else {
            return;
        };
        self.folders.entry(from_folder).or_default().entries.remove(&from_name);
        self.folders.entry(to_folder).or_default().entries.insert(to_name, node);
    }

    fn unlink(&mut self, call: &Call) {
        let Some(path) = call.strings.first().map(|string| Self::path_of(string)) else { return };
        if let Some((folder, name)) = self.split(&path) {
            self.folders.entry(folder).or_default().entries.remove(&name);
        }
    }

    fn make_folder(&mut self, call: &Call) {
        let Some(path) = call.strings.first().map(|string| Self::path_of(string)) else { return };
        if let Some((folder, name)) = self.split(&path) {
            self.folders.entry(folder).or_default().entries.insert(name, Node::Folder);
            self.folders.entry(path).or_default();
        }
    }

    /// Writes what is durable to a folder of its own.
    fn lay_out(&self, to: &Path) -> Result<()> {
        if to.exists() {
            fs::remove_dir_all(to).context("cannot remove what was laid out before")?;
        }
        fs::create_dir_all(to).context("cannot create a folder")?;
        self.lay_out_folder(&self.root, to)
    }

    fn lay_out_folder(&self, folder: &Path, to: &Path) -> Result<()> {
        let Some(found) = self.folders.get(folder) else { return Ok(()) };
        for (name, node) in &found.durable {
            let target = to.join(name);
            match node {
                Node::Folder => {
                    fs::create_dir(&target).with_context(|| format!("cannot create {}", target.display()))?;
                    self.lay_out_folder(&folder.join(name), &target)?;
                }
                Node::File(file) => {
                    fs::write(&target, &self.files[*file].durable)
                        .with_context(|| format!("cannot write {}", target.display()))?;
                    if folder.starts_with(self.root.join("objects")) {
                        use std::os::unix::fs::PermissionsExt;
                        fs::set_permissions(&target, fs::Permissions::from_mode(0o444)).context("cannot set a mode")?;
                    }
                }
            }
        }
        // No link to a key is worth a finding here: modes are not part of the trace.
        let keys = to.join("link.keys");
        if keys.exists() {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).context("cannot set a mode")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(lines: &[&str]) -> Disk {
        let mut disk = Disk::new(Path::new("/d"));
        for line in lines {
            disk.begin("1", line);
            disk.apply("1", &Call::parse(line).unwrap());
        }
        disk
    }

    fn durable(disk: &Disk) -> Vec<(String, Vec<u8>)> {
        let folder = &disk.folders[Path::new("/d")];
        let files = folder.durable.iter().filter_map(|(name, node)| match node {
            Node::File(file) => Some((name.clone(), disk.files[*file].durable.clone())),
            Node::Folder => None,
        });
        files.collect()
    }

    #[test]
    fn bytes_are_durable_by_a_sync_of_the_file_and_names_by_a_sync_of_the_folder() {
        let open = r#"openat(AT_FDCWD</w>, "\x2f\x64\x2f\x61", O_RDWR|O_CREAT, 0600) = 5</d/a>"#;
        let write = r#"write(5</d/a>, "\x68\x69", 2) = 2"#;
        assert_eq!(durable(&disk(&[open, write, "fsync(5</d/a>) = 0"])), []);
        assert_eq!(durable(&disk(&[open, write, "fsync(7</d>) = 0"])), [("a".to_owned(), vec![])]);
        let both = [open, write, "fsync(5</d/a>) = 0", "fsync(7</d>) = 0"];
        assert_eq!(durable(&disk(&both)), [("a".to_owned(), b"hi".to_vec())]);
        let renamed = r#"rename("\x2f\x64\x2f\x61", "\x2f\x64\x2f\x62") = 0"#;
        let lost = [&both[..], &[renamed]].concat();
        assert_eq!(durable(&disk(&lost)), [("a".to_owned(), b"hi".to_vec())], "a rename that was not synced is lost");
        let kept = [&lost[..], &["fsync(7</d>) = 0"]].concat();
        assert_eq!(durable(&disk(&kept)), [("b".to_owned(), b"hi".to_vec())]);
    }
}
