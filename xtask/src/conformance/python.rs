//! Tools from PyPI, each in an environment of its own, with the versions and hashes of all that it consists of.

use super::host::Hosts;
use crate::command::Step;
use anyhow::{Context as _, Result};
use std::path::PathBuf;

/// Installs what `requirements` names (for x86-64; where it is compiled, for Python 3.11 to 3.13); answers its program `name`.
pub(super) fn install(hosts: &Hosts, name: &str, requirements: &str) -> Result<PathBuf> {
    let folder = hosts.scratch.join(name);
    Step::new("python3")
        .args(["-m", "venv"])
        .arg(&folder)
        .cure("install your distribution's python3-venv")
        .capture()?;
    let list = folder.join("requirements.txt");
    std::fs::write(&list, requirements).with_context(|| format!("cannot write {}", list.display()))?;
    Step::new(folder.join("bin/pip"))
        .args(["install", "--quiet", "--require-hashes", "--prefer-binary", "-r"])
        .arg(&list)
        .cure("is PyPI reachable from here, and is python3 of version 3.11, 3.12 or 3.13?")
        .capture()?;
    Ok(folder.join("bin").join(name))
}
