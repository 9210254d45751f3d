//! Trusted publishing: a pipeline's identity token for a token of ours that works for minutes and for one app.
//!
//! In this order, so that nothing is believed before it is verified: the token's issuer must be one that a publisher of the app
//! names, only then is it asked for its keys; signature; times; the rules; and at last, in the transaction that makes the token,
//! that the identity token was not exchanged before. Each refusal has its own code and writes its audit event, unless there were
//! too many in a minute.

use jiff::{SignedDuration, Timestamp};
use protocol::api::{AuditAction, CreatedToken, ExchangeRequest, Publisher, PublisherKind};
use protocol::{AppSlug, ErrorCode, Scope, limits};
use rusqlite::Transaction;
use serde_json::{Map, Value, json};

use super::caller::Record;
use super::tokens::{NAME_BYTES, draw, keep};
use super::{Caller, OpError};
use crate::oidc::{self, Claims, LEEWAY, Refusal, Unverified, clipped};
use crate::{Server, db};

/// Claims that are kept in the audit log, where a token has them.
const KEPT_CLAIMS: &[&str] = &[
    "sub",
    "jti",
    "repository",
    "repository_id",
    "repository_owner_id",
    "project_path",
    "project_id",
    "workflow_ref",
    "job_workflow_ref",
    "ci_config_ref_uri",
    "ref",
    "ref_path",
    "sha",
    "environment",
    "event_name",
    "pipeline_source",
    "run_id",
    "pipeline_id",
    "job_id",
    "actor",
    "user_login",
];

/// How much of each is kept, in bytes.
const KEPT_BYTES: usize = 256;

/// An identity token that a publisher's rule fits.
struct Accepted {
    publisher: Publisher,
    claims: Claims,
    jti: String,
    expires_at: Timestamp,
}

/// What is known of an identity token when it is refused.
#[derive(Default)]
struct Known {
    issuer: Option<String>,
    claims: Option<Claims>,
}

/// Turns an identity token into a token.
pub(crate) async fn exchange(
    server: &Server,
    caller: Caller,
    wanted: ExchangeRequest,
) -> Result<CreatedToken, OpError> {
    let at = server.clock.now();
    let mut known = Known::default();
    let outcome = match accept(server, &wanted, at, &mut known).await {
        Ok(accepted) => {
            let caller = caller.clone();
            server.db.write(move |tx| issue(tx, &caller, &accepted, at)).await
        }
        Err(error) => Err(error),
    };
    if let Err(OpError::IdentityRefused(refusal)) = &outcome
        && server.refusals.has_room(at)
    {
        let (refusal, app) = (refusal.clone(), wanted.app);
        server.db.write(move |tx| record_refusal(tx, &caller, &app, &refusal, &known, at)).await?;
    }
    outcome
}

async fn accept(
    server: &Server,
    wanted: &ExchangeRequest,
    now: Timestamp,
    known: &mut Known,
) -> Result<Accepted, OpError> {
    let unverified = Unverified::read(&wanted.identity_token)?;
    known.issuer = Some(unverified.issuer.clone());
    let publishers = publishers_of(server, wanted.app.clone(), unverified.issuer.clone()).await?;
    let (algorithm, key_id) = (unverified.algorithm()?, unverified.key_id()?);
    let key = server.issuers.key(&unverified.issuer, key_id, algorithm).await.map_err(OpError::IssuerUnavailable)?;
    let key = key.ok_or_else(|| {
        let message = format!("the issuer has no key {:?} for this algorithm", clipped(key_id, 64));
        Refusal::new(ErrorCode::OidcKeyUnknown, message)
    })?;
    let claims = Claims::verify(&wanted.identity_token, algorithm, &key)?;
    known.claims = Some(claims.clone());
    let expires_at = claims.check_times(now)?;
    let publisher = choose(publishers, &claims)?;
    let jti = claims.id()?;
    Ok(Accepted { publisher, claims, jti, expires_at })
}

/// The publishers that a token of this issuer may be. An app that does not exist has none.
async fn publishers_of(server: &Server, app: AppSlug, issuer: String) -> Result<Vec<Publisher>, OpError> {
    let shown = clipped(&issuer, 200);
    let found = server
        .db
        .read({
            let app = app.clone();
            move |connection| Ok::<_, OpError>(db::publishers::of_issuer(connection, &app, &issuer)?)
        })
        .await?;
    if found.is_empty() {
        let message = format!("{app} trusts no publisher whose issuer is {shown:?}");
        return Err(Refusal::new(ErrorCode::OidcIssuerUnknown, message).into());
    }
    Ok(found)
}

