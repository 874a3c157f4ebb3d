//! Finds the end of a request head in a growing buffer, without looking at a byte twice, and enforces
//! the size limits and strict line ends on the way.

use super::rejection::Rejection;
use crate::config::Limits;

/// Progress of the search; starts over with `Scan::default()` for each head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scan {
    /// Bytes looked at.
    at: usize,
    /// Where the current line starts.
    line: usize,
    /// Lines seen, the request line included.
    lines: usize,
}

/// Where a head ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// More bytes are needed.
    Partial,
    /// A complete head.
    Head {
        /// Length of the head with its empty line.
        len: usize,
        /// Number of header lines.
        fields: usize,
    },
}

impl Scan {
    /// Looks at the bytes of `data` that are new since the last call. `data` must start with the head.
    pub(crate) fn step(&mut self, data: &[u8], limits: &Limits) -> Result<Scanned, Rejection> {
        for found in memchr::memchr_iter(b'\n', &data[self.at.min(data.len())..]) {
            let end = self.at + found;
            if end == self.line || data[end - 1] != b'\r' {
                return Err(Rejection::malformed("a line of the head does not end with CR LF"));
            }
            let empty = end == self.line + 1;
            if self.lines == 0 {
                if empty && self.line == 0 {
                    // One empty line before the request line is tolerated.
                    self.line = end + 1;
                    continue;
                }
                if empty {
                    return Err(Rejection::malformed("the request line is empty"));
                }
                if end + 1 - self.line > limits.request_line {
                    return Err(Rejection::LINE);
                }
            }
            if end + 1 > limits.header_bytes {
                return Err(Rejection::HEAD);
            }
            if empty {
                return Ok(Scanned::Head { len: end + 1, fields: self.lines - 1 });
            }
            self.lines += 1;
            if self.lines - 1 > limits.header_count {
                return Err(Rejection::FIELDS);
            }
            self.line = end + 1;
        }
        self.at = data.len();
        if self.lines == 0 && data.len() - self.line > limits.request_line {
            return Err(Rejection::LINE);
        }
        if data.len() > limits.header_bytes {
            return Err(Rejection::HEAD);
        }
        Ok(Scanned::Partial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(data: &[u8]) -> Result<Scanned, Rejection> {
        Scan::default().step(data, &Limits::default())
    }

    #[test]
    fn every_split_finds_the_same_end() {
        let data = b"\r\nGET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nrest";
        let expected = Scanned::Head { len: data.len() - 4, fields: 2 };
        assert_eq!(whole(data), Ok(expected));
        let mut scan = Scan::default();
        let mut found = None;
        for end in 1..=data.len() {
            match scan.step(&data[..end], &Limits::default()).unwrap() {
                Scanned::Partial => {}
                head => {
                    found = Some((end, head));
                    break;
                }
            }
        }
        assert_eq!(found, Some((data.len() - 4, expected)));
    }

    #[test]
    fn bare_line_feeds_are_refused_at_once() {
        for data in
            [&b"GET / HTTP/1.1\n"[..], b"\n", b"GET / HTTP/1.1\r\nHost: x\n", b"\r\n\r\nGET", b"G\r\n\n"]
        {
            assert_eq!(whole(data).unwrap_err().status, 400, "{data:?}");
        }
    }

    #[test]
    fn limits_hold_with_and_without_a_line_end() {
        let limits = Limits { request_line: 20, header_bytes: 64, header_count: 2, ..Limits::default() };
        let check = |data: &[u8]| Scan::default().step(data, &limits);
        assert_eq!(check(b"GET /aaaaa HTTP/1.1\r\n"), Err(Rejection::LINE));
        assert_eq!(check(b"GET /aaaaaaaaaaaaaaaaaaaaaaaaaa"), Err(Rejection::LINE));
        assert_eq!(check(b"GET /aaaa HTTP/1.0\r\n").unwrap(), Scanned::Partial);
        assert_eq!(check(b"GET / HTTP/1.1\r\na:1\r\nb:2\r\nc:3\r\n"), Err(Rejection::FIELDS));
        assert_eq!(
            check(b"GET / HTTP/1.1\r\na:1\r\nb:2\r\n\r\n").unwrap(),
            Scanned::Head { len: 28, fields: 2 }
        );
        let mut long = b"GET / HTTP/1.1\r\nA: ".to_vec();
        long.resize(65, b'x');
        assert_eq!(check(&long), Err(Rejection::HEAD));
        long.truncate(60);
        assert_eq!(check(&long).unwrap(), Scanned::Partial);
        long.extend_from_slice(b"\r\n\r\n");
        assert_eq!(check(&long).unwrap(), Scanned::Head { len: 64, fields: 1 });
    }
}
