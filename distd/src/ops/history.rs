//! Histories: each release has one parent, so a history is a line, and two lines that meet go on as one.

use std::collections::HashSet;
use std::hash::Hash;

/// The first of `to`'s history that `from`'s history has too, both counting themselves; `None` where they never meet. What lies
/// before it on `to`'s line is `from..to`.
///
/// Goes along both lines at once, so that it looks no further than the longer way to where they meet, and needs no order of the
/// releases but their parents.
///
/// # Errors
/// When `parent` fails.
pub(super) fn meeting<T: Copy + Eq + Hash, E>(
    from: T,
    to: T,
    mut parent: impl FnMut(T) -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let (mut of_from, mut of_to) = (HashSet::new(), HashSet::new());
    let (mut from, mut to) = (Some(from), Some(to));
    while from.is_some() || to.is_some() {
        if let Some(at) = from {
            if of_to.contains(&at) || to == Some(at) {
                return Ok(Some(at));
            }
            of_from.insert(at);
            from = parent(at)?;
        }
        if let Some(at) = to {
            if of_from.contains(&at) {
                return Ok(Some(at));
            }
            of_to.insert(at);
            to = parent(at)?;
        }
    }
    Ok(None)
}

/// How many releases of `to`'s history `from`'s has not; `None` where more than `limit` steps along each would have to be looked
/// at to tell.
///
/// # Errors
/// When `parent` fails.
pub(super) fn count_ahead<T: Copy + Eq + Hash, E>(
    from: T,
    to: T,
    limit: usize,
    mut parent: impl FnMut(T) -> Result<Option<T>, E>,
) -> Result<Option<usize>, E> {
    let mut steps_left = 2 * limit;
    let end = meeting(from, to, |at| match steps_left.checked_sub(1) {
        Some(left) => {
            steps_left = left;
            parent(at)
        }
        None => Ok(None),
    })?;
    if end.is_none() && steps_left == 0 {
        return Ok(None);
    }
    let (mut count, mut at) = (0, Some(to));
    while let Some(here) = at.filter(|here| Some(*here) != end) {
        count += 1;
        at = parent(here)?;
    }
    Ok(Some(count))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// A history from `at` back, by a list of parents.
    fn line(parents: &[Option<usize>], at: usize) -> Vec<usize> {
        std::iter::successors(Some(at), |at| parents[*at]).collect()
    }

    fn range(parents: &[Option<usize>], from: usize, to: usize) -> Vec<usize> {
        let end = meeting(from, to, |at| Ok::<_, Infallible>(parents[at])).unwrap();
        line(parents, to).into_iter().take_while(|at| Some(*at) != end).collect()
    }

    #[test]
    fn a_range_is_what_came_after() {
        // 0 ← 1 ← 2 ← 3, and 1 ← 4; 5 stands alone.
        let parents = [None, Some(0), Some(1), Some(2), Some(1), None];
        let check = |from, to, expect: &[usize]| assert_eq!(range(&parents, from, to), expect, "{from}..{to}");
        check(1, 3, &[3, 2]);
        check(3, 1, &[]);
        check(2, 2, &[]);
        check(4, 3, &[3, 2]);
        check(3, 4, &[4]);
        check(5, 3, &[3, 2, 1, 0]);
    }

    #[test]
    fn what_is_ahead_is_counted_as_far_as_is_looked() {
        // 0 ← 1 ← … ← 9, and 1 ← 10.
        let parents: Vec<Option<usize>> = (0..10usize).map(|at| at.checked_sub(1)).chain([Some(1)]).collect();
        let count = |from, to, limit| count_ahead(from, to, limit, |at| Ok::<_, Infallible>(parents[at])).unwrap();
        assert_eq!(count(1, 9, 10), Some(8));
        assert_eq!(count(9, 1, 10), Some(0));
        assert_eq!(count(3, 3, 10), Some(0));
        assert_eq!(count(10, 9, 10), Some(8));
        assert_eq!(count(1, 9, 3), None);
    }

    /// Each release has an earlier one as its parent, or none.
    fn graph() -> impl Strategy<Value = Vec<Option<usize>>> {
        prop::collection::vec(any::<prop::sample::Index>(), 1..60).prop_map(|choices| {
            let parent = |(at, choice): (usize, prop::sample::Index)| match choice.index(at + 1) {
                chosen if chosen == at => None,
                chosen => Some(chosen),
            };
            choices.into_iter().enumerate().map(parent).collect()
        })
    }

    proptest! {
        #[test]
        fn a_range_is_the_difference_of_two_histories(
            parents in graph(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()
        ) {
            let (from, to) = (from.index(parents.len()), to.index(parents.len()));
            let known: HashSet<usize> = line(&parents, from).into_iter().collect();
            let expected: Vec<usize> = line(&parents, to).into_iter().filter(|at| !known.contains(at)).collect();
            prop_assert_eq!(range(&parents, from, to), expected);
        }
    }
}
