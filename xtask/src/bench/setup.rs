//! The servers that are compared: what is started for each, and with which configuration.

use super::contender::{Contenders, Server, free_address};
use super::secured::Certificate;
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
    /// Where it speaks TLS.
    secure: Option<SocketAddr>,
    app: Option<Server>,
}

impl Running {
    /// Starts `setup` and waits until it answers. With `forwarded` the app behind a peer evaluates forwarded headers, as it always does behind Mews.
    ///
    /// # Errors
    /// A program is missing, or does not get ready.
    pub(crate) fn start(
        setup: Setup,
        contenders: &Contenders,
        certificate: &Certificate,
        forwarded: bool,
    ) -> Result<Self> {
        let (front, secure) = match setup {
            Setup::Kestrel => certificate.start_kestrel(contenders, setup.key())?,
            Setup::MewsInProcess => certificate.start_mews(contenders, setup.key(), "InProcess")?,
            Setup::MewsOutOfProcess => certificate.start_mews(contenders, setup.key(), "OutOfProcess")?,
            Setup::Native => {
                let listen = free_address()?;
                let mut command = Command::new(paths::target().join("release/examples/plaintext"));
                command.arg(listen.to_string());
                let front = contenders.start_any(setup.key(), command, listen)?;
                return Ok(Self { setup, front, secure: None, app: None });
            }
            Setup::Floor => {
                let place = Place::free(contenders, certificate)?;
                let file = place.write("floor.conf", FLOOR, "")?;
                place.start(setup, Proxy::Nginx.command(contenders.scratch(), &file)?)?
            }
            _ => return Self::behind(setup, contenders, certificate, forwarded),
        };
        Ok(Self { setup, front, secure: Some(secure), app: None })
    }

    /// Kestrel, and a proxy before it.
    fn behind(
        setup: Setup,
        contenders: &Contenders,
        certificate: &Certificate,
        forwarded: bool,
    ) -> Result<Self> {
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
        let place = Place::free(contenders, certificate)?;
        let (name, template) = proxy.file();
        let file = place.write(&format!("{}-{name}", setup.key()), template, &proxy.upstream(&upstream))?;
        let (front, secure) = place.start(setup, proxy.command(contenders.scratch(), &file)?)?;
        Ok(Self { setup, front, secure: Some(secure), app: Some(app) })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.front.url(path)
    }

    /// # Errors
    /// The setup speaks no TLS.
    pub(crate) fn secure_url(&self, path: &str) -> Result<String> {
        let secure = self.secure.with_context(|| format!("{} speaks no TLS", self.setup.name()))?;
        Ok(format!("https://{secure}{path}"))
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

/// Where a server with a configuration file is to listen.
struct Place<'a> {
    contenders: &'a Contenders,
    certificate: &'a Certificate,
    plain: SocketAddr,
    secure: SocketAddr,
}

impl<'a> Place<'a> {
    fn free(contenders: &'a Contenders, certificate: &'a Certificate) -> Result<Self> {
        Ok(Self { contenders, certificate, plain: free_address()?, secure: free_address()? })
    }

    /// Fills in a configuration, and writes it beside the logs.
    fn write(&self, name: &str, template: &str, upstream: &str) -> Result<PathBuf> {
        let scratch = self.contenders.scratch();
        let file = scratch.join(name);
        let (plain, secure) = (self.plain, self.secure);
        let shown = |path: &Path| path.display().to_string();
        let text = filled(
            template,
            &[
                ("scratch", &shown(scratch)),
                ("file", &shown(&file)),
                ("certificate", &shown(&self.certificate.certificate)),
                ("key", &shown(&self.certificate.key)),
                ("both", &shown(&self.certificate.both)),
                ("listen", &plain.to_string()),
                ("port", &plain.port().to_string()),
                ("secure", &secure.to_string()),
                ("secure-port", &secure.port().to_string()),
                ("upstream", upstream),
                ("processors", &std::thread::available_parallelism().map_or(1, usize::from).to_string()),
            ],
        );
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    fn start(&self, setup: Setup, command: Command) -> Result<(Server, SocketAddr)> {
        self.certificate.start(self.contenders, setup.key(), command, self.plain, self.secure)
    }
}

fn filled(template: &str, names: &[(&str, &str)]) -> String {
    names.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn configurations_are_filled_in() {
        let names = ["scratch", "file", "certificate", "key", "both", "listen", "port"];
        let names = names.into_iter().chain(["secure", "secure-port", "upstream", "processors"]);
        let values: Vec<_> = names.map(|name| (name, format!("<{name}>"))).collect();
        let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for (template, upstream) in [(FLOOR, false), (NGINX, true), (HAPROXY, true), (CADDY, true)] {
            let text = filled(template, &values);
            let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
            let code = lines.collect::<Vec<_>>().join("\n");
            assert_eq!(code.contains("<upstream>"), upstream, "{code}");
            assert!(code.contains("<listen>") || code.contains("<port>"), "{code}");
            assert!(code.contains("<secure>") || code.contains("<secure-port>"), "{code}");
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
