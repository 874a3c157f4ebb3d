//! What a beginning says.

use rustls::server::Acceptor;

use super::Said;
use crate::config::Limits;
use crate::headers::known;
use crate::http1::{Head, Scan, Scanned, parse};
use crate::http2::PREFACE;

/// The first byte of a TLS connection: a handshake record.
const HANDSHAKE_RECORD: u8 = 22;
/// Before the contents of a TLS record.
const RECORD_HEAD: usize = 5;
/// Bytes of a ClientHello that are waited for: four records' worth of what a hello may reasonably hold.
pub(super) const HELLO_BYTES: usize = 16 * 1024;

/// Progress in one beginning.
#[derive(Debug, Default)]
pub(super) struct Look {
    scan: Scan,
    /// TLS records that were complete and not enough.
    records: usize,
}

/// What a beginning has told.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    /// Not enough yet.
    Partial,
    /// A complete hello, with the name that it asks for.
    Hello(Box<str>),
    /// TLS that only its server can tell what is wrong with.
    Strange,
    /// A complete head.
    Head(Head<'a>),
    /// HTTP/2.
    Http2,
    /// Nothing that anybody would serve: to be refused.
    Refused,
}

impl Look {
    /// Looks at a beginning of TLS. `bytes` are all that have come.
    pub(super) fn hello(&mut self, bytes: &[u8]) -> Seen<'static> {
        match bytes.first() {
            None => return Seen::Partial,
            Some(&HANDSHAKE_RECORD) => {}
            Some(first) if first.is_ascii_alphabetic() => return Seen::Refused,
            Some(_) => return Seen::Strange,
        }
        // A hello is read from its beginning, so only when there is more of it to read.
        let (complete, end) = records(bytes);
        if complete > self.records {
            self.records = complete;
            let mut acceptor = Acceptor::default();
            let mut rest = bytes.get(..end).unwrap_or_default();
            while !rest.is_empty() {
                match acceptor.read_tls(&mut rest) {
                    Ok(count) if count > 0 => {}
                    _ => return Seen::Strange,
                }
                match acceptor.accept() {
                    Ok(Some(accepted)) => {
                        let name = accepted.client_hello().server_name().unwrap_or_default().into();
                        return Seen::Hello(name);
                    }
                    Ok(None) => {}
                    Err(_) => return Seen::Strange,
                }
            }
        }
        if bytes.len() >= HELLO_BYTES { Seen::Strange } else { Seen::Partial }
    }

    /// Looks at a beginning of HTTP. `bytes` are all that have come.
    pub(super) fn head<'a>(&mut self, bytes: &'a [u8], limits: &Limits) -> Seen<'a> {
        if let Some(start) = bytes.get(..PREFACE.len().min(bytes.len()))
            && PREFACE.starts_with(start)
        {
            return if start.len() == PREFACE.len() { Seen::Http2 } else { Seen::Partial };
        }
        match self.scan.step(bytes, limits) {
            Ok(Scanned::Partial) => Seen::Partial,
            Ok(Scanned::Head { len, fields }) => {
                let head = bytes.get(..len).unwrap_or_default();
                parse(head, fields).map_or(Seen::Refused, Seen::Head)
            }
            Err(_) => Seen::Refused,
        }
    }
}

/// How many records are complete, and where the last of them ends.
fn records(bytes: &[u8]) -> (usize, usize) {
    let (mut count, mut end) = (0, 0);
    while let Some([_, _, _, high, low]) = bytes.get(end..).and_then(|rest| rest.first_chunk::<RECORD_HEAD>())
    {
        let next = end + RECORD_HEAD + usize::from(u16::from_be_bytes([*high, *low]));
        if next > bytes.len() {
            break;
        }
        (count, end) = (count + 1, next);
    }
    (count, end)
}

impl Seen<'_> {
    /// For whoever shares connections out; `None`: not enough, or to be refused.
    pub(super) fn said(&self) -> Option<Said<'_>> {
        Some(match self {
            Self::Partial | Self::Refused => return None,
            Self::Strange => Said::Hello { server_name: "" },
            Self::Hello(name) => Said::Hello { server_name: name },
            Self::Head(head) => {
                let field = head.headers.iter().find(|field| field.known == known::HOST);
                Said::Head { host: field.map_or(&[], |field| field.value), target: head.target }
            }
            Self::Http2 => Said::Http2,
        })
    }
}

