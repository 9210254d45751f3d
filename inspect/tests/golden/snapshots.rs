//! The whole report on every pinned artifact.

use data_encoding::HEXLOWER;
use inspect::Report;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{pins, report_of};

/// A report as it is kept: the icon as its size and digest, the entries as their number.
pub(crate) fn condense(report: &Report) -> Value {
    let mut value = serde_json::to_value(report).unwrap();
    // One number for all of them, which says nothing of this one.
    value.as_object_mut().unwrap().remove("inspector");
    if let Some(icon) = &report.icon {
        let digest = HEXLOWER.encode(&Sha256::digest(&icon.png));
        value["icon"] = json!({"path": icon.path, "size": format!("{}x{}", icon.width, icon.height), "sha256": digest});
    }
    if let Some(entries) = &report.entries {
        value["entries"] = json!({"count": entries.count, "total_bytes": entries.total_bytes});
    }
    value
}

/// A report on what was made here, without what another run or another version of the tool makes differently.
pub(crate) fn check_made(name: &str, report: &Report) {
    const VARYING: &[&str] =
        &["sha256", "not_before", "not_after", "product_code", "size_bytes", "overlay_bytes", "total_bytes"];
    fn blank(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|key, value| !VARYING.contains(&key.as_str()) || value.is_null());
                fields.values_mut().for_each(blank);
            }
            Value::Array(items) => items.iter_mut().for_each(blank),
            _ => {}
        }
    }
    let mut value = condense(report);
    blank(&mut value);
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_json_snapshot!(name, value);
    });
}

#[test]
fn reports_on_pinned_artifacts_are_the_kept_ones() {
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        for pin in pins::artifacts() {
            let report = report_of(&pin.file);
            assert_eq!(report.format.as_str(), pin.kind, "{}", pin.name);
            insta::assert_json_snapshot!(pin.name.as_str(), condense(&report));
        }
    });
}
