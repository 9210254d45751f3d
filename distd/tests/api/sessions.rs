//! Browsers that sign in with a token.

use distd::Site;
use protocol::api::{AuditAction, Committed, CreatedToken};
use protocol::paths;
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::audit::events_after;
use crate::harness::{TestServer, read, release};
use crate::install::site;

const PAGE: &str = "/install/acme/beta";

/// A server with an app for holders of tokens.
async fn server(site: Site) -> (TestServer, CreatedToken) {
    let server = TestServer::start_at(site).await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let _: Committed =
        read(admin.publish(&release("1.0", &[("a.bin", b"one")]), &[b"one"], Some(("beta", None))).await).await;
    let token = json!({"name": "Ana", "scopes": ["read:acme"]});
    let token = read(admin.post(paths::TOKENS, &token).await).await;
    (server, token)
}

/// A request of a browser on that server.
async fn ask(server: &TestServer, method: Method, path: &str, cookie: &str, form: Option<&[(&str, &str)]>) -> Response {
    let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let mut request = http.request(method, format!("{}{path}", server.url)).header(header::COOKIE, cookie);
    if let Some(form) = form {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        request = request.header("sec-fetch-site", "same-origin").body(body);
    }
    request.send().await.unwrap()
}

async fn sign_in(server: &TestServer, token: &str) -> Response {
    ask(server, Method::POST, paths::SIGN_IN, "", Some(&[("token", token), ("next", PAGE)])).await
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Response) -> String {
    answer.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tester_signs_in_sees_the_page_and_signs_out() {
    let (server, token) = server(Site::default()).await;
    let closed = ask(&server, Method::GET, PAGE, "", None).await;
    assert_eq!(closed.status(), StatusCode::UNAUTHORIZED);
    let html = closed.text().await.unwrap();
    assert!(html.contains("name=\"token\" type=\"password\"") && html.contains(&format!("value=\"{PAGE}\"")), "{html}");

    let answer = sign_in(&server, &format!(" {}\n", token.token)).await;
    assert_eq!((answer.status(), answer.headers()[header::LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, PAGE));
    let set = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(
        set.starts_with("dist_session=") && set.ends_with("; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"),
        "{set}"
    );
    let cookie = cookie(&answer);
    let html = ask(&server, Method::GET, PAGE, &cookie, None).await.text().await.unwrap();
    assert!(html.contains("Signed in as Ana") && html.contains("/artifacts/acme/1.0/a.bin"), "{html}");
    let file = ask(&server, Method::GET, "/artifacts/acme/1.0/a.bin", &cookie, None).await;
    assert_eq!(file.bytes().await.unwrap().as_ref(), b"one");
    let api = ask(&server, Method::GET, &paths::app(&"acme".parse().unwrap()), &cookie, None).await;
    assert_eq!(api.status(), StatusCode::UNAUTHORIZED, "the API does not look at sessions");

    let csrf = html.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let wrong = ask(&server, Method::POST, paths::SIGN_OUT, &cookie, Some(&[("csrf", "x")])).await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    assert_eq!(ask(&server, Method::GET, PAGE, &cookie, None).await.status(), StatusCode::OK);
    let out = ask(&server, Method::POST, paths::SIGN_OUT, &cookie, Some(&[("csrf", &csrf)])).await;
    assert!(out.headers()[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(ask(&server, Method::GET, PAGE, &cookie, None).await.status(), StatusCode::UNAUTHORIZED);

    let events = events_after(&server, 0).await;
    let of = |action| events.iter().filter(|event| event.action == action).collect::<Vec<_>>();
    for action in [AuditAction::SessionBegin, AuditAction::SessionEnd] {
        let [event] = of(action)[..] else { panic!("{events:?}") };
        assert_eq!((event.actor.as_str(), &event.subject), ("Ana", &token.about.id));
    }
    let secret = cookie.split_once('=').unwrap().1;
    for name in ["dist.sqlite", "dist.sqlite-wal"] {
        let bytes = std::fs::read(server.data.path().join(name)).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_what_its_token_is() {
    let (server, token) = server(site()).await;
    let answer = sign_in(&server, &token.token).await;
    let set = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(set.starts_with("__Host-dist_session=") && set.ends_with("; Secure"), "{set}");
    let cookie = cookie(&answer);
    assert_eq!(ask(&server, Method::GET, PAGE, &cookie, None).await.status(), StatusCode::OK);
    server.admin().create_app("other", "token").await;
    let other = ask(&server, Method::GET, "/install/other/beta", &cookie, None).await;
    assert_eq!(other.status(), StatusCode::UNAUTHORIZED);
    assert!(other.text().await.unwrap().contains("signed in as Ana"));
    let refusals = events_after(&server, 0).await.into_iter().filter(|event| event.action == AuditAction::AccessRefuse);
    let refusals: Vec<_> = refusals.map(|event| (event.actor, event.token_id)).collect();
    assert_eq!(refusals, [("Ana".to_owned(), Some(token.about.id.clone()))], "as with the token itself");

    let path = paths::token(&token.about.id);
    let _: Value = read(server.admin().request(Method::DELETE, &path).send().await.unwrap()).await;
    assert_eq!(ask(&server, Method::GET, PAGE, &cookie, None).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_work_is_refused_counted_and_told() {
    let (server, token) = server(Site::default()).await;
    let damaged = format!("{}x", &token.token[..token.token.len() - 1]);
    let answer = sign_in(&server, &damaged).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(!answer.headers().contains_key(header::SET_COOKIE));
    let html = answer.text().await.unwrap();
    assert!(html.contains("This token does not work") && !html.contains(&damaged[20..40]), "{html}");
    let events = events_after(&server, 0).await;
    assert_eq!(events.last().unwrap().action, AuditAction::AccessRefuse);
    for _ in 0..20 {
        sign_in(&server, &damaged).await;
    }
    assert_eq!(sign_in(&server, &damaged).await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sign_in(&server, &token.token).await.status(), StatusCode::SEE_OTHER, "one that works always passes");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_signs_anyone_in_or_out() {
    let (server, token) = server(site()).await;
    let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("token", &token.token).finish();
    let post = async |name: &str, value: &str| {
        let request = http.post(format!("{}{}", server.url, paths::SIGN_IN)).header(name, value);
        request.body(body.clone()).send().await.unwrap().status()
    };
    assert_eq!(post("sec-fetch-site", "cross-site").await, StatusCode::FORBIDDEN);
    assert_eq!(post("sec-fetch-site", "same-site").await, StatusCode::FORBIDDEN);
    assert_eq!(post("origin", "https://evil.example").await, StatusCode::FORBIDDEN);
    assert_eq!(post("origin", "https://dist.example.com").await, StatusCode::SEE_OTHER, "behind a proxy");
    let large = "x".repeat(17 * 1024);
    assert_eq!(sign_in(&server, &large).await.status(), StatusCode::BAD_REQUEST);
}
