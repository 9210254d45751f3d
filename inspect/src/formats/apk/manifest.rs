//! What `AndroidManifest.xml` says, before references into `resources.arsc` are followed.

use std::collections::HashSet;

use super::axml::{Attribute, Element, Event, Events, Value};
use super::{Feature, MAX_LISTED};

// Ids of `android.R.attr`, as `frameworks/base/core/res/res/values/public-final.xml` fixes them.
const LABEL: Attribute = Attribute::Platform(0x0101_0001);
const ICON: Attribute = Attribute::Platform(0x0101_0002);
const NAME: Attribute = Attribute::Platform(0x0101_0003);
const DEBUGGABLE: Attribute = Attribute::Platform(0x0101_000f);
const VALUE: Attribute = Attribute::Platform(0x0101_0024);
const MIN_SDK: Attribute = Attribute::Platform(0x0101_020c);
const VERSION_CODE: Attribute = Attribute::Platform(0x0101_021b);
const VERSION_NAME: Attribute = Attribute::Platform(0x0101_021c);
const TARGET_SDK: Attribute = Attribute::Platform(0x0101_0270);
const TEST_ONLY: Attribute = Attribute::Platform(0x0101_0272);
const REQUIRED: Attribute = Attribute::Platform(0x0101_028e);
const VERSION_CODE_MAJOR: Attribute = Attribute::Platform(0x0101_0576);
const IS_SPLIT_REQUIRED: Attribute = Attribute::Platform(0x0101_0591);
const PACKAGE: Attribute = Attribute::Plain("package");
const SPLIT: Attribute = Attribute::Plain("split");

/// Levels of elements that are told apart; an intent filter's action is the deepest that matters.
const MAX_DEPTH: usize = 8;

/// What is written in a manifest, values as they are.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub(super) package: Option<String>,
    pub(super) split: Option<String>,
    pub(super) version_name: Option<Value>,
    pub(super) version_code: Option<Value>,
    pub(super) version_code_major: Option<Value>,
    pub(super) min_sdk: Option<Value>,
    pub(super) target_sdk: Option<Value>,
    pub(super) label: Option<Value>,
    pub(super) icon: Option<Value>,
    pub(super) debuggable: Option<Value>,
    pub(super) test_only: Option<Value>,
    pub(super) is_split_required: Option<Value>,
    pub(super) permissions: Vec<String>,
    pub(super) features: Vec<Feature>,
    /// The first activity that a launcher shows.
    pub(super) launcher: Option<Activity>,
    /// The permissions again: comparing each with all before it would take seconds where they hardly differ.
    known_permissions: HashSet<String>,
    activity: Activity,
    filter: Filter,
}

/// An activity, or an alias of one.
#[derive(Debug, Default, Clone)]
pub(super) struct Activity {
    pub(super) name: Option<String>,
    pub(super) label: Option<Value>,
    pub(super) icon: Option<Value>,
}

/// What an intent filter has named so far.
#[derive(Debug, Default)]
struct Filter {
    has_main: bool,
    has_launcher: bool,
}

impl Manifest {
    pub(super) fn collect(events: Events<'_>) -> Self {
        let mut manifest = Self::default();
        let mut path: Vec<String> = Vec::new();
        let mut depth = 0usize;
        for event in events {
            match event {
                Event::Start(element) => {
                    if depth < MAX_DEPTH {
                        path.truncate(depth);
                        path.push(element.name.clone());
                        manifest.visit(&path, &element);
                    }
                    depth += 1;
                }
                Event::End => depth = depth.saturating_sub(1),
            }
        }
        manifest
    }

    fn visit(&mut self, path: &[String], element: &Element<'_>) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["manifest"] => self.visit_root(element),
            ["manifest", "uses-sdk"] => {
                self.min_sdk = element.get(MIN_SDK);
                self.target_sdk = element.get(TARGET_SDK);
            }
            ["manifest", "uses-permission" | "uses-permission-sdk-23" | "uses-permission-sdk-m"] => {
                self.add_permission(element.text(NAME));
            }
            ["manifest", "uses-feature"] => self.add_feature(element),
            ["manifest", "application"] => self.visit_application(element),
            ["manifest", "application", "meta-data"]
                if element.text(NAME).as_deref() == Some("com.android.vending.splits.required") =>
            {
                self.is_split_required = element.get(VALUE);
            }
            ["manifest", "application", "activity" | "activity-alias"] => {
                self.activity =
                    Activity { name: element.text(NAME), label: element.get(LABEL), icon: element.get(ICON) };
            }
            ["manifest", "application", "activity" | "activity-alias", "intent-filter"] => {
                self.filter = Filter::default();
            }
            ["manifest", "application", "activity" | "activity-alias", "intent-filter", part] => {
                self.visit_filter(part, element.text(NAME).as_deref());
            }
            _ => {}
        }
    }

    fn visit_root(&mut self, element: &Element<'_>) {
        self.package = element.text(PACKAGE);
        self.split = element.text(SPLIT);
        self.version_name = element.get(VERSION_NAME);
        self.version_code = element.get(VERSION_CODE);
        self.version_code_major = element.get(VERSION_CODE_MAJOR);
        self.is_split_required = element.get(IS_SPLIT_REQUIRED);
    }

    fn visit_application(&mut self, element: &Element<'_>) {
        self.label = element.get(LABEL);
        self.icon = element.get(ICON);
        self.debuggable = element.get(DEBUGGABLE);
        self.test_only = element.get(TEST_ONLY);
    }

    fn visit_filter(&mut self, part: &str, name: Option<&str>) {
        match (part, name) {
            ("action", Some("android.intent.action.MAIN")) => self.filter.has_main = true,
            ("category", Some("android.intent.category.LAUNCHER")) => self.filter.has_launcher = true,
            _ => return,
        }
        if self.filter.has_main && self.filter.has_launcher {
            self.launcher.get_or_insert_with(|| self.activity.clone());
        }
    }

    fn add_permission(&mut self, name: Option<String>) {
        let Some(name) = name else { return };
        if self.permissions.len() < MAX_LISTED && self.known_permissions.insert(name.clone()) {
            self.permissions.push(name);
        }
    }

    fn add_feature(&mut self, element: &Element<'_>) {
        let Some(name) = element.text(NAME) else { return };
        if self.features.len() < MAX_LISTED {
            self.features.push(Feature { name, required: element.get(REQUIRED) != Some(Value::Flag(false)) });
        }
    }
}
