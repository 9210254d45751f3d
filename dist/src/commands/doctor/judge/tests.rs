//! Each finding from an arrival that has it, and from one that has not.

use protocol::diagnosis::Level;

use super::*;

const HTTPS: &str = "https://dist.example.com/";

/// What a server sees behind a proxy that does everything right.
fn arrival() -> Arrival {
    Arrival {
        server_version: "1.4.2".to_owned(),
        now: "2026-11-22T09:00:00Z".parse().unwrap(),
        public_url: Some("https://dist.example.com".to_owned()),
        http_version: "HTTP/1.1".to_owned(),
        host: Some("dist.example.com".to_owned()),
        forwarded_for: Some("203.0.113.9".to_owned()),
        forwarded_proto: Some("https".to_owned()),
        peer_address: Some("172.18.0.2".to_owned()),
        is_peer_trusted: true,
        client_address: Some("203.0.113.9".to_owned()),
    }
}

/// One that came without a proxy.
fn direct() -> Arrival {
    Arrival { forwarded_for: None, forwarded_proto: None, http_version: "HTTP/2.0".to_owned(), ..arrival() }
}

/// What [`Way::checks`] makes of it, as code and level.
fn judged(used: &str, version: Version, named: Option<&str>, plain: &Arrival, forged: &Arrival) -> Vec<Check> {
    let used: Url = used.parse().unwrap();
    Way { used: &used, version, named, plain, forged }.checks("1.4.0")
}

/// The one check among those of HTTP/2 through nginx whose code is one of these.
#[track_caller]
fn behind_nginx(used: &str, plain: &Arrival, codes: &[&str], expect: (&str, Level)) {
    let checks = judged(used, Version::HTTP_2, Some("nginx"), plain, &arrival());
    let found: Vec<_> = checks.iter().filter(|check| codes.contains(&check.code)).collect();
    assert_eq!(found.iter().map(|check| (check.code, check.level)).collect::<Vec<_>>(), [expect]);
    assert!(expect.1 != Level::Fail || found[0].mend.is_some(), "a fault says what mends it");
}

#[test]
fn a_proxy_that_does_everything_right_has_every_check_and_no_fault() {
    let checks = judged(HTTPS, Version::HTTP_2, Some("nginx"), &arrival(), &arrival());
    let codes: Vec<_> = checks.iter().map(|check| (check.code, check.level)).collect();
    let expect = ["versions", "proxy", "public_url", "http2", "client_address", "forwarded_proto", "host"];
    assert_eq!(codes, expect.map(|code| (code, Level::Ok)));
    assert!(checks.iter().all(|check| check.mend.is_none()), "what is right has nothing to mend");
}

#[test]
fn without_a_proxy_nothing_is_said_of_what_one_passes_on() {
    let checks = judged(HTTPS, Version::HTTP_2, None, &direct(), &direct());
    let codes: Vec<_> = checks.iter().map(|check| (check.code, check.level)).collect();
    assert_eq!(codes, ["versions", "proxy", "public_url", "http2"].map(|code| (code, Level::Ok)));
}

#[test]
fn a_proxy_shows_itself_by_its_name_its_headers_or_another_version_of_http() {
    let check = |version: Version, named: Option<&str>, plain: &Arrival, expect: bool| {
        let used: Url = HTTPS.parse().unwrap();
        let way = Way { used: &used, version, named, plain, forged: plain };
        assert_eq!(way.has_proxy(), expect, "{version:?} {named:?} {plain:?}");
    };
    check(Version::HTTP_2, None, &direct(), false);
    check(Version::HTTP_2, Some("Caddy"), &direct(), true);
    check(Version::HTTP_11, None, &direct(), true);
    check(Version::HTTP_2, None, &Arrival { forwarded_for: Some("203.0.113.9".to_owned()), ..direct() }, true);
    check(Version::HTTP_2, None, &Arrival { forwarded_proto: Some("https".to_owned()), ..direct() }, true);
}

#[test]
fn versions_may_differ_in_the_last_number_only() {
    let check = |server: &str, expect: Level| {
        let plain = Arrival { server_version: server.to_owned(), ..arrival() };
        behind_nginx(HTTPS, &plain, &["versions"], ("versions", expect));
    };
    check("1.4.0", Level::Ok);
    check("1.4.9", Level::Ok);
    check("1.5.0", Level::Warn);
    check("2.4.0", Level::Warn);
    check("", Level::Warn);
}

#[test]
fn links_are_made_with_the_address_that_people_use() {
    const CODES: &[&str] = &["public_url", "http_links", "plain_http"];
    let check = |used: &str, public: Option<&str>, expect: (&str, Level)| {
        let plain = Arrival { public_url: public.map(str::to_owned), ..arrival() };
        behind_nginx(used, &plain, CODES, expect);
    };
    check(HTTPS, Some("https://dist.example.com"), ("public_url", Level::Ok));
    check(HTTPS, Some("https://dist.example.com/"), ("public_url", Level::Ok));
    check(HTTPS, Some("https://other.example.com"), ("public_url", Level::Warn));
    check(HTTPS, Some("https://dist.example.com/sub"), ("public_url", Level::Warn));
    check(HTTPS, None, ("public_url", Level::Warn));
    check(HTTPS, Some("http://dist.example.com"), ("http_links", Level::Fail));
    check("http://dist.example.com/", Some("https://dist.example.com"), ("plain_http", Level::Fail));
    check("http://dist.example.com/", Some("http://dist.example.com"), ("public_url", Level::Ok));
}