/// Beginnings of any bytes, cut in any way.
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing {
    use super::*;

    /// Looks at a beginning as it grows: how it is cut must not decide what is seen. `cut`: how many bytes come at a
    /// time, at least 1.
    pub fn beginning(bytes: &[u8], cut: usize) {
        let limits = Limits::default();
        for tls in [false, true] {
            let whole = grown(bytes, bytes.len().max(1), tls, &limits);
            assert_eq!(whole, grown(bytes, cut, tls, &limits), "the cut decides what is seen");
        }
    }

    fn grown(bytes: &[u8], cut: usize, tls: bool, limits: &Limits) -> Option<String> {
        let mut look = Look::default();
        let mut end = 0;
        while end < bytes.len() {
            end = (end + cut.max(1)).min(bytes.len());
            let seen = if tls { look.hello(&bytes[..end]) } else { look.head(&bytes[..end], limits) };
            match seen {
                Seen::Partial => {}
                Seen::Refused => return Some("refused".to_owned()),
                seen => return seen.said().map(|said| format!("{said:?}")),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    /// What a client sends first.
    fn hello(name: &str) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    fn name(bytes: &[u8], cut: usize) -> Option<String> {
        let mut look = Look::default();
        for end in (cut..bytes.len()).step_by(cut).chain([bytes.len()]) {
            let seen = look.hello(&bytes[..end]);
            match seen.said() {
                Some(Said::Hello { server_name }) => return Some(server_name.to_owned()),
                Some(other) => panic!("{other:?}"),
                None if matches!(seen, Seen::Refused) => return Some("refused".to_owned()),
                None => {}
            }
        }
        None
    }

    /// The same handshake message in records of `size` bytes.
    fn in_records(hello: &[u8], size: usize) -> Vec<u8> {
        let message = &hello[RECORD_HEAD..];
        let record = |piece: &[u8]| [&[22, 3, 1, 0, u8::try_from(piece.len()).unwrap()], piece].concat();
        message.chunks(size).flat_map(record).collect()
    }

    #[test]
    fn the_name_is_found_however_the_hello_comes() {
        let whole = hello("shop.example");
        for bytes in [&whole, &in_records(&whole, 40)] {
            for cut in [1, 7, 100, bytes.len()] {
                assert_eq!(name(bytes, cut).as_deref(), Some("shop.example"), "{cut}");
            }
            assert_eq!(name(&bytes[..bytes.len() - 1], 50), None);
        }
        // An address is no name.
        assert_eq!(name(&hello("127.0.0.1"), 1000).as_deref(), Some(""));
    }

    #[test]
    fn what_is_no_hello_is_left_to_others() {
        assert_eq!(name(b"GET / HTTP/1.1\r\n", 1).as_deref(), Some("refused"));
        assert_eq!(name(&[0x80, 0x2e, 1], 1).as_deref(), Some(""));
        assert_eq!(name(&[22, 3, 1, 0, 4, 9, 9, 9, 9], 1).as_deref(), Some(""));
        // A hello that never ends.
        let endless = [[22, 3, 1, 0xff, 0xff].as_slice(), &[1; HELLO_BYTES]].concat();
        assert_eq!(name(&endless, 4096).as_deref(), Some(""));
        // Empty records do not go on for ever.
        assert_eq!(name(&[22, 3, 1, 0, 0].repeat(HELLO_BYTES / 5 + 1), 4096).as_deref(), Some(""));
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..5000 {
            let mut bytes = hello("x.example");
            for _ in 0..4 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let at = usize::try_from(random % bytes.len() as u64).unwrap();
                bytes[at] = random.to_le_bytes()[6];
            }
            name(&bytes, 97);
        }
    }

    fn head(text: &[u8], cut: usize) -> Option<String> {
        let mut look = Look::default();
        for end in (cut..text.len()).step_by(cut).chain([text.len()]) {
            let seen = look.head(&text[..end], &Limits::default());
            match seen.said() {
                Some(Said::Head { host, target }) => {
                    return Some(format!(
                        "{} {}",
                        String::from_utf8_lossy(host),
                        String::from_utf8_lossy(target)
                    ));
                }
                Some(other) => return Some(format!("{other:?}")),
                None if matches!(seen, Seen::Refused) => return Some("refused".to_owned()),
                None => {}
            }
        }
        None
    }

    #[test]
    fn heads_are_found_however_they_come() {
        for (text, expected) in [
            ("GET /a?b HTTP/1.1\r\nA: b\r\nhost: Shop.example:80\r\n\r\nGET", Some("Shop.example:80 /a?b")),
            ("GET http://a/b HTTP/1.1\r\nHost: c\r\n\r\n", Some("c http://a/b")),
            ("GET / HTTP/1.0\r\n\r\n", Some(" /")),
            ("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", Some("x /")),
            ("GET / HTTP/1.1\r\nHost: x\r\n", None),
            ("GET / HTTP/1.1\r\n\r\n", Some("refused")),
            ("GET / HTTP/1.1\nHost: x\r\n\r\n", Some("refused")),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some("Http2")),
            ("PRI * HTTP/2.0\r\n\r\nXX", Some("refused")),
            ("PRI * HTTP/2.0\r\n", None),
            ("PUT / HTTP/1.1\r\nHost: x\r\n\r\n", Some("x /")),
        ] {
            for cut in [1, 5, text.len()] {
                assert_eq!(head(text.as_bytes(), cut).as_deref(), expected, "{text:?} {cut}");
            }
        }
        let long = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &vec![b'x'; 40_000]].concat();
        assert_eq!(head(&long, 4096).as_deref(), Some("refused"));
    }
}
