//! Whether the audit chain holds: every event has its hash, follows the one before it, and none is missing.
//!
//! The same check runs in `dist audit verify`, on what the API answers, and in `distd audit verify`, on the table itself. Cut
//! off at its end a chain still holds; only [`Mark`], noted elsewhere, shows that.
//!
//! ```
//! use protocol::audit_chain::{ChainCheck, Mark};
//! let mark: Mark = format!("0:{}", "0".repeat(64)).parse()?;
//! let summary = ChainCheck::new(Some(mark)).finish();
//! assert!(summary.faults.is_empty(), "nothing has happened yet");
//! # Ok::<(), protocol::audit_chain::ParseMarkError>(())
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use objstore::Digest;
use serde::{Deserialize, Serialize};

use crate::api::AuditEvent;

/// Most events that are tried at each other's places, so that a table of garbage does not take for ever.
const MOST_SUSPECTS: usize = 256;

/// Number and hash of one event, to be noted where whoever tampers with the log cannot reach: `SEQ:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mark {
    /// Its number; 0 for a log without events.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
}

/// Text that is not a [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a mark is SEQ:HASH, a number and 64 hexadecimal digits, as an earlier verification printed it")]
pub struct ParseMarkError;

impl FromStr for Mark {
    type Err = ParseMarkError;

