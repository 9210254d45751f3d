//! PNG as Xcode "crushes" it for devices, turned back into PNG as everyone reads it.
//!
//! Apple documents none of it. The differences, as they are known from files: a chunk `CgBI` comes before `IHDR`, the
//! image data is raw deflate without the zlib wrapper, channels are blue, green, red, alpha, and colours are multiplied
//! by alpha.

use std::io::{Read, Write};

use flate2::read::DeflateDecoder;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use crate::Limits;

const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Width and height of a PNG, and the file itself, restored where it was crushed.
#[derive(Debug)]
pub(crate) struct Png {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bytes: Vec<u8>,
}

/// Makes sure that `bytes` are a PNG within the limits.
///
/// # Errors
/// With the reason, in words.
pub(crate) fn restore(bytes: Vec<u8>, limits: &Limits) -> Result<Png, String> {
    let body = bytes.strip_prefix(MAGIC).ok_or("no PNG")?;
    let is_crushed = body.get(4..8) == Some(b"CgBI");
    let header = chunks(body).find(|(kind, _)| kind == b"IHDR").ok_or("a PNG without a header")?.1;
    let header = Header::parse(header).ok_or("a PNG with a short header")?;
    if header.width == 0 || header.height == 0 || header.width.max(header.height) > limits.icon_pixels {
        return Err(format!("a picture of {}×{} pixels", header.width, header.height));
    }
    let bytes = if is_crushed { uncrush(body, &header)? } else { bytes };
    if bytes.len() > limits.icon_bytes {
        return Err(format!("a picture of {} bytes", bytes.len()));
    }
    Ok(Png { width: header.width, height: header.height, bytes })
}

/// `IHDR` (PNG, third edition, 11.2.1).
#[derive(Debug)]
struct Header {
    width: u32,
    height: u32,
    bit_depth: u8,
    colour_type: u8,
    interlace: u8,
}

impl Header {
    fn parse(chunk: &[u8]) -> Option<Self> {
        let word = |at: usize| chunk.get(at..at + 4).map(|raw| u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]));
        Some(Self {
            width: word(0)?,
            height: word(4)?,
            bit_depth: *chunk.get(8)?,
            colour_type: *chunk.get(9)?,
            interlace: *chunk.get(12)?,
        })
    }
}

/// Type and data of each chunk, until one does not fit.
fn chunks(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let (data, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
        rest = after.get(4..)?;
        Some((*kind, data))
    })
}

fn uncrush(body: &[u8], header: &Header) -> Result<Vec<u8>, String> {
    /// Eight bits each of red, green, blue and alpha; no interlacing. Xcode writes no other.
    const CRUSHED: (u8, u8, u8) = (8, 6, 0);
    if (header.bit_depth, header.colour_type, header.interlace) != CRUSHED {
        return Err("a crushed PNG of a kind that is not read".to_owned());
    }
    let packed: Vec<u8> =
        chunks(body).filter(|(kind, _)| kind == b"IDAT").flat_map(|(_, data)| data).copied().collect();
    let row = 1 + 4 * header.width as usize;
    let expected = row * header.height as usize;
    let mut pixels = Vec::new();
    let inflated = DeflateDecoder::new(packed.as_slice()).take(expected as u64).read_to_end(&mut pixels);
    if inflated.is_err() || pixels.len() != expected {
        return Err("a crushed PNG whose pixels cannot be read".to_owned());
    }
    unfilter(&mut pixels, row)?;
    for row in pixels.chunks_exact_mut(row) {
        row[1..].chunks_exact_mut(4).for_each(restore_pixel);
    }
    encode(header, &pixels).map_err(|error| error.to_string())
}

/// Undoes the filters (PNG, third edition, 9.2), and leaves rows with filter 0.
fn unfilter(pixels: &mut [u8], row: usize) -> Result<(), String> {
    let mut above = vec![0u8; row];
    for line in pixels.chunks_exact_mut(row) {
        let filter = std::mem::take(&mut line[0]);
        for at in 1..row {
            let left = if at > 4 { line[at - 4] } else { 0 };
            let corner = if at > 4 { above[at - 4] } else { 0 };
            let predicted = match filter {
                0 => 0,
                1 => left,
                2 => above[at],
                3 => left.midpoint(above[at]),
                4 => paeth(left, above[at], corner),
                _ => return Err("a crushed PNG with an unknown filter".to_owned()),
            };
            line[at] = line[at].wrapping_add(predicted);
        }
        above.copy_from_slice(line);
    }
    Ok(())
}

fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(above) - i16::from(corner);
    let distance = |value: u8| (estimate - i16::from(value)).abs();
    if distance(left) <= distance(above) && distance(left) <= distance(corner) {
        left
    } else if distance(above) <= distance(corner) {
        above
    } else {
        corner
    }
}

/// Blue, green, red times alpha becomes red, green, blue.
fn restore_pixel(pixel: &mut [u8]) {
    pixel.swap(0, 2);
    let alpha = u32::from(pixel[3]);
    if alpha == 0 || alpha == 255 {
        return;
    }
    for channel in &mut pixel[..3] {
        let plain = (u32::from(*channel) * 255 + alpha / 2) / alpha;
        *channel = u8::try_from(plain).unwrap_or(u8::MAX);
    }
}

fn encode(header: &Header, rows: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut image = [header.width.to_be_bytes(), header.height.to_be_bytes()].concat();
    image.extend([header.bit_depth, header.colour_type, 0, 0, 0]);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(rows)?;
    let mut bytes = MAGIC.to_vec();
    for (kind, data) in [(b"IHDR", image), (b"IDAT", packed.finish()?), (b"IEND", Vec::new())] {
        let len = u32::try_from(data.len()).map_err(std::io::Error::other)?;
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(&data);
        bytes.extend(len.to_be_bytes());
        bytes.extend(kind);
        bytes.extend(data);
        bytes.extend(crc.sum().to_be_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use flate2::write::DeflateEncoder;

    use super::*;

    fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
        let len = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&len, kind, data, &[0; 4]].concat()
    }

    /// A crushed picture, two pixels wide, of rows with their filter.
    fn crushed(rows: &[[u8; 9]]) -> Vec<u8> {
        let mut header = [2u32.to_be_bytes(), u32::try_from(rows.len()).unwrap().to_be_bytes()].concat();
        header.extend([8, 6, 0, 0, 0]);
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&rows.concat()).unwrap();
        let packed = packed.finish().unwrap();
        let parts = [(b"CgBI", vec![0x50, 0, 0x20, 6]), (b"IHDR", header), (b"IDAT", packed), (b"IEND", vec![])];
        [MAGIC.to_vec(), parts.map(|(kind, data)| chunk(kind, &data)).concat()].concat()
    }

    /// The rows of a restored picture.
    fn rows(png: &Png) -> Vec<u8> {
        let data = chunks(&png.bytes[8..]).find(|(kind, _)| kind == b"IDAT").unwrap().1;
        let mut rows = Vec::new();
        flate2::read::ZlibDecoder::new(data).read_to_end(&mut rows).unwrap();
        rows
    }

    #[test]
    fn channels_alpha_and_filters_are_restored() {
        let first = [0, 10, 20, 30, 255, 64, 0, 32, 128];
        let second = [1, 1, 2, 3, 255, 1, 1, 1, 0];
        let third = [2, 1, 0, 0, 0, 0, 0, 0, 0];
        let png = restore(crushed(&[first, second, third]), &Limits::default()).unwrap();
        assert_eq!((png.width, png.height), (2, 3));
        let expected =
            [[0, 30, 20, 10, 255, 64, 0, 128, 128], [0, 3, 2, 1, 255, 4, 3, 2, 255], [0, 3, 2, 2, 255, 4, 3, 2, 255]];
        assert_eq!(rows(&png), expected.concat());
    }

    #[test]
    fn what_cannot_be_shown_is_named() {
        let check = |bytes: Vec<u8>, limits: &Limits, why: &str| assert_eq!(restore(bytes, limits).unwrap_err(), why);
        let limits = Limits::default();
        check(b"GIF89a".to_vec(), &limits, "no PNG");
        check(MAGIC.to_vec(), &limits, "a PNG without a header");
        check(crushed(&[[9; 9]]), &limits, "a crushed PNG with an unknown filter");
        check(crushed(&[[0; 9]]), &Limits { icon_pixels: 1, ..limits }, "a picture of 2×1 pixels");
        check(crushed(&[[0; 9]]), &Limits { icon_bytes: 20, ..limits }, "a picture of 68 bytes");
        let whole = crushed(&[[0; 9]]);
        for len in 0..whole.len() - 20 {
            assert!(restore(whole[..len].to_vec(), &limits).is_err(), "{len}");
        }
    }
}
