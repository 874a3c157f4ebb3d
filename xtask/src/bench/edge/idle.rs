//! Connections that have asked once and stay: what their server remembers of them.

use super::super::contender::Contender;
use super::super::process;
use super::{Line, Options, Pair, in_turns};
use anyhow::{Context as _, Result, bail};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, Stream};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Servers give memory back that idle connections do not need within this time.
const REST: Duration = Duration::from_secs(10);
const REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// The end of its answer.
const ANSWER: &[u8] = b"Hello, World!";

pub(super) fn measure(pair: &Pair<'_>, options: &Options) -> Result<Vec<Line>> {
    let config = Arc::new(trusting()?);
    let mut lines = Vec::new();
    for secure in [false, true] {
        let what = format!("{} idle connections, {}", options.idle, if secure { "TLS" } else { "plain" });
        let values = in_turns(&what, options, |contender: Contender| {
            let both = pair.start(contender)?;
            let address = if secure { both.secure } else { both.server.address };
            let kept: Result<Vec<TcpStream>> =
                (0..options.idle).map(|_| open(address, secure.then_some(&config))).collect();
            let kept = kept?;
            thread::sleep(REST);
            let size = process::memory(both.server.pid())? as f64 * 1024.0 / 1e6;
            drop(kept);
            both.server.stop()?;
            Ok(size)
        })?;
        let names = [Contender::Kestrel.name(), Contender::Mews.name()];
        lines.push(Line { what, unit: "MB", decimals: 1, names, values, limit: 1.0 });
    }
    Ok(lines)
}

/// A connection that has been answered once. Of TLS the socket is enough to stay connected.
fn open(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Result<TcpStream> {
    let mut socket = TcpStream::connect(address).context("cannot connect")?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    match tls {
        None => ask(&mut socket)?,
        Some(config) => {
            let mut session = ClientConnection::new(config.clone(), ServerName::try_from("localhost")?)?;
            ask(&mut Stream::new(&mut session, &mut socket))?;
        }
    }
    Ok(socket)
}

fn ask(stream: &mut (impl Read + Write)) -> Result<()> {
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.ends_with(ANSWER) {
        match stream.read(&mut piece)? {
            0 => bail!("the server closed the connection"),
            count => answer.extend_from_slice(&piece[..count]),
        }
    }
    Ok(())
}

/// A client that takes any certificate: only what it costs the server is asked here.
fn trusting() -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting(provider)))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
