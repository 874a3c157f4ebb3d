//! The shutdown message: a request that the app's IISIntegration middleware understands.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// More than a status line needs.
const MOST_HEAD: usize = 4096;
/// Even when the app may take no time at all, it is asked.
const LEAST_LIMIT: Duration = Duration::from_millis(100);

/// Sends it, and answers with the status of the response. Takes as long as the limit allows.
pub(super) fn send(
    address: SocketAddr,
    token: &str,
    virtual_path: &str,
    limit: Duration,
) -> Result<u16, String> {
    exchange(address, token, virtual_path, limit.max(LEAST_LIMIT)).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "it did not answer".to_owned(),
        _ => error.to_string(),
    })
}

fn exchange(address: SocketAddr, token: &str, virtual_path: &str, limit: Duration) -> io::Result<u16> {
    let end = Instant::now() + limit;
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    let base = if virtual_path.len() > 1 { virtual_path } else { "" };
    let request = format!(
        "POST {base}/iisintegration HTTP/1.1\r\nHost: {address}\r\nMS-ASPNETCORE-EVENT: shutdown\r\n\
         MS-ASPNETCORE-TOKEN: {token}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.set_write_timeout(Some(limit))?;
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    let mut buffer = [0; 512];
    loop {
        if let Some(status) = status(&head)? {
            return Ok(status);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Err(io::Error::other("it closed the connection without an answer")),
            Ok(read) => head.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The status of the first line, once that has come.
fn status(head: &[u8]) -> io::Result<Option<u16>> {
    let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
        return if head.len() > MOST_HEAD { Err(io::Error::other("it answered no HTTP")) } else { Ok(None) };
    };
    let line = head.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    let status = line.filter(|line| line.starts_with("HTTP/1.")).and_then(|line| line.split(' ').nth(1));
    match status.and_then(|status| status.trim().parse().ok()) {
        Some(status) => Ok(Some(status)),
        None => Err(io::Error::other("it answered no HTTP")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    const LONG: Duration = Duration::from_secs(30);

    /// Answers one connection; what was sent to it comes back.
    fn server(answer: &'static [&'static str]) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 512];
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                assert!(read > 0);
                request.extend_from_slice(&buffer[..read]);
            }
            for part in answer {
                stream.write_all(part.as_bytes()).unwrap();
                stream.flush().unwrap();
            }
            String::from_utf8(request).unwrap()
        });
        (address, thread)
    }

    #[test]
    fn the_message_is_what_the_middleware_expects() {
        let (address, thread) = server(&["HTTP/1.1 2", "02 Accepted\r\n", "Content-Length: 0\r\n\r\n"]);
        assert_eq!(send(address, "secret", "/shop", LONG), Ok(202));
        let request = thread.join().unwrap();
        assert!(request.starts_with("POST /shop/iisintegration HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nMS-ASPNETCORE-EVENT: shutdown\r\n"), "{request}");
        assert!(request.contains("\r\nMS-ASPNETCORE-TOKEN: secret\r\n"), "{request}");
        let (address, thread) = server(&["HTTP/1.1 404 Not Found\r\n\r\n"]);
        assert_eq!(send(address, "secret", "/", LONG), Ok(404));
        assert!(thread.join().unwrap().starts_with("POST /iisintegration "));
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let (address, _) = server(&["SSH-2.0-x\r\n"]);
        assert!(send(address, "t", "/", LONG).unwrap_err().contains("no HTTP"));
        let (address, _) = server(&[]);
        assert!(send(address, "t", "/", LONG).unwrap_err().contains("without an answer"));
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        assert_eq!(send(address, "t", "/", Duration::ZERO).unwrap_err(), "it did not answer");
        drop(silent);
        assert!(send(address, "t", "/", LONG).is_err());
    }
}
