//! Mews as the suites meet it: one app, plain and over TLS, with an access log that tells what it saw.

use crate::command::{Step, wait_within};
use crate::dotnet::Dotnet;
use crate::paths;
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Where the app runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model {
    InProcess,
    OutOfProcess,
}

impl Model {
    pub(super) const BOTH: [Self; 2] = [Self::InProcess, Self::OutOfProcess];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InProcess => "in-process",
            Self::OutOfProcess => "out-of-process",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::InProcess => "InProcess",
            Self::OutOfProcess => "OutOfProcess",
        }
    }
}

/// How to start it.
pub(super) struct Hosts {
    environment: Vec<(String, String)>,
    app: PathBuf,
    /// Certificates, logs and what tools write.
    pub(super) scratch: PathBuf,
}

/// A running Mews; stopped when dropped.
pub(super) struct Host {
    child: Child,
    pub(super) http: u16,
    pub(super) https: u16,
    log: PathBuf,
    /// How many lines of the log have been looked at, and how often.
    read: usize,
    looks: usize,
}

impl Hosts {
    pub(super) fn new(dotnet: &Dotnet, app: &Path) -> Result<Self> {
        let scratch = paths::target().join("conformance");
        let _ = std::fs::remove_dir_all(&scratch);
        std::fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
        let hosts = Self { environment: dotnet.environment(), app: app.to_path_buf(), scratch };
        hosts.make_certificates()?;
        Ok(hosts)
    }

    /// A certificate authority and a certificate for localhost.
    fn make_certificates(&self) -> Result<()> {
        let openssl = |words: &str| {
            let words = words.split(' ').map(|word| word.replace('~', " "));
            Step::new("openssl").args(words).current_dir(&self.scratch).capture()
        };
        openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 120 -subj /CN=conformance~authority -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.pem",
        )?;
        openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        )?;
        let extensions = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n";
        std::fs::write(self.scratch.join("server.ext"), extensions)?;
        openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 120 -extfile server.ext -out server.pem",
        )?;
        Ok(())
    }

    /// Starts Mews and waits until it listens.
    pub(super) fn start(&self, model: Model, more: &[&str]) -> Result<Host> {
        let (http, https) = (free_port()?, free_port()?);
        let log = self.scratch.join(format!("access-{http}.log"));
        let output = std::fs::File::create(self.scratch.join(format!("mews-{http}.log")))?;
        let mut command = Command::new(paths::mews("release"));
        command
            .arg("run")
            .arg(&self.app)
            .args(["--hosting-model", model.flag()])
            .args(["--urls", &format!("http://127.0.0.1:{http};https://127.0.0.1:{https}")])
            .arg("--tls-cert")
            .arg(self.scratch.join("server.pem"))
            .arg("--tls-key")
            .arg(self.scratch.join("server.key"))
            .arg("--access-log")
            .arg(&log)
            .args(["--access-log-format", "json"])
            .args(more)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command.spawn().context("cannot start mews")?;
        let mut host = Host { child, http, https, log, read: 0, looks: 0 };
        let until = Instant::now() + START_LIMIT;
        while !host.answers() {
            if Instant::now() > until || host.child.try_wait()?.is_some() {
                bail!("mews does not answer; see {}/mews-{http}.log", self.scratch.display());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(host)
    }
}

impl Host {
    fn answers(&self) -> bool {
        self.ask("/").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    }

    fn ask(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.http))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// How many lines of the log say that the client was too slow.
    pub(super) fn too_slow(&self) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.matches("\"Timer_MinBytesPerSecond\"").count()
    }

    /// What it has logged since the last look: the path and the status of each request.
    pub(super) fn seen(&mut self) -> Result<Vec<(String, u16)>> {
        // Lines are written after their answers, ten times a second, and after a message that was cut off when Mews has
        // noticed: a request of our own is to come behind all of them.
        std::thread::sleep(Duration::from_millis(250));
        self.looks += 1;
        let mark = format!("/mark-{}", self.looks);
        let until = Instant::now() + START_LIMIT;
        self.ask(&mark).with_context(|| format!("mews does not answer {mark}"))?;
        loop {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let mut seen = Vec::new();
            for line in text.lines().skip(self.read).filter(|line| line.ends_with('}')) {
                let line: serde_json::Value =
                    serde_json::from_str(line).context("a line of the access log")?;
                let path = line["uri_stem"].as_str().unwrap_or_default().to_owned();
                if path == mark {
                    self.read += seen.len() + 1;
                    return Ok(seen);
                }
                let status = line["status"].as_u64().and_then(|status| u16::try_from(status).ok());
                seen.push((path, status.unwrap_or(0)));
            }
            if Instant::now() > until {
                bail!("{} does not come to hold {mark}", self.log.display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Asks a child to end, and makes it.
pub(super) fn stop(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    let until = Instant::now() + STOP_LIMIT;
    while Instant::now() < until {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
}

pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

/// Runs a tool for at most `limit`; answers its output, whatever its exit code says.
pub(super) fn tool(command: &mut Command, output: &Path, limit: Duration) -> Result<String> {
    let file = std::fs::File::create(output)?;
    let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
    let child = child.with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))?;
    if wait_within(child, limit)?.is_none() {
        bail!("{} did not end in time; see {}", command.get_program().to_string_lossy(), output.display());
    }
    Ok(String::from_utf8_lossy(&std::fs::read(output)?).into_owned())
}
