//! Building with an installed SDK: `dotnet publish`, one project after the other.

use super::fingerprint;
use super::project::Project;
use super::publish::{remove, work_folder};
use crate::command::Step;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Publishes the projects; answers with the names of those that failed, whose errors have been printed.
///
/// # Errors
/// `dotnet` cannot be started, or a folder cannot be put in its place.
pub(crate) fn build(
    dotnet: &Path,
    projects: &[&Project],
    output: &Path,
    prints: &BTreeMap<PathBuf, String>,
) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    for project in projects {
        let stage = work_folder(output, project).join("publish");
        remove(&stage)?;
        let mut step = Step::new(dotnet)
            .args(["publish", "--nologo", "-c", "Release", "-v", "quiet", "-o"])
            .arg(&stage)
            .arg(&project.file)
            .env("DOTNET_CLI_TELEMETRY_OPTOUT", "1");
        if project.web_config().is_some() {
            // The file in the repository is the one that a test or a sample means.
            step = step.arg("-p:IsTransformWebConfigDisabled=true");
        }
        let result = step.capture_any()?;
        print!("{}", result.stdout);
        eprint!("{}", result.stderr);
        if !result.status.success() {
            failed.push(project.name.clone());
            continue;
        }
        let folder = output.join(&project.name);
        remove(&folder)?;
        std::fs::rename(&stage, &folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fingerprint::store(output, project, &prints[&project.file])?;
    }
    Ok(failed)
}
