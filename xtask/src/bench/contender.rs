//! The servers that are compared: how each is started, known to be ready, and stopped.

use super::client::Connection;
use crate::command::wait_within;
use crate::dotnet::Dotnet;
use crate::paths;
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// From start to the first answer, at most.
const START_LIMIT: Duration = Duration::from_secs(60);

/// From SIGTERM to the end, at most.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Between two attempts to connect to a server that does not listen yet.
const RETRY: Duration = Duration::from_millis(1);

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// `dotnet App.dll`: the app behind its own server.
    Kestrel,
    /// `mews run`, in-process.
    Mews,
}

impl Contender {
    pub(crate) const ALL: [Self; 2] = [Self::Kestrel, Self::Mews];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kestrel => "Kestrel",
            Self::Mews => "Mews in-process",
        }
    }

    /// All contenders; every other round in the opposite order.
    pub(crate) fn turn(round: usize) -> [Self; 2] {
        let [a, b] = Self::ALL;
        if round.is_multiple_of(2) { [a, b] } else { [b, a] }
    }
}

/// How to start any of them with one app.
pub(crate) struct Contenders {
    muxer: PathBuf,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    assembly: String,
    logs: PathBuf,
}

/// A started server; stopped when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first successful answer.
    pub(crate) first_response: Duration,
    child: Option<Child>,
    pid: u32,
    log: PathBuf,
}

impl Contenders {
    /// # Errors
    /// The app has not been built, or there is no place for logs.
    pub(crate) fn new(dotnet: &Dotnet, folder: &Path, assembly: &str) -> Result<Self> {
        if !folder.is_dir() {
            bail!("{} is missing after the build", folder.display());
        }
        let logs = paths::target().join("bench");
        std::fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        Ok(Self {
            muxer: dotnet.muxer(),
            environment: dotnet.environment(),
            folder: folder.to_path_buf(),
            assembly: assembly.to_owned(),
            logs,
        })
    }

    /// Starts `contender` and waits until `/plaintext` answers 200.
    ///
    /// # Errors
    /// It ends, answers otherwise or takes longer than a minute; the text shows its last output.
    pub(crate) fn start(&self, contender: Contender) -> Result<Server> {
        let command = match contender {
            Contender::Kestrel => self.kestrel(),
            Contender::Mews => self.mews("InProcess"),
        };
        self.start_app(contender.name(), command)
    }

    /// The app's own file.
    pub(crate) fn assembly(&self) -> PathBuf {
        self.folder.join(format!("{}.dll", self.assembly))
    }

    /// `dotnet App.dll`
    pub(crate) fn kestrel(&self) -> Command {
        let mut command = Command::new(&self.muxer);
        command.arg(self.assembly());
        command
    }

    /// `mews run` over the app's folder.
    pub(crate) fn mews(&self, hosting_model: &str) -> Command {
        let mut command = Command::new(paths::mews("release"));
        command.arg("run").arg(&self.folder).args(["--hosting-model", hosting_model]);
        command
    }

    /// Starts what takes `--urls`, in the app's folder.
    ///
    /// # Errors
    /// As [`Contenders::start`].
    pub(crate) fn start_app(&self, name: &str, mut command: Command) -> Result<Server> {
        let address = free_address()?;
        command
            .args(["--urls", &format!("http://{address}")])
            .current_dir(&self.folder)
            .envs(self.environment.iter().map(|(key, value)| (key, value)));
        self.start_any(name, command, address)
    }

