//! The servers that are compared: what is started for each, and with which configuration.

use super::contender::{Contenders, Server, free_address};
use crate::command::{Step, cargo, on_path};
use crate::paths;
use crate::prerequisites::{self, Tool};
use anyhow::{Context as _, Result};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

const FLOOR: &str = include_str!("config/floor.conf");
const NGINX: &str = include_str!("config/nginx.conf");
const HAPROXY: &str = include_str!("config/haproxy.cfg");
const CADDY: &str = include_str!("config/Caddyfile");

/// Makes ASP.NET Core believe a proxy's `X-Forwarded-For` and `X-Forwarded-Proto`.
const FORWARDED: &str = "ASPNETCORE_FORWARDEDHEADERS_ENABLED";

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Setup {
    /// nginx answering a constant: no app at all
    Floor,
    /// Mews's own server answering a constant: no managed code at all
    Native,
    /// `dotnet App.dll`, and nothing before it
    Kestrel,
    /// nginx before Kestrel
    Nginx,
    /// nginx before Kestrel on a Unix socket
    NginxUnix,
    /// `HAProxy` before Kestrel
    #[value(name = "haproxy")]
    HaProxy,
    /// `HAProxy` before Kestrel on a Unix socket
    #[value(name = "haproxy-unix")]
    HaProxyUnix,
    /// Caddy before Kestrel
    Caddy,
    /// Caddy before Kestrel on a Unix socket
    CaddyUnix,
    /// `mews run`, in-process
    MewsInProcess,
    /// `mews run`, out-of-process
    MewsOutOfProcess,
}

/// A proxy, and how it is told where Kestrel listens.
#[derive(Clone, Copy)]
enum Proxy {
    Nginx,
    Haproxy,
    Caddy,
}

/// Where Kestrel listens.
enum Upstream {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Setup {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "nginx, a constant",
            Self::Native => "Mews's server, a constant",
            Self::Kestrel => "Kestrel alone",
            Self::Nginx => "nginx → Kestrel",
            Self::NginxUnix => "nginx → Kestrel (Unix socket)",
            Self::HaProxy => "HAProxy → Kestrel",
            Self::HaProxyUnix => "HAProxy → Kestrel (Unix socket)",
            Self::Caddy => "Caddy → Kestrel",
            Self::CaddyUnix => "Caddy → Kestrel (Unix socket)",
            Self::MewsInProcess => "Mews in-process",
            Self::MewsOutOfProcess => "Mews out-of-process",
        }
    }

    /// A word for raw data and files.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Native => "native",
            Self::Kestrel => "kestrel",
            Self::Nginx => "nginx",
            Self::NginxUnix => "nginx-unix",
            Self::HaProxy => "haproxy",
            Self::HaProxyUnix => "haproxy-unix",
            Self::Caddy => "caddy",
            Self::CaddyUnix => "caddy-unix",
            Self::MewsInProcess => "mews-in-process",
            Self::MewsOutOfProcess => "mews-out-of-process",
        }
    }

    /// Whether it is Mews with an app.
    pub(crate) fn is_mews(self) -> bool {
        matches!(self, Self::MewsInProcess | Self::MewsOutOfProcess)
    }

    /// Whether it runs the app, and so can do more than `/plaintext`.
    pub(crate) fn has_app(self) -> bool {
        !matches!(self, Self::Floor | Self::Native)
    }

    fn proxy(self) -> Option<Proxy> {
        match self {
            Self::Nginx | Self::NginxUnix => Some(Proxy::Nginx),
            Self::HaProxy | Self::HaProxyUnix => Some(Proxy::Haproxy),
            Self::Caddy | Self::CaddyUnix => Some(Proxy::Caddy),
            _ => None,
        }
    }

    fn is_unix(self) -> bool {
        matches!(self, Self::NginxUnix | Self::HaProxyUnix | Self::CaddyUnix)
    }

    /// The program that must be installed for it.
    fn tool(self) -> Option<Tool> {
        match self {
            Self::Floor => Some(prerequisites::NGINX),
            _ => self.proxy().map(Proxy::tool),
        }
    }

    /// What the program before Kestrel says about its version.
    ///
    /// # Errors
    /// It cannot be run.
    pub(crate) fn version(self) -> Result<Option<String>> {
        let step = match (self, self.proxy()) {
            (Self::Floor, _) | (_, Some(Proxy::Nginx)) => Step::new(program("nginx")?).arg("-v"),
            (_, Some(Proxy::Haproxy)) => Step::new(program("haproxy")?).arg("-v"),
            (_, Some(Proxy::Caddy)) => Step::new(program("caddy")?).arg("version"),
            (Self::MewsInProcess | Self::MewsOutOfProcess, _) => {
                Step::new(paths::mews("release")).arg("--version")
            }
            _ => return Ok(None),
        };
        let output = step.capture_any()?;
        // nginx prints it on stderr.
        let mut lines = output.stdout.lines().chain(output.stderr.lines());
        Ok(lines.find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned()))
    }

    /// The configuration that the program before Kestrel is given, with names to be filled in.
    pub(crate) fn configuration(self) -> Option<&'static str> {
        match self {
            Self::Floor => Some(FLOOR),
            _ => self.proxy().map(|proxy| proxy.file().1),
        }
    }
}

