//! What is asked of a request before anybody looks for a user: the client's address, TLS, a certificate.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::status::StatusCode;
use crate::web_config::{Access, AddressRule, DenyAction, IpSecurity};

/// What is known of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client<'a> {
    /// Its address; `None` on a Unix socket.
    pub address: Option<IpAddr>,
    /// The values of `X-Forwarded-For`, joined.
    pub forwarded_for: Option<&'a str>,
    /// The connection is encrypted.
    pub tls: bool,
    /// It has a certificate.
    pub certificate: bool,
}

/// `ipSecurity` and `access`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Addresses.
    pub addresses: IpSecurity,
    /// TLS and certificates.
    pub access: Access,
}

/// Why a request goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// It is answered with a status.
    Status(StatusCode, String),
    /// Its connection is reset.
    Reset,
}

impl Gate {
    /// Whether everything passes.
    pub fn is_open(&self) -> bool {
        self.addresses.allow_unlisted && self.addresses.rules.is_empty() && self.access == Access::default()
    }

    /// Whether the client may go on.
    pub fn check(&self, client: Client<'_>) -> Option<Denial> {
        self.address(client).or_else(|| self.encryption(client))
    }

    fn address(&self, client: Client<'_>) -> Option<Denial> {
        let rules = &self.addresses;
        let Some(peer) = client.address else {
            // Whoever may use the socket file is known otherwise.
            return None;
        };
        // Each proxy in the list must be allowed as well.
        let mut asked = vec![Some(peer)];
        if rules.proxy_mode
            && let Some(list) = client.forwarded_for
        {
            asked.extend(list.split(',').map(|entry| forwarded(entry.trim())));
        }
        let denied =
            asked.into_iter().find(|address| !address.is_some_and(|address| self.allows(address)))?;
        let name =
            denied.map_or_else(|| "an address that cannot be read".to_owned(), |address| address.to_string());
        Some(match rules.deny_action {
            DenyAction::AbortRequest => Denial::Reset,
            DenyAction::Unauthorized => {
                Denial::Status(StatusCode::new(401, 0), format!("Requests from {name} are not allowed."))
            }
            DenyAction::NotFound => {
                Denial::Status(StatusCode::new(404, 0), "There is nothing here.".to_owned())
            }
            DenyAction::Forbidden => {
                Denial::Status(StatusCode::ADDRESS_REJECTED, format!("Requests from {name} are not allowed."))
            }
        })
    }

    /// Of several networks that hold the address the smallest decides; among equals, the first.
    fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut best: Option<(u8, bool)> = None;
        for rule in &self.addresses.rules {
            if let AddressRule::Network { address: network, bits, allowed } = rule
                && within(address, *network, *bits)
                && best.is_none_or(|(known, _)| *bits > known)
            {
                best = Some((*bits, *allowed));
            }
        }
        best.map_or(self.addresses.allow_unlisted, |(_, allowed)| allowed)
    }

    fn encryption(&self, client: Client<'_>) -> Option<Denial> {
        let deny =
            |code: StatusCode| Some(Denial::Status(code, code.row().map_or("", |row| row.cause).to_owned()));
        match self.access {
            Access { require_tls: true, .. } if !client.tls => deny(StatusCode::SSL_REQUIRED),
            Access { require_certificate: true, .. } if !client.certificate => {
                deny(StatusCode::CLIENT_CERTIFICATE_REQUIRED)
            }
            _ => None,
        }
    }
}

/// An entry of `X-Forwarded-For`: an address, perhaps with a port.
fn forwarded(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').split(']').next().unwrap_or_default();
    bare.parse().ok().or_else(|| entry.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            u32::from(address) & mask == u32::from(network) & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            u128::from(address) & mask == u128::from(network) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str, allowed: bool) -> AddressRule {
        let (address, bits) = text.split_once('/').unwrap();
        AddressRule::Network { address: address.parse().unwrap(), bits: bits.parse().unwrap(), allowed }
    }

    fn client(address: &str) -> Client<'static> {
        Client {
            address: Some(address.parse().unwrap()),
            forwarded_for: None,
            tls: false,
            certificate: false,
        }
    }

    #[test]
    fn the_smallest_network_decides() {
        let rules =
            vec![network("10.0.0.0/8", true), network("10.1.0.0/16", false), network("2001:db8::/32", true)];
        let addresses = IpSecurity { allow_unlisted: false, rules, ..IpSecurity::default() };
        let gate = Gate { addresses, ..Gate::default() };
        for (address, passes) in [
            ("10.2.3.4", true),
            ("10.1.2.3", false),
            ("127.0.0.1", false),
            ("::ffff:10.2.0.1", true),
            ("2001:db8::7", true),
        ] {
            assert_eq!(gate.check(client(address)).is_none(), passes, "{address}");
        }
        assert!(matches!(gate.check(client("::1")), Some(Denial::Status(StatusCode::ADDRESS_REJECTED, _))));
        assert!(Gate::default().is_open() && !gate.is_open());
        let everything = Gate {
            addresses: IpSecurity { rules: vec![network("0.0.0.0/0", false)], ..IpSecurity::default() },
            ..Gate::default()
        };
        assert!(everything.check(client("9.9.9.9")).is_some() && everything.check(client("::1")).is_none());
    }

    #[test]
    fn proxies_are_asked_for_too() {
        let addresses = IpSecurity {
            proxy_mode: true,
            rules: vec![network("10.1.0.0/16", false)],
            deny_action: DenyAction::NotFound,
            ..IpSecurity::default()
        };
        let gate = Gate { addresses, ..Gate::default() };
        let through = |list| gate.check(Client { forwarded_for: Some(list), ..client("127.0.0.1") });
        assert_eq!(through("192.0.2.1, 10.2.0.1:80, [::1]:7"), None);
        assert!(matches!(
            through("10.1.0.1, 192.0.2.1"),
            Some(Denial::Status(StatusCode { number: 404, .. }, _))
        ));
        assert!(through("unknown").is_some(), "what cannot be read is not allowed");
    }

    #[test]
    fn encryption_and_certificates_are_required() {
        let access = Access { require_tls: true, negotiate_certificate: true, require_certificate: true };
        let gate = Gate { access, ..Gate::default() };
        let with = |tls, certificate| match gate.check(Client { tls, certificate, ..client("::1") }) {
            Some(Denial::Status(code, _)) => Some(code),
            _ => None,
        };
        assert_eq!(with(false, false), Some(StatusCode::SSL_REQUIRED));
        assert_eq!(with(true, false), Some(StatusCode::CLIENT_CERTIFICATE_REQUIRED));
        assert_eq!(with(true, true), None);
    }
}