/// The first publisher whose rule fits; or why the one that came closest does not.
fn choose(publishers: Vec<Publisher>, claims: &Claims) -> Result<Publisher, Refusal> {
    let mut closest: Option<oidc::Miss> = None;
    for publisher in publishers {
        match oidc::judge(&publisher.rule, claims) {
            Ok(()) => return Ok(publisher),
            Err(miss) if closest.as_ref().is_none_or(|other| other.step < miss.step) => closest = Some(miss),
            Err(_) => {}
        }
    }
    Err(closest.map_or_else(no_publisher, |miss| miss.refusal))
}

fn no_publisher() -> Refusal {
    Refusal::new(ErrorCode::OidcIssuerUnknown, "the trusted publisher was just removed")
}

fn issue(tx: &Transaction<'_>, caller: &Caller, accepted: &Accepted, now: Timestamp) -> Result<CreatedToken, OpError> {
    let Accepted { publisher, claims, jti, expires_at } = accepted;
    if db::publishers::find(tx, &publisher.app, &publisher.id)?.is_none() {
        return Err(no_publisher().into());
    }
    let issuer = publisher.rule.issuer().unwrap_or_default();
    // As long as the token would still be taken.
    let remember = expires_at.saturating_add(LEEWAY).unwrap_or(Timestamp::MAX);
    if !db::publishers::use_identity(tx, issuer, jti, remember, now)? {
        return Err(Refusal::new(ErrorCode::OidcTokenReused, "the identity token was exchanged before").into());
    }
    let lifetime = SignedDuration::from_secs(limits::EXCHANGED_TOKEN_SECONDS.into());
    let actor = format!("publisher:{}", publisher.id);
    let made = draw(&name(publisher.rule.kind, claims), &scopes(publisher)?, Some(lifetime), &actor, now);
    keep(tx, &made)?;
    let token = &made.about;
    let details = json!({
        "publisher": publisher.id, "issuer": issuer, "scopes": token.scopes, "expires_at": token.expires_at,
        "claims": kept(claims),
    });
    let record = Record {
        action: AuditAction::OidcExchange,
        app: Some(&publisher.app),
        subject: token.id.clone(),
        old: None,
        new: None,
        reason: None,
        details,
    };
    caller.clone().known_as(token).record(tx, now, record)?;
    Ok(made)
}

/// Publishing, and the channels of the rule.
fn scopes(publisher: &Publisher) -> Result<Vec<Scope>, OpError> {
    let app = &publisher.app;
    let channels = publisher.rule.channels.iter().map(|channel| format!("publish:{app}/{channel}"));
    let parsed = std::iter::once(format!("publish:{app}")).chain(channels).map(|scope| scope.parse());
    parsed
        .collect::<Result<_, _>>()
        .map_err(|error: protocol::scope::ParseScopeError| OpError::PublisherInvalid(error.to_string()))
}

/// Who publishes, for reflogs and the audit log: `github:acme/app@refs/heads/main`.
fn name(kind: PublisherKind, claims: &Claims) -> String {
    let claim = |name: &str| claims.text(name).unwrap_or_default();
    let text = match kind {
        PublisherKind::Github | PublisherKind::Forgejo => format!("{kind}:{}@{}", claim("repository"), claim("ref")),
        PublisherKind::Gitlab => format!("{kind}:{}@{}", claim("project_path"), claim("ref_path")),
        PublisherKind::Other => format!("oidc:{}", claim("sub")),
    };
    clipped(&text, NAME_BYTES)
}

fn kept(claims: &Claims) -> Map<String, Value> {
    let kept = KEPT_CLAIMS.iter().filter_map(|name| Some((*name, claims.text(name)?)));
    kept.map(|(name, text)| (name.to_owned(), clipped(&text, KEPT_BYTES).into())).collect()
}

/// A refused token is someone at the door: it is written down also where there is no such app. What nobody has verified is marked
/// as claimed.
fn record_refusal(
    tx: &Transaction<'_>,
    caller: &Caller,
    app: &AppSlug,
    refusal: &Refusal,
    known: &Known,
    at: Timestamp,
) -> Result<(), OpError> {
    let issuer = known.issuer.as_deref().map(|issuer| clipped(issuer, KEPT_BYTES));
    let verified = known.claims.as_ref().map(kept);
    let record = Record {
        action: AuditAction::OidcRefuse,
        app: Some(app),
        subject: refusal.code.as_str().to_owned(),
        old: None,
        new: None,
        reason: Some(&refusal.message),
        details: json!({ "claimed_issuer": issuer, "claims": verified }),
    };
    caller.record(tx, at, record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_who_publishes_and_fit_where_names_go() {
        let claims = |length: usize| {
            let claims = json!({"repository": "a".repeat(length), "ref": "refs/heads/main", "sub": "x\ny"});
            Claims::of(&claims)
        };
        assert_eq!(name(PublisherKind::Github, &claims(4)), "github:aaaa@refs/heads/main");
        assert_eq!(name(PublisherKind::Forgejo, &claims(100)).len(), NAME_BYTES);
        assert_eq!(name(PublisherKind::Other, &claims(1)), "oidc:x\u{fffd}y");
    }
}
