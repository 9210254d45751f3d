//! Which crate may import which: the arrows of the design, for normal and build dependencies.
//! Development dependencies are free.

use std::path::Path;

use anyhow::Result;

use super::Finding;
use crate::{
    process,
    workspace::{self, Metadata, Package},
};

/// What each crate may import of this workspace. A crate that is not named here is a finding of
/// its own, so that a new one finds its place in the house first.
const ARROWS: &[(&str, &[&str])] = &[
    ("objstore", &[]),
    ("refs", &[]),
    ("inspect", &[]),
    ("protocol", &["objstore", "refs", "inspect"]),
    // The client only where an image is to hold both programs in one.
    ("distd", &["protocol", "refs", "objstore", "inspect", "dist"]),
    ("dist", &["protocol", "inspect", "objstore"]),
    ("xtask", &[]),
];

/// What `dist` must build without: the SQLite half of `refs` is the server's.
const NOT_IN_CLIENT: &str = "libsqlite3-sys";

/// Checks the declared dependencies of every member.
pub fn check(metadata: &Metadata) -> Vec<Finding> {
    let members: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    metadata.packages.iter().flat_map(|package| check_package(package, &members)).collect()
}

fn check_package(package: &Package, members: &[&str]) -> Vec<Finding> {
    let finding = |rule: String, remedy: String| Finding {
        file: name_manifest(&package.manifest_path),
        line: None,
        rule,
        remedy,
    };
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
        return vec![finding(
            format!("{} has no place among the import arrows", package.name),
            "give it one in DESIGN.md §7 and in xtask/src/tidy/arrows.rs".into(),
        )];
    };
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind.as_deref() != Some("dev"))
        .filter(|dependency| members.contains(&dependency.name.as_str()))
        .filter(|dependency| !allowed.contains(&dependency.name.as_str()))
        .map(|dependency| {
            finding(
                format!("{} must not import {}", package.name, dependency.name),
                match *allowed {
                    [] => format!("{} imports no crate of this workspace", package.name),
                    allowed => format!("{} may import {}", package.name, allowed.join(", ")),
                },
            )
        })
        .collect()
}

fn name_manifest(path: &Path) -> String {
    path.strip_prefix(workspace::root()).unwrap_or(path).display().to_string()
}

/// Everything that `dist` links, one package a line.
///
/// # Errors
/// When cargo fails.
pub fn read_client_tree() -> Result<String> {
    process::read(workspace::cargo().args(["tree", "--package", "dist", "--edges", "normal", "--prefix", "none"]))
}

/// Checks that `dist` builds without SQLite.
pub fn check_tree(tree: &str) -> Option<Finding> {
    let found = tree.lines().any(|line| line.split_whitespace().next() == Some(NOT_IN_CLIENT));
    found.then(|| Finding {
        file: "dist/Cargo.toml".into(),
        line: None,
        rule: format!("dist must build without {NOT_IN_CLIENT}"),
        remedy: format!("`cargo tree -p dist -e normal -i {NOT_IN_CLIENT}` shows what brings it"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate's name, and the names and kinds of its dependencies.
    type Crate<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)]);

    fn metadata(packages: &[Crate<'_>]) -> Metadata {
        let packages: Vec<_> = packages
            .iter()
            .map(|(name, dependencies)| {
                let dependencies: Vec<_> =
                    dependencies.iter().map(|(name, kind)| serde_json::json!({"name": name, "kind": kind})).collect();
                serde_json::json!({
                    "name": name,
                    "manifest_path": format!("/x/{name}/Cargo.toml"),
                    "dependencies": dependencies,
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({"packages": packages, "target_directory": "/x/target"})).unwrap()
    }

    fn rules(packages: &[Crate<'_>]) -> Vec<String> {
        check(&metadata(packages)).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn allowed_imports_pass() {
        let none = rules(&[
            ("objstore", &[("sha2", None)]),
            ("refs", &[("rusqlite", None)]),
            ("protocol", &[("objstore", None), ("refs", None)]),
            ("distd", &[("protocol", None), ("objstore", None)]),
        ]);
        assert!(none.is_empty(), "{none:?}");
    }

    #[test]
    fn a_broken_arrow_is_found_for_normal_and_build_dependencies() {
        let found = rules(&[("objstore", &[("refs", None)]), ("refs", &[]), ("dist", &[("refs", Some("build"))])]);
        assert_eq!(found, ["objstore must not import refs", "dist must not import refs"]);
    }

    #[test]
    fn development_dependencies_are_free() {
        assert!(rules(&[("inspect", &[("objstore", Some("dev"))]), ("objstore", &[])]).is_empty());
    }

    #[test]
    fn a_new_crate_has_to_find_its_place() {
        assert_eq!(rules(&[("gadget", &[])]), ["gadget has no place among the import arrows"]);
    }

    #[test]
    fn sqlite_in_the_clients_tree_is_found() {
        assert_eq!(check_tree("dist v0.1.0 (/x/dist)\nlibc v0.2.1\nlibsqlite3-systems v1.0.0\n"), None);
        assert!(check_tree("dist v0.1.0\nrusqlite v0.41.0\nlibsqlite3-sys v0.36.0 (*)\n").is_some());
    }
}
