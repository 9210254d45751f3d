//! A connection that fails: what a client sends is passed on, and broken off at places that were chosen before.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use anyhow::{Context, Result};

/// What happens at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The connection is closed on both sides.
    Cut,
    /// Nothing passes until whoever watches says so; then it is closed.
    Hold,
}

/// Stands between clients and a server. Passes on until this process ends.
pub(super) struct Relay {
    url: String,
    shared: Arc<Shared>,
    met: Receiver<()>,
    go_on: Sender<()>,
}

struct Shared {
    server: String,
    fate: Fate,
    /// Counts of bytes from clients, ascending: where the next thing happens.
    places: Mutex<VecDeque<u64>>,
    sent: AtomicU64,
    tell: Sender<()>,
    wait: Mutex<Receiver<()>>,
}

impl Relay {
    /// In front of `http://ADDR:PORT`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(super) fn start(server: &str, fate: Fate, places: impl IntoIterator<Item = u64>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
        let url = format!("http://{}", listener.local_addr().context("cannot listen")?);
        let ((tell, met), (go_on, wait)) = (mpsc::channel(), mpsc::channel());
        let server = server.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let places = Mutex::new(places.into_iter().collect());
        let shared = Arc::new(Shared { server, fate, places, sent: AtomicU64::new(0), tell, wait: Mutex::new(wait) });
        let passing = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // One that cannot be passed on is one that is closed; the client tries again.
                let _ = pass_both(&passing, client);
            }
        });
        Ok(Self { url, shared, met, go_on })
    }

    /// Where clients reach it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Bytes that came from clients, also those that a cut kept from the server.
    pub(super) fn sent_bytes(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// At how many of the places nothing has happened yet.
    pub(super) fn count_left(&self) -> usize {
        lock(&self.shared.places).len()
    }

    /// Tells when something happens at a place.
    pub(super) fn met(&self) -> &Receiver<()> {
        &self.met
    }

    /// Ends the connection that is held.
    pub(super) fn go_on(&self) {
        // The other end lives as long as this.
        let _ = self.go_on.send(());
    }
}

fn pass_both(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    let server = TcpStream::connect(&shared.server)?;
    let (answers, asker) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || pass_down(answers, asker));
    let shared = Arc::clone(shared);
    thread::spawn(move || shared.pass_up(client, server));
    Ok(())
}

fn pass_down(mut from: TcpStream, mut to: TcpStream) {
    // Whoever breaks off, both ends are closed.
    let _ = io::copy(&mut from, &mut to);
    close(&from, &to);
}

fn close(one: &TcpStream, other: &TcpStream) {
    for stream in [one, other] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

impl Shared {
    fn pass_up(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let before = self.sent.fetch_add(count as u64, Ordering::SeqCst);
            let passed = take_place(&mut lock(&self.places), before, count);
            if to.write_all(&buffer[..passed.unwrap_or(count)]).is_err() {
                break;
            }
            if passed.is_some() {
                self.meet();
                break;
            }
        }
        close(&from, &to);
    }

    fn meet(&self) {
        // Both fail only when nobody watches any more.
        let _ = self.tell.send(());
        if self.fate == Fate::Hold {
            let _ = lock(&self.wait).recv();
        }
    }
}

/// How many of `count` bytes that come after `before` others still pass, where the next place lies within them.
fn take_place(places: &mut VecDeque<u64>, before: u64, count: usize) -> Option<usize> {
    let place = *places.front()?;
    if before + count as u64 <= place {
        return None;
    }
    places.pop_front();
    usize::try_from(place.saturating_sub(before)).ok()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_met_once_and_only_what_comes_before_it_passes() {
        let mut places = VecDeque::from([100, 250]);
        assert_eq!(take_place(&mut places, 0, 100), None);
        assert_eq!(take_place(&mut places, 90, 64), Some(10));
        assert_eq!(take_place(&mut places, 154, 64), None);
        assert_eq!(take_place(&mut places, 300, 64), Some(0));
        assert_eq!(take_place(&mut places, 364, 64), None);
    }

    #[test]
    fn what_was_cut_off_counts_as_sent_and_the_next_connection_passes() {
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let relay = Relay::start(&format!("http://{}", server.local_addr().unwrap()), Fate::Cut, [3]).unwrap();
        let mut arrived = Vec::new();
        for text in ["abcdef", "ghi"] {
            let mut client = TcpStream::connect(relay.url().trim_start_matches("http://")).unwrap();
            client.write_all(text.as_bytes()).unwrap();
            let (mut stream, _) = server.accept().unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            stream.read_to_end(&mut arrived).unwrap();
        }
        assert_eq!(arrived, b"abcghi");
        assert_eq!((relay.sent_bytes(), relay.count_left()), (9, 0));
        relay.met().recv().unwrap();
    }
}
