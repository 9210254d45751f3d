//! Refused attempts: a request that presents a credential and is refused leaves an audit event.
//!
//! Whoever may send requests can be refused as often as they like, so these events are counted: a few a minute for each
//! address and token, not many in all, and of the rest only how many there were. Nothing here changes the answer, which is
//! decided before.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use protocol::api::AuditAction;
use protocol::{AppSlug, ErrorCode, TokenText};
use rusqlite::Transaction;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::{Caller, OpError};
use crate::Server;
use crate::db::{self, audit::NewEvent};
use crate::throttle::{Minute, Minutes, Neighbourhood};

/// Events in a minute for one address and token.
const MOST_OF_ONE: u32 = 10;

/// Events in a minute in all.
const MOST_OF_ALL: u32 = 120;

/// Pairs of address and token that are told apart at a time; what comes beyond that is counted together.
const MOST_SOURCES: usize = 1024;

/// The subject of an event that stands for others.
const SUPPRESSED: &str = "(suppressed)";

/// A refused request.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// Method and route, without what fills its placeholders in.
    pub(crate) subject: String,
    /// The app in the address.
    pub(crate) app: Option<AppSlug>,
    /// What the answer says.
    pub(crate) code: ErrorCode,
    /// The scope that would have done.
    pub(crate) needed: Option<String>,
    /// The token that was presented, where it has the form of one.
    pub(crate) token: Option<TokenText>,
    /// Who it was, where the credential works.
    pub(crate) caller: Option<Caller>,
    /// Where the request came from.
    pub(crate) address: Option<IpAddr>,
    /// Which request.
    pub(crate) request_id: String,
}

/// Refusals of the running minute.
#[derive(Debug)]
pub(crate) struct Refusals(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    of_one: Minutes<Source>,
    of_all: Minutes<()>,
}

/// Where refused requests come from. An id of a token is here only for who holds its secret, so that nobody can make up more
/// sources than there are tokens and addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Source {
    actor: String,
    token_id: Option<String>,
    from: Option<Neighbourhood>,
}

impl Source {
    fn anonymous(from: Option<Neighbourhood>) -> Self {
        Self { actor: Caller::anonymous().actor().to_owned(), token_id: None, from }
    }
}

/// What is to be written.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    tells: bool,
    suppressed: Vec<(Source, Minute)>,
}

/// Writes the event of a refusal, unless there were too many. A failure is logged: the answer is decided.
pub(crate) async fn record(server: &Server, refusal: Refusal) {
    if let Err(error) = try_record(server, refusal).await {
        tracing::error!(%error, "a refused request could not be recorded");
    }
}

/// Writes how many refusals were not told, when the server ends.
pub(crate) async fn flush(server: &Server) {
    let now = server.clock.now();
    let suppressed = untold(server.refusals.counts().of_one.take_all());
    let written = server.db.write(move |tx| tell_suppressed(tx, &suppressed, now)).await;
    if let Err(error) = written {
        tracing::error!(%error, "refused requests could not be recorded");
    }
}

async fn try_record(server: &Server, refusal: Refusal) -> Result<(), OpError> {
    let now = server.clock.now();
    let source = source(server, &refusal).await?;
    let verdict = server.refusals.judge(&source, now);
    if !verdict.tells && verdict.suppressed.is_empty() {
        return Ok(());
    }
    server
        .db
        .write(move |tx| {
            tell_suppressed(tx, &verdict.suppressed, now)?;
            if verdict.tells { tell(tx, &source, &refusal, now) } else { Ok(()) }
        })
        .await
}

/// Who it was. A token that no longer works still tells, if its secret is right.
async fn source(server: &Server, refusal: &Refusal) -> Result<Source, OpError> {
    let from = refusal.address.map(Neighbourhood::of);
    if let Some(caller) = &refusal.caller {
        return Ok(Source { actor: caller.actor().to_owned(), token_id: caller.whoami().token_id, from });
    }
    let Some(text) = refusal.token.clone() else { return Ok(Source::anonymous(from)) };
    let id = text.id().to_owned();
    let found = server.db.read(move |connection| Ok::<_, OpError>(db::tokens::find(connection, &id)?)).await?;
    let is_holder = |secret: &protocol::Digest| secret.as_bytes().ct_eq(text.secret_sha256().as_bytes()).into();
    Ok(match found {
        Some((token, secret)) if is_holder(&secret) => Source { actor: token.name, token_id: Some(token.id), from },
        _ => Source::anonymous(from),
    })
}

