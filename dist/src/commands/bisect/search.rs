//! Which release to try next: the one that leaves half of the suspects, whatever comes out. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a person found of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// The fault is not there.
    Good,
    /// The fault is there.
    Bad,
    /// It cannot be told.
    Skip,
}

/// Where the search is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Try this one.
    Try {
        /// Its place.
        at: usize,
        /// How many releases may still be the first bad one.
        suspects: usize,
        /// How many tries are left after this one, at most where none is skipped.
        steps_after: u32,
    },
    /// This is the first bad one.
    Found(usize),
    /// One of these is, and the others were skipped.
    Stuck(Vec<usize>),
}

/// Verdicts on a line of releases, from the oldest after a good one to a bad one, which is the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    count: usize,
    verdicts: BTreeMap<usize, Verdict>,
}

impl Search {
    /// A search among `count` releases, at least one.
    pub(super) fn new(count: usize) -> Self {
        Self { count, verdicts: BTreeMap::new() }
    }

    /// Takes a verdict. Gives it back where it contradicts an earlier one: good at or after a bad one, bad at or before a good
    /// one.
    pub(super) fn mark(&mut self, at: usize, verdict: Verdict) -> Result<(), Verdict> {
        let (first_suspect, first_bad) = self.suspects();
        let contradicts = match verdict {
            Verdict::Good => at >= first_bad,
            Verdict::Bad => at < first_suspect,
            Verdict::Skip => at < first_suspect || at >= first_bad,
        };
        if contradicts {
            return Err(verdict);
        }
        self.verdicts.insert(at, verdict);
        Ok(())
    }

    /// The first release that may be bad, and the first that is.
    fn suspects(&self) -> (usize, usize) {
        let of = |wanted: Verdict| self.verdicts.iter().filter(move |(_, verdict)| **verdict == wanted);
        let first_suspect = of(Verdict::Good).map(|(at, _)| at + 1).next_back().unwrap_or(0);
        let first_bad = of(Verdict::Bad).map(|(at, _)| *at).next().unwrap_or(self.count - 1);
        (first_suspect, first_bad)
    }

    /// What to do next.
    pub(super) fn step(&self) -> Step {
        let (first, bad) = self.suspects();
        if first == bad {
            return Step::Found(bad);
        }
        // Of `bad` it is known; each of the others splits the suspects into those up to it and those after it.
        let suspects = bad - first + 1;
        let middle = first + (suspects / 2) - 1;
        let open = (first..bad).filter(|at| !self.verdicts.contains_key(at));
        match open.min_by_key(|at| at.abs_diff(middle)) {
            Some(at) => Step::Try { at, suspects, steps_after: steps(suspects).saturating_sub(1) },
            None => Step::Stuck((first..=bad).collect()),
        }
    }
}

/// Tries that settle so many suspects: the binary logarithm, rounded up.
fn steps(suspects: usize) -> u32 {
    suspects.next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Searches with a tester who knows the first bad release and cannot tell some; gives the tries and the end.
    fn search(count: usize, first_bad: usize, untellable: &[usize]) -> (u32, Step) {
        let mut search = Search::new(count);
        let mut tries = 0;
        loop {
            let Step::Try { at, .. } = search.step() else { return (tries, search.step()) };
            tries += 1;
            let verdict = match at {
                at if untellable.contains(&at) => Verdict::Skip,
                at if at < first_bad => Verdict::Good,
                _ => Verdict::Bad,
            };
            search.mark(at, verdict).unwrap();
        }
    }

    #[test]
    fn every_first_bad_release_is_found_in_the_binary_logarithm_of_steps() {
        for count in 1..=130 {
            for first_bad in 0..count {
                let (tries, end) = search(count, first_bad, &[]);
                assert_eq!(end, Step::Found(first_bad), "{first_bad} of {count}");
                assert!(tries <= steps(count), "{tries} tries for {count}");
            }
        }
        assert_eq!((steps(1), steps(2), steps(3), steps(8), steps(9)), (0, 1, 2, 3, 4));
    }

    #[test]
    fn the_middle_is_tried_first_and_what_was_skipped_is_passed_over() {
        let mut search = Search::new(8);
        assert_eq!(search.step(), Step::Try { at: 3, suspects: 8, steps_after: 2 });
        search.mark(3, Verdict::Skip).unwrap();
        assert_eq!(search.step(), Step::Try { at: 2, suspects: 8, steps_after: 2 });
        search.mark(2, Verdict::Good).unwrap();
        search.mark(5, Verdict::Bad).unwrap();
        assert_eq!(search.step(), Step::Try { at: 4, suspects: 3, steps_after: 1 });
        search.mark(4, Verdict::Bad).unwrap();
        assert_eq!(search.step(), Step::Stuck(vec![3, 4]));
        search.mark(3, Verdict::Good).unwrap();
        assert_eq!(search.step(), Step::Found(4));
    }

    #[test]
    fn a_verdict_that_contradicts_an_earlier_one_is_refused() {
        let mut search = Search::new(8);
        search.mark(2, Verdict::Good).unwrap();
        search.mark(5, Verdict::Bad).unwrap();
        let before = search.clone();
        for (at, verdict) in
            [(5, Verdict::Good), (6, Verdict::Good), (2, Verdict::Bad), (0, Verdict::Bad), (1, Verdict::Skip)]
        {
            assert_eq!(search.mark(at, verdict), Err(verdict), "{at}");
        }
        assert_eq!(search, before);
        assert!(search.mark(1, Verdict::Good).is_ok() && search.mark(6, Verdict::Bad).is_ok());
    }

    proptest! {
        #[test]
        fn skipping_never_loses_the_first_bad_release(
            count in 1usize..40, bad in any::<prop::sample::Index>(), untellable in prop::collection::vec(0usize..40, 0..30)
        ) {
            let first_bad = bad.index(count);
            match search(count, first_bad, &untellable).1 {
                Step::Found(at) => prop_assert_eq!(at, first_bad),
                Step::Stuck(suspects) => {
                    prop_assert!(suspects.contains(&first_bad));
                    let last = suspects.len() - 1;
                    prop_assert!(suspects[..last].iter().all(|at| untellable.contains(at)), "{:?}", suspects);
                }
                Step::Try { .. } => prop_assert!(false, "it is not over"),
            }
        }
    }
}
