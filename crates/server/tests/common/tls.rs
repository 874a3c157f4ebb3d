//! A TLS client, and certificates for tests.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use mews_server::tls::{CertificateMaterial, Tls, TlsMaterial};
use mews_server::{Handler, Limits, Listener, Server, ServerConfig};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

use super::{App, Fixture, PATIENCE, Response};

/// A certificate authority of a test's own.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub(crate) certificate: Vec<u8>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Self { issuer: rcgen::Issuer::new(params, key), certificate }
    }

    pub(crate) fn issue(&self, names: &[&str]) -> CertificateMaterial {
        self.issue_with(names, |_| {})
    }

    pub(crate) fn issue_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut rcgen::CertificateParams),
    ) -> CertificateMaterial {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        CertificateMaterial { chain: vec![certificate.der().to_vec()], key: key.serialize_der(), ocsp: None }
    }
}

/// Starts a TLS server for `app`.
pub(crate) fn start_tls(limits: Limits, tls: &Tls, handler: Arc<dyn Handler>) -> (Server, SocketAddr) {
    start_tls_as(ServerConfig { io_threads: 2, limits, ..ServerConfig::default() }, tls, handler)
}

pub(crate) fn start_tls_as(
    config: ServerConfig,
    tls: &Tls,
    handler: Arc<dyn Handler>,
) -> (Server, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener { socket, tls: Some(tls.clone()), number: 0 };
    let server = Server::start(config, vec![listener], handler).unwrap();
    server.accept();
    (server, address)
}

/// A TLS server with the test application.
pub(crate) fn tls_fixture(material: &TlsMaterial, limits: Limits) -> (Fixture, Tls) {
    let tls = Tls::new(material).unwrap();
    let app = Arc::new(App::default());
    let (server, address) = start_tls(limits, &tls, app.clone());
    (Fixture { server: Some(server), address, app }, tls)
}

/// How a client connects.
pub(crate) struct ClientSettings {
    config: ClientConfig,
}

impl ClientSettings {
    pub(crate) fn trusting(authority: &Authority) -> Self {
        Self::build(authority, &[&rustls::version::TLS13, &rustls::version::TLS12], None)
    }

    pub(crate) fn version(authority: &Authority, version: &'static SupportedProtocolVersion) -> Self {
        Self::build(authority, &[version], None)
    }

    pub(crate) fn with_certificate(authority: &Authority, own: &CertificateMaterial) -> Self {
        Self::build(authority, &[&rustls::version::TLS13, &rustls::version::TLS12], Some(own))
    }

    pub(crate) fn build(
        authority: &Authority,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&CertificateMaterial>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.certificate.clone())).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            Some(own) => builder
                .with_client_auth_cert(
                    own.chain.iter().map(|der| CertificateDer::from(der.clone())).collect(),
                    PrivateKeyDer::try_from(own.key.clone()).unwrap(),
                )
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(16);
        Self { config }
    }

    #[must_use]
    pub(crate) fn alpn(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Without resumption through tickets that are kept by the client.
    #[must_use]
    pub(crate) fn no_tickets(mut self) -> Self {
        self.config.resumption =
            self.config.resumption.tls12_resumption(rustls::client::Tls12Resumption::SessionIdOnly);
        self
    }

    pub(crate) fn shared(self) -> Arc<ClientConfig> {
        Arc::new(self.config)
    }
}

/// A connection that speaks TLS.
pub(crate) struct TlsClient {
    pub(crate) connection: ClientConnection,
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl TlsClient {
    /// Connects and finishes the handshake.
    pub(crate) fn connect(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(config.clone(), name).unwrap();
        let mut client = Self { connection, stream, buffer: Vec::new() };
        while client.connection.is_handshaking() {
            client.connection.complete_io(&mut client.stream)?;
        }
        Ok(client)
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let mut stream = rustls::Stream::new(&mut self.connection, &mut self.stream);
        stream.write_all(bytes.as_ref()).unwrap();
        stream.flush().unwrap();
    }

    pub(crate) fn get(&mut self, target: &str) {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
    }

    /// What was read and not used.
    pub(crate) fn seen(&self) -> &[u8] {
        &self.buffer
    }

    /// One read of plaintext; 0 after the server's `close_notify`, `UnexpectedEof` without it.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let count = rustls::Stream::new(&mut self.connection, &mut self.stream).read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(count)
    }

    pub(crate) fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            assert!(self.fill().unwrap() > 0, "closed within a line");
        }
    }

    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill().unwrap() > 0, "closed within a body");
        }
        self.buffer.drain(..count).collect()
    }

    pub(crate) fn response(&mut self) -> Response {
        let mut head = String::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            head.push_str(&line);
            head.push('\n');
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = Response { status, head, body: Vec::new(), trailers: String::new() };
        if status == 101 {
            return response;
        }
        if let Some(length) = response.header("Content-Length") {
            let length = length.parse().unwrap();
            response.body = self.take(length);
        } else if response.header("Transfer-Encoding").is_some() {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).unwrap();
                let piece = self.take(size);
                response.body.extend_from_slice(&piece);
                assert_eq!(self.line(), "");
                if size == 0 {
                    break;
                }
            }
        } else {
            response.body = self.rest().unwrap();
        }
        response
    }

    /// Everything until the server's `close_notify`; a cut is an error.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Tells the server that nothing more will come, and closes nothing.
    pub(crate) fn close_notify(&mut self) {
        self.connection.send_close_notify();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.stream).unwrap();
        }
    }

    /// Closes our direction without telling so.
    pub(crate) fn cut(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    pub(crate) fn try_get(&mut self, target: &str) -> Result<Response, ErrorKind> {
        self.get(target);
        match self.fill() {
            Ok(0) => Err(ErrorKind::UnexpectedEof),
            Ok(_) => Ok(self.response()),
            Err(error) => Err(error.kind()),
        }
    }
}
