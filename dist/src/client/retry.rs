//! When to try again, and when to give up. Pure: time and chance are handed in.

use std::time::Duration;

/// Longest wait that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(2);

/// How often and how patiently a request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// Attempts after the first one.
    pub(crate) retries: u32,
    /// The wait before the first repetition; each further one is twice as long.
    pub(crate) first: Duration,
    /// The longest wait between two attempts.
    pub(crate) longest: Duration,
}

/// Whether a request that may have been carried out may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is the same as once.
    Freely,
    /// Only while it is certain that the server has not acted.
    OnlyUnsent,
}

/// What a failed attempt says about another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It would fail the same way.
    Never,
    /// The server has not acted; later it may. It may have said when.
    Unsent(Option<Duration>),
    /// The answer was lost: the server may have acted.
    Unknown,
}

impl RetryPolicy {
    /// How often unless told otherwise: the waits add up to at least 35 seconds, longer than a restart takes.
    pub(crate) const RETRIES: u32 = 8;

    /// So many attempts after the first one.
    pub(crate) fn new(retries: u32) -> Self {
        Self { retries, first: Duration::from_millis(250), longest: Duration::from_secs(10) }
    }

    /// How long to wait before the next attempt, or `None` to give up.
    ///
    /// `failed` counts the attempts that failed in a row, from 1. `jitter` in 0..1 spreads clients that failed together by
    /// up to a quarter, and only ever lengthens the wait.
    pub(crate) fn delay(&self, failed: u32, again: Again, repeat: Repeat, jitter: f64) -> Option<Duration> {
        let asked = match (again, repeat) {
            (Again::Never, _) | (Again::Unknown, Repeat::OnlyUnsent) => return None,
            (Again::Unsent(asked), _) => asked.unwrap_or_default().min(RETRY_AFTER_MAX),
            (Again::Unknown, Repeat::Freely) => Duration::ZERO,
        };
        if failed > self.retries {
            return None;
        }
        let doubled = self.first.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(self.longest);
        Some(doubled.max(asked).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 4.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { retries: 8, first: Duration::from_millis(250), longest: Duration::from_secs(10) };

    fn schedule(jitter: f64) -> Vec<Duration> {
        (1..).map_while(|failed| POLICY.delay(failed, Again::Unknown, Repeat::Freely, jitter)).collect()
    }

    #[test]
    fn waits_double_up_to_a_limit_and_then_end() {
        let millis: Vec<u128> = schedule(0.0).iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(RetryPolicy::new(RetryPolicy::RETRIES), POLICY);
    }

    #[test]
    fn a_restart_of_30_seconds_is_survived_and_chance_only_adds() {
        let shortest: Duration = schedule(0.0).iter().sum();
        let longest: Duration = schedule(1.0).iter().sum();
        assert!(shortest > Duration::from_secs(30));
        assert_eq!(longest, shortest.mul_f64(1.25));
    }

    #[test]
    fn the_server_may_ask_for_longer_but_not_for_ever() {
        let wait = |seconds| {
            POLICY.delay(1, Again::Unsent(Some(Duration::from_secs(seconds))), Repeat::OnlyUnsent, 0.0).unwrap()
        };
        assert_eq!(wait(0), Duration::from_millis(250));
        assert_eq!(wait(7), Duration::from_secs(7));
        assert_eq!(wait(86_400), RETRY_AFTER_MAX);
    }

    #[test]
    fn what_may_have_been_done_is_not_done_twice_unless_that_is_harmless() {
        let delay = |again, repeat| POLICY.delay(1, again, repeat, 0.0);
        assert_eq!(delay(Again::Unknown, Repeat::OnlyUnsent), None);
        assert_eq!(delay(Again::Never, Repeat::Freely), None);
        assert!(delay(Again::Unsent(None), Repeat::OnlyUnsent).is_some());
        assert_eq!(RetryPolicy::new(0).delay(1, Again::Unsent(None), Repeat::Freely, 0.0), None);
    }
}
