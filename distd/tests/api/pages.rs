//! The pages.

use protocol::api::Committed;
use reqwest::StatusCode;

use crate::harness::{TestServer, read, release};

#[tokio::test(flavor = "multi_thread")]
async fn the_install_page_of_a_public_app_lists_its_files_and_runs_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let mut manifest = release("1.0.0", &[("acme & co.bin", b"one")]);
    manifest.notes = Some("<script>alert(1)</script>".to_owned());
    let _: Committed = read(admin.publish(&manifest, &[b"one"], Some(("beta", None))).await).await;
    for path in ["/install/acme/beta", "/install/acme/r/1.0.0"] {
        let answer = server.anonymous().get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'self'"));
        let html = answer.text().await.unwrap();
        assert!(html.contains("acme &amp; co.bin") && html.contains(&manifest.artifacts[0].sha256.to_string()));
        assert!(!html.contains("alert(1)") && !html.contains("<script>"));
    }
    let style = server.anonymous().get("/assets/style.css").await;
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_may_not_be_seen_tells_nothing() {
    let server = TestServer::start().await;
    server.admin().create_app("acme", "token").await;
    for path in ["/install/acme/beta", "/install/nobody/beta"] {
        let answer = server.anonymous().get(path).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.text().await.unwrap().contains("not public"));
    }
    for path in ["/install/Acme/beta", "/install/acme/Beta"] {
        assert_eq!(server.anonymous().get(path).await.status(), StatusCode::NOT_FOUND);
    }
}
