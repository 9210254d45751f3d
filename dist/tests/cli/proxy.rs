//! A network that fails: a proxy that passes so many bytes of a connection on and then cuts or holds it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Closed after so many bytes from the client.
    CutUp(u64),
    /// Closed after so many bytes from the server.
    CutDown(u64),
    /// After so many bytes from the client nothing passes any more, until the client goes away.
    HoldUp(u64),
}

/// A proxy in front of a server.
pub(crate) struct Proxy {
    pub(crate) url: String,
    /// Says when a connection met its fate.
    pub(crate) met: mpsc::Receiver<Fate>,
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
}

impl Proxy {
    /// So many connections meet their fate, if they live long enough; all others pass everything.
    pub(crate) fn start(server: &str, fate: Fate, times: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, met) = mpsc::channel();
        let (up, down) = (Arc::default(), Arc::default());
        let way = Way { fate, left: Arc::new(AtomicU32::new(times)), tell };
        let (server, ups, downs) = (server.to_owned(), Arc::clone(&up), Arc::clone(&down));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is down is a connection that is closed.
                let Ok(server) = TcpStream::connect(&server) else { continue };
                let (limit_up, limit_down) = match fate {
                    Fate::CutUp(bytes) | Fate::HoldUp(bytes) => (bytes, u64::MAX),
                    Fate::CutDown(bytes) => (u64::MAX, bytes),
                };
                let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let (answers, count) = (way.clone(), Arc::clone(&downs));
                thread::spawn(move || answers.pass(from, to, limit_down, &count));
                let (requests, count) = (way.clone(), Arc::clone(&ups));
                thread::spawn(move || requests.pass(client, server, limit_up, &count));
            }
        });
        Self { url, met, up, down }
    }

    /// Bytes that clients have sent through it.
    pub(crate) fn up(&self) -> u64 {
        self.up.load(Ordering::SeqCst)
    }

    /// Bytes that the server has sent through it.
    pub(crate) fn down(&self) -> u64 {
        self.down.load(Ordering::SeqCst)
    }
}

/// One direction of one connection.
#[derive(Clone)]
struct Way {
    fate: Fate,
    left: Arc<AtomicU32>,
    tell: mpsc::Sender<Fate>,
}

impl Way {
    fn pass(&self, mut from: TcpStream, mut to: TcpStream, limit: u64, passed: &AtomicU64) {
        let mut room = limit;
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let is_doomed = count as u64 > room && self.take_turn();
            let count = if is_doomed { usize::try_from(room).unwrap() } else { count };
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
            passed.fetch_add(count as u64, Ordering::SeqCst);
            room = room.saturating_sub(count as u64);
            if is_doomed {
                let _ = self.tell.send(self.fate);
                if matches!(self.fate, Fate::HoldUp(_)) {
                    while let Ok(1..) = from.read(&mut buffer) {}
                }
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }

    fn take_turn(&self) -> bool {
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}
