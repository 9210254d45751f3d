//! Icon files of macOS: a list of pictures, of which the newer kinds are whole PNG files (Apple documents only the
//! tools; the layout is that of `IconFamilyResource` in `Icons.h`).

/// The best PNG inside: the widest of at most `max_pixels` as its kind says, and of at most `max_bytes`.
pub(crate) fn icon_of_icns(bytes: &[u8], max_pixels: u32, max_bytes: usize) -> Option<&[u8]> {
    let body = bytes.strip_prefix(b"icns")?.get(4..)?;
    let pictures = elements(body).filter_map(|(kind, data)| Some((pixels(kind)?, data)));
    let pngs = pictures
        .filter(|(pixels, data)| *pixels <= max_pixels && data.len() <= max_bytes && data.starts_with(b"\x89PNG"));
    pngs.max_by_key(|(pixels, _)| *pixels).map(|(_, data)| data)
}

/// Kind and data of each picture, until one does not fit. The length counts kind and length too.
fn elements(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (len, after) = after.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?.checked_sub(8)?;
        let (data, after) = after.split_at_checked(len)?;
        rest = after;
        Some((*kind, data))
    })
}

/// Width of the kinds that may hold a PNG.
fn pixels(kind: [u8; 4]) -> Option<u32> {
    match &kind {
        b"icp4" => Some(16),
        b"icp5" | b"ic11" => Some(32),
        b"icp6" | b"ic12" => Some(64),
        b"ic07" => Some(128),
        b"ic08" | b"ic13" => Some(256),
        b"ic09" | b"ic14" => Some(512),
        b"ic10" => Some(1024),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_png_within_the_bound_is_taken() {
        let element = |kind: &[u8; 4], data: &[u8]| {
            let len = u32::try_from(data.len() + 8).unwrap().to_be_bytes();
            [kind.as_slice(), &len, data].concat()
        };
        let body = [element(b"ic07", b"\x89PNG7"), element(b"ic08", b"jp2"), element(b"ic10", b"\x89PNG10")].concat();
        let file = [b"icns\0\0\0\0".to_vec(), body].concat();
        assert_eq!(icon_of_icns(&file, 512, 9), Some(b"\x89PNG7".as_slice()));
        assert_eq!(icon_of_icns(&file, 1024, 9), Some(b"\x89PNG10".as_slice()));
        assert_eq!(icon_of_icns(&file[..20], 1024, 9), None);
        assert_eq!(icon_of_icns(b"PNG", 1024, 9), None);
        assert_eq!(icon_of_icns(&file, 1024, 5), Some(b"\x89PNG7".as_slice()));
    }
}
