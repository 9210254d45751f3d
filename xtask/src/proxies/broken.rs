//! nginx as people configure it wrongly: the documented file with one line missing or wrong, and what the doctor says.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// One fault.
pub(super) struct Broken {
    /// What the doctor calls it.
    pub(super) code: &'static str,
    /// A piece of the documented configuration, and what stands there instead.
    pub(super) instead: (&'static str, &'static str),
}

/// Each is one that a doctor finds.
pub(super) const BROKEN: &[Broken] = &[
    Broken { code: "body_limit", instead: ("client_max_body_size 0;", "") },
    Broken { code: "request_buffering", instead: ("proxy_request_buffering off;", "") },
    Broken { code: "response_buffering", instead: ("proxy_buffering off;", "") },
    Broken { code: "range", instead: ("$http_range;", "\"\";") },
    Broken { code: "client_address", instead: ("proxy_set_header X-Forwarded-For   $remote_addr;", "") },
    Broken { code: "forwarded_proto", instead: ("proxy_set_header X-Forwarded-Proto $scheme;", "") },
    Broken { code: "host", instead: ("proxy_set_header Host              $host;", "") },
    Broken { code: "http2", instead: ("ssl http2;", "ssl;") },
];

/// What is not right in a `dist doctor --json`: each check whole.
pub(super) fn findings(said: &str) -> Result<Vec<Value>> {
    let document: Value = serde_json::from_str(said).with_context(|| format!("no document: {said}"))?;
    let checks = document.get("checks").or_else(|| document.pointer("/details/report/checks"));
    let checks = checks.and_then(Value::as_array).with_context(|| format!("no checks: {said}"))?;
    Ok(checks.iter().filter(|check| check["level"] != "ok").cloned().collect())
}

/// Holds what was found against the one fault, and the line that mends it against what is documented.
pub(super) fn check_finding(found: &[Value], code: &str, nginx: &str, caddy: &str) -> Result<()> {
    let codes: Vec<&str> = found.iter().filter_map(|check| check["code"].as_str()).collect();
    ensure!(codes == [code], "the doctor finds {codes:?} where {code} is broken: {found:?}");
    let line = |name: &str| found[0]["mend"][name].as_str().with_context(|| format!("nothing mends {code} in {name}"));
    ensure!(lines(nginx).contains(&one_spaced(line("nginx")?)), "{} is not documented", line("nginx")?);
    let of_caddy = line("caddy")?;
    let is_right = match of_caddy.strip_prefix("no ") {
        Some(what) => what.split(", no ").all(|word| !caddy.contains(word)),
        None => lines(caddy).contains(&one_spaced(of_caddy)),
    };
    ensure!(is_right, "{of_caddy} is not as documented");
    Ok(())
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(one_spaced).collect()
}

fn one_spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_one_fault_with_its_documented_line_is_right() {
        let found = |code: &str, nginx: &str, caddy: &str| {
            vec![json!({"code": code, "mend": {"nginx": nginx, "caddy": caddy}})]
        };
        let check = |found: &[Value]| check_finding(found, "range", "  a  b;\n c;", "\tflush 1\n").is_ok();
        assert!(check(&found("range", "a b;", "flush 1")));
        assert!(check(&found("range", "a b;", "no fold")));
        assert!(!check(&found("range", "a b;", "no fold, no flush")));
        assert!(!check(&found("range", "b;", "flush 1")));
        assert!(!check(&found("host", "a b;", "flush 1")));
        assert!(!check(&[]));
    }

    #[test]
    fn what_is_not_ok_is_found_in_answers_and_errors() {
        let checks = json!([{"code": "a", "level": "ok"}, {"code": "b", "level": "warn"}]);
        let found = |document: Value| findings(&document.to_string()).unwrap().len();
        assert_eq!(found(json!({"checks": checks})), 1);
        assert_eq!(found(json!({"details": {"report": {"checks": checks}}})), 1);
        assert!(findings("{}").is_err());
    }
}
