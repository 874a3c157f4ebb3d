//! Servers that speak TLS beside plain HTTP, all with the same certificate (ECDSA, P-256).

use super::contender::{Contenders, Server, free_address};
use crate::command::Step;
use anyhow::{Context as _, Result};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// From the first answer on plain connections to the first connection over TLS, at most.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The certificate, in files.
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Both in one, as `HAProxy` wants it.
    pub(crate) both: PathBuf,
}

impl Certificate {
    /// Makes one, in the folder of logs.
    ///
    /// # Errors
    /// `openssl` fails, or a file cannot be written.
    pub(crate) fn new(contenders: &Contenders) -> Result<Self> {
        let place = |name: &str| contenders.scratch().join(name);
        let (certificate, key, both) = (place("edge.pem"), place("edge.key"), place("edge-both.pem"));
        let words =
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost";
        Step::new("openssl")
            .args(words.split(' '))
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .capture()?;
        let read = |file: &PathBuf| {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        };
        fs::write(&both, read(&certificate)? + &read(&key)?)
            .with_context(|| format!("cannot write {}", both.display()))?;
        Ok(Self { certificate, key, both })
    }

    /// Starts Kestrel alone. Answers the address that speaks TLS, too.
    ///
    /// # Errors
    /// As [`Contenders::start`].
    pub(crate) fn start_kestrel(&self, contenders: &Contenders, name: &str) -> Result<(Server, SocketAddr)> {
        let (plain, secure) = (free_address()?, free_address()?);
        let mut command = contenders.kestrel();
        command
            .current_dir(contenders.assembly().parent().context("the app is in a folder")?)
            .env("Kestrel__Endpoints__Plain__Url", format!("http://{plain}"))
            .env("Kestrel__Endpoints__Secure__Url", format!("https://{secure}"))
            .env("Kestrel__Endpoints__Secure__Certificate__Path", &self.certificate)
            .env("Kestrel__Endpoints__Secure__Certificate__KeyPath", &self.key);
        self.start(contenders, name, command, plain, secure)
    }

    /// Starts Mews in a hosting model. Answers the address that speaks TLS, too.
    ///
    /// # Errors
    /// As [`Contenders::start`].
    pub(crate) fn start_mews(
        &self,
        contenders: &Contenders,
        name: &str,
        hosting_model: &str,
    ) -> Result<(Server, SocketAddr)> {
        let (plain, secure) = (free_address()?, free_address()?);
        let mut command = contenders.mews(hosting_model);
        command.arg("--urls").arg(format!("http://{plain};https://{secure}"));
        command.arg("--tls-cert").arg(&self.certificate).arg("--tls-key").arg(&self.key);
        self.start(contenders, name, command, plain, secure)
    }

    /// Starts what listens on both addresses.
    ///
    /// # Errors
    /// As [`Contenders::start`].
    pub(crate) fn start(
        &self,
        contenders: &Contenders,
        name: &str,
        mut command: Command,
        plain: SocketAddr,
        secure: SocketAddr,
    ) -> Result<(Server, SocketAddr)> {
        command.envs(contenders.environment());
        let server = contenders.start_any(name, command, plain)?;
        // Kestrel listens there a moment later.
        let begun = Instant::now();
        while let Err(error) = TcpStream::connect(secure) {
            if begun.elapsed() > START_LIMIT {
                return Err(error).with_context(|| format!("{name} does not listen on {secure}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok((server, secure))
    }
}
