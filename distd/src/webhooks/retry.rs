//! When a delivery is tried again, and when a webhook is given up. Pure.

use jiff::{SignedDuration, Timestamp};

use super::{Reply, Verdict};
use crate::db::webhooks::{Outcome, Tries};

/// How long after the first attempt the second is made, and so on: about three days in all.
const PAUSES: [SignedDuration; 9] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];

/// The longest pause that a receiver may ask for.
const MOST_ASKED: SignedDuration = SignedDuration::from_hours(1);

/// For how long nothing may arrive before a webhook is given up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(5 * 24);

/// What becomes of a delivery that was tried at `at`, after `before` earlier attempts.
pub(crate) fn outcome(reply: &Reply, tries: Tries, before: u32, at: Timestamp) -> Outcome {
    if reply.verdict == Verdict::Delivered {
        return Outcome::Delivered;
    }
    let pause = PAUSES.get(before as usize).copied();
    match (pause, tries, reply.verdict) {
        (Some(pause), Tries::Many, Verdict::Failed) => {
            let asked = reply.retry_after.map_or(SignedDuration::ZERO, |asked| asked.min(MOST_ASKED));
            Outcome::Again(at + pause.max(asked))
        }
        _ => Outcome::Failed,
    }
}

/// Whether a webhook that fails since then is given up.
pub(crate) fn is_hopeless(failing_since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(failing_since) >= PATIENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(verdict: Verdict, retry_after: Option<i64>) -> Reply {
        Reply { verdict, retry_after: retry_after.map(SignedDuration::from_secs), ..Reply::default() }
    }

    #[test]
    fn pauses_grow_until_a_delivery_is_given_up() {
        let mut at: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let start = at;
        let mut pauses = Vec::new();
        for before in 0.. {
            match outcome(&reply(Verdict::Failed, None), Tries::Many, before, at) {
                Outcome::Again(next) => {
                    pauses.push(next.duration_since(at).as_secs());
                    at = next;
                }
                other => {
                    assert_eq!((other, before), (Outcome::Failed, 9));
                    break;
                }
            }
        }
        assert_eq!(pauses, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(at.duration_since(start), SignedDuration::from_secs(272_105));
        assert!(pauses.is_sorted());
    }

    #[test]
    fn what_a_receiver_says_is_heard_within_bounds() {
        let at: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let check = |reply: &Reply, tries: Tries, before: u32, expect: Outcome| {
            assert_eq!(outcome(reply, tries, before, at), expect, "{reply:?} {tries:?} {before}");
        };
        let after = |seconds: i64| Outcome::Again(at + SignedDuration::from_secs(seconds));
        check(&reply(Verdict::Delivered, None), Tries::Many, 9, Outcome::Delivered);
        check(&reply(Verdict::Delivered, None), Tries::One, 0, Outcome::Delivered);
        check(&reply(Verdict::Failed, None), Tries::One, 0, Outcome::Failed);
        check(&reply(Verdict::Gone, None), Tries::Many, 0, Outcome::Failed);
        check(&reply(Verdict::Refused, None), Tries::Many, 0, Outcome::Failed);
        check(&reply(Verdict::Failed, Some(60)), Tries::Many, 0, after(60));
        check(&reply(Verdict::Failed, Some(60)), Tries::Many, 1, after(300));
        check(&reply(Verdict::Failed, Some(1_000_000)), Tries::Many, 0, after(3600));
    }

    #[test]
    fn a_webhook_is_given_up_after_five_days() {
        let since: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        assert!(!is_hopeless(since, since + SignedDuration::from_secs(5 * 86_400 - 1)));
        assert!(is_hopeless(since, since + SignedDuration::from_secs(5 * 86_400)));
    }
}
