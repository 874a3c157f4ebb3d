//! What no server should do. Each ends its connection.

use crate::connection::Connection;
use crate::pages::After;
use anyhow::Result;

#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// `silence`: no answer.
    Silence,
    /// `reset`: no answer, and a reset.
    Reset,
    /// `half`: half of a body of known length.
    Half,
    /// `half-chunk`: half of a chunk.
    HalfChunk,
    /// `half-head`: half of a head.
    HalfHead,
    /// `head-flood`: a head without end, of few fields for its size.
    HeadFlood,
    /// `interim-flood`: interim responses without end.
    InterimFlood,
    /// `garbage`: no HTTP, or none that all readers would read alike; of several kinds.
    Garbage,
}

/// Much more than any reader takes.
const FLOOD: usize = 4 << 20;

impl Fault {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "silence" => Self::Silence,
            "reset" => Self::Reset,
            "half" => Self::Half,
            "half-chunk" => Self::HalfChunk,
            "half-head" => Self::HalfHead,
            "head-flood" => Self::HeadFlood,
            "interim-flood" => Self::InterimFlood,
            "garbage" => Self::Garbage,
            _ => return None,
        })
    }

    /// Commits it, in one piece where it is short.
    pub(crate) fn commit(self, kind: &str, connection: &mut Connection) -> Result<After> {
        match self {
            Self::Silence => {}
            Self::Reset => return Ok(After::Reset),
            Self::Half => connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")?,
            Self::HalfChunk => {
                connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nhalf.")?
            }
            Self::HalfHead => connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")?,
            Self::HeadFlood => {
                flood(connection, "HTTP/1.1 200 OK\r\n", &format!("X-Flood: {}\r\n", "x".repeat(1000)))?
            }
            Self::InterimFlood => flood(connection, "", "HTTP/1.1 102 Processing\r\n\r\n")?,
            Self::Garbage => connection.send(garbage(kind).as_bytes())?,
        }
        Ok(After::End)
    }
}

fn flood(connection: &mut Connection, begin: &str, again: &str) -> std::io::Result<()> {
    connection.send(begin.as_bytes())?;
    let piece = again.repeat(64);
    for _ in 0..FLOOD / piece.len() {
        connection.send(piece.as_bytes())?;
    }
    Ok(())
}

fn garbage(kind: &str) -> String {
    let head = match kind {
        "" | "text" => return "This is not the protocol that you are looking for.\r\n\r\n".to_owned(),
        "zeros" => return "\0".repeat(100),
        // An alert of TLS 1.2: unexpected message.
        "tls" => return "\x15\x03\x03\0\x02\x02\x0a".to_owned(),
        // Empty settings.
        "http2" => return "\0\0\0\x04\0\0\0\0\0".to_owned(),
        "empty-lines" => return "\r\n".repeat(10),
        "version" => "HTTP/3.1 200 OK\r\nContent-Length: 0",
        "status-text" => "HTTP/1.1 fine OK\r\nContent-Length: 0",
        "status-short" => "HTTP/1.1 20 OK\r\nContent-Length: 0",
        "status-large" => "HTTP/1.1 2000 OK\r\nContent-Length: 0",
        "no-colon" => "HTTP/1.1 200 OK\r\nContent-Length 0",
        "blank-in-name" => "HTTP/1.1 200 OK\r\nContent-Length : 0",
        "nul-in-value" => "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0",
        "two-lengths" => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1",
        "length-text" => "HTTP/1.1 200 OK\r\nContent-Length: none",
        "length-negative" => "HTTP/1.1 200 OK\r\nContent-Length: -1",
        "length-and-chunked" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0",
        "unknown-coding" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip",
        "unasked-101" => "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other",
        "chunk-size" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsize",
        "chunk-overflow" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000",
        "chunk-end" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd",
        "surplus" => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 0",
        _ => "HTTP/1.1 200 OK\r\nContent-Length: 0",
    };
    format!("{head}\r\n\r\n")
}
