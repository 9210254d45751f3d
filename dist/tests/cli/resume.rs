use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::harness::{Project, Run, Server, noise};
use crate::proxy::{Fate, Proxy};

const MIB: usize = 1024 * 1024;
const PUBLISH: &[&str] = &["ci", "publish", "--json"];

fn server_with_app(project: &Project) -> Server {
    let server = Server::start();
    server.dist(project, &["app", "create", "acme"]).ok();
    server
}

#[test]
fn a_killed_client_is_continued_by_the_next_one() {
    let project = Project::acme(&noise(24 * MIB));
    let server = server_with_app(&project);
    let proxy = Proxy::start(server.address(), Fate::HoldUp(16 * MIB as u64), 1);
    let mut command = server.command(&project, PUBLISH);
    let mut child = command.env("DIST_SERVER", &proxy.url).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    proxy.met.recv().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let through = Proxy::start(server.address(), Fate::CutUp(u64::MAX), 0);
    let mut command = server.command(&project, PUBLISH);
    command.env("DIST_SERVER", &through.url);
    let published = Run::of(command).json();
    assert_eq!(published["status"], "published");
    // The manifest and headers come on top of the rest.
    assert!(through.up() < 8 * MIB as u64 + 16 * 1024, "{} bytes were sent", through.up());
    assert_eq!(published["transfer"]["uploaded_bytes"].as_u64().unwrap() / MIB as u64, 8);
}

#[test]
fn a_connection_cut_ten_times_sends_nothing_twice() {
    let size = 44 * MIB;
    let project = Project::acme(&noise(size));
    let server = server_with_app(&project);
    let proxy = Proxy::start(server.address(), Fate::CutUp(4 * MIB as u64), 10);
    let mut command = server.command(&project, PUBLISH);
    command.env("DIST_SERVER", &proxy.url);
    let published = Run::of(command).json();
    assert_eq!(published["status"], "published");
    assert_eq!(proxy.met.try_iter().count(), 10);
    let twice = proxy.up().saturating_sub(size as u64);
    assert!(twice < size as u64 / 100, "{twice} bytes more than the file were sent");
}

#[test]
fn a_download_cut_in_the_middle_continues() {
    let project = Project::acme(&noise(8 * MIB));
    let server = server_with_app(&project);
    server.dist(&project, PUBLISH).ok();
    let proxy = Proxy::start(server.address(), Fate::CutDown(3 * MIB as u64), 2);
    let mut command = server.command(&project, &["pull", "acme@beta", "-o", "in", "--json"]);
    command.env("DIST_SERVER", &proxy.url);
    let pulled = Run::of(command).json();
    assert_eq!(proxy.met.try_iter().count(), 2);
    assert_eq!(pulled["files"][0]["fetched_bytes"], 8 * MIB);
    assert_eq!(project.read("in/app.bin"), noise(8 * MIB));
    assert!(proxy.down() < 8 * MIB as u64 + 16 * 1024, "{} bytes were sent", proxy.down());
}

#[test]
fn a_server_that_restarts_is_waited_for() {
    let project = Project::acme(b"one");
    let mut server = server_with_app(&project);
    server.kill();
    let mut command = server.command(&project, PUBLISH);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut note = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut note).unwrap();
    assert!(note.contains("trying again in"), "{note}");
    server.start_again();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.json()["status"], "published");
}

#[test]
fn a_server_killed_in_the_middle_is_sent_only_the_rest() {
    let project = Project::acme(&noise(24 * MIB));
    let mut server = server_with_app(&project);
    let proxy = Proxy::start(server.address(), Fate::HoldUp(16 * MIB as u64), 1);
    let mut command = server.command(&project, PUBLISH);
    command.env("DIST_SERVER", &proxy.url).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    proxy.met.recv().unwrap();
    server.wait_for_upload(15 * MIB as u64);
    server.kill();
    server.start_again();
    let published = Run::from(child.wait_with_output().unwrap()).json();
    assert_eq!(published["status"], "published");
    // The mebibyte that may have been on its way to the disk when the server died is sent again.
    assert!(proxy.up() <= 25 * MIB as u64 + 16 * 1024, "{} bytes were sent", proxy.up());
}

#[test]
#[cfg(unix)]
fn an_interrupted_client_exits_130_and_says_how_to_go_on() {
    let project = Project::acme(&noise(8 * MIB));
    let server = server_with_app(&project);
    let proxy = Proxy::start(server.address(), Fate::HoldUp(4 * MIB as u64), 1);
    let mut command = server.command(&project, PUBLISH);
    command.env("DIST_SERVER", &proxy.url).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    proxy.met.recv().unwrap();
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let error = Run::from(child.wait_with_output().unwrap()).fails(130, "interrupted");
    assert!(error["hint"].as_str().unwrap().contains("continues"), "{error}");
    server.dist(&project, PUBLISH).ok();
}
