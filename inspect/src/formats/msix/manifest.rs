//! The manifests of packages and bundles. Elements are known by their local names: the prefixes differ by Windows version.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{BundledPackage, Msix};

/// Elements within elements.
const DEPTH: usize = 32;
/// Capabilities, device families and packages that are kept, each.
const LISTED: usize = 500;

/// Reads either manifest. Values are cut to `text_bytes`.
pub(super) fn parse(bytes: &[u8], text_bytes: usize) -> Result<Msix, quick_xml::Error> {
    let mut reader = Reader::from_reader(bytes);
    let mut msix = Msix::default();
    let mut path: Vec<String> = Vec::new();
    loop {
        match reader.read_event()? {
            Event::Start(element) => {
                add_element(&mut msix, &element, text_bytes);
                if path.len() < DEPTH {
                    path.push(local_name(&element));
                } else {
                    reader.read_to_end(element.name())?;
                }
            }
            Event::Empty(element) => add_element(&mut msix, &element, text_bytes),
            Event::End(_) => drop(path.pop()),
            Event::Text(text) => add_text(&mut msix, &path, &text, text_bytes),
            Event::Eof => break,
            _ => {}
        }
    }
    msix.architectures.sort();
    msix.architectures.dedup();
    Ok(msix)
}

fn add_element(msix: &mut Msix, element: &BytesStart<'_>, text_bytes: usize) {
    let attribute = |name: &str| attribute(element, name, text_bytes);
    match local_name(element).as_str() {
        "Identity" => {
            msix.name = attribute("Name");
            msix.publisher = attribute("Publisher");
            msix.version = attribute("Version");
            msix.architectures.extend(attribute("ProcessorArchitecture").map(name_architecture));
        }
        "TargetDeviceFamily" if msix.device_families.len() < LISTED => {
            let lowest = msix.minimum_os_version.take().into_iter().chain(attribute("MinVersion"));
            msix.minimum_os_version = lowest.min_by_key(|version| parse_version(version));
            msix.device_families.extend(attribute("Name"));
        }
        "Capability" | "DeviceCapability" | "CustomCapability" if msix.capabilities.len() < LISTED => {
            msix.capabilities.extend(attribute("Name"));
        }
        "Package" if msix.packages.len() < LISTED => {
            let package = BundledPackage {
                file_name: attribute("FileName"),
                kind: attribute("Type"),
                version: attribute("Version"),
                architecture: attribute("Architecture").map(name_architecture),
            };
            if package.file_name.is_some() {
                msix.architectures.extend(package.architecture.clone());
                msix.packages.push(package);
            }
        }
        _ => {}
    }
}

fn add_text(msix: &mut Msix, path: &[String], text: &str, text_bytes: usize) {
    let [.., parent, name] = path else { return };
    let field = match (parent.as_str(), name.as_str()) {
        ("Properties", "DisplayName") => &mut msix.display_name,
        ("Properties", "PublisherDisplayName") => &mut msix.publisher_display_name,
        _ => return,
    };
    let text = &text[..text.floor_char_boundary(text_bytes)];
    if !text.trim().is_empty() {
        field.get_or_insert_with(|| text.trim().to_owned());
    }
}

fn local_name(element: &BytesStart<'_>) -> String {
    element.local_name().as_ref().to_owned()
}

fn attribute(element: &BytesStart<'_>, name: &str, text_bytes: usize) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
    let value = value[..value.floor_char_boundary(text_bytes)].trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn name_architecture(word: String) -> String {
    match word.to_ascii_lowercase().as_str() {
        "x64" => "x86_64".to_owned(),
        "arm64" => "aarch64".to_owned(),
        "arm" => "armv7".to_owned(),
        _ => word,
    }
}

fn parse_version(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}
