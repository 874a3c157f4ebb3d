//! Encryption and decryption over a non-blocking socket.
//!
//! Plaintext that was taken is encrypted at once; what the kernel does not take of it is held here, at most about
//! [`HELD`] bytes, and nothing more is taken until it has left. In the other direction nothing is read from the socket
//! while decrypted bytes wait for their reader.

use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustls::ServerConnection;

use crate::output::{Sent, socket};

/// Most bytes that are encrypted at once.
const HELD: usize = 64 * 1024;
/// Most bytes of a file that are read at once.
const FILE_PIECE: u64 = 64 * 1024;
/// Bytes read ahead while more keeps coming than the connection takes at once.
const AHEAD: usize = 32 * 1024;
/// Longest list of parts that is written at once.
const PARTS: usize = 8;

/// See the module's documentation. Every method does what it can without waiting.
#[derive(Debug)]
pub(crate) struct Session {
    connection: ServerConnection,
    ahead: Ahead,
    /// Our direction has ended, or is about to.
    finishing: bool,
    /// The other side broke the protocol: nothing can be sent or received any more.
    failed: bool,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes; 0 = the client has ended its direction, and said so.
    pub(crate) count: usize,
    /// There may be more, although the socket has nothing.
    pub(crate) more: bool,
}

/// What came of sending what was held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flushed {
    /// Bytes that have left.
    pub(crate) sent: usize,
    /// Whether some are left.
    pub(crate) held: bool,
}

/// What one read from the socket gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pulled {
    /// Encrypted bytes; 0 = the end.
    pub(super) count: usize,
    /// The socket has no more.
    pub(super) drained: bool,
}

impl Session {
    pub(super) fn new(mut connection: ServerConnection) -> Self {
        connection.set_buffer_limit(Some(HELD));
        Self { connection, ahead: Ahead::default(), finishing: false, failed: false }
    }

    pub(super) fn connection(&self) -> &ServerConnection {
        &self.connection
    }

