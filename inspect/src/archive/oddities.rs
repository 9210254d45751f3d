//! What makes two readers of one ZIP archive see different files, or write outside their folder.

use super::directory::{Directory, Member};
use crate::notes::Notes;

/// Bytes of a path that a message shows.
const SHOWN_BYTES: usize = 200;

/// Each kind is one finding that names the first case and counts the rest.
pub(super) fn report(directory: &Directory, notes: &mut Notes<'_>) {
    let duplicates = Cases::of(
        directory.members_by_name().zip(directory.members_by_name().skip(1)).filter(|(a, b)| a.name == b.name),
        |(_, second)| second,
    );
    if let Some(text) = duplicates.text() {
        notes.error("duplicate-entry", format!("More than one entry has the same path: {text}."));
    }
    if let Some(text) = Cases::of(directory.members().filter(is_outside), |member| member).text() {
        notes.error("path-traversal", format!("A path leads out of the folder it is unpacked to: {text}."));
    }
    if let Some(text) = overlapping(directory).text() {
        notes.error("overlapping-entries", format!("Entries share bytes of the archive: {text}."));
    }
}

/// How often something was seen, and the first path it was seen at.
#[derive(Debug, Default)]
struct Cases {
    first: Option<String>,
    count: usize,
}

impl Cases {
    fn of<'a, T>(items: impl Iterator<Item = T>, member: impl Fn(T) -> Member<'a>) -> Self {
        let mut cases = Self::default();
        for item in items {
            cases.add(&member(item));
        }
        cases
    }

    fn add(&mut self, member: &Member<'_>) {
        self.first.get_or_insert_with(|| member.shown(SHOWN_BYTES));
        self.count += 1;
    }

    fn text(self) -> Option<String> {
        let first = self.first?;
        Some(if self.count == 1 { first } else { format!("{first} and {} more", self.count - 1) })
    }
}

/// Absolute, with a drive letter, or with a `..` between slashes of either kind.
fn is_outside(member: &Member<'_>) -> bool {
    let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\');
    let name = member.name;
    name.first().is_some_and(is_slash) || name.get(1) == Some(&b':') || name.split(is_slash).any(|part| part == b"..")
}

/// An entry takes at least its local header, its name and its data.
fn overlapping(directory: &Directory) -> Cases {
    let mut members: Vec<(u64, u64)> = directory
        .members()
        .map(|member| {
            let taken = 30 + member.name.len() as u64;
            let end = member.header_offset.saturating_add(taken).saturating_add(member.compressed_bytes);
            (member.header_offset, end)
        })
        .collect();
    members.sort_unstable();
    let mut shared = members.windows(2).filter(|pair| pair[1].0 < pair[0].1).map(|pair| pair[1].0).peekable();
    let past_directory = members.last().is_some_and(|last| last.1 > directory.offset).then(|| members.last());
    let first = shared.peek().copied().or(past_directory.flatten().map(|last| last.0));
    let count = shared.count().max(usize::from(first.is_some()));
    let named = first.and_then(|at| directory.members().find(|member| member.header_offset == at));
    Cases { first: named.map(|member| member.shown(SHOWN_BYTES)), count }
}