impl Proxy {
    fn tool(self) -> Tool {
        match self {
            Self::Nginx => prerequisites::NGINX,
            Self::Haproxy => prerequisites::HAPROXY,
            Self::Caddy => prerequisites::CADDY,
        }
    }

    /// The name of its configuration file, and what is in it.
    fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Nginx => ("nginx.conf", NGINX),
            Self::Haproxy => ("haproxy.cfg", HAPROXY),
            Self::Caddy => ("Caddyfile", CADDY),
        }
    }

    /// How it writes an address.
    fn upstream(self, upstream: &Upstream) -> String {
        match (self, upstream) {
            (_, Upstream::Tcp(address)) => address.to_string(),
            (Self::Nginx, Upstream::Unix(path)) => format!("unix:{}", path.display()),
            (Self::Haproxy, Upstream::Unix(path)) => format!("unix@{}", path.display()),
            (Self::Caddy, Upstream::Unix(path)) => format!("unix/{}", path.display()),
        }
    }

    fn command(self, scratch: &Path, file: &Path) -> Result<Command> {
        let mut command;
        match self {
            Self::Nginx => {
                command = Command::new(program("nginx")?);
                command.arg("-p").arg(scratch).arg("-c").arg(file).args(["-e", "stderr"]);
            }
            Self::Haproxy => {
                command = Command::new(program("haproxy")?);
                // In the foreground.
                command.arg("-db").arg("-f").arg(file);
            }
            Self::Caddy => {
                command = Command::new(program("caddy")?);
                command.arg("run").arg("--config").arg(file).args(["--adapter", "caddyfile"]);
                command.env("XDG_DATA_HOME", scratch).env("XDG_CONFIG_HOME", scratch);
            }
        }
        Ok(command)
    }
}

