//! The values of `security`, but for `requestFiltering` and `authentication`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::authentication::{self, BasicAuthentication, CertificateMapping, WindowsAuthentication};
use super::{WebConfig, list};
use crate::web_config::kinds;
use crate::web_config::report::Report;
use crate::web_config::tree::Set;

/// Everything else about security.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    /// `authentication/windowsAuthentication`.
    pub windows: WindowsAuthentication,
    /// `authentication/basicAuthentication`.
    pub basic: BasicAuthentication,
    /// `authentication/iisClientCertificateMappingAuthentication`.
    pub certificates: CertificateMapping,
    /// `access`.
    pub access: Access,
    /// `ipSecurity`.
    pub addresses: IpSecurity,
    /// `authorization`: nobody is allowed whom no rule allows. The rule that a server has of its own, which allows everybody,
    /// is the last one unless the file takes it away. Without rules everybody is allowed.
    pub authorization: Vec<AuthorizationRule>,
}

/// `access sslFlags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// TLS is required (`Ssl`, `Ssl128`).
    pub require_tls: bool,
    /// A client certificate is asked for.
    pub negotiate_certificate: bool,
    /// A client certificate is required.
    pub require_certificate: bool,
}

/// `ipSecurity`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpSecurity {
    /// Whether other addresses are served.
    pub allow_unlisted: bool,
    /// Whether `domainName` entries count.
    pub reverse_dns: bool,
    /// Whether `X-Forwarded-For` is looked at.
    pub proxy_mode: bool,
    /// What others get.
    pub deny_action: DenyAction,
    /// The addresses, in order.
    pub rules: Vec<AddressRule>,
}

impl Default for IpSecurity {
    /// Everybody is served.
    fn default() -> Self {
        Self {
            allow_unlisted: true,
            reverse_dns: false,
            proxy_mode: false,
            deny_action: DenyAction::Forbidden,
            rules: Vec::new(),
        }
    }
}

/// What a client that is not served gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DenyAction {
    /// Its connection is reset.
    AbortRequest,
    /// 401.
    Unauthorized,
    /// 403.
    #[default]
    Forbidden,
    /// 404.
    NotFound,
}

/// One entry of `ipSecurity`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressRule {
    /// Addresses of a network.
    Network {
        /// An address of it.
        address: IpAddr,
        /// How many of its bits count: 0 to 32, or to 128.
        bits: u8,
        /// Whether they are served.
        allowed: bool,
    },
    /// Addresses whose name is this one, or ends with it after `*`.
    Domain {
        /// The name.
        name: String,
        /// Whether they are served.
        allowed: bool,
    },
}

/// One rule of `authorization`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRule {
    /// What it does.
    pub allow: bool,
    /// `users`; `*` is everybody, `?` is nobody signed in.
    pub users: Vec<String>,
    /// `roles`.
    pub roles: Vec<String>,
    /// `verbs`: methods; empty is all.
    pub verbs: Vec<String>,
}

pub(super) fn read(security: &Set, config: &mut WebConfig, report: &mut Report<'_>) {
    if let Some(authentication) = security.find(&["authentication"]) {
        authentication::read(authentication, config, report);
    }
    if let Some(set) = security.find(&["access"]) {
        config.security.access = Access {
            require_tls: set.has("sslFlags", "Ssl") || set.has("sslFlags", "Ssl128"),
            negotiate_certificate: set.has("sslFlags", "SslNegotiateCert"),
            require_certificate: set.has("sslFlags", "SslRequireCert"),
        };
    }
    if let Some(set) = security.find(&["ipSecurity"]) {
        config.security.addresses = addresses(set, report);
    }
    if let Some(set) = security.find(&["authorization"]) {
        config.security.authorization = rules(set);
    }
}

fn rules(set: &Set) -> Vec<AuthorizationRule> {
    let everybody = |allow| AuthorizationRule {
        allow,
        users: vec!["*".to_owned()],
        roles: Vec::new(),
        verbs: Vec::new(),
    };
    let mut rules: Vec<AuthorizationRule> = set.items.iter().map(authorization).collect();
    if !set.cleared && !set.removed.iter().any(|users| users.trim() == "*") {
        rules.push(everybody(true));
    } else if rules.is_empty() {
        rules.push(everybody(false));
    }
    rules
}

fn addresses(set: &Set, report: &mut Report<'_>) -> IpSecurity {
    let mut rules = Vec::new();
    for item in &set.items {
        let allowed = item.is("allowed");
        let (address, domain) = (item.text("ipAddress"), item.text("domainName"));
        if address.is_empty() && domain.is_empty() {
            report.violation(item.at, "the entry names neither ipAddress nor domainName", |problem| {
                problem.help("write ipAddress=\"…\", with a subnetMask for a network")
            });
        } else if address.is_empty() {
            report.warning(
                item.at,
                "domainName is not looked at: it would need a reverse look-up of every client",
                |problem| problem.help("write ipAddress=\"…\" instead"),
            );
            rules.push(AddressRule::Domain { name: domain.to_owned(), allowed });
        } else if let Some(rule) = network(item, address, report) {
            let (address, bits) = rule;
            rules.push(AddressRule::Network { address, bits, allowed });
        }
    }
    IpSecurity {
        allow_unlisted: set.is("allowUnlisted"),
        reverse_dns: set.is("enableReverseDns"),
        proxy_mode: set.is("enableProxyMode"),
        deny_action: match set.text("denyAction") {
            action if action.eq_ignore_ascii_case("AbortRequest") => DenyAction::AbortRequest,
            action if action.eq_ignore_ascii_case("Unauthorized") => DenyAction::Unauthorized,
            action if action.eq_ignore_ascii_case("NotFound") => DenyAction::NotFound,
            _ => DenyAction::Forbidden,
        },
        rules,
    }
}

fn network(item: &Set, address: &str, report: &mut Report<'_>) -> Option<(IpAddr, u8)> {
    let Ok(address) = address.parse::<IpAddr>() else {
        let message = format!("'{}' is no address", crate::web_config::hints::shorten(address));
        report.violation(item.place("ipAddress"), message, |problem| {
            problem.expected("expected an address as in 192.0.2.1 or 2001:db8::1")
        });
        return None;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let Some(given) = item.given("subnetMask") else { return Some((address, most)) };
    let bits = match given.text.parse::<IpAddr>() {
        Ok(IpAddr::V4(mask)) if address.is_ipv4() => {
            let mask = u32::from(mask);
            (mask.leading_ones() == mask.count_ones()).then(|| mask.count_ones())
        }
        Ok(IpAddr::V6(mask)) if address.is_ipv6() => {
            let mask = u128::from(mask);
            (mask.leading_ones() == mask.count_ones()).then(|| mask.count_ones())
        }
        _ => kinds::number(&given.text).and_then(|bits| u32::try_from(bits).ok()),
    };
    let bits = bits.and_then(|bits| u8::try_from(bits).ok()).filter(|bits| *bits <= most);
    if bits.is_none() {
        let message =
            format!("'{}' is no mask for {address}", crate::web_config::hints::shorten(&given.text));
        let example = if most == 32 { "255.255.255.0" } else { "ffff:ffff::" };
        report.violation(given.at, message, |problem| {
            problem.expected(format!("expected a mask as in {example}, or a number of bits up to {most}"))
        });
    }
    bits.map(|bits| (address, bits))
}

fn authorization(item: &Set) -> AuthorizationRule {
    AuthorizationRule {
        allow: item.has("accessType", "Allow"),
        users: list(item.text("users")),
        roles: list(item.text("roles")),
        verbs: list(item.text("verbs")),
    }
}
