//! Sizes: binary units with one decimal, as in `12.4 MiB`.

const UNITS: &[(&str, u64)] = &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A size for people: `0 B`, `17 B`, `12.4 MiB`.
pub(crate) fn size(size_bytes: u64) -> String {
    match UNITS.iter().find(|(_, unit)| size_bytes >= *unit) {
        None => format!("{size_bytes} B"),
        Some((name, unit)) => {
            // In tenths, so that no float is needed; rounding up may reach the next unit, which reads as 1024.0 and is fine.
            let tenths = (u128::from(size_bytes) * 10 + u128::from(*unit) / 2) / u128::from(*unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
    }
}

/// Reads a size: bytes, or a number with `K`, `M`, `G`, `KiB`, `MiB` or `GiB`, all binary.
///
/// # Errors
/// When it is not one, or 0.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size such as 64MiB");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1_u64 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|size_bytes| *size_bytes > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_with_one_decimal() {
        let check = |size_bytes: u64, expected: &str| assert_eq!(size(size_bytes), expected);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.0 KiB");
        check(1536, "1.5 KiB");
        check(13_002_342, "12.4 MiB");
        check(1 << 30, "1.0 GiB");
        check(64 << 30, "64.0 GiB");
        check(u64::MAX, "16777216.0 TiB");
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("1 G"), Ok(1 << 30));
        for bad in ["", "0", "MiB", "-1", "1.5M", "64MB", "99999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
