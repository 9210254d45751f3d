//! Who asks: from what a request presents to a [`Caller`].
//!
//! A credential that works always passes. Only what does not work is counted, by address and by the token id that it names,
//! so that nobody is locked out by the noise of others.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use protocol::{TokenText, limits};

use super::{Caller, OpError};
use crate::Server;
use crate::throttle::{Minutes, Neighbourhood};

/// Addresses, and pairs of address and token id, that are counted at a time.
const MOST_COUNTED: usize = 8192;

/// What a request presents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Credential<'a> {
    /// Nothing.
    None,
    /// What should be a token.
    Token(&'a str),
    /// Something that cannot be one.
    Other,
}

/// Attempts that failed lately.
#[derive(Debug)]
pub(crate) struct Attempts(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    of_address: Minutes<Option<Neighbourhood>>,
    of_token: Minutes<(Option<Neighbourhood>, String)>,
}

/// Who presents this credential.
///
/// # Errors
/// [`OpError::Unauthenticated`] where it does not work, and [`OpError::TooManyAttempts`] where too many before it did not
/// either.
pub(crate) async fn authenticate(
    server: &Server,
    credential: Credential<'_>,
    address: Option<IpAddr>,
) -> Result<Caller, OpError> {
    let (outcome, id) = match credential {
        Credential::None => return Ok(Caller::anonymous()),
        Credential::Token(text) => (Caller::of_token(server, text).await, named_id(text)),
        Credential::Other => (Err(OpError::Unauthenticated("the Authorization header is not a bearer token")), None),
    };
    match outcome {
        Err(OpError::Unauthenticated(why)) => {
            let wait = server.attempts.failed(address.map(Neighbourhood::of), id, server.clock.now());
            Err(wait.map_or(OpError::Unauthenticated(why), |seconds| OpError::TooManyAttempts { seconds }))
        }
        other => other,
    }
}

fn named_id(text: &str) -> Option<String> {
    text.parse().ok().map(|token: TokenText| token.id().to_owned())
}

impl Attempts {
    /// None yet.
    pub(crate) fn new() -> Self {
        let counts = Counts { of_address: Minutes::new(MOST_COUNTED), of_token: Minutes::new(MOST_COUNTED) };
        Self(Mutex::new(counts))
    }

    /// Counts a failure. Where it is one too many: how many seconds until failures are answered as such again.
    fn failed(&self, from: Option<Neighbourhood>, id: Option<String>, now: Timestamp) -> Option<u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = *counts.of_address.count(&from, now);
        let of_token = id.map(|id| *counts.of_token.count(&(from, id), now));
        let too_many =
            [(Some(of_address), limits::FAILED_ATTEMPTS_OF_ADDRESS), (of_token, limits::FAILED_ATTEMPTS_OF_TOKEN)];
        let over = too_many.into_iter().filter_map(|(minute, most)| minute.filter(|minute| minute.count > most));
        over.map(|minute| minute.seconds_left(now)).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_too_many_by_address_and_by_token_id_and_only_for_a_minute() {
        let attempts = Attempts::new();
        let here = Some(Neighbourhood::of("192.0.2.1".parse().unwrap()));
        let there = Some(Neighbourhood::of("192.0.2.2".parse().unwrap()));
        let now = Timestamp::from_second(1_000_000).unwrap();
        let id = || Some("aaaaaaaa".to_owned());
        for _ in 0..limits::FAILED_ATTEMPTS_OF_TOKEN {
            assert_eq!(attempts.failed(here, id(), now), None);
        }
        assert_eq!(attempts.failed(here, id(), now), Some(60));
        assert_eq!(attempts.failed(there, id(), now), None, "the same token id from elsewhere");
        for _ in limits::FAILED_ATTEMPTS_OF_TOKEN + 1..limits::FAILED_ATTEMPTS_OF_ADDRESS {
            assert_eq!(attempts.failed(here, None, now), None);
        }
        assert_eq!(attempts.failed(here, Some("bbbbbbbb".to_owned()), now), Some(60));
        let later = now + jiff::SignedDuration::from_secs(45);
        assert_eq!(attempts.failed(here, None, later), Some(15));
        assert_eq!(attempts.failed(here, None, later + jiff::SignedDuration::from_secs(15)), None);
    }
}