fn tell(tx: &Transaction<'_>, source: &Source, refusal: &Refusal, at: Timestamp) -> Result<(), OpError> {
    let mut details = json!({ "code": refusal.code });
    if let Some(needed) = &refusal.needed {
        details["needed"] = json!(needed);
    }
    if let (Some(token), None) = (&refusal.token, &source.token_id) {
        details["claimed_token_id"] = json!(token.id());
    }
    let event = NewEvent {
        app: refusal.app.as_ref(),
        address: refusal.address.map(|address| address.to_string()),
        request_id: Some(&refusal.request_id),
        ..event(source, refusal.subject.clone(), details, at)
    };
    Ok(db::audit::append(tx, &event)?)
}

fn tell_suppressed(tx: &Transaction<'_>, suppressed: &[(Source, Minute)], at: Timestamp) -> Result<(), OpError> {
    for (source, minute) in suppressed {
        let details = json!({ "suppressed": minute.count - minute.told, "since": minute.since });
        let address = source.from.map(|from| from.to_string());
        let event = NewEvent { address, ..event(source, SUPPRESSED.to_owned(), details, at) };
        db::audit::append(tx, &event)?;
    }
    Ok(())
}

fn event(source: &Source, subject: String, details: serde_json::Value, at: Timestamp) -> NewEvent<'_> {
    NewEvent {
        at,
        actor: &source.actor,
        token_id: source.token_id.as_deref(),
        action: AuditAction::AccessRefuse,
        app: None,
        subject,
        old: None,
        new: None,
        reason: None,
        address: None,
        request_id: None,
        details,
    }
}

fn untold(minutes: Vec<(Source, Minute)>) -> Vec<(Source, Minute)> {
    minutes.into_iter().filter(|(_, minute)| minute.count > minute.told).collect()
}

impl Refusals {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Counts { of_one: Minutes::new(MOST_SOURCES), of_all: Minutes::new(1) }))
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a refusal: is it told, and what was not told in the minutes that are over?
    fn judge(&self, source: &Source, now: Timestamp) -> Verdict {
        let mut counts = self.counts();
        let suppressed = untold(counts.of_one.take_over(now));
        let elsewhere = Source::anonymous(None);
        let source = if counts.of_one.has_room(source) { source } else { &elsewhere };
        let Counts { of_one, of_all } = &mut *counts;
        let one = of_one.count(source, now);
        let tells = one.count <= MOST_OF_ONE && of_all.count(&(), now).count <= MOST_OF_ALL;
        one.told += u32::from(tells);
        Verdict { tells, suppressed }
    }

    /// Whether a refusal that has an event of its own may leave it: it counts among those in all.
    pub(super) fn has_room(&self, now: Timestamp) -> bool {
        self.counts().of_all.count(&(), now).count <= MOST_OF_ALL
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn source(last: u8) -> Source {
        Source::anonymous(Some(Neighbourhood::of(IpAddr::from([192, 0, 2, last]))))
    }

    #[test]
    fn refusals_with_events_of_their_own_are_bounded_as_well() {
        let refusals = Refusals::new();
        let now = Timestamp::from_second(1_000_000).unwrap();
        assert_eq!((0..500).filter(|_| refusals.has_room(now)).count(), 120);
        assert!(!refusals.judge(&source(1), now).tells);
        assert!(refusals.has_room(now + SignedDuration::from_mins(1)));
    }

    #[test]
    fn a_flood_leaves_ten_events_and_a_number() {
        let refusals = Refusals::new();
        let now = Timestamp::from_second(1_000_000).unwrap();
        let told = (0..500).filter(|_| refusals.judge(&source(1), now).tells).count();
        assert_eq!(told, 10);
        assert!(refusals.judge(&source(2), now).tells);
        let later = refusals.judge(&source(2), now + SignedDuration::from_mins(1));
        assert!(later.tells);
        let minute = Minute { since: now, count: 500, told: 10 };
        assert_eq!(later.suppressed, [(source(1), minute)]);
    }

    #[test]
    fn a_flood_from_everywhere_is_bounded_too() {
        let refusals = Refusals::new();
        let now = Timestamp::from_second(1_000_000).unwrap();
        let from = |number: u32| Source::anonymous(Some(Neighbourhood::of(IpAddr::from(number.to_be_bytes()))));
        let told = (0..100_000).filter(|number| refusals.judge(&from(*number), now).tells).count();
        assert_eq!(told, 120);
        let counts = refusals.counts();
        assert!(!counts.of_one.has_room(&from(5_000_000)));
    }
}
