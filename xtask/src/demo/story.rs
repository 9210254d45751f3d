//! What the demo does once there is a server: two releases, a promotion each, a rollback, and what
//! comes out again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{
    client::{Client, Publication, Status},
    digest, fixtures,
    manifest::{Entry, Manifest},
    process, store,
};

/// The app that is published.
pub(super) const APP: &str = "acme";

/// A real artifact and the name it is published under.
struct Part {
    fixture: &'static str,
    name: &'static str,
    /// Where the file does not tell it.
    arch: Option<&'static str>,
}

/// The artifacts of the two releases.
struct Cast {
    first: &'static [Part],
    second: &'static [Part],
    /// The key that signed the second Android app, where it is another than the first's: SHA-256 of its
    /// certificate, as apksigner prints it.
    new_signer: Option<&'static str>,
}

/// Two builds of one Android app, each signed with a key of its own, and an iOS app that stays the same.
const FETCHED: Cast = Cast {
    first: &[
        Part { fixture: "appium-settings-8.0.9.apk", name: "acme.apk", arch: None },
        Part { fixture: "UICatalog8.2.ipa", name: "Acme.ipa", arch: None },
    ],
    second: &[
        Part { fixture: "appium-settings-8.0.10.apk", name: "acme.apk", arch: None },
        Part { fixture: "UICatalog8.2.ipa", name: "Acme.ipa", arch: None },
    ],
    new_signer: Some("680dbbc39ab0944796c811b636ace510c8e551317087036cebab0751b0a6190c"),
};

/// Without a network: the second release adds a package for Linux.
const COMMITTED: Cast = Cast {
    first: &[
        Part { fixture: "ContactManager.apk", name: "acme.apk", arch: None },
        Part { fixture: "TestApp7.1.ipa", name: "Acme.ipa", arch: None },
    ],
    second: &[
        Part { fixture: "ContactManager.apk", name: "acme.apk", arch: None },
        Part { fixture: "TestApp7.1.ipa", name: "Acme.ipa", arch: None },
        Part { fixture: "ripgrep_13.0.0-4+b2_amd64.deb", name: "acme.deb", arch: Some("x86_64") },
    ],
    new_signer: None,
};

/// Goes through the whole story in `folder` and says each step; ends at the first that fails.
pub(super) fn tell(client: &Client, data: &Path, folder: &Path) -> Result<()> {
    let (cast, [first, second]) = prepare(folder)?;
    client.run(["app", "create", APP, "--access", "public", "--json"])?;
    println!("Created the public app {APP}.\n");

    let first = publish(client, &first)?;
    let again = client.publish(&folder.join("2.4.0/dist.json"))?;
    ensure!(again.status == Status::Unchanged, "publishing {} again changed something", first.release.name);
    println!("Published the same again: unchanged, {} requests, nothing sent.", again.transfer.requests);
    promote(client, &first)?;

    if let Some(signer) = cast.new_signer {
        meet_new_signer(client, &second, signer)?;
    }
    let second = publish(client, &second)?;
    promote(client, &second)?;
    pull(client, &second, &folder.join("pulled-after-promotion"))?;

    client.run(["rollback", &format!("{APP}@stable"), "--json"])?;
    println!("\nRolled stable back.");
    pull(client, &first, &folder.join("pulled-after-rollback"))?;

    store::check_objects(data)?;
    println!("Checked every object on the server with find and sha256sum: all whole.");
    Ok(())
}

/// Lays out both releases as a CI job would, in folders named by their version.
fn prepare(folder: &Path) -> Result<(&'static Cast, [PathBuf; 2])> {
    let (cast, first, second) = gather()?;
    let manifests = [
        lay_out(&folder.join("2.4.0"), "2.4.0", "241", cast.first, &first)?,
        lay_out(&folder.join("2.4.1"), "2.4.1", "242", cast.second, &second)?,
    ];
    Ok((cast, manifests))
}

