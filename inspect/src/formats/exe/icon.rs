//! The icon of a program: the first group of pictures, and of those the best that can be shown (learn.microsoft.com,
//! "Icons", `GRPICONDIR`; "Bitmap Header Types" for those that are no PNG).

use std::io::{Read, Seek};

use super::resources::{ICON, ICON_GROUP, Resources};
use crate::apple::keep_icon;
use crate::input::Input;
use crate::notes::Notes;

/// Pictures of a group that are looked at, and those that are tried.
const PICTURES: usize = 64;
const TRIED: usize = 4;
/// Widest and highest picture: the fields have a byte each, in which 0 stands for it.
const PIXELS: u32 = 256;

/// Keeps the icon. One that cannot be shown is a warning, and a program without one is none.
pub(super) fn read<R: Read + Seek>(input: &mut Input<R>, resources: &Resources, notes: &mut Notes<'_>) {
    let Some(group) = resources.first(ICON_GROUP) else { return };
    let mut problem = "the group of its pictures is empty".to_owned();
    for number in parse_group(&group.read(input).unwrap_or_default()).into_iter().take(TRIED) {
        match read_picture(input, resources, number, notes.limits.icon_bytes) {
            Ok(png) => return keep_icon(format!("RT_ICON/{number}"), png, notes),
            Err(why) => problem = format!("picture {number}: {why}"),
        }
    }
    notes.warning("icon-unreadable", format!("The icon cannot be shown: {problem}."));
}

/// Numbers of the pictures, those with most colours first, of those the widest.
fn parse_group(bytes: &[u8]) -> Vec<u32> {
    let entries = bytes.get(6..).unwrap_or_default().as_chunks::<14>().0;
    let mut pictures: Vec<(u16, u32, u32)> = entries
        .iter()
        .take(PICTURES)
        .map(|entry| {
            let width = if entry[0] == 0 { PIXELS } else { u32::from(entry[0]) };
            let half = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
            (half(6).min(32), width, u32::from(half(12)))
        })
        .collect();
    pictures.sort_by_key(|(bits, width, _)| std::cmp::Reverse((*bits, *width)));
    pictures.into_iter().map(|(_, _, number)| number).collect()
}

fn read_picture<R: Read + Seek>(
    input: &mut Input<R>,
    resources: &Resources,
    number: u32,
    max_bytes: usize,
) -> Result<Vec<u8>, String> {
    let resource = resources.get(ICON, number).ok_or("it is not there")?;
    if resource.size_bytes() as usize > max_bytes {
        return Err(format!("{} bytes, and at most {max_bytes} are read", resource.size_bytes()));
    }
    let bytes = resource.read_whole(input).map_err(|error| error.to_string())?;
    if bytes.starts_with(b"\x89PNG") {
        return Ok(bytes);
    }
    let bitmap = Bitmap::parse(&bytes).ok_or("a bitmap of a kind that is not read, or damaged")?;
    bitmap.encode().map_err(|error| error.to_string())
}

/// A bitmap without compression: colours, then a mask with a bit for each pixel that is not to be seen.
#[derive(Debug)]
struct Bitmap<'a> {
    width: u32,
    height: u32,
    bits: usize,
    /// Blue, green, red and nothing.
    palette: &'a [[u8; 4]],
    /// Rows from the lowest to the highest, each padded to four bytes.
    colours: &'a [u8],
    mask: &'a [u8],
}

/// Bytes of a row of `width` pixels.
fn stride(width: u32, bits: usize) -> usize {
    (width as usize * bits).div_ceil(32) * 4
}

