//! The values of `security`, but for `requestFiltering`. Passwords are not kept.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{WebConfig, list, not_enforced};
use crate::web_config::kinds;
use crate::web_config::report::Report;
use crate::web_config::tree::Set;

/// Which authentication schemes are enabled; `None` when the file does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// `anonymousAuthentication`.
    pub anonymous: Option<bool>,
    /// `windowsAuthentication`.
    pub windows: Option<bool>,
    /// `basicAuthentication`.
    pub basic: Option<bool>,
    /// `digestAuthentication`.
    pub digest: Option<bool>,
    /// `iisClientCertificateMappingAuthentication`.
    pub client_certificate: Option<bool>,
}

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
    /// `authorization`: the first rule that fits decides; without rules everybody is allowed.
    pub authorization: Vec<AuthorizationRule>,
}

/// `windowsAuthentication`, but for whether it is enabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowsAuthentication {
    /// `providers`, in the order of preference.
    pub providers: Vec<String>,
    /// `useKernelMode`.
    pub use_kernel_mode: bool,
    /// `useAppPoolCredentials`.
    pub use_app_pool_credentials: bool,
    /// `authPersistSingleRequest`: each request is authenticated anew.
    pub persist_single_request: bool,
    /// `authPersistNonNTLM`: a connection keeps its Kerberos user.
    pub persist_non_ntlm: bool,
    /// `extendedProtection tokenChecking`.
    pub token_checking: TokenChecking,
    /// `extendedProtection flags`, without `None`.
    pub extended_protection_flags: Vec<String>,
    /// `extendedProtection/spn`.
    pub service_names: Vec<String>,
}

impl Default for WindowsAuthentication {
    /// IIS's: Negotiate before NTLM, no extended protection.
    fn default() -> Self {
        Self {
            providers: vec!["Negotiate".to_owned(), "NTLM".to_owned()],
            use_kernel_mode: true,
            use_app_pool_credentials: false,
            persist_single_request: false,
            persist_non_ntlm: false,
            token_checking: TokenChecking::None,
            extended_protection_flags: Vec::new(),
            service_names: Vec::new(),
        }
    }
}

/// Whether a sign-in must be bound to its TLS connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenChecking {
    /// It is not looked at.
    #[default]
    None,
    /// It is checked when the client supports it.
    Allow,
    /// It must be.
    Require,
}

/// `basicAuthentication`, but for whether it is enabled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicAuthentication {
    /// `realm`; empty when not given.
    pub realm: String,
    /// `defaultLogonDomain`; empty when not given.
    pub default_logon_domain: String,
}

/// `iisClientCertificateMappingAuthentication`, but for whether it is enabled. Disabled mappings are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateMapping {
    /// `manyToOneMappings`, in order; empty when they are turned off.
    pub many_to_one: Vec<ManyToOneMapping>,
    /// `oneToOneMappings`; empty when they are turned off.
    pub one_to_one: Vec<OneToOneMapping>,
}

/// Many certificates, one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManyToOneMapping {
    /// `name`.
    pub name: String,
    /// Whether such certificates are accepted.
    pub allow: bool,
    /// The account.
    pub user: String,
    /// What a certificate must look like; all must hold.
    pub rules: Vec<CertificateRule>,
}

/// What one field of a certificate must look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRule {
    /// The issuer's name is looked at, not the subject's.
    pub issuer: bool,
    /// Which part of the name, as in `CN`.
    pub part: String,
    /// What it must be; `*` is any text.
    pub pattern: String,
    /// Whether case counts.
    pub case_counts: bool,
}

/// One certificate, one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneToOneMapping {
    /// The account.
    pub user: String,
    /// The certificate in Base64.
    pub certificate: String,
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
        schemes(authentication, config, report);
    }
    if let Some(set) = security.find(&["access"]) {
        config.security.access = Access {
            require_tls: set.has("sslFlags", "Ssl") || set.has("sslFlags", "Ssl128"),
            negotiate_certificate: set.has("sslFlags", "SslNegotiateCert"),
            require_certificate: set.has("sslFlags", "SslRequireCert"),
        };
        if config.security.access != Access::default() {
            not_enforced(set, "sslFlags is not enforced", report);
        }
    }
    if let Some(set) = security.find(&["ipSecurity"]) {
        config.security.addresses = addresses(set, report);
        let rules = &config.security.addresses;
        let denies = |rule: &AddressRule| match rule {
            AddressRule::Network { allowed, .. } | AddressRule::Domain { allowed, .. } => !allowed,
        };
        if !rules.allow_unlisted || rules.rules.iter().any(denies) {
            not_enforced(set, "ipSecurity is not enforced", report);
        }
    }
    if let Some(set) = security.find(&["authorization"]) {
        config.security.authorization = set.items.iter().map(authorization).collect();
        let everybody = |rule: &AuthorizationRule| {
            rule.allow && rule.verbs.is_empty() && rule.users.iter().any(|user| user == "*")
        };
        let first = config.security.authorization.first();
        if first.is_some_and(|first| !everybody(first)) {
            not_enforced(set, "authorization is not enforced", report);
        }
    }
}

