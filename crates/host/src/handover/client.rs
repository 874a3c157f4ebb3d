//! What is told of a client whose requests another worker answers.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mews_server::tls::ServerCertificate;
use mews_server::{Client, TlsInfo};
use serde::{Deserialize, Serialize};

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientSpec {
    listener: usize,
    remote: Option<SocketAddr>,
    local: Option<SocketAddr>,
    tls: Option<TlsSpec>,
    /// Requests of several clients may come on its connection.
    several: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TlsSpec {
    protocol: u16,
    cipher_suite: u16,
    server_name: String,
    /// In base64.
    client_certificate: Option<String>,
    client_is_trusted: bool,
    /// What a sign-in over the connection can be bound to; in base64.
    end_point: Option<String>,
    legs_ns: [i64; 4],
}

impl From<Client> for ClientSpec {
    fn from(client: Client) -> Self {
        let tls = client.tls.map(|tls| TlsSpec {
            protocol: tls.protocol,
            cipher_suite: tls.cipher_suite,
            server_name: tls.server_name.clone(),
            client_certificate: tls.client_certificate.as_deref().map(|der| STANDARD.encode(der)),
            client_is_trusted: tls.client_is_trusted,
            end_point: tls.end_point().map(|bytes| STANDARD.encode(bytes)),
            legs_ns: tls.legs_ns,
        });
        Self {
            listener: client.listener,
            remote: client.remote,
            local: client.local,
            tls,
            several: client.several,
        }
    }
}

impl From<ClientSpec> for Client {
    fn from(spec: ClientSpec) -> Self {
        let tls = spec.tls.map(|tls| {
            let decoded = |text: Option<String>| text.and_then(|text| STANDARD.decode(text).ok());
            let (certificate, end_point) = (decoded(tls.client_certificate), decoded(tls.end_point));
            Arc::new(TlsInfo {
                protocol: tls.protocol,
                cipher_suite: tls.cipher_suite,
                server_name: tls.server_name,
                client_certificate: certificate.map(Vec::into_boxed_slice),
                client_is_trusted: tls.client_is_trusted,
                server_certificate: end_point.map(ServerCertificate::elsewhere),
                legs_ns: tls.legs_ns,
            })
        });
        Self { listener: spec.listener, remote: spec.remote, local: spec.local, tls, several: spec.several }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_crosses_whole() {
        let tls = TlsInfo {
            protocol: 0x304,
            cipher_suite: 0x1301,
            server_name: "shop.example".into(),
            client_certificate: Some(Box::from([0xff_u8, 0, 1])),
            client_is_trusted: true,
            server_certificate: Some(ServerCertificate::elsewhere(vec![7, 0xfe])),
            legs_ns: [1, 2, 3, 4],
        };
        let client = Client {
            listener: 7,
            remote: Some("[2001:db8::1]:9".parse().unwrap()),
            local: Some("192.0.2.1:443".parse().unwrap()),
            tls: Some(Arc::new(tls)),
            several: true,
        };
        for client in [client, Client::default()] {
            let crossed = serde_json::to_vec(&ClientSpec::from(client.clone())).unwrap();
            assert_eq!(Client::from(serde_json::from_slice::<ClientSpec>(&crossed).unwrap()), client);
        }
    }
}
