//! A load of WebSocket messages: each connection sends one when the one before has come back.
//!
//! Messages go out on all connections and are then awaited in turn, so that one thread keeps all of them busy.

use super::statistics::percentile;
use super::wrk::Load;
use anyhow::{Context as _, Result, bail};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// No message takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// What a message holds.
const LENGTH: usize = 32;

/// The mask of every message: a server has to undo any, this one too.
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// Loads `path` with messages over so many connections for `seconds`. The rate and the times are those of messages.
///
/// # Errors
/// A connection is refused or ends, or something else than the message comes back.
pub(crate) fn run(address: SocketAddr, path: &str, connections: u32, seconds: u32) -> Result<Load> {
    let mut sockets = Vec::new();
    for _ in 0..connections {
        sockets.push(open(address, path)?);
    }
    let message = message();
    let mut times = Vec::new();
    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds.into());
    while Instant::now() < end {
        let mut sent = Vec::with_capacity(sockets.len());
        for socket in &mut sockets {
            socket.write_all(&message).context("cannot send a message")?;
            sent.push(Instant::now());
        }
        for (socket, sent) in sockets.iter_mut().zip(sent) {
            receive(socket)?;
            times.push(sent.elapsed().as_secs_f64() * 1e3);
        }
    }
    let took = begin.elapsed().as_secs_f64();
    let at = |percent| percentile(&times, percent);
    Ok(Load {
        requests: times.len() as u64,
        rate: times.len() as f64 / took,
        errors: 0,
        p50: at(50.0),
        p90: at(90.0),
        p99: at(99.0),
    })
}

fn open(address: SocketAddr, path: &str) -> Result<TcpStream> {
    let mut socket = TcpStream::connect_timeout(&address, LIMIT).context("cannot connect")?;
    socket.set_nodelay(true).context("cannot set TCP_NODELAY")?;
    socket.set_read_timeout(Some(LIMIT)).context("cannot set a time limit")?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).context("cannot ask for a WebSocket")?;
    let mut head = Vec::new();
    let mut byte = [0];
    // Nothing follows the head before the first message, so that reading on is not reading too far.
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).context("the answer to the handshake ends early")?;
        head.extend(byte);
    }
    if !head.starts_with(b"HTTP/1.1 101 ") {
        let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
        bail!("a WebSocket was refused: {line}");
    }
    Ok(socket)
}

/// A masked binary message of one frame.
fn message() -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | LENGTH as u8];
    frame.extend(MASK);
    frame.extend((0..LENGTH).map(|at| b'm' ^ MASK[at % 4]));
    frame
}

fn receive(socket: &mut TcpStream) -> Result<()> {
    let mut frame = [0; 2 + LENGTH];
    socket.read_exact(&mut frame).context("a message does not come back")?;
    if frame[..2] != [0x82, LENGTH as u8] || frame[2..].iter().any(|byte| *byte != b'm') {
        bail!("another message came back: {frame:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers a handshake, then sends back so many messages.
    fn echo(messages: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut head = [0; 1024];
            let _ = socket.read(&mut head).unwrap();
            socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap();
            for _ in 0..messages {
                let mut frame = [0; 6 + LENGTH];
                socket.read_exact(&mut frame).unwrap();
                let mut answer = vec![0x82, LENGTH as u8];
                answer.extend(frame[6..].iter().enumerate().map(|(at, byte)| byte ^ MASK[at % 4]));
                socket.write_all(&answer).unwrap();
            }
        });
        address
    }

    #[test]
    fn messages_come_back() {
        let mut socket = open(echo(1), "/echo").unwrap();
        socket.write_all(&message()).unwrap();
        receive(&mut socket).unwrap();
        assert!(receive(&mut socket).is_err());
    }

    #[test]
    fn an_end_is_an_error() {
        assert!(run(echo(3), "/echo", 1, 60).is_err());
    }
}
