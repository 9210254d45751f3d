//! Which programs are measured: those that this builds, or those in a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::workspace::{self, Binaries, Profile};

/// Where the measured programs come from.
#[derive(Args, Debug)]
pub(super) struct Programs {
    /// Measure the `dist` and `distd` of this folder, built already, instead of building them
    #[arg(long = "programs", value_name = "DIR", global = true)]
    folder: Option<PathBuf>,
}

impl Programs {
    /// Both programs, built as asked unless a folder was named.
    ///
    /// # Errors
    /// When the build fails, or one is not in the folder.
    pub(super) fn find(&self, profile: Profile) -> Result<Binaries> {
        match &self.folder {
            Some(folder) => find_in(folder),
            None => workspace::build(profile),
        }
    }

    /// `dist` alone.
    ///
    /// # Errors
    /// As [`Programs::find`].
    pub(super) fn find_client(&self) -> Result<PathBuf> {
        match &self.folder {
            Some(folder) => Ok(find_in(folder)?.dist),
            None => workspace::build_client(),
        }
    }
}

fn find_in(folder: &Path) -> Result<Binaries> {
    let folder = fs::canonicalize(folder).with_context(|| format!("cannot find {}", folder.display()))?;
    let [dist, distd] = ["dist", "distd"].map(|name| folder.join(name));
    for program in [&dist, &distd] {
        ensure!(program.is_file(), "{} is not there", program.display());
    }
    Ok(Binaries { dist, distd })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_must_have_both_programs() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("dist"), "").unwrap();
        let message = find_in(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("distd is not there"), "{message}");
        fs::write(folder.path().join("distd"), "").unwrap();
        assert!(find_in(folder.path()).unwrap().distd.is_absolute());
    }
}
