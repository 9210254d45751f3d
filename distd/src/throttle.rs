//! Counts by key and minute, in memory and bounded. Knows neither what is counted nor what follows from it.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};

use jiff::{SignedDuration, Timestamp};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// The minutes that are running, by key. At most so many: a new one beyond that takes the place of the oldest.
#[derive(Debug)]
pub(crate) struct Minutes<K> {
    running: HashMap<K, Minute>,
    most: usize,
}

/// One minute of one key. It begins with the first event after the minute before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Minute {
    /// When it began.
    pub(crate) since: Timestamp,
    /// What happened in it.
    pub(crate) count: u32,
    /// How much of that was told.
    pub(crate) told: u32,
}

impl Minute {
    fn is_over(&self, now: Timestamp) -> bool {
        // A clock that was set back must not keep a minute open for years.
        now < self.since || now.duration_since(self.since) >= MINUTE
    }

    /// Whole seconds until it is over, at least one.
    pub(crate) fn seconds_left(&self, now: Timestamp) -> u64 {
        let left = MINUTE - now.duration_since(self.since);
        u64::try_from(left.as_millis()).unwrap_or(0).div_ceil(1000).max(1)
    }
}

impl<K: Eq + Hash + Clone> Minutes<K> {
    /// No minute yet, and room for so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { running: HashMap::new(), most }
    }

    /// Whether counting this key takes nobody's place.
    pub(crate) fn has_room(&self, key: &K) -> bool {
        self.running.len() < self.most || self.running.contains_key(key)
    }

    /// Counts one event in the running minute of a key.
    pub(crate) fn count(&mut self, key: &K, now: Timestamp) -> &mut Minute {
        if !self.has_room(key) {
            self.make_room(now);
        }
        let fresh = Minute { since: now, count: 0, told: 0 };
        let minute = self.running.entry(key.clone()).or_insert(fresh);
        if minute.is_over(now) {
            *minute = fresh;
        }
        minute.count = minute.count.saturating_add(1);
        minute
    }

    /// Takes out what is over.
    pub(crate) fn take_over(&mut self, now: Timestamp) -> Vec<(K, Minute)> {
        self.running.extract_if(|_, minute| minute.is_over(now)).collect()
    }

    /// Takes out everything.
    pub(crate) fn take_all(&mut self) -> Vec<(K, Minute)> {
        self.running.drain().collect()
    }

    fn make_room(&mut self, now: Timestamp) {
        self.running.retain(|_, minute| !minute.is_over(now));
        let oldest = self.running.iter().min_by_key(|(_, minute)| minute.since).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest.filter(|_| self.running.len() >= self.most) {
            self.running.remove(&oldest);
        }
    }
}

/// Who one address is taken for: an IPv6 network of 64 bits is one customer, with more addresses than can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Neighbourhood(IpAddr);

impl Neighbourhood {
    /// The neighbourhood of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        })
    }
}

impl std::fmt::Display for Neighbourhood {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_minute_begins_with_its_first_event_and_ends_60_seconds_later() {
        let mut minutes = Minutes::new(10);
        assert_eq!(minutes.count(&"a", at(0)).count, 1);
        assert_eq!(minutes.count(&"a", at(59)).count, 2);
        assert_eq!(minutes.count(&"a", at(59)).seconds_left(at(59)), 1);
        assert_eq!(minutes.count(&"b", at(59)).count, 1);
        assert_eq!(minutes.count(&"a", at(60)).count, 1);
        assert_eq!(minutes.count(&"a", at(-9)).count, 1, "the clock was set back");
        assert_eq!(minutes.take_over(at(100)).len(), 1);
        assert_eq!(minutes.take_all().len(), 1);
    }

    #[test]
    fn however_many_keys_come_memory_is_bounded_and_the_oldest_goes_first() {
        let mut minutes = Minutes::new(3);
        for key in 0..100 {
            minutes.count(&key, at(i64::from(key) / 10));
        }
        assert_eq!(minutes.running.len(), 3);
        assert!(!minutes.has_room(&1) && minutes.has_room(&99));
        minutes.count(&99, at(10));
        assert_eq!(minutes.running[&99].count, 2);
    }

    #[test]
    fn addresses_of_one_customer_are_one() {
        let of = |text: &str| Neighbourhood::of(text.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    }
}