fn schemes(set: &Set, config: &mut WebConfig, report: &mut Report<'_>) {
    let enabled = |name: &str| {
        let scheme = set.find(&[name])?;
        scheme.given("enabled").map(|_| scheme.is("enabled"))
    };
    config.authentication = Authentication {
        anonymous: enabled("anonymousAuthentication"),
        windows: enabled("windowsAuthentication"),
        basic: enabled("basicAuthentication"),
        digest: enabled("digestAuthentication"),
        client_certificate: enabled("iisClientCertificateMappingAuthentication"),
    };
    for name in [
        "digestAuthentication",
        "clientCertificateMappingAuthentication",
        "iisClientCertificateMappingAuthentication",
    ] {
        if let Some(scheme) = set.find(&[name]).filter(|scheme| scheme.is("enabled")) {
            not_enforced(scheme, &format!("{name} is not available"), report);
        }
    }
    if let Some(windows) = set.find(&["windowsAuthentication"]) {
        config.security.windows = windows_authentication(windows);
    }
    if let Some(basic) = set.find(&["basicAuthentication"]) {
        config.security.basic = BasicAuthentication {
            realm: basic.owned("realm"),
            default_logon_domain: basic.owned("defaultLogonDomain"),
        };
    }
    if let Some(mapping) = set.find(&["iisClientCertificateMappingAuthentication"]) {
        config.security.certificates = certificates(mapping);
    }
}

fn windows_authentication(set: &Set) -> WindowsAuthentication {
    let default = WindowsAuthentication::default();
    let protection = set.find(&["extendedProtection"]);
    let providers = match set.find(&["providers"]) {
        Some(list) if list.cleared => values(list, "value"),
        Some(list) => {
            // IIS's own two come first; an entry that names one of them again changes nothing.
            let gone = |name: &String| list.removed.iter().any(|removed| removed.eq_ignore_ascii_case(name));
            let mut all: Vec<String> = default.providers.iter().filter(|name| !gone(name)).cloned().collect();
            for name in values(list, "value") {
                if !all.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
                    all.push(name);
                }
            }
            all
        }
        None => default.providers,
    };
    WindowsAuthentication {
        providers,
        use_kernel_mode: set.is("useKernelMode"),
        use_app_pool_credentials: set.is("useAppPoolCredentials"),
        persist_single_request: set.is("authPersistSingleRequest"),
        persist_non_ntlm: set.is("authPersistNonNTLM"),
        token_checking: match protection {
            Some(protection) if protection.has("tokenChecking", "Require") => TokenChecking::Require,
            Some(protection) if protection.has("tokenChecking", "Allow") => TokenChecking::Allow,
            _ => TokenChecking::None,
        },
        extended_protection_flags: protection.map_or_else(Vec::new, |protection| {
            let flags = kinds::flags(protection.text("flags"));
            flags.filter(|flag| !flag.eq_ignore_ascii_case("None")).map(str::to_owned).collect()
        }),
        service_names: protection.map_or_else(Vec::new, |protection| values(protection, "name")),
    }
}

fn values(list: &Set, attribute: &str) -> Vec<String> {
    list.items.iter().map(|item| item.owned(attribute)).collect()
}

fn certificates(set: &Set) -> CertificateMapping {
    let items = |switch: &str, list: &str| -> Vec<&Set> {
        let items = set.find(&[list]).filter(|_| set.is(switch));
        let items = items.map_or(&[][..], |list| list.items.as_slice());
        items.iter().filter(|item| item.is("enabled")).collect()
    };
    let rule = |item: &Set| CertificateRule {
        issuer: item.has("certificateField", "Issuer"),
        part: item.owned("certificateSubField"),
        pattern: item.owned("matchCriteria"),
        case_counts: item.is("compareCaseSensitive"),
    };
    CertificateMapping {
        many_to_one: items("manyToOneCertificateMappingsEnabled", "manyToOneMappings")
            .into_iter()
            .map(|item| ManyToOneMapping {
                name: item.owned("name"),
                allow: item.has("permissionMode", "Allow"),
                user: item.owned("userName"),
                rules: item
                    .find(&["rules"])
                    .map_or_else(Vec::new, |rules| rules.items.iter().map(rule).collect()),
            })
            .collect(),
        one_to_one: items("oneToOneCertificateMappingsEnabled", "oneToOneMappings")
            .into_iter()
            .map(|item| OneToOneMapping {
                user: item.owned("userName"),
                certificate: item.owned("certificate"),
            })
            .collect(),
    }
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
        let message = format!("'{}' is no address", crate::web_config::walk::shorten(address));
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
        let message = format!("'{}' is no mask for {address}", crate::web_config::walk::shorten(&given.text));
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