    /// Reads decrypted bytes. Answers less than `into` has room for only when the socket is drained. An end without the
    /// client's word for it is `UnexpectedEof`.
    pub(crate) fn read(&mut self, stream: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<Taken> {
        let mut count = 0;
        let mut drained = false;
        self.ahead.drained = false;
        loop {
            while count < into.len() {
                match self.connection.reader().read(&mut into[count..]) {
                    Ok(0) => return Ok(Taken { count, more: count > 0 }),
                    Ok(some) => count += some,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if count == 0 => return Err(error),
                    Err(_) => return Ok(Taken { count, more: true }),
                }
            }
            if count == into.len() {
                return Ok(Taken { count, more: true });
            }
            if !drained {
                match self.pull(stream) {
                    Ok(pulled) => {
                        drained = pulled.drained;
                        continue;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) if count == 0 => return Err(error),
                    // The error comes again when these have been used.
                    Err(_) => return Ok(Taken { count, more: true }),
                }
            }
            return if count > 0 {
                Ok(Taken { count, more: false })
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        }
    }

    /// Decrypted bytes that wait for a reader, after looking whether the socket has some.
    pub(crate) fn waiting(&mut self, stream: BorrowedFd<'_>) -> u64 {
        self.ahead.drained = false;
        loop {
            let decrypted = self.decrypted();
            if decrypted > 0 {
                return decrypted as u64;
            }
            match self.pull(stream) {
                Ok(Pulled { count: 0, .. }) | Err(_) => return 0,
                Ok(Pulled { drained: true, .. }) => return self.decrypted() as u64,
                Ok(_) => {}
            }
        }
    }

    fn decrypted(&mut self) -> usize {
        self.connection.process_new_packets().map_or(0, |state| state.plaintext_bytes_to_read())
    }

    /// Reads from the socket once and decrypts.
    pub(super) fn pull(&mut self, stream: BorrowedFd<'_>) -> io::Result<Pulled> {
        if self.failed {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = self.connection.read_tls(&mut Source { stream, ahead: &mut self.ahead })?;
        let drained = self.ahead.is_dry();
        if let Err(error) = self.connection.process_new_packets() {
            self.failed = true;
            // The alert that tells the client.
            let _ = self.flush(stream);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(Pulled { count, drained })
    }

    /// Takes as much of `parts` as it can encrypt and hand to the kernel, and up to [`HELD`] bytes beyond that. While
    /// bytes are held nothing is taken: `WouldBlock`.
    pub(crate) fn write(&mut self, stream: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<Sent> {
        if self.failed || self.finishing {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.flush(stream)?.held {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut slices = [IoSlice::new(&[]); PARTS];
        let used = parts.len().min(PARTS);
        slices[..used].copy_from_slice(&parts[..used]);
        let mut rest = &mut slices[..used];
        let mut taken = 0;
        loop {
            let count = self.connection.writer().write_vectored(rest)?;
            taken += count;
            let held = self.flush(stream)?.held;
            IoSlice::advance_slices(&mut rest, count);
            if held || count == 0 || rest.iter().all(|part| part.is_empty()) {
                return Ok(Sent { taken, held });
            }
        }
    }

    /// The same for a part of a file; nothing taken means that the file has ended early.
    pub(crate) fn send_file(
        &mut self,
        stream: BorrowedFd<'_>,
        file: &OwnedFd,
        offset: u64,
        count: u64,
    ) -> io::Result<Sent> {
        if self.flush(stream)?.held {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut piece = Vec::with_capacity(usize::try_from(count.min(FILE_PIECE)).unwrap_or(0));
        loop {
            match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut piece), offset) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => break,
            }
        }
        if piece.is_empty() {
            return Ok(Sent { taken: 0, held: false });
        }
        self.write(stream, &[IoSlice::new(&piece)])
    }

    /// Sends what is held.
    pub(crate) fn flush(&mut self, stream: BorrowedFd<'_>) -> io::Result<Flushed> {
        let mut sent = 0;
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Sink(stream)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Flushed { sent, held: true });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Flushed { sent, held: false })
    }

    /// Tells the client that nothing more will come. `true` when that has left; to be called again until then.
    pub(crate) fn finish(&mut self, stream: BorrowedFd<'_>) -> bool {
        if !std::mem::replace(&mut self.finishing, true) {
            self.connection.send_close_notify();
        }
        // A client that cannot be told is gone.
        !self.flush(stream).is_ok_and(|flushed| flushed.held)
    }
}

/// Encrypted bytes that were read and not taken yet. Empty, and without memory, unless the client sends faster than
/// the connection takes: that asks for 4 KiB at a time.
#[derive(Debug, Default)]
struct Ahead {
    bytes: Vec<u8>,
    taken: usize,
    /// The last read from the socket found less than it had room for. Forgotten with each call of the reader: what has come
    /// since may have been announced already.
    drained: bool,
    /// The last read found as much as it had room for: there is much to read.
    busy: bool,
}

impl Ahead {
    /// Whether neither the socket nor this has more.
    fn is_dry(&self) -> bool {
        self.drained && self.bytes.is_empty()
    }

    fn note(&mut self, count: usize, room: usize) {
        self.drained = count < room;
        self.busy = !self.drained;
    }

    fn fill(&mut self, stream: BorrowedFd<'_>) -> io::Result<()> {
        self.bytes.reserve(AHEAD);
        let room = self.bytes.capacity();
        let count = loop {
            let into = rustix::buffer::spare_capacity(&mut self.bytes);
            match rustix::net::recv(stream, into, RecvFlags::empty()) {
                Err(Errno::INTR) => {}
                Ok((count, _)) => break count,
                Err(error) => {
                    *self = Self { drained: true, ..Self::default() };
                    return Err(error.into());
                }
            }
        };
        self.note(count, room);
        Ok(())
    }

    fn take(&mut self, into: &mut [u8]) -> usize {
        let rest = &self.bytes[self.taken..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        if self.taken == self.bytes.len() {
            self.taken = 0;
            self.bytes.clear();
            if !self.busy {
                self.bytes = Vec::new();
            }
        }
        count
    }
}

/// The socket as something to read from.
struct Source<'a> {
    stream: BorrowedFd<'a>,
    ahead: &'a mut Ahead,
}

impl io::Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ahead.bytes.is_empty() {
            if !self.ahead.busy {
                let count = socket::receive(self.stream, into)?;
                self.ahead.note(count, into.len());
                return Ok(count);
            }
            self.ahead.fill(self.stream)?;
        }
        Ok(self.ahead.take(into))
    }
}

/// The socket as something to write to.
struct Sink<'a>(BorrowedFd<'a>);

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        socket::send(self.0, bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        socket::send_parts(self.0, parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

    use super::*;

    fn connected() -> (ClientConnection, UnixStream, Session, UnixStream) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let server =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let server = server.unwrap().with_no_client_auth();
        let server = server.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
        let mut client = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        let mut session = Session::new(ServerConnection::new(Arc::new(server)).unwrap());
        let (mut near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        far.set_nonblocking(true).unwrap();
        while client.is_handshaking() || session.connection.is_handshaking() {
            while client.wants_write() {
                client.write_tls(&mut near).unwrap();
            }
            let _ = session.pull(far.as_fd());
            session.flush(far.as_fd()).unwrap();
            let _ = client.read_tls(&mut near);
            client.process_new_packets().unwrap();
        }
        (client, near, session, far)
    }

    /// Whoever is told that there is no more waits for an event, and what is there already causes none.
    #[test]
    fn a_read_that_promises_a_dry_socket_leaves_nothing_in_it() {
        let (mut client, mut near, mut session, far) = connected();
        client.set_buffer_limit(None);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = move |limit: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % limit) as usize
        };
        let (mut sent, mut received) = (0, 0);
        let mut into = vec![0; 40_000];
        for round in 0..5000 {
            if round % 3 == 0 {
                let count = below(60_000);
                client.writer().write_all(&vec![7; count]).unwrap();
                sent += count;
            }
            while client.wants_write() && client.write_tls(&mut near).is_ok() {}
            let room = 1 + below(40_000);
            let more = match session.read(far.as_fd(), &mut into[..room]) {
                Ok(taken) => {
                    received += taken.count;
                    taken.more
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    false
                }
            };
            if !more {
                assert_eq!(rustix::io::ioctl_fionread(&far).unwrap(), 0, "round {round}");
                assert!(session.ahead.bytes.is_empty(), "round {round}");
            }
        }
        assert!(sent > 10_000_000 && received > sent / 2, "{received} of {sent}");
    }
}
