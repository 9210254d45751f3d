//! The text of `MANIFEST.MF` and `.SF` files: sections of `Name: value` lines, an empty line after each.
//!
//! Source: the JAR File Specification, "Notes on Manifest and Signature Files". Nothing is copied but values that go on
//! over several lines.

use std::borrow::Cow;

use crate::public_key::Problem;

/// Files of one manifest that are looked at.
const MAX_SECTIONS: usize = 100_000;

/// One section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'a> {
    bytes: &'a [u8],
}

impl<'a> Section<'a> {
    /// All of it with the empty line at its end, as it is digested.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The value of an attribute, the case of whose name does not matter. A line of it that begins with a space goes on
    /// where the one before ended.
    pub(super) fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut lines = self.bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.by_ref().find_map(|line| {
            let (own, value) = line.split_at_checked(name.len())?;
            own.eq_ignore_ascii_case(name.as_bytes()).then_some(value.strip_prefix(b": "))?
        })?;
        let mut value = Cow::Borrowed(first);
        for more in lines.map_while(|line| line.strip_prefix(b" ")) {
            value.to_mut().extend_from_slice(more);
        }
        match value {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }
}

/// The sections of a text in their order, the main one first.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    rest: &'a [u8],
}

impl<'a> Sections<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Section<'a>;

    fn next(&mut self) -> Option<Section<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut end = 0;
        for line in self.rest.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            if matches!(line, b"\n" | b"\r\n") {
                break;
            }
        }
        let (bytes, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Section { bytes })
    }
}

/// The sections of files in the order of the files' names. No name stands there twice, so that whoever goes through them
/// looks at each byte a bounded number of times.
pub(super) fn by_name(bytes: &[u8]) -> Result<Vec<(Cow<'_, str>, Section<'_>)>, Problem> {
    let mut named = Vec::new();
    for section in Sections::of(bytes).skip(1) {
        let Some(name) = section.value("Name") else { continue };
        if named.len() == MAX_SECTIONS {
            return Err(Problem::Unchecked("it lists more files than are looked at".to_owned()));
        }
        named.push((name, section));
    }
    named.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    if named.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(Problem::Wrong("it lists a file twice"));
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"Manifest-Version: 1.0\r\n\r\nName: a/very/lo\r\n ng/name\r\nSHA1-Digest: abc=\r\n\r\nName: b\nX: y\n\n";

    #[test]
    fn sections_end_behind_their_empty_line() {
        let lengths: Vec<usize> = Sections::of(TEXT).map(|section| section.bytes().len()).collect();
        assert_eq!(lengths, [25, 48, 14]);
        assert_eq!(lengths.iter().sum::<usize>(), TEXT.len());
    }

    #[test]
    fn a_file_listed_twice_is_refused() {
        let twice = b"Manifest-Version: 1.0\n\nName: a\n\nName: a\n\n";
        assert_eq!(by_name(twice).unwrap_err(), Problem::Wrong("it lists a file twice"));
    }

    #[test]
    fn values_go_on_over_lines() {
        let sections = by_name(TEXT).unwrap();
        let names: Vec<&str> = sections.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["a/very/long/name", "b"]);
        assert_eq!(sections[0].1.value("sha1-digest").as_deref(), Some("abc="));
        assert_eq!(sections[0].1.value("SHA"), None);
        assert_eq!(sections[1].1.value("x").as_deref(), Some("y"));
    }
}
