//! Bodies, in every framing that HTTP/1.1 has. Those that nobody sent are the harness's pattern: `n` bytes, sent in pieces of `piece` bytes.

use crate::answer::{head, whole};
use crate::connection::Connection;
use crate::request::Request;
use anyhow::Result;
use e2e::{PATTERN_PERIOD, pattern};
use std::io;
use std::time::Duration;

/// Cuts the pattern into pieces.
fn pieces(request: &Request, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let (n, piece) = (request.query.number("n", 0), request.query.number("piece", 64 * 1024).max(1));
    let period = PATTERN_PERIOD as usize;
    let table = pattern(0, period + piece);
    for offset in (0..n).step_by(piece) {
        let from = offset % period;
        each(&table[from..from + piece.min(n - offset)])?;
    }
    Ok(())
}

pub(crate) fn bytes(request: &Request, connection: &mut Connection) -> Result<()> {
    connection.rest()?;
    let length = request.query.number("n", 0).to_string();
    connection.send(head(request, 200, "OK", &[("Content-Length", &length)]).as_bytes())?;
    if !request.is_head() {
        pieces(request, |piece| connection.send(piece))?;
    }
    Ok(())
}

/// With `pause` milliseconds before each chunk.
pub(crate) fn chunked(request: &Request, connection: &mut Connection) -> Result<()> {
    connection.rest()?;
    connection.send(head(request, 200, "OK", &[("Transfer-Encoding", "chunked")]).as_bytes())?;
    if request.is_head() {
        return Ok(());
    }
    let pause = Duration::from_millis(request.query.number("pause", 0) as u64);
    pieces(request, |piece| {
        std::thread::sleep(pause);
        connection.send(&chunk(piece))
    })?;
    Ok(connection.send(b"0\r\n\r\n")?)
}

/// Its end is the connection's.
pub(crate) fn close_delimited(request: &Request, connection: &mut Connection) -> Result<()> {
    connection.rest()?;
    connection.send(head(request, 200, "OK", &[("Connection", "close")]).as_bytes())?;
    pieces(request, |piece| connection.send(piece))?;
    Ok(())
}

/// The request's body while it comes, in its framing, and its trailers.
pub(crate) fn same(request: &Request, connection: &mut Connection) -> Result<()> {
    // Whoever waits to be asked for the body wants that before the answer.
    let mut next = connection.piece()?;
    if !request.is_chunked() {
        let length = request.content_length()?.to_string();
        connection.send(head(request, 200, "OK", &[("Content-Length", &length)]).as_bytes())?;
        while let Some(piece) = next {
            connection.send(&piece)?;
            next = connection.piece()?;
        }
        return Ok(());
    }
    connection.send(head(request, 200, "OK", &[("Transfer-Encoding", "chunked")]).as_bytes())?;
    while let Some(piece) = next {
        connection.send(&chunk(&piece))?;
        next = connection.piece()?;
    }
    let lines: String =
        connection.trailers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    Ok(connection.send(format!("0\r\n{lines}\r\n").as_bytes())?)
}

/// Answers with trailers; one of them is the length of the request's body.
pub(crate) fn trailers(request: &Request, connection: &mut Connection) -> Result<()> {
    let length = connection.rest()?.len();
    if request.is_head() {
        return whole(request, connection, "text/plain", "");
    }
    let fields = [("Transfer-Encoding", "chunked"), ("Trailer", "X-Length, X-Last")];
    let body = format!("d\r\nwith trailers\r\n0\r\nX-Length: {length}\r\nX-Last: yes\r\n\r\n");
    Ok(connection.send((head(request, 200, "OK", &fields) + &body).as_bytes())?)
}

fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}
