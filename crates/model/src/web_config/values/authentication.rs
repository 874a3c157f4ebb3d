//! The values of `security/authentication`. Passwords are not kept.

use serde::{Deserialize, Serialize};

use super::{WebConfig, not_enforced};
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

pub(super) fn read(set: &Set, config: &mut WebConfig, report: &mut Report<'_>) {
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
    for name in ["digestAuthentication", "clientCertificateMappingAuthentication"] {
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
