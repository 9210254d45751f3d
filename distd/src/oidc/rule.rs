//! Rules of trusted publishers: whether one makes sense, and whether a token is what it asks for. Pure.

use glob::{MatchOptions, Pattern};
use protocol::api::{PublisherKind, PublisherRule};
use protocol::{ErrorCode, limits};
use url::{Host, Url};

use super::{Claims, Refusal, clipped};

/// Events after which a pipeline runs what those who may push have put there, of their own will. Not among them are those that an
/// outsider causes (`pull_request`, `pull_request_target`, `issue_comment`, …) and `workflow_run`, which follows them.
const ACTIONS_EVENTS: &[&str] = &["push", "release", "workflow_dispatch", "schedule", "repository_dispatch"];

/// The same for GitLab's `pipeline_source`: no merge requests.
const GITLAB_EVENTS: &[&str] = &["push", "web", "schedule", "api", "trigger", "pipeline", "parent_pipeline"];

const GLOB: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// How much of a claim is shown.
const SHOWN_BYTES: usize = 200;

/// Where each kind of issuer says what.
struct Names {
    repository_id: &'static str,
    owner_id: &'static str,
    workflows: &'static [&'static str],
    reference: &'static str,
    event: &'static str,
    events: &'static [&'static str],
}

fn names(kind: PublisherKind) -> Option<Names> {
    match kind {
        PublisherKind::Github | PublisherKind::Forgejo => Some(Names {
            repository_id: "repository_id",
            owner_id: "repository_owner_id",
            workflows: &["workflow_ref", "job_workflow_ref"],
            reference: "ref",
            event: "event_name",
            events: ACTIONS_EVENTS,
        }),
        PublisherKind::Gitlab => Some(Names {
            repository_id: "project_id",
            owner_id: "namespace_id",
            workflows: &["ci_config_ref_uri"],
            reference: "ref_path",
            event: "pipeline_source",
            events: GITLAB_EVENTS,
        }),
        PublisherKind::Other => None,
    }
}

/// What is wrong with a rule that is to be added.
pub(crate) fn check_rule(rule: &PublisherRule) -> Result<(), String> {
    check_texts(rule)?;
    let issuer = rule.issuer().ok_or_else(|| format!("a rule of kind {} names its issuer", rule.kind))?;
    check_issuer(issuer)?;
    if rule.kind == PublisherKind::Other {
        let is_plain = rule.repository_id.is_none()
            && rule.owner_id.is_none()
            && rule.workflow.is_none()
            && rule.reference.is_none()
            && rule.environment.is_none();
        return match (is_plain, rule.claims.is_empty()) {
            (true, false) => Ok(()),
            (false, _) => Err("a rule of kind other pins claims, by their own names, and nothing else".to_owned()),
            (true, true) => Err("a rule of kind other pins at least one claim, such as sub".to_owned()),
        };
    }
    if rule.repository_id.is_none() {
        return Err("a rule pins the number of the repository".to_owned());
    }
    if rule.owner_id.is_none() && rule.kind != PublisherKind::Gitlab {
        return Err("a rule pins the number of the repository's owner".to_owned());
    }
    if rule.workflow.is_none() {
        return Err("a rule pins the file that defines the pipeline".to_owned());
    }
    check_reference(rule.reference.as_deref().ok_or("a rule pins a branch or tag")?)
}

fn check_texts(rule: &PublisherRule) -> Result<(), String> {
    let texts = [&rule.issuer, &rule.workflow, &rule.reference, &rule.environment];
    let claims = rule.claims.iter().flat_map(|(name, value)| [name, value]);
    for text in texts.into_iter().flatten().chain(claims).chain([&rule.audience]) {
        if text.is_empty() || text.len() > limits::PUBLISHER_TEXT_BYTES || text.chars().any(char::is_control) {
            let most = limits::PUBLISHER_TEXT_BYTES;
            return Err(format!("each text of a rule is one line of 1 to {most} bytes, not {text:?}"));
        }
    }
    if rule.claims.len() > limits::PUBLISHER_ITEMS || rule.channels.len() > limits::PUBLISHER_ITEMS {
        return Err(format!("a rule has at most {} claims and channels", limits::PUBLISHER_ITEMS));
    }
    Ok(())
}

/// An issuer is asked for its keys, so it is an https address. One on this very machine may do without encryption.
pub(super) fn check_issuer(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| format!("the issuer {text:?} is not an address: {error}"))?;
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
    if is_plain && is_safe && url.has_host() {
        Ok(())
    } else {
        Err(format!("the issuer {text:?} is not an https address without password, query and fragment"))
    }
}

/// Whether an address is on this very machine, by number or as `localhost`.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn check_reference(text: &str) -> Result<(), String> {
    let name = ["refs/heads/", "refs/tags/"].iter().find_map(|prefix| text.strip_prefix(prefix));
    if name.is_none_or(str::is_empty) {
        return Err(format!("the ref {text:?} is not a branch (refs/heads/…) or tag (refs/tags/…)"));
    }
    Pattern::new(text).map(|_| ()).map_err(|error| format!("the ref {text:?} is not a pattern: {}", error.msg))
}

