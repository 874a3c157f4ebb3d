//! A request as the host hands it over; everything is copied into a slot by `Runtime::open`.

use std::net::{IpAddr, SocketAddr};

use super::layout::RawConnection;

/// Bits of [`Request::flags`].
pub mod request_flags {
    /// The request has a body.
    pub const BODY: u8 = 1;
    /// The body is chunked.
    pub const CHUNKED: u8 = 2;
    /// The client sent `Expect: 100-continue`.
    pub const EXPECT_CONTINUE: u8 = 4;
    /// Response trailers may be sent.
    pub const TRAILERS: u8 = 8;
    /// The request may be upgraded.
    pub const UPGRADE: u8 = 16;
    /// An extended CONNECT of HTTP/2 with the protocol `websocket`, which may be accepted as an upgrade.
    pub const EXTENDED_CONNECT: u8 = 32;
    /// The host asks which trace the application begins.
    pub const TRACE: u8 = 64;
}

/// One request. `headers` is walked twice: once to measure, once to copy.
#[derive(Debug, Clone)]
pub struct Request<'a, H> {
    /// The method as received.
    pub method: &'a [u8],
    /// The request target as received.
    pub target: &'a [u8],
    /// 10, 11, 20 or 30.
    pub version: u8,
    /// [`request_flags`].
    pub flags: u8,
    /// The headers in the order received.
    pub headers: H,
    /// The value of `Content-Length`.
    pub content_length: Option<u64>,
    /// Unique in the process.
    pub request_id: u64,
    /// When the first byte of the head was parsed; CLOCK_MONOTONIC, nanoseconds.
    pub parse_start_ns: i64,
    /// When the head was complete.
    pub parse_end_ns: i64,
    /// Who sends it, in the form of the specification ("The user"); empty when nobody has signed in.
    pub user: &'a [u8],
    /// The connection it came on.
    pub connection: &'a Connection<'a>,
}

/// One request header.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// The name as received.
    pub name: &'a [u8],
    /// The value without surrounding white space.
    pub value: &'a [u8],
    /// Its well-known number, or 0.
    pub known: u8,
}

/// Facts about a connection.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// Unique in the process.
    pub id: u64,
    /// When it was accepted; CLOCK_MONOTONIC, nanoseconds.
    pub started_ns: i64,
    /// The client's end; `None` on a Unix socket.
    pub remote: Option<SocketAddr>,
    /// This end.
    pub local: Option<SocketAddr>,
    /// What TLS agreed on; `None` without TLS.
    pub tls: Option<Tls<'a>>,
}

/// What TLS agreed on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tls<'a> {
    /// 0x0303 or 0x0304.
    pub protocol: u16,
    /// The IANA number of the cipher suite.
    pub cipher_suite: u16,
    /// The server name the client asked for; empty if none.
    pub sni: &'a [u8],
    /// The client's certificate in DER; empty if none.
    pub client_certificate: &'a [u8],
    /// When the handshake's two legs began and ended; CLOCK_MONOTONIC, nanoseconds.
    pub legs_ns: [i64; 4],
}

/// Why a request could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// More than the structures can describe: 65,535 headers, names and methods of 65,535 bytes, 64 MiB in all.
    #[error(
        "the request head is larger than the function table can describe; lower the server's header limits"
    )]
    TooLarge,
    /// Every slot is taken.
    #[error("more exchanges are open than the function table has room for")]
    Exhausted,
}

impl Connection<'_> {
    /// The fixed part; the two pointers are filled in by the slot.
    pub(crate) fn to_raw(self) -> RawConnection {
        let any = self.remote.or(self.local);
        let tls = self.tls.unwrap_or_default();
        let [tls_leg1_start_ns, tls_leg1_end_ns, tls_leg2_start_ns, tls_leg2_end_ns] = tls.legs_ns;
        let v6 = any.is_some_and(|a| a.is_ipv6());
        RawConnection {
            id: self.id,
            started_ns: self.started_ns,
            remote_address: address(self.remote, v6),
            local_address: address(self.local, v6),
            remote_port: self.remote.map_or(0, |a| a.port()),
            local_port: self.local.map_or(0, |a| a.port()),
            family: any.map_or(0, |a| if a.is_ipv6() { 6 } else { 4 }),
            tls: u8::from(self.tls.is_some()),
            tls_protocol: tls.protocol,
            tls_cipher_suite: tls.cipher_suite,
            reserved: 0,
            scope_id: match any {
                Some(SocketAddr::V6(a)) => a.scope_id(),
                _ => 0,
            },
            sni: std::ptr::null(),
            client_certificate: std::ptr::null(),
            sni_len: 0,
            client_certificate_len: 0,
            tls_leg1_start_ns,
            tls_leg1_end_ns,
            tls_leg2_start_ns,
            tls_leg2_end_ns,
        }
    }
}

/// 16 bytes of address in the family of the connection.
fn address(end: Option<SocketAddr>, v6: bool) -> [u8; 16] {
    match end.map(|a| a.ip()) {
        None => [0; 16],
        Some(IpAddr::V6(ip)) => ip.octets(),
        Some(IpAddr::V4(ip)) if v6 => ip.to_ipv6_mapped().octets(),
        Some(IpAddr::V4(ip)) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&ip.octets());
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lays_down_addresses() {
        let mut connection = Connection {
            id: 7,
            started_ns: 1,
            remote: Some("127.0.0.2:81".parse().unwrap()),
            local: Some("10.0.0.1:80".parse().unwrap()),
            tls: None,
        };
        let raw = connection.to_raw();
        assert_eq!((raw.family, raw.remote_port, raw.local_port, raw.tls), (4, 81, 80, 0));
        assert_eq!(raw.remote_address[..5], [127, 0, 0, 2, 0]);
        connection.remote = Some("[fe80::1%3]:81".parse().unwrap());
        let raw = connection.to_raw();
        assert_eq!((raw.family, raw.scope_id), (6, 3));
        assert_eq!(raw.local_address[10..], [0xff, 0xff, 10, 0, 0, 1], "the other end follows the family");
        (connection.remote, connection.local) = (None, None);
        assert_eq!(connection.to_raw().family, 0);
    }
}
