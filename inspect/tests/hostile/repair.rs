//! Makes damaged files pass the checks that damage fails at first, so that it reaches what is behind them: CRC-32 of
//! stored entries of a ZIP, checksums of tar headers. The fuzz targets share this file.

/// Repairs what can be repaired in place.
pub fn repair(bytes: &mut [u8]) {
    repair_tar(bytes);
    repair_zip(bytes);
}

/// Every block that says `ustar` where a header does.
fn repair_tar(bytes: &mut [u8]) {
    const MAGIC: usize = 257;
    let places: Vec<usize> =
        (MAGIC..bytes.len().saturating_sub(5)).filter(|at| bytes[*at..].starts_with(b"ustar")).collect();
    for place in places.into_iter().take(1_000) {
        let Some(block) = bytes.get_mut(place - MAGIC..place - MAGIC + 512) else { continue };
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// Walks the central directory that the last end record names (APPNOTE.TXT 4.3.12 and 4.3.16).
fn repair_zip(bytes: &mut [u8]) {
    let Some(end) = bytes.windows(4).rposition(|window| window == b"PK\x05\x06") else { return };
    let Some(mut at) = word(bytes, end + 16) else { return };
    for _ in 0..1_000 {
        let Some(header) = bytes.get(at..at.saturating_add(46)).filter(|header| header.starts_with(b"PK\x01\x02"))
        else {
            return;
        };
        let lengths = short(header, 28) + short(header, 30) + short(header, 32);
        if short(header, 10) == 0
            && let (Some(local), Some(size)) = (word(header, 42), word(header, 24))
            && let Some(crc) = crc_of(bytes, local, size)
        {
            bytes[at + 16..at + 20].copy_from_slice(&crc.to_le_bytes());
        }
        at += 46 + lengths;
    }
}

fn crc_of(bytes: &[u8], local: usize, size: usize) -> Option<u32> {
    let header = bytes.get(local..local.checked_add(30)?)?;
    let start = local + 30 + short(header, 26) + short(header, 28);
    Some(crc32fast::hash(bytes.get(start..start.checked_add(size)?)?))
}

fn short(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 2).map_or(0, |raw| usize::from(u16::from_le_bytes([raw[0], raw[1]])))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]])).ok()
}
