//! The app behind each server that is compared out-of-process: Kestrel alone, and behind a proxy that keeps its connections.

use super::contender::{Contenders, Server, free_address};
use crate::command::{Step, on_path};
use crate::paths;
use anyhow::{Context as _, Result};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

const NGINX: &str = include_str!("config/nginx.conf");
const HAPROXY: &str = include_str!("config/haproxy.cfg");

/// Makes ASP.NET Core believe a proxy's `X-Forwarded-For` and `X-Forwarded-Proto`.
const FORWARDED: &str = "ASPNETCORE_FORWARDEDHEADERS_ENABLED";

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Setup {
    /// `dotnet App.dll`, and nothing before it
    Kestrel,
    /// nginx before Kestrel
    Nginx,
    /// `HAProxy` before Kestrel
    #[value(name = "haproxy")]
    HaProxy,
    /// `mews run`, out-of-process
    Mews,
}

impl Setup {
    pub(crate) const ALL: [Self; 4] = [Self::Kestrel, Self::Nginx, Self::HaProxy, Self::Mews];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kestrel => "Kestrel alone",
            Self::Nginx => "nginx → Kestrel",
            Self::HaProxy => "HAProxy → Kestrel",
            Self::Mews => "Mews out-of-process",
        }
    }

    /// A word for raw data and files.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Kestrel => "kestrel",
            Self::Nginx => "nginx",
            Self::HaProxy => "haproxy",
            Self::Mews => "mews",
        }
    }

    /// What the program before Kestrel says about its version.
    ///
    /// # Errors
    /// It cannot be run.
    pub(crate) fn version(self) -> Result<Option<String>> {
        let step = match self {
            Self::Kestrel => return Ok(None),
            Self::Nginx => Step::new(program("nginx")?).arg("-v"),
            Self::HaProxy => Step::new(program("haproxy")?).arg("-v"),
            Self::Mews => Step::new(paths::mews("release")).arg("--version"),
        };
        let output = step.capture_any()?;
        // nginx prints it on stderr.
        let mut lines = output.stdout.lines().chain(output.stderr.lines());
        Ok(lines.find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned()))
    }

    /// The configuration that the program before Kestrel is given, with names to be filled in.
    pub(crate) fn configuration(self) -> Option<&'static str> {
        match self {
            Self::Nginx => Some(NGINX),
            Self::HaProxy => Some(HAPROXY),
            Self::Kestrel | Self::Mews => None,
        }
    }
}

/// A setup that answers; stopped when dropped.
pub(crate) struct Running {
    pub(crate) setup: Setup,
    // Before the app, so that it ends first.
    front: Server,
    app: Option<Server>,
}

impl Running {
    /// Starts `setup` and waits until it answers. With `forwarded` the app behind a peer evaluates forwarded headers, as it always does behind Mews.
    ///
    /// # Errors
    /// A program is missing, or does not get ready.
    pub(crate) fn start(setup: Setup, contenders: &Contenders, forwarded: bool) -> Result<Self> {
        let kestrel = |log: &str| {
            let mut command = contenders.kestrel();
            if forwarded && setup != Setup::Kestrel {
                command.env(FORWARDED, "true");
            }
            contenders.start_app(log, command)
        };
        let (front, app) = match setup {
            Setup::Kestrel => (kestrel("Kestrel alone")?, None),
            Setup::Mews => {
                (contenders.start_app("Mews out-of-process", contenders.mews("OutOfProcess"))?, None)
            }
            Setup::Nginx => {
                let app = kestrel("Kestrel behind nginx")?;
                let listen = free_address()?;
                let file = write(contenders, "nginx.conf", NGINX, listen, app.address)?;
                let mut command = Command::new(program("nginx")?);
                command.arg("-p").arg(contenders.scratch()).arg("-c").arg(file).args(["-e", "stderr"]);
                (contenders.start_any("nginx", command, listen)?, Some(app))
            }
            Setup::HaProxy => {
                let app = kestrel("Kestrel behind HAProxy")?;
                let listen = free_address()?;
                let file = write(contenders, "haproxy.cfg", HAPROXY, listen, app.address)?;
                let mut command = Command::new(program("haproxy")?);
                // In the foreground.
                command.arg("-db").arg("-f").arg(file);
                (contenders.start_any("HAProxy", command, listen)?, Some(app))
            }
        };
        Ok(Self { setup, front, app })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.front.url(path)
    }

    /// The first process of each program; together with their descendants, all processes of the setup.
    pub(crate) fn roots(&self) -> Vec<u32> {
        std::iter::once(&self.front).chain(&self.app).map(Server::pid).collect()
    }

    /// # Errors
    /// A program does not stop as told.
    pub(crate) fn stop(self) -> Result<()> {
        let name = self.setup.name();
        self.front.stop().with_context(|| name.to_owned())?;
        self.app.map_or(Ok(()), Server::stop).with_context(|| name.to_owned())
    }
}

fn program(name: &str) -> Result<PathBuf> {
    on_path(name).with_context(|| format!("{name} is not on PATH"))
}

/// Fills in a configuration beside the logs.
fn write(
    contenders: &Contenders,
    name: &str,
    template: &str,
    listen: SocketAddr,
    upstream: SocketAddr,
) -> Result<PathBuf> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let scratch = contenders.scratch().display().to_string();
    let text = filled(template, &scratch, listen, upstream, processors);
    let file = contenders.scratch().join(name);
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn filled(
    template: &str,
    scratch: &str,
    listen: SocketAddr,
    upstream: SocketAddr,
    processors: usize,
) -> String {
    template
        .replace("@scratch@", scratch)
        .replace("@listen@", &listen.to_string())
        .replace("@upstream@", &upstream.to_string())
        .replace("@processors@", &processors.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_filled_in() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        for template in [NGINX, HAPROXY] {
            let text = filled(template, "scratch", address(1), address(2), 3);
            let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
            let code = lines.collect::<Vec<_>>().join("\n");
            assert!(code.contains("127.0.0.1:1") && code.contains("127.0.0.1:2"), "{code}");
            assert!(!code.contains('@'), "{code}");
        }
    }

    #[test]
    fn only_programs_with_a_configuration_show_one() {
        let with: Vec<_> = Setup::ALL.into_iter().filter(|setup| setup.configuration().is_some()).collect();
        assert_eq!(with, [Setup::Nginx, Setup::HaProxy]);
        assert_eq!(Setup::Kestrel.version().unwrap(), None);
    }
}
