//! A code to scan (QR), as SVG.

use std::fmt::Write;

use fast_qr::QRBuilder;
use maud::{Markup, html};

/// Empty modules that readers need around a code (ISO/IEC 18004).
const QUIET: usize = 4;

/// The code of an address; `None` where it is too long for one.
pub(super) fn code(address: &str, label: &str) -> Option<Markup> {
    let code = QRBuilder::new(address).build().ok()?;
    let mut path = String::new();
    for row in 0..code.size {
        for column in 0..code.size {
            if code[row][column].value() {
                write!(path, "M{} {}h1v1h-1z", column + QUIET, row + QUIET).ok()?;
            }
        }
    }
    let side = code.size + 2 * QUIET;
    let view = format!("0 0 {side} {side}");
    Some(html! {
        svg.qr viewBox=(view) role="img" aria-label=(label) shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#ffffff" {}
            path d=(path) fill="#000000" {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_code_with_room_around_it() {
        let svg = code("https://dist.example.com/install/acme/beta", "Scan").unwrap().into_string();
        assert!(svg.starts_with("<svg class=\"qr\" viewBox=\"0 0 "), "{svg}");
        // The upper left corner of the first finder pattern.
        assert!(svg.contains("M4 4h1v1h-1z") && !svg.contains("M3 "), "{svg}");
        assert_eq!(code(&"x".repeat(8000), "Scan").map(maud::PreEscaped::into_string), None);
    }
}
