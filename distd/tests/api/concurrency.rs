//! Many clients at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use protocol::api::{Channel, Committed, ReflogPage};
use protocol::{ErrorCode, ReleaseId};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Client, TestServer, read, refused, release};

const CLIENTS: usize = 16;
const CHANNELS: [&str; 3] = ["stable", "beta", "nightly"];
const MOVES: u32 = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_clients_moving_three_channels_lose_no_update() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let mut releases = Vec::new();
    for version in 0..8 {
        let manifest = release(&format!("{version}.0"), &[("a", b"one")]);
        let _: Committed = read(admin.publish(&manifest, &[b"one"], None).await).await;
        releases.push(manifest.id());
    }
    let releases: Arc<[ReleaseId]> = releases.into();
    let left = Arc::new(AtomicU32::new(MOVES));
    let clients = (0..CLIENTS).map(|number| {
        let (client, releases, left) = (server.admin(), Arc::clone(&releases), Arc::clone(&left));
        tokio::spawn(async move {
            let mut turn = number;
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                let channel = CHANNELS[turn % CHANNELS.len()];
                move_once(&client, channel, &releases, turn).await;
                turn += 7;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }

    let mut moves = 0;
    for channel in CHANNELS {
        let entries = whole_reflog(&admin, channel).await;
        let now: Channel = read(admin.get(&format!("/api/v1/apps/acme/channels/{channel}")).await).await;
        assert_eq!(entries.last().unwrap().1, Some(now.release.id));
        assert_eq!(entries[0].0, None);
        for pair in entries.windows(2) {
            assert_eq!(pair[0].1, pair[1].0, "{channel}: each move begins where the one before ended");
        }
        assert_eq!(now.moves, entries.len() as u64);
        moves += entries.len();
    }
    assert_eq!(moves, MOVES as usize, "every acknowledged move is in a reflog, and no other");
}

/// Reads where the channel is, and moves it to another release; starts over when someone was faster.
async fn move_once(client: &Client, channel: &str, releases: &[ReleaseId], turn: usize) {
    let path = format!("/api/v1/apps/acme/channels/{channel}");
    loop {
        let seen = client.get(&path).await;
        let seen =
            if seen.status() == StatusCode::NOT_FOUND { None } else { Some(read::<Channel>(seen).await.release.id) };
        let others: Vec<_> = releases.iter().filter(|id| Some(**id) != seen).collect();
        let request = json!({"revision": others[turn % others.len()].to_string(), "expected": seen});
        let answer = client.post(&format!("{path}/promote"), &request).await;
        if answer.status() == StatusCode::OK {
            return;
        }
        refused(answer, StatusCode::CONFLICT, ErrorCode::RefMoved).await;
    }
}

/// Old and new of every move, oldest first.
async fn whole_reflog(client: &Client, channel: &str) -> Vec<(Option<ReleaseId>, Option<ReleaseId>)> {
    let mut moves = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/api/v1/apps/acme/channels/{channel}/reflog?limit=500{after}");
        let page: ReflogPage = read(client.get(&path).await).await;
        moves.extend(
            page.entries.iter().map(|line| (line.old.as_ref().map(|it| it.id), line.new.as_ref().map(|it| it.id))),
        );
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    moves.reverse();
    moves
}
