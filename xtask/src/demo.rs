//! `cargo xtask demo`: from a fresh checkout to a running app in one command.

use crate::command::cargo;
use crate::dotnet::Toolchain;
use crate::{managed, paths};
use anyhow::{Context as _, Result, bail};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The project that is run.
const APP: &str = "Demo";

/// The port people expect, and how many after it are tried.
const FIRST_PORT: u16 = 8080;
const PORTS: u16 = 100;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Passed on to `mews run`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn task(options: &Options) -> Result<()> {
    let toolchain = Toolchain::get()?;
    managed::build(&toolchain, &["Mews.Server".to_owned(), APP.to_owned()])?;
    cargo()
        .args(["build", "--release", "--package", "mews"])
        .cure("see the compiler's errors above")
        .run()?;
    let folder = paths::managed_output().join(APP);
    if !folder.is_dir() {
        bail!("{} is missing after the build", folder.display());
    }
    let mews = paths::mews("release");
    let mut command = Command::new(&mews);
    command.arg("run").arg(&folder).envs(toolchain.runtime.environment());
    let own_urls = options.arguments.iter().any(|word| word == "--urls" || word.starts_with("--urls="));
    if !own_urls {
        let port = free_port()?;
        let url = format!("http://127.0.0.1:{port}");
        if port != FIRST_PORT {
            eprintln!("xtask: port {FIRST_PORT} is taken; using {port}");
        }
        eprintln!("xtask: starting {} run {} --urls {url}", paths::shown(&mews), paths::shown(&folder));
        eprintln!("xtask: open {url}/ in a browser, or try `curl -i {url}/`; Ctrl+C stops");
        command.args(["--urls", &url]);
    }
    command.args(&options.arguments);
    // This process becomes `mews`: signals and the exit code need no passing on.
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run {}", mews.display()))
}

fn free_port() -> Result<u16> {
    let mut ports = FIRST_PORT..FIRST_PORT + PORTS;
    let free = ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.with_context(|| {
        let last = FIRST_PORT + PORTS - 1;
        format!("no port from {FIRST_PORT} to {last} is free\n  -> choose one: cargo xtask demo -- --urls http://127.0.0.1:PORT")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over() {
        let first = free_port().unwrap();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let second = free_port().unwrap();
        assert!(second > first, "{second} after {first}");
    }
}
