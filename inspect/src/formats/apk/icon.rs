//! The picture of an app: the sharpest raster, or the foreground of an adaptive icon.

use std::io::{Cursor, Read, Seek};

use super::axml::{self, Attribute, Event, Value};
use super::resources::{DENSITY_ANY, DENSITY_NONE, Resources};
use crate::archive::Archive;
use crate::notes::Notes;
use crate::{Icon, Limits};

const SRC: Attribute = Attribute::Platform(0x0101_0119);
const DRAWABLE: Attribute = Attribute::Platform(0x0101_0199);

/// Files looked into before giving up.
const MAX_FILES: usize = 16;
/// Drawables named by one drawable that are followed.
const MAX_DRAWABLES: usize = 8;

/// Finds the icon that `value` leads to; a warning where there is none that can be shown.
pub(super) fn read<R: Read + Seek>(
    archive: &mut Archive<'_, R>,
    resources: Resources<'_>,
    value: &Value,
    notes: &mut Notes<'_>,
) {
    let mut problem = None;
    let mut waiting = sharpest_last(resources.files(value));
    for _ in 0..MAX_FILES {
        let Some(path) = waiting.pop() else { break };
        let bytes = match archive.read(&path, notes.limits.icon_bytes as u64) {
            Ok(bytes) => bytes,
            Err(error) => {
                problem.get_or_insert(error.message);
                continue;
            }
        };
        match parse_picture(&bytes, notes.limits) {
            Picture::Png { width, height } => {
                notes.icon = Some(Icon { path, width, height, png: bytes });
                return;
            }
            Picture::Converted { width, height, png } => {
                notes.icon = Some(Icon { path, width, height, png });
                return;
            }
            Picture::Unreadable(why) => {
                problem.get_or_insert(format!("{path}: {why}"));
            }
            Picture::Other => match drawables(&bytes, notes.limits.text_bytes) {
                inner if inner.is_empty() => {
                    problem.get_or_insert(format!("{path}: drawn by lines rather than pixels"));
                }
                inner => waiting.extend(inner.iter().rev().flat_map(|value| sharpest_last(resources.files(value)))),
            },
        }
    }
    let why = problem.unwrap_or_else(|| "it leads to no file".to_owned());
    notes.warning("icon-unreadable", format!("The icon cannot be shown: {why}."));
}

/// Drawables in XML come first, that is last to be tried: a raster beside them shows the whole icon.
fn sharpest_last(mut files: Vec<(u16, String)>) -> Vec<String> {
    let rank = |(density, path): &(u16, String)| {
        let is_drawing = path.ends_with(".xml");
        let is_vague = matches!(*density, DENSITY_ANY | DENSITY_NONE);
        (!is_drawing, !is_vague, *density)
    };
    files.sort_by_key(rank);
    files.dedup_by(|a, b| a.1 == b.1);
    let unneeded = files.len().saturating_sub(MAX_FILES);
    files.into_iter().skip(unneeded).map(|(_, path)| path).collect()
}

/// What a file turned out to be.
enum Picture {
    Png { width: u32, height: u32 },
    Converted { width: u32, height: u32, png: Vec<u8> },
    Unreadable(String),
    Other,
}

fn parse_picture(bytes: &[u8], limits: &Limits) -> Picture {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return match parse_png(bytes).filter(|(width, height)| (*width).max(*height) <= limits.icon_pixels) {
            Some((width, height)) => Picture::Png { width, height },
            None => Picture::Unreadable("a PNG that is damaged or too large".to_owned()),
        };
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return match convert_webp(bytes, limits) {
            Ok((width, height, png)) => Picture::Converted { width, height, png },
            Err(why) => Picture::Unreadable(why),
        };
    }
    Picture::Other
}

/// Width and height, from the header chunk that a PNG begins with (PNG specification, 11.2.1).
fn parse_png(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (width, height) = (number(16)?, number(20)?);
    (width > 0 && height > 0).then_some((width, height))
}

fn convert_webp(bytes: &[u8], limits: &Limits) -> Result<(u32, u32, Vec<u8>), String> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(|why| why.to_string())?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > limits.icon_pixels.min(1024) {
        return Err(format!("{width} by {height} pixels are too many"));
    }
    let mut pixels = vec![0; decoder.output_buffer_size().ok_or("too large")?];
    decoder.read_image(&mut pixels).map_err(|why| why.to_string())?;
    let color = if decoder.has_alpha() { png::ColorType::Rgba } else { png::ColorType::Rgb };
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(color);
    let mut writer = encoder.write_header().map_err(|why| why.to_string())?;
    writer.write_image_data(&pixels).map_err(|why| why.to_string())?;
    writer.finish().map_err(|why| why.to_string())?;
    if png.len() > limits.icon_bytes {
        return Err(format!("{} bytes as PNG are too many", png.len()));
    }
    Ok((width, height, png))
}

/// What a drawable in XML is made of: the foreground of an adaptive icon first, then layers, its background last.
fn drawables(bytes: &[u8], max_bytes: usize) -> Vec<Value> {
    let Some(events) = axml::parse(bytes, max_bytes) else { return Vec::new() };
    let mut found = Vec::new();
    let mut section = 1;
    for event in events {
        let Event::Start(element) = event else { continue };
        section = match element.name.as_str() {
            "foreground" => 0,
            "background" => 2,
            "monochrome" => 3,
            _ => section,
        };
        let value = element.get(DRAWABLE).or_else(|| element.get(SRC));
        if section < 3
            && let Some(value @ Value::Reference(_)) = value
        {
            found.push((section, value));
        }
        if found.len() == MAX_DRAWABLES {
            break;
        }
    }
    found.sort_by_key(|(section, _)| *section);
    found.into_iter().map(|(_, value)| value).collect()
}