#[test]
fn over_https_a_connection_for_each_transfer_is_worth_a_word() {
    let check = |used: &str, version: Version, expect: Level| {
        let checks = judged(used, version, Some("nginx"), &arrival(), &arrival());
        let http2 = checks.iter().find(|check| check.code == "http2").unwrap();
        assert_eq!((http2.level, http2.mend.is_some()), (expect, expect == Level::Warn), "{used} {version:?}");
    };
    check(HTTPS, Version::HTTP_2, Level::Ok);
    check(HTTPS, Version::HTTP_11, Level::Warn);
    check("http://dist.example.com/", Version::HTTP_11, Level::Ok);
}

#[test]
fn the_server_learns_who_the_client_is_from_a_proxy_it_trusts_and_from_nobody_else() {
    let check = |plain: &Arrival, forged: &Arrival, expect: (&str, Level)| {
        let checks = judged(HTTPS, Version::HTTP_2, Some("nginx"), plain, forged);
        let codes = ["client_address", "proxy_untrusted"];
        let found: Vec<_> = checks.iter().filter(|check| codes.contains(&check.code)).collect();
        assert_eq!(found.iter().map(|check| (check.code, check.level)).collect::<Vec<_>>(), [expect]);
        assert_eq!(found[0].mend.is_some(), expect.1 == Level::Fail);
    };
    let posed = Arrival { client_address: Some(NOBODY.to_owned()), ..arrival() };
    check(&arrival(), &arrival(), ("client_address", Level::Ok));
    check(&arrival(), &posed, ("client_address", Level::Fail));
    check(&Arrival { forwarded_for: None, ..arrival() }, &arrival(), ("client_address", Level::Fail));
    check(&Arrival { is_peer_trusted: false, ..arrival() }, &arrival(), ("proxy_untrusted", Level::Fail));
    // Whom the server does not trust it does not believe, whatever they claim.
    check(&Arrival { is_peer_trusted: false, ..arrival() }, &posed, ("proxy_untrusted", Level::Fail));
}

#[test]
fn the_proxy_says_how_the_client_came_and_by_which_name() {
    let proto = |said: Option<&str>, expect: Level| {
        let plain = Arrival { forwarded_proto: said.map(str::to_owned), ..arrival() };
        behind_nginx(HTTPS, &plain, &["forwarded_proto"], ("forwarded_proto", expect));
    };
    proto(Some("https"), Level::Ok);
    proto(Some("http"), Level::Warn);
    proto(None, Level::Warn);
    let host = |said: Option<&str>, expect: Level| {
        let plain = Arrival { host: said.map(str::to_owned), ..arrival() };
        behind_nginx(HTTPS, &plain, &["host"], ("host", expect));
    };
    host(Some("dist.example.com"), Level::Ok);
    host(Some("dist.example.com:8443"), Level::Ok);
    host(Some("DIST.example.com"), Level::Ok);
    host(Some("127.0.0.1:8080"), Level::Fail);
    host(Some("not a host"), Level::Fail);
    host(None, Level::Fail);
}

#[test]
fn clocks_may_differ_by_as_long_as_the_request_took_and_half_a_minute() {
    let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
    let check = |server: i64, expect: Level| {
        assert_eq!((clock(at(0), at(server), at(10)).level, server), (expect, server));
    };
    check(5, Level::Ok);
    check(40, Level::Ok);
    check(-30, Level::Ok);
    check(41, Level::Warn);
    check(-31, Level::Warn);
    check(310, Level::Warn);
    check(-300, Level::Warn);
    check(311, Level::Fail);
    check(-301, Level::Fail);
}

#[test]
fn the_first_certificate_of_a_chain_to_end_counts() {
    let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
    let one = |subject: &str, not_after: &str| Certificate {
        subject: subject.to_owned(),
        issuer: "CN=root".to_owned(),
        not_before: "2026-01-01T00:00:00Z".to_owned(),
        not_after: not_after.to_owned(),
        sha256: "00".repeat(32),
    };
    let check = |chain: &[Certificate], expect: Level, seen: &str| {
        let found = certificate(chain, now);
        assert_eq!((found.code, found.level, found.seen.as_str()), ("certificate", expect, seen));
    };
    let (long, soon) = (one("CN=root", "2030-01-01T00:00:00Z"), one("CN=leaf", "2026-12-06T08:59:59Z"));
    let (enough, over) = (one("CN=leaf", "2026-12-06T09:00:00Z"), one("CN=middle", "2026-11-20T09:00:00Z"));
    check(&[enough, long.clone()], Level::Ok, "2 in the chain; CN=leaf is the first to end, in 14 days");
    check(&[soon.clone(), long.clone()], Level::Warn, "CN=leaf ends in 13 days; renew it");
    check(&[soon, over, long], Level::Fail, "CN=middle ended 2 days ago");
    check(&[], Level::Fail, "the server shows none that can be read");
    check(&[one("CN=leaf", "never")], Level::Fail, "the server shows none that can be read");
}

#[test]
fn what_takes_time_to_send_takes_time_to_arrive() {
    let check = |ms: u64, expect: Level| {
        for found in [request_buffering(Duration::from_millis(ms)), response_buffering(Duration::from_millis(ms))] {
            assert_eq!((found.level, found.mend.is_some()), (expect, expect == Level::Fail), "{ms} {}", found.code);
        }
    };
    check(400, Level::Ok);
    check(200, Level::Ok);
    check(199, Level::Fail);
    check(0, Level::Fail);
    assert_eq!(request_buffering(Duration::ZERO).code, "request_buffering");
    assert_eq!(response_buffering(Duration::ZERO).code, "response_buffering");
}