    fn from_str(text: &str) -> Result<Self, ParseMarkError> {
        let (seq, hash) = text.split_once(':').ok_or(ParseMarkError)?;
        let seq = seq.parse().map_err(|_| ParseMarkError)?;
        Ok(Self { seq, hash: Digest::parse(hash).map_err(|_| ParseMarkError)? })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl TryFrom<String> for Mark {
    type Error = ParseMarkError;

    fn try_from(text: String) -> Result<Self, ParseMarkError> {
        text.parse()
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> Self {
        mark.to_string()
    }
}

/// What was done to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It is not what was written.
    Edited,
    /// It is not there.
    Missing,
    /// It is at the place of another one.
    Reordered,
}

/// One thing that is wrong with the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// At which event.
    pub seq: u64,
    /// What was done to it.
    pub kind: FaultKind,
    /// What was found, in words.
    pub message: String,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainSummary {
    /// Events that were looked at.
    pub events: u64,
    /// The newest event: what to note down elsewhere.
    pub head: Mark,
    /// Everything that is wrong, by number; empty where the chain holds.
    pub faults: Vec<Fault>,
}

/// A check under way: [`ChainCheck::push`] every event, oldest first, then [`ChainCheck::finish`].
#[derive(Debug)]
pub struct ChainCheck {
    expected: Option<Mark>,
    events: u64,
    head: Mark,
    /// Whether the newest event seen has its own hash.
    is_head_sound: bool,
    /// Events that do not have the hash they say. Beyond [`MOST_SUSPECTS`] they are faults at once.
    suspects: Vec<AuditEvent>,
    missing: Vec<u64>,
    faults: BTreeMap<u64, Vec<Fault>>,
}

impl ChainCheck {
    /// A check from the first event on. With a mark, the event of its number must be there with its hash.
    pub fn new(expected: Option<Mark>) -> Self {
        let nothing = Mark { seq: 0, hash: Digest::from_bytes(AuditEvent::NO_HASH) };
        Self {
            expected,
            events: 0,
            head: nothing,
            is_head_sound: true,
            suspects: Vec::new(),
            missing: Vec::new(),
            faults: BTreeMap::new(),
        }
    }

    /// The next event.
    pub fn push(&mut self, event: AuditEvent) {
        let seq = event.seq;
        let follows = self.enter(seq);
        let is_sound = event.computed_hash() == event.hash;
        if follows && self.is_head_sound && is_sound && event.previous_hash != self.head.hash {
            let at = self.head.seq.max(1);
            let message = format!("event {seq} was written after another event than the one that is before it now");
            self.fault(at, FaultKind::Edited, message);
        }
        self.check_expected(Mark { seq, hash: event.hash }, is_sound);
        if seq > self.head.seq {
            (self.head, self.is_head_sound) = (Mark { seq, hash: event.hash }, is_sound);
        }
        if is_sound {
            return;
        }
        if self.suspects.len() < MOST_SUSPECTS {
            self.suspects.push(event);
        } else {
            self.not_its_hash(seq);
        }
    }

    /// The next event is one that cannot even be read.
    pub fn push_unreadable(&mut self, seq: u64, why: impl fmt::Display) {
        self.enter(seq);
        self.fault(seq, FaultKind::Edited, format!("event {seq} cannot be read: {why}"));
        if seq > self.head.seq {
            (self.head.seq, self.is_head_sound) = (seq, false);
        }
    }

    /// What was found.
    pub fn finish(mut self) -> ChainSummary {
        let suspects = std::mem::take(&mut self.suspects);
        let places: Vec<u64> = suspects.iter().map(|event| event.seq).chain(self.missing.iter().copied()).collect();
        for event in suspects {
            match place_of(&event, &places) {
                Some(place) => {
                    let message = format!("event {} is the one that was written as event {place}", event.seq);
                    self.fault(event.seq, FaultKind::Reordered, message);
                }
                None => self.not_its_hash(event.seq),
            }
        }
        if let Some(mark) = self.expected.filter(|mark| mark.seq > self.head.seq) {
            let last = self.head.seq;
            self.fault(last + 1, FaultKind::Missing, format!("the log ends at event {last}; it went to {}", mark.seq));
        }
        let faults = self.faults.into_values().flatten().collect();
        ChainSummary { events: self.events, head: self.head, faults }
    }

    /// Takes note of a number, and tells whether it is the next one.
    fn enter(&mut self, seq: u64) -> bool {
        self.events += 1;
        let next = self.head.seq + 1;
        if seq > next {
            let gone =
                if seq - next == 1 { format!("event {next} is") } else { format!("events {next} to {} are", seq - 1) };
            self.fault(next, FaultKind::Missing, format!("{gone} not there"));
            let room = MOST_SUSPECTS.saturating_sub(self.missing.len());
            self.missing.extend((next..seq).take(room));
        } else if seq < next {
            self.fault(seq, FaultKind::Reordered, format!("event {seq} comes after event {}", self.head.seq));
        }
        seq == next
    }

    fn check_expected(&mut self, found: Mark, is_sound: bool) {
        let is_other = |mark: &Mark| mark.seq == found.seq && mark.hash != found.hash;
        if is_sound && self.expected.as_ref().is_some_and(is_other) {
            let message = format!("event {} has the hash {}, another than was expected", found.seq, found.hash);
            self.fault(found.seq, FaultKind::Edited, message);
        }
    }

    fn not_its_hash(&mut self, seq: u64) {
        self.fault(seq, FaultKind::Edited, format!("event {seq} is not what it was: it does not have its hash"));
    }

    fn fault(&mut self, seq: u64, kind: FaultKind, message: String) {
        self.faults.entry(seq).or_default().push(Fault { seq, kind, message });
    }
}

/// The place at which an event would have the hash that it says.
fn place_of(event: &AuditEvent, places: &[u64]) -> Option<u64> {
    let near = [event.seq.saturating_sub(1), event.seq + 1];
    let fits = |place: u64| AuditEvent { seq: place, ..event.clone() }.computed_hash() == event.hash;
    near.iter().chain(places).copied().find(|place| *place != event.seq && fits(*place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::AuditAction;

    fn event(seq: u64, previous: Digest) -> AuditEvent {
        let mut event = AuditEvent {
            seq,
            at: "2026-11-22T09:00:00Z".parse().unwrap(),
            actor: "ana".to_owned(),
            token_id: None,
            action: AuditAction::AppCreate,
            app: Some("acme".parse().unwrap()),
            subject: format!("subject of {seq}"),
            old: None,
            new: None,
            reason: None,
            address: None,
            request_id: None,
            details: serde_json::json!({"name": "Acme"}),
            previous_hash: previous,
            hash: previous,
        };
        event.hash = event.computed_hash();
        event
    }

    fn chain(events: u64) -> Vec<AuditEvent> {
        let mut previous = Digest::from_bytes(AuditEvent::NO_HASH);
        let link = |seq| {
            let event = event(seq, previous);
            previous = event.hash;
            event
        };
        (1..=events).map(link).collect()
    }

    fn check(expected: Option<Mark>, events: Vec<AuditEvent>) -> ChainSummary {
        let mut check = ChainCheck::new(expected);
        for event in events {
            check.push(event);
        }
        check.finish()
    }

    fn faults(tamper: impl FnOnce(&mut Vec<AuditEvent>)) -> Vec<(u64, FaultKind)> {
        let mut events = chain(6);
        tamper(&mut events);
        check(None, events).faults.into_iter().map(|fault| (fault.seq, fault.kind)).collect()
    }

    #[test]
    fn a_hash_is_pinned() {
        let hash = event(1, Digest::from_bytes(AuditEvent::NO_HASH)).hash.to_string();
        assert_eq!(hash, "8179c66ec8291969f3c4ebd32b952d9ee9a85058b9e652811273cacbd1621c9c");
    }

    #[test]
    fn a_chain_that_nobody_touched_holds() {
        let events = chain(6);
        let mark = Mark { seq: 6, hash: events[5].hash };
        let summary = check(Some(mark), events);
        assert_eq!((summary.events, summary.head, summary.faults), (6, mark, Vec::new()));
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for bad in ["", "6", "6:", "x:00", "6:00"] {
            assert_eq!(bad.parse::<Mark>(), Err(ParseMarkError), "{bad}");
        }
    }

    #[test]
    fn whatever_is_done_to_an_event_is_named() {
        use FaultKind::{Edited, Missing, Reordered};
        assert_eq!(faults(|events| events[2].actor = "eve".to_owned()), [(3, Edited)]);
        let rewritten = |events: &mut Vec<AuditEvent>| {
            events[2].actor = "eve".to_owned();
            events[2].hash = events[2].computed_hash();
        };
        assert_eq!(faults(rewritten), [(3, Edited)], "its hash is right, but the next event follows another one");
        assert_eq!(faults(|events| drop(events.remove(2))), [(3, Missing)]);
        assert_eq!(faults(|events| drop(events.drain(0..2))), [(1, Missing)]);
        let swapped = |events: &mut Vec<AuditEvent>| {
            events.swap(1, 3);
            (events[1].seq, events[3].seq) = (2, 4);
        };
        assert_eq!(faults(swapped), [(2, Reordered), (4, Reordered)]);
        assert_eq!(faults(|events| events.swap(1, 2)), [(2, Missing), (2, Reordered)]);
        let closed_up = |events: &mut Vec<AuditEvent>| {
            events.remove(2);
            events.iter_mut().skip(2).for_each(|event| event.seq -= 1);
        };
        assert_eq!(faults(closed_up), [(3, Reordered), (4, Reordered), (5, Reordered)]);
        let both = |events: &mut Vec<AuditEvent>| {
            events[0].reason = Some("because".to_owned());
            events.remove(4);
        };
        assert_eq!(faults(both), [(1, Edited), (5, Missing)]);
    }

    #[test]
    fn only_a_mark_shows_that_the_end_was_cut_off_or_all_of_it_rewritten() {
        let whole = chain(6);
        let mark = Mark { seq: 6, hash: whole[5].hash };
        let cut = whole[..4].to_vec();
        assert_eq!(check(None, cut.clone()).faults, []);
        let found = check(Some(mark), cut).faults;
        assert_eq!((found[0].seq, found[0].kind), (5, FaultKind::Missing));

        let mut previous = Digest::from_bytes(AuditEvent::NO_HASH);
        let mut rewritten = whole;
        for event in &mut rewritten {
            event.actor = "eve".to_owned();
            event.previous_hash = previous;
            event.hash = event.computed_hash();
            previous = event.hash;
        }
        assert_eq!(check(None, rewritten.clone()).faults, []);
        let found = check(Some(mark), rewritten).faults;
        assert_eq!((found[0].seq, found[0].kind), (6, FaultKind::Edited));
    }

    #[test]
    fn what_cannot_be_read_is_edited() {
        let mut check = ChainCheck::new(None);
        for event in chain(3) {
            if event.seq == 2 { check.push_unreadable(2, "no such action") } else { check.push(event) }
        }
        let faults = check.finish().faults;
        assert_eq!((faults.len(), faults[0].seq, faults[0].kind), (1, 2, FaultKind::Edited));
    }
}