/// Fetched artifacts where they can be had, else the committed ones.
fn gather() -> Result<(&'static Cast, Vec<PathBuf>, Vec<PathBuf>)> {
    let names = |parts: &'static [Part]| parts.iter().map(|part| part.fixture).collect::<Vec<_>>();
    let fetched = fixtures::fetch(&names(FETCHED.first))
        .and_then(|first| Ok((&FETCHED, first, fixtures::fetch(&names(FETCHED.second))?)));
    fetched.or_else(|error| {
        println!("Taking the committed artifacts, since others cannot be fetched: {error:#}");
        let first = fixtures::find_committed(&names(COMMITTED.first))?;
        Ok((&COMMITTED, first, fixtures::find_committed(&names(COMMITTED.second))?))
    })
}

fn lay_out(folder: &Path, version: &str, build: &str, parts: &[Part], files: &[PathBuf]) -> Result<PathBuf> {
    fs::create_dir(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (part, file) in parts.iter().zip(files) {
        fs::copy(file, folder.join(part.name)).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    let artifacts = parts.iter().map(|part| Entry { arch: part.arch, ..Entry::named(part.name) }).collect();
    Manifest { app: APP, version: version.into(), build: build.into(), channel: "beta", artifacts }.write(folder)
}

fn publish(client: &Client, manifest: &Path) -> Result<Publication> {
    let publication = client.publish(manifest)?;
    let (name, transfer) = (&publication.release.name, &publication.transfer);
    ensure!(publication.status == Status::Published, "{name} was there already");
    println!(
        "Published {APP} {name} to beta with `dist ci publish`: {} of {} objects sent, {} of {} bytes, {} requests.",
        transfer.uploaded_objects, transfer.objects, transfer.uploaded_bytes, transfer.total_bytes, transfer.requests
    );
    for artifact in &publication.artifacts {
        println!("  {}  {}", artifact.sha256, artifact.filename);
    }
    Ok(publication)
}

/// An app signed with another key would install on nobody's device as an update: it is refused until an
/// admin allows the key.
fn meet_new_signer(client: &Client, manifest: &Path, signer: &str) -> Result<()> {
    let output = process::capture(&mut client.publish_command(manifest))?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        !output.status.success() && said.contains("signer-not-allowed") && said.contains(signer),
        "an app signed with another key was not refused: {said}"
    );
    println!("Refused 2.4.1+242: its Android app is signed with another key (signer-not-allowed).");
    client.run(["app", "rules", APP, "--allow", &format!("android.signers={signer}"), "--json"])?;
    println!("Allowed the key with `dist app rules {APP} --allow android.signers={}…`.\n", &signer[..12]);
    Ok(())
}

fn promote(client: &Client, publication: &Publication) -> Result<()> {
    client.run(["promote", &format!("{APP}@beta"), "stable", "--json"])?;
    println!("Promoted {} from beta to stable.\n", publication.release.name);
    Ok(())
}

/// Pulls stable and checks that it holds exactly the files of `expected`.
fn pull(client: &Client, expected: &Publication, folder: &Path) -> Result<()> {
    let output = folder.to_str().context("the folder's name is not UTF-8")?;
    client.run(["pull", &format!("{APP}@stable"), "-o", output, "--json"])?;
    for artifact in &expected.artifacts {
        let pulled = digest::of_file(&folder.join(&artifact.filename))?;
        ensure!(
            pulled == artifact.sha256,
            "stable is not {}: {} has SHA-256 {pulled}, not {}",
            expected.release.name,
            artifact.filename,
            artifact.sha256
        );
    }
    println!(
        "Pulled stable: it is {}, and the SHA-256 of all {} files is right.",
        expected.release.name,
        expected.artifacts.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::pins::Pins;

    #[test]
    fn every_part_is_pinned_and_what_needs_no_network_is_committed() {
        let pins = Pins::read().unwrap();
        for part in FETCHED.first.iter().chain(FETCHED.second) {
            pins.get(part.fixture).unwrap();
        }
        for part in COMMITTED.first.iter().chain(COMMITTED.second) {
            assert!(pins.get(part.fixture).unwrap().committed_with.is_some(), "{}", part.fixture);
        }
    }
}