    /// Starts what takes `--urls` in the app's folder, on a Unix socket: it is there once the socket takes connections.
    ///
    /// # Errors
    /// As [`Contenders::start`].
    pub(crate) fn start_unix(&self, name: &str, mut command: Command, socket: &Path) -> Result<Server> {
        // Left behind by a run that was killed.
        let _ = std::fs::remove_file(socket);
        command
            .args(["--urls", &format!("http://unix:{}", socket.display())])
            .current_dir(&self.folder)
            .envs(self.environment.iter().map(|(key, value)| (key, value)));
        // It has no address of its own.
        let mut server = self.spawn(name, command, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let begin = Instant::now();
        while UnixStream::connect(socket).is_err() {
            server.check_alive()?;
            if begin.elapsed() > START_LIMIT {
                bail!("{name} does not listen on {}\n{}", socket.display(), server.last_lines());
            }
            std::thread::sleep(RETRY);
        }
        // nginx, started by root, serves as another user.
        let open = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(socket, open)
            .with_context(|| format!("cannot open up {}", socket.display()))?;
        Ok(server)
    }

    /// Starts what listens on `address` once it is ready. Its output goes to a log with its name.
    ///
    /// # Errors
    /// As [`Contenders::start`].
    pub(crate) fn start_any(&self, name: &str, command: Command, address: SocketAddr) -> Result<Server> {
        let begin = Instant::now();
        let mut server = self.spawn(name, command, address)?;
        server.wait_ready(begin).with_context(|| format!("{name} did not get ready"))?;
        Ok(server)
    }

    fn spawn(&self, name: &str, mut command: Command, address: SocketAddr) -> Result<Server> {
        let log = self.logs.join(format!("{}.log", name.replace(' ', "-").to_lowercase()));
        let file = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let copy = file.try_clone().context("cannot duplicate a descriptor")?;
        // Open as long as the server is wanted: the native floor ends with its standard input.
        command.stdin(Stdio::piped()).stdout(file).stderr(copy);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let pid = child.id();
        Ok(Server { address, first_response: Duration::ZERO, child: Some(child), pid, log })
    }

    /// What the app needs to find its .NET.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&String, &String)> {
        self.environment.iter().map(|(key, value)| (key, value))
    }

    /// Where logs and files of a run go.
    pub(crate) fn scratch(&self) -> &Path {
        &self.logs
    }
}

impl Server {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// # Errors
    /// It does not stop when told to, or ends with a failure.
    pub(crate) fn stop(mut self) -> Result<()> {
        let Some(status) = self.end()? else {
            bail!(
                "process {} did not stop within {} s of SIGTERM and was killed",
                self.pid,
                STOP_LIMIT.as_secs()
            );
        };
        // `dotnet` answers SIGTERM with 143 although it has stopped as asked; HAProxy dies of it.
        let as_asked = status.code() == Some(143) || status.signal() == Some(Signal::TERM.as_raw());
        if !status.success() && !as_asked {
            bail!("a server ended with {status}\n{}", self.last_lines());
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Option<std::process::ExitStatus>> {
        let Some(child) = self.child.take() else { bail!("the server was stopped before") };
        // An error means that it has ended; the wait below tells how.
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        wait_within(child, STOP_LIMIT)
    }

    fn wait_ready(&mut self, begin: Instant) -> Result<()> {
        loop {
            let result =
                Connection::open(self.address).and_then(|mut connection| connection.get("/plaintext"));
            match result {
                Ok(200) => {
                    self.first_response = begin.elapsed();
                    return Ok(());
                }
                Ok(status) => bail!("it answered {status}\n{}", self.last_lines()),
                Err(_) if begin.elapsed() < START_LIMIT => {}
                Err(error) => bail!("{error:#}\n{}", self.last_lines()),
            }
            self.check_alive()?;
            std::thread::sleep(RETRY);
        }
    }

    fn check_alive(&mut self) -> Result<()> {
        if let Some(child) = &mut self.child
            && let Some(status) = child.try_wait().context("cannot look at a child")?
        {
            bail!("it ended with {status}\n{}", self.last_lines());
        }
        Ok(())
    }

    fn last_lines(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(20)..].join("\n    ");
        format!("    {last}\n  (all of it: {})", self.log.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some()
            && let Err(error) = self.end()
        {
            eprintln!("xtask: a server may still run: {error:#}");
        }
    }
}

/// An address that nobody listens on just now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    listener.local_addr().context("a listener has no address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_alternate() {
        assert_eq!(Contender::turn(0), [Contender::Kestrel, Contender::Mews]);
        assert_eq!(Contender::turn(1), [Contender::Mews, Contender::Kestrel]);
    }
}
