//! Telling the service manager how a service is (`Type=notify`, the watchdog).

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A way to the service manager.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    address: SocketAddr,
}

/// The manager cannot be told anything.
#[derive(Debug, thiserror::Error)]
#[error("the service manager cannot be told about this service: NOTIFY_SOCKET={}: {source}", address.display())]
pub struct NotifyError {
    address: OsString,
    source: io::Error,
}

impl Notifier {
    /// The way that `NOTIFY_SOCKET` names; `None` if nobody wants to hear anything.
    ///
    /// # Errors
    /// When it names no socket.
    pub fn of_process() -> Result<Option<Self>, NotifyError> {
        match std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty()) {
            None => Ok(None),
            Some(address) => {
                Self::to(address.as_bytes()).map(Some).map_err(|source| NotifyError { address, source })
            }
        }
    }

    fn to(address: &[u8]) -> io::Result<Self> {
        let address = match address {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(address))?,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it begins with neither / nor @")),
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not hold the service up.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address })
    }

    /// The service is ready, or has reloaded its configuration.
    ///
    /// # Errors
    /// When the message could not be sent, of the kind `WouldBlock` if it can be later. This holds for every message.
    pub fn ready(&self, status: &str) -> io::Result<()> {
        self.send(&format!("READY=1\nSTATUS={}", one_line(status)))
    }

    /// It reloads its configuration; [`Notifier::ready`] says that it is done.
    ///
    /// # Errors
    /// When the message could not be sent.
    pub fn reloading(&self) -> io::Result<()> {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=reloading"))
    }

    /// It stops.
    ///
    /// # Errors
    /// When the message could not be sent.
    pub fn stopping(&self) -> io::Result<()> {
        self.send("STOPPING=1\nSTATUS=stopping")
    }

    /// How it is, in words.
    ///
    /// # Errors
    /// When the message could not be sent.
    pub fn status(&self, status: &str) -> io::Result<()> {
        self.send(&format!("STATUS={}", one_line(status)))
    }

    /// It is alive: to be said more often than [`watchdog_limit`] asks for.
    ///
    /// # Errors
    /// When the message could not be sent.
    pub fn alive(&self) -> io::Result<()> {
        self.send("WATCHDOG=1")
    }

    fn send(&self, message: &str) -> io::Result<()> {
        self.socket.send_to_addr(message.as_bytes(), &self.address).map(|_| ())
    }
}

/// How long this process may be silent before the service manager takes it for hung; `None` if it does not care.
pub fn watchdog_limit() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let meant = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|&limit| limit > 0 && meant).map(Duration::from_micros)
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn messages_are_as_the_protocol_wants_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::to(path.as_os_str().as_bytes()).unwrap();
        notifier.ready("two\nlines").unwrap();
        assert_eq!(told(&manager), "READY=1\nSTATUS=two lines");
        notifier.alive().unwrap();
        assert_eq!(told(&manager), "WATCHDOG=1");
        notifier.reloading().unwrap();
        let text = told(&manager);
        let (_, rest) = text.split_once("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(rest.split('\n').next().unwrap().parse::<u64>().unwrap() > 0);
        notifier.stopping().unwrap();
        assert!(told(&manager).starts_with("STOPPING=1\n"));
    }

    #[test]
    fn abstract_sockets_are_reached() {
        let name = format!("mews-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        Notifier::to(format!("@{name}").as_bytes()).unwrap().status("fine").unwrap();
        assert_eq!(told(&manager), "STATUS=fine");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert!(Notifier::to(b"notify").is_err());
        let gone = Notifier::to(b"/no/such/socket").unwrap();
        assert!(gone.alive().is_err());
    }
}
