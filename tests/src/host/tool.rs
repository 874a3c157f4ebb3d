//! `mews` commands that look at an app's folder, or explain, and end.

use super::{Finished, HostBuilder, TestHost};
use crate::paths;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `mews` with these arguments and waits for its end. .NET is the one that the tests use.
///
/// # Panics
/// It cannot be run.
pub fn tool(arguments: &[&str]) -> Finished {
    let mut command = Command::new(paths::program());
    command.args(arguments).stdin(Stdio::null()).env("DOTNET_ROOT", paths::dotnet_root());
    for name in ["ASPNETCORE_URLS", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT", "MEWS_LOG"] {
        command.env_remove(name);
    }
    let output = command.output().expect("mews can be run");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl HostBuilder {
    /// What `mews check --json` says about the folder as it is now, and its exit code.
    ///
    /// # Panics
    /// It prints no JSON.
    pub fn check_json(&self) -> (Option<i32>, Value) {
        check(self.folder())
    }
}

impl TestHost {
    /// As [`HostBuilder::check_json`], while the host runs.
    ///
    /// # Panics
    /// As [`HostBuilder::check_json`].
    pub fn check_json(&self) -> (Option<i32>, Value) {
        check(self.folder())
    }
}

fn check(folder: &Path) -> (Option<i32>, Value) {
    let folder = folder.to_str().expect("the temporary folder has a plain name");
    let checked = tool(&["check", folder, "--json"]);
    let value = serde_json::from_str(&checked.stdout).unwrap_or_else(|error| panic!("{error}: {checked:?}"));
    (checked.code, value)
}
