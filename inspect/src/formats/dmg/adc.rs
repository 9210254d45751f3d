//! Apple Data Compression, of images from before Mac OS X 10.1 (documented by its readers only: `adc.c` of `dmg2img`,
//! `AdcDecoder` in 7-Zip's `DmgHandler.cpp`).

use std::io;

/// Appends `size_bytes` bytes to `bytes`, or as many as there are; answers how many.
pub(super) fn unpack(packed: &[u8], size_bytes: usize, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "damaged");
    let mut rest = packed;
    while let (Some((first, after)), true) = (rest.split_first(), bytes.len() < size_bytes) {
        let head = usize::from(*first);
        let (len, distance, skip) = match head {
            0x80.. => {
                let len = (head & 0x7f) + 1;
                bytes.extend_from_slice(after.get(..len).ok_or_else(broken)?);
                rest = &after[len..];
                continue;
            }
            0x40.. => {
                let place = after.first_chunk::<2>().ok_or_else(broken)?;
                ((head & 0x3f) + 4, usize::from(u16::from_be_bytes(*place)) + 1, 2)
            }
            _ => {
                let low = usize::from(*after.first().ok_or_else(broken)?);
                ((head >> 2) + 3, ((head & 3) << 8 | low) + 1, 1)
            }
        };
        let start = bytes.len().checked_sub(distance).ok_or_else(broken)?;
        for at in start..start + len {
            bytes.push(bytes[at]);
        }
        rest = &after[skip..];
    }
    bytes.truncate(size_bytes);
    Ok(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_both_kinds_of_copies_are_unpacked() {
        let check = |packed: &[u8], expected: Option<&[u8]>| {
            let mut bytes = Vec::new();
            let read = unpack(packed, 16, &mut bytes);
            assert_eq!(read.is_ok().then_some(bytes.as_slice()), expected);
        };
        check(b"\x82abc\x00\x02", Some(b"abcabc"));
        check(b"\x80a\x40\x00\x00", Some(b"aaaaa"));
        check(b"\x80a\x3c\x00", Some(b"aaaaaaaaaaaaaaaa"));
        check(b"\x82ab", None);
        check(b"\x00\x02", None);
        check(b"\x80a\x40\x00", None);
    }
}
