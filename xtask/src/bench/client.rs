//! A small blocking HTTP/1.1 client for single requests whose time matters. Not a load generator, and strict: what it does not
//! expect is an error.

use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No answer of a benchmark takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
}

impl Connection {
    /// # Errors
    /// Nobody listens.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, LIMIT).context("cannot connect")?;
        stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        stream.set_read_timeout(Some(LIMIT)).context("cannot set a time limit")?;
        stream.set_write_timeout(Some(LIMIT)).context("cannot set a time limit")?;
        Ok(Self { stream: BufReader::new(stream), host: address })
    }

    /// Sends one request, reads the whole response and answers with its status.
    ///
    /// # Errors
    /// The connection ended, or what came is not a response with a known length.
    pub(crate) fn get(&mut self, path: &str) -> Result<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes()).context("cannot send")?;
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.with_context(|| format!("not a status line: {line:?}"))?;
        let mut length = None;
        let mut chunked = false;
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse::<u64>().ok();
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim().eq_ignore_ascii_case("chunked");
            }
        }
        match length {
            _ if chunked => self.skip_chunks()?,
            Some(length) => self.skip(length)?,
            None => bail!("a response without a length"),
        }
        Ok(status)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).context("cannot receive")? == 0 {
            bail!("the connection was closed");
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn skip(&mut self, length: u64) -> Result<()> {
        let mut body = (&mut self.stream).take(length);
        let read = std::io::copy(&mut body, &mut std::io::sink()).context("cannot receive")?;
        if read < length {
            bail!("the connection was closed inside a response");
        }
        Ok(())
    }

    fn skip_chunks(&mut self) -> Result<()> {
        loop {
            let line = self.line()?;
            let length = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16);
            let length = length.with_context(|| format!("not a chunk: {line:?}"))?;
            self.skip(length)?;
            // The line break after the data, or the empty trailer.
            self.line()?;
            if length == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    fn answer(text: &'static str) -> Result<(u16, Result<u16>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(text.as_bytes()).unwrap();
                // Half of the connection stays open until the client has read: no reset may overtake the data.
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
            });
            let mut connection = Connection::open(address)?;
            Ok((connection.get("/")?, connection.get("/")))
        })
    }

    #[test]
    fn bodies_end_where_they_say() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n";
        let (first, second) = answer(text).unwrap();
        assert_eq!((first, second.unwrap()), (200, 404));
    }

    #[test]
    fn a_cut_response_is_an_error() {
        assert!(answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").is_err());
        assert!(answer("HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(answer("nonsense\r\n\r\n").is_err());
        assert!(answer("").is_err());
    }
}