/// Makes sure that everything is there that `setups` run.
///
/// # Errors
/// A program is missing and cannot be installed from here, or Mews cannot be built.
pub(crate) fn prepare(setups: &[Setup]) -> Result<()> {
    let mut tools: Vec<Tool> = setups.iter().filter_map(|setup| setup.tool()).collect();
    tools.dedup();
    prerequisites::ensure(&tools)?;
    if setups.contains(&Setup::Native) {
        cargo()
            .args(["build", "--release", "--package", "mews-server", "--example", "plaintext"])
            .cure("see the compiler's errors above")
            .run()?;
    }
    Ok(())
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
        let front = match setup {
            Setup::Kestrel => contenders.start_app(setup.key(), contenders.kestrel())?,
            Setup::MewsInProcess => contenders.start_app(setup.key(), contenders.mews("InProcess"))?,
            Setup::MewsOutOfProcess => contenders.start_app(setup.key(), contenders.mews("OutOfProcess"))?,
            Setup::Native => {
                let listen = free_address()?;
                let mut command = Command::new(paths::target().join("release/examples/plaintext"));
                command.arg(listen.to_string());
                contenders.start_any(setup.key(), command, listen)?
            }
            Setup::Floor => {
                let listen = free_address()?;
                let file = write(contenders, "floor.conf", FLOOR, listen, "")?;
                contenders.start_any(
                    setup.key(),
                    Proxy::Nginx.command(contenders.scratch(), &file)?,
                    listen,
                )?
            }
            _ => return Self::behind(setup, contenders, forwarded),
        };
        Ok(Self { setup, front, app: None })
    }

    /// Kestrel, and a proxy before it.
    fn behind(setup: Setup, contenders: &Contenders, forwarded: bool) -> Result<Self> {
        let proxy = setup.proxy().context("it has a proxy")?;
        let mut kestrel = contenders.kestrel();
        if forwarded {
            kestrel.env(FORWARDED, "true");
        }
        let log = format!("kestrel-behind-{}", setup.key());
        let (app, upstream) = if setup.is_unix() {
            let socket = contenders.scratch().join(format!("{}.sock", setup.key()));
            (contenders.start_unix(&log, kestrel, &socket)?, Upstream::Unix(socket))
        } else {
            let app = contenders.start_app(&log, kestrel)?;
            let address = app.address;
            (app, Upstream::Tcp(address))
        };
        let listen = free_address()?;
        let (name, template) = proxy.file();
        let name = format!("{}-{name}", setup.key());
        let file = write(contenders, &name, template, listen, &proxy.upstream(&upstream))?;
        let front = contenders.start_any(setup.key(), proxy.command(contenders.scratch(), &file)?, listen)?;
        Ok(Self { setup, front, app: Some(app) })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.front.url(path)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.front.address
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
    upstream: &str,
) -> Result<PathBuf> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let scratch = contenders.scratch().display().to_string();
    let file = contenders.scratch().join(name);
    let text = filled(template, &scratch, listen, upstream, processors);
    let text = text.replace("@file@", &file.display().to_string());
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn filled(template: &str, scratch: &str, listen: SocketAddr, upstream: &str, processors: usize) -> String {
    template
        .replace("@scratch@", scratch)
        .replace("@listen@", &listen.to_string())
        .replace("@port@", &listen.port().to_string())
        .replace("@upstream@", upstream)
        .replace("@processors@", &processors.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn configurations_are_filled_in() {
        let listen = SocketAddr::from(([127, 0, 0, 1], 1234));
        for (template, upstream) in
            [(FLOOR, ""), (NGINX, "unix:/x"), (HAPROXY, "unix@/x"), (CADDY, "unix//x")]
        {
            let text = filled(template, "scratch", listen, upstream, 3);
            let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
            let code = lines.collect::<Vec<_>>().join("\n").replace("unix@", "").replace("@file@", "file");
            assert!(
                code.contains("127.0.0.1")
                    && code.contains("1234")
                    && code.contains(upstream.trim_start_matches("unix@")),
                "{code}"
            );
            assert!(!code.contains('@'), "{code}");
        }
    }

    #[test]
    fn each_proxy_writes_addresses_its_own_way() {
        let unix = Upstream::Unix(PathBuf::from("/x/y"));
        let all = [Proxy::Nginx, Proxy::Haproxy, Proxy::Caddy].map(|proxy| proxy.upstream(&unix));
        assert_eq!(all, ["unix:/x/y", "unix@/x/y", "unix//x/y"]);
    }

    #[test]
    fn only_programs_with_a_configuration_show_one() {
        let with = Setup::value_variants().iter().filter(|setup| setup.configuration().is_some());
        assert_eq!(with.count(), 7);
        assert_eq!(Setup::Kestrel.version().unwrap(), None);
        assert!(Setup::Kestrel.tool().is_none() && Setup::Floor.tool().is_some());
    }
}
