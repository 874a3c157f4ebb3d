//! Where the socket is, and who may connect: the user that the host runs as, and root.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::geteuid;

/// Names it in the environment.
const VARIABLE: &str = "MEWS_CONTROL";
/// Commands that may wait to be accepted.
const BACKLOG: i32 = 16;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// Nobody says where.
    #[error(
        "XDG_RUNTIME_DIR is not set, so there is no place for the control socket; name one with --control or {VARIABLE}"
    )]
    NoPlace,
    /// Somebody has it.
    #[error("another mews answers at the control socket {}; stop that, or name another with --control", .0.display())]
    Taken(PathBuf),
    /// The system refused.
    #[error("the control socket {} cannot be made: {error}", .path.display())]
    System {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The socket that commands come to. Its file is removed with it.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file: another one of this name is not ours to remove.
    file: Option<(u64, u64)>,
}

/// Where the socket is: as named, as the environment says, or at its usual place.
pub(crate) fn path(named: Option<&Path>) -> Result<PathBuf, SocketError> {
    let variable = || std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = named.map(Path::to_owned).or_else(variable) {
        return Ok(path);
    }
    if geteuid().is_root() {
        return Ok(PathBuf::from("/run/mews/control.sock"));
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    Ok(PathBuf::from(runtime.ok_or(SocketError::NoPlace)?).join("mews/control.sock"))
}

/// Whether who is at the other end may command: the same user, or root.
pub(crate) fn may_command(stream: &UnixStream) -> bool {
    socket_peercred(stream).is_ok_and(|peer| peer.uid.is_root() || peer.uid == geteuid())
}

impl ControlSocket {
    /// Listens there. What an earlier host has left behind is removed.
    pub(crate) fn bind(path: &Path) -> Result<Self, SocketError> {
        let failed = |error: io::Error| SocketError::System { path: path.to_owned(), error };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        if fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_socket()) {
            match UnixStream::connect(path) {
                Ok(_) => return Err(SocketError::Taken(path.to_owned())),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(failed)?;
                }
                Err(error) => return Err(failed(error)),
            }
        }
        let listener = listen(path).map_err(failed)?;
        let file = fs::symlink_metadata(path).ok().map(|about| (about.dev(), about.ino()));
        Ok(Self { listener, path: path.to_owned(), file })
    }

    pub(crate) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The file gets its rights before it is there: those of the socket itself.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let there = fs::symlink_metadata(&self.path).ok().map(|about| (about.dev(), about.ino()));
        if there.is_some() && there == self.file {
            // Nothing depends on it: the next host removes what answers no more.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_the_owner_has_it_and_nothing_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mews/control.sock");
        let socket = ControlSocket::bind(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert!(matches!(ControlSocket::bind(&path), Err(SocketError::Taken(_))));
        let client = UnixStream::connect(&path).unwrap();
        assert!(may_command(&client));
        drop(socket);
        assert!(!path.exists());
        // What a killed host leaves behind answers no more.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(ControlSocket::bind(&path).unwrap());
        // A file that is no socket is not ours.
        fs::write(&path, "").unwrap();
        assert!(matches!(ControlSocket::bind(&path), Err(SocketError::System { .. })));
        assert!(path.exists());
    }
}