impl<'a> Bitmap<'a> {
    /// `BITMAPINFOHEADER`, whose height counts colours and mask.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        const HEADER: usize = 40;
        let word = |at: usize| bytes.get(at..)?.first_chunk().map(|raw| u32::from_le_bytes(*raw));
        let (header, width, height) = (word(0)? as usize, word(4)?, word(8)? / 2);
        let bits = usize::from(u16::from_le_bytes(*bytes.get(14..)?.first_chunk()?));
        let is_known = header == HEADER && matches!(bits, 1 | 4 | 8 | 24 | 32) && word(16)? == 0;
        if !is_known || !(1..=PIXELS).contains(&width) || !(1..=PIXELS).contains(&height) {
            return None;
        }
        let stated = word(32)? as usize;
        let colours = if bits > 8 { 0 } else { 1 << bits };
        let colours = if stated == 0 || bits > 8 { colours } else { stated.min(colours) };
        let (palette, rest) = bytes.get(header..)?.split_at_checked(colours * 4)?;
        let (colours, rest) = rest.split_at_checked(stride(width, bits) * height as usize)?;
        // Pictures with an alpha channel may come without a mask.
        let mask = rest.get(..stride(width, 1) * height as usize).unwrap_or_default();
        Some(Self { width, height, bits, palette: palette.as_chunks::<4>().0, colours, mask })
    }

    /// Red, green, blue and alpha of a pixel, `y` counted from below.
    fn pixel(&self, x: usize, y: usize, has_alpha: bool) -> [u8; 4] {
        let row = &self.colours[y * stride(self.width, self.bits)..];
        let [blue, green, red, alpha] = match self.bits {
            32 => [row[x * 4], row[x * 4 + 1], row[x * 4 + 2], row[x * 4 + 3]],
            24 => [row[x * 3], row[x * 3 + 1], row[x * 3 + 2], 0],
            bits => {
                let at = x * bits;
                let index = row[at / 8] >> (8 - bits - at % 8) & u8::MAX >> (8 - bits);
                self.palette.get(usize::from(index)).copied().unwrap_or_default()
            }
        };
        let is_hidden = || {
            let byte = self.mask.get(y * stride(self.width, 1) + x / 8);
            byte.is_some_and(|byte| byte >> (7 - x % 8) & 1 == 1)
        };
        let alpha = match has_alpha {
            true => alpha,
            false if is_hidden() => 0,
            false => 255,
        };
        [red, green, blue, alpha]
    }

    fn encode(&self) -> Result<Vec<u8>, png::EncodingError> {
        // Where no pixel has any, it is not alpha: the mask counts.
        let has_alpha = self.bits == 32 && self.colours.iter().skip(3).step_by(4).any(|alpha| *alpha != 0);
        let (width, height) = (self.width as usize, self.height as usize);
        let mut pixels = Vec::with_capacity(width * height * 4);
        for y in (0..height).rev() {
            for x in 0..width {
                pixels.extend(self.pixel(x, y, has_alpha));
            }
        }
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, self.width, self.height);
        encoder.set_color(png::ColorType::Rgba);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(png)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bitmap two pixels wide and one high.
    fn bitmap(bits: u8, palette: &[[u8; 4]], row: &[u8], mask: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 40];
        (bytes[0], bytes[4], bytes[8], bytes[12], bytes[14]) = (40, 2, 2, 1, bits);
        bytes[32] = u8::try_from(palette.len()).unwrap();
        [bytes, palette.concat(), row.to_vec(), mask.to_vec()].concat()
    }

    fn pixels(bytes: &[u8]) -> Option<Vec<u8>> {
        let png = Bitmap::parse(bytes)?.encode().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; 8];
        reader.next_frame(&mut pixels).unwrap();
        Some(pixels)
    }

    #[test]
    fn bitmaps_of_every_depth_become_pngs() {
        let hidden = [0x40, 0, 0, 0];
        let expected = Some(vec![3, 2, 1, 255, 6, 5, 4, 0]);
        let colours = [[1, 2, 3, 0], [4, 5, 6, 0]];
        assert_eq!(pixels(&bitmap(32, &[], &[1, 2, 3, 0, 4, 5, 6, 0], &hidden)), expected);
        assert_eq!(pixels(&bitmap(24, &[], &[1, 2, 3, 4, 5, 6, 0, 0], &hidden)), expected);
        assert_eq!(pixels(&bitmap(8, &colours, &[0, 1, 0, 0], &hidden)), expected);
        assert_eq!(pixels(&bitmap(4, &colours, &[0x01, 0, 0, 0], &hidden)), expected);
        assert_eq!(pixels(&bitmap(1, &colours, &[0x40, 0, 0, 0], &hidden)), expected);
        let blended = Some(vec![3, 2, 1, 9, 6, 5, 4, 8]);
        assert_eq!(pixels(&bitmap(32, &[], &[1, 2, 3, 9, 4, 5, 6, 8], &[])), blended);
    }

    #[test]
    fn bitmaps_that_make_no_sense_are_refused() {
        let whole = bitmap(8, &[[1, 2, 3, 0]], &[9, 200, 0, 0], &[]);
        assert_eq!(pixels(&whole), Some(vec![0, 0, 0, 255, 0, 0, 0, 255]), "colours that are not in the palette");
        for len in 0..whole.len() {
            assert_eq!(pixels(&whole[..len]), None, "{len}");
        }
        for (at, byte) in [(0, 12), (6, 1), (10, 1), (14, 16), (16, 1), (4, 0)] {
            let mut changed = whole.clone();
            changed[at] = byte;
            assert_eq!(pixels(&changed), None, "{at}");
        }
    }

    #[test]
    fn the_picture_with_most_colours_is_tried_first() {
        let entry = |width: u8, bits: u8, number: u8| [width, width, 0, 0, 1, 0, bits, 0, 0, 0, 0, 0, number, 0];
        let group = [&[0; 6][..], &entry(48, 8, 1), &entry(16, 32, 2), &entry(0, 32, 3), &[0; 5]].concat();
        assert_eq!(parse_group(&group), [3, 2, 1]);
        assert_eq!(parse_group(&group[..5]), [0u32; 0]);
    }
}
