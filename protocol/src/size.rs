//! How sizes are written for people.

use std::fmt;

/// A number of bytes, written in binary units with one decimal: `12.4 MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match UNITS.iter().find(|(unit, _)| self.0 >= *unit) {
            None => format!("{} B", self.0),
            Some((unit, name)) => {
                // Rounded to the nearest tenth; the remainder is below 2^40, so ten times it fits.
                let tenths = (self.0 % unit * 10 + unit / 2) / unit;
                format!("{}.{} {name}", self.0 / unit + tenths / 10, tenths % 10)
            }
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_with_one_decimal() {
        let check = |bytes: u64, expect: &str| assert_eq!(ByteSize(bytes).to_string(), expect);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.0 KiB");
        check(1024 + 1000, "2.0 KiB");
        check(13_002_342, "12.4 MiB");
        check(1 << 40, "1.0 TiB");
        check(u64::MAX, "16777216.0 TiB");
    }
}