/// Whether a verified token is what a rule asks for, in the order of the codes. The later a rule fails, the closer it came:
/// [`Miss::step`] tells.
pub(crate) fn judge(rule: &PublisherRule, claims: &Claims) -> Result<(), Miss> {
    check_audience(rule, claims).map_err(|refusal| Miss { step: 0, refusal })?;
    if let Some(names) = names(rule.kind) {
        let steps = [check_repository, check_event, check_workflow, check_ref, check_protection];
        for (step, check) in (1..).zip(steps) {
            check(rule, &names, claims).map_err(|refusal| Miss { step, refusal })?;
        }
    }
    check_environment(rule, claims).map_err(|refusal| Miss { step: 6, refusal })?;
    check_claims(rule, claims).map_err(|refusal| Miss { step: 7, refusal })
}

/// Where a rule and a token part.
#[derive(Debug)]
pub(crate) struct Miss {
    /// How far it went.
    pub(crate) step: u8,
    /// What is not as the rule says.
    pub(crate) refusal: Refusal,
}

/// What a token says, for a message.
fn said(claims: &Claims, name: &str) -> String {
    match claims.text(name) {
        Some(text) => format!("{name} is {:?}", clipped(&text, SHOWN_BYTES)),
        None => format!("it has no {name}"),
    }
}

fn check_audience(rule: &PublisherRule, claims: &Claims) -> Result<(), Refusal> {
    if claims.is_for(&rule.audience) {
        return Ok(());
    }
    let message = format!("the identity token is meant for someone else: {}", said(claims, "aud"));
    Err(Refusal::new(ErrorCode::OidcAudienceMismatch, message))
}

fn check_repository(rule: &PublisherRule, names: &Names, claims: &Claims) -> Result<(), Refusal> {
    for (name, wanted) in [(names.repository_id, rule.repository_id), (names.owner_id, rule.owner_id)] {
        if wanted.is_some_and(|wanted| claims.text(name) != Some(wanted.to_string())) {
            let message = format!("the pipeline is of another repository: {}", said(claims, name));
            return Err(Refusal::new(ErrorCode::OidcRepositoryMismatch, message));
        }
    }
    Ok(())
}

fn check_event(_: &PublisherRule, names: &Names, claims: &Claims) -> Result<(), Refusal> {
    if claims.text(names.event).is_some_and(|event| names.events.contains(&event.as_str())) {
        return Ok(());
    }
    let message = format!("the pipeline was started by an event that is not trusted: {}", said(claims, names.event));
    Err(Refusal::new(ErrorCode::OidcEventRefused, message))
}

fn check_workflow(rule: &PublisherRule, names: &Names, claims: &Claims) -> Result<(), Refusal> {
    let wanted = rule.workflow.as_deref().unwrap_or_default();
    let is_it = |found: &str| match found.strip_prefix(wanted) {
        Some("") => true,
        Some(rest) => rest.starts_with('@') && !wanted.contains('@'),
        None => false,
    };
    if names.workflows.iter().any(|name| claims.text(name).is_some_and(|found| is_it(&found))) {
        return Ok(());
    }
    let message = format!("the pipeline is defined by another file: {}", said(claims, names.workflows[0]));
    Err(Refusal::new(ErrorCode::OidcWorkflowMismatch, message))
}

fn check_ref(rule: &PublisherRule, names: &Names, claims: &Claims) -> Result<(), Refusal> {
    let wanted = rule.reference.as_deref().and_then(|wanted| Pattern::new(wanted).ok());
    let found = claims.text(names.reference);
    if wanted.zip(found).is_some_and(|(wanted, found)| wanted.matches_with(&found, GLOB)) {
        return Ok(());
    }
    let message = format!("the pipeline runs on another branch or tag: {}", said(claims, names.reference));
    Err(Refusal::new(ErrorCode::OidcRefMismatch, message))
}

/// GitLab says whether a ref is protected. On one that is not, everyone who may push decides what a pipeline does.
fn check_protection(rule: &PublisherRule, _: &Names, claims: &Claims) -> Result<(), Refusal> {
    if rule.kind != PublisherKind::Gitlab || claims.text("ref_protected").as_deref() == Some("true") {
        return Ok(());
    }
    let message = format!("the branch or tag is not protected: {}", said(claims, "ref_protected"));
    Err(Refusal::new(ErrorCode::OidcRefUnprotected, message))
}

fn check_environment(rule: &PublisherRule, claims: &Claims) -> Result<(), Refusal> {
    if rule.environment.is_none() || rule.environment == claims.text("environment") {
        return Ok(());
    }
    let message = format!("the job is not in the environment that may publish: {}", said(claims, "environment"));
    Err(Refusal::new(ErrorCode::OidcEnvironmentMismatch, message))
}

fn check_claims(rule: &PublisherRule, claims: &Claims) -> Result<(), Refusal> {
    match rule.claims.iter().find(|(name, wanted)| claims.text(name).as_ref() != Some(wanted)) {
        None => Ok(()),
        Some((name, _)) => {
            let message = format!("a claim is not what the rule says: {}", said(claims, name));
            Err(Refusal::new(ErrorCode::OidcClaimMismatch, message))
        }
    }
}

#[cfg(test)]
mod tests;
