//! Stopping lets requests in flight finish; a restart finds everything.

use distd::{Clock, Server};
use objstore::{Digest, Options};
use protocol::paths;
use reqwest::{Body, Method, StatusCode};

use crate::harness::{TestServer, inspector};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_finishes_after_the_server_was_told_to_stop() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let digest = Digest::of(b"onetwo");
    admin.negotiate("acme", &[b"onetwo"]).await;
    let (send, receive) = tokio::sync::mpsc::channel::<std::io::Result<&'static [u8]>>(1);
    let request = admin
        .request(Method::PATCH, &paths::object(&"acme".parse().unwrap(), &digest))
        .header("Upload-Offset", 0)
        .body(Body::wrap_stream(tokio_stream::wrappers::ReceiverStream::new(receive)));
    let sending = tokio::spawn(request.send());
    send.send(Ok(b"one")).await.unwrap();
    let path = paths::object(&"acme".parse().unwrap(), &digest);
    while admin.request(Method::HEAD, &path).send().await.unwrap().headers()["upload-offset"] != "3" {}
    server.begin_stop();
    send.send(Ok(b"two")).await.unwrap();
    drop(send);
    assert_eq!(sending.await.unwrap().unwrap().status(), StatusCode::NO_CONTENT);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_one_server() {
    let server = TestServer::start().await;
    let second = Server::open(server.data.path(), Options { reserve_bytes: 0 }, Clock::system(), inspector());
    let message = second.err().unwrap().to_string();
    assert!(message.contains(&std::process::id().to_string()), "{message}");
    let data = server.stop().await;
    assert!(Server::open(data.path(), Options { reserve_bytes: 0 }, Clock::system(), inspector()).is_ok());
}
