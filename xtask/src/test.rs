//! `cargo xtask test`: everything that must pass, cheapest first. Ends with cargo's own summary.

use crate::command::{Step, cargo};
use crate::dotnet::Toolchain;
use crate::{managed, mcp, paths, prerequisites, tidy};
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::time::Duration;

/// The managed tests take seconds; what takes longer hangs.
const MANAGED_LIMIT: Duration = Duration::from_secs(300);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Passed on to `cargo test` (`-p NAME` instead of the whole workspace); after a second `--`, to the test programs
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn task(options: &Options) -> Result<()> {
    tidy::task()?;
    prerequisites::ensure(&prerequisites::FOR_TESTS)?;
    let toolchain = Toolchain::get()?;
    managed::build(&toolchain, &[])?;
    let dotnet = toolchain.runtime.environment();
    for program in managed_tests()? {
        Step::new(toolchain.runtime.muxer())
            .arg(&program)
            .envs(&dotnet)
            .cure("the failed managed tests are listed above")
            .run_within(MANAGED_LIMIT)?;
    }
    let mcp = mcp::prepare()?;
    // With the whole workspace, whose features are those that the tests are built with: nothing is compiled twice.
    let named = names_package(&options.arguments);
    let what: &[&str] = if named { &["--package", "mews"] } else { &["--workspace"] };
    cargo().arg("build").args(what).cure("see the compiler's errors above").run()?;
    cargo()
        .arg("test")
        .args((!named).then_some("--workspace"))
        .args(&options.arguments)
        .envs(&dotnet)
        .env("MEWS_TEST_DOTNET_ROOT", &toolchain.runtime.root)
        .env("MEWS_TEST_APPS", paths::managed_output())
        .env("MEWS_TEST_MCP", mcp)
        .env("MEWS_TEST_BINARY", paths::mews("debug"))
        .cure("the errors or failed tests are listed above")
        .run()
}

/// Whether cargo is told which packages to test.
fn names_package(arguments: &[String]) -> bool {
    let own = arguments.iter().take_while(|word| *word != "--");
    let mut own = own.map(String::as_str);
    own.any(|word| word.starts_with("-p") || word.starts_with("--package"))
}

/// The test programs among the published projects: those whose name ends in `.Tests`.
fn managed_tests() -> Result<Vec<PathBuf>> {
    let output = paths::managed_output();
    let entries = std::fs::read_dir(&output).with_context(|| format!("cannot read {}", output.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let tests = names.filter(|name| name.ends_with(".Tests"));
    let mut programs: Vec<PathBuf> =
        tests.map(|name| output.join(&name).join(format!("{name}.dll"))).collect();
    programs.sort();
    if programs.is_empty() {
        bail!(
            "no managed tests were built: a project under managed/test whose name ends in .Tests is expected"
        );
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_package_replaces_the_workspace() {
        let named =
            |words: &[&str]| names_package(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(named(&["-p", "e2e"]) && named(&["--package=e2e"]) && named(&["-pe2e"]));
        assert!(!named(&[]) && !named(&["--quiet"]) && !named(&["--", "-p"]));
    }
}
