//! Which schemes an app has, and the fields that offer them.

use serde::{Deserialize, Serialize};

use super::credentials::WindowsScheme;
use crate::web_config::{
    Authentication, BasicAuthentication, CertificateMapping, Security, TokenChecking, WindowsAuthentication,
};

/// The schemes of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schemes {
    /// Requests without a user are served.
    pub anonymous: bool,
    /// `windowsAuthentication`.
    pub windows: Option<Windows>,
    /// `basicAuthentication`.
    pub basic: Option<BasicAuthentication>,
    /// `iisClientCertificateMappingAuthentication`.
    pub certificates: Option<CertificateMapping>,
}

/// What counts of `windowsAuthentication` here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// What is offered, in order: `Negotiate`, `NTLM`.
    pub offered: Vec<String>,
    /// NTLM is taken, by itself or inside Negotiate.
    pub ntlm: bool,
    /// Each request is authenticated anew, whatever the scheme.
    pub persist_single_request: bool,
    /// A connection keeps its Kerberos user.
    pub persist_kerberos: bool,
    /// Binding to the TLS connection.
    pub token_checking: TokenChecking,
}

/// What a client can be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The system's GSSAPI knows NTLM.
    pub ntlm: bool,
    /// The connection is this client's alone, so that a handshake may take several requests.
    pub own_connection: bool,
    /// Passwords may be asked for: the connection is encrypted, or they are allowed without.
    pub passwords: bool,
}

impl Default for Schemes {
    /// Everybody is served.
    fn default() -> Self {
        Self { anonymous: true, windows: None, basic: None, certificates: None }
    }
}

impl Schemes {
    /// What a file asks for. Anonymous is on unless it is turned off, as IIS has it.
    pub fn of(enabled: &Authentication, security: &Security) -> Self {
        let on = |set: Option<bool>| set == Some(true);
        Self {
            anonymous: enabled.anonymous != Some(false),
            windows: on(enabled.windows).then(|| Windows::of(&security.windows)),
            basic: on(enabled.basic).then(|| security.basic.clone()),
            certificates: on(enabled.client_certificate).then(|| security.certificates.clone()),
        }
    }

    /// Whether there is a way to sign in.
    pub fn any(&self) -> bool {
        self.windows.is_some() || self.basic.is_some() || self.certificates.is_some()
    }

    /// The values of the `WWW-Authenticate` fields that offer the schemes.
    pub fn challenges(&self, offer: Offer) -> Vec<String> {
        let mut values = Vec::new();
        if let Some(windows) = &self.windows {
            let ntlm = offer.ntlm && offer.own_connection;
            values.extend(
                windows.offered.iter().filter(|&name| ntlm || name != WindowsScheme::Ntlm.word()).cloned(),
            );
        }
        if let Some(basic) = self.basic.as_ref().filter(|_| offer.passwords) {
            values.push(format!("Basic realm=\"{}\", charset=\"UTF-8\"", quoted(&basic.realm)));
        }
        values
    }
}

impl Windows {
    fn of(given: &WindowsAuthentication) -> Self {
        let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
        let mut offered = Vec::new();
        for provider in &given.providers {
            // `Negotiate:Kerberos` is Negotiate without NTLM inside.
            let word = provider.split(':').next().unwrap_or_default();
            for scheme in [WindowsScheme::Negotiate, WindowsScheme::Ntlm] {
                if is(word, scheme.word()) && !offered.iter().any(|other: &String| other == scheme.word()) {
                    offered.push(scheme.word().to_owned());
                }
            }
        }
        let kerberos_only = given.providers.iter().any(|name| is(name, "Negotiate:Kerberos"));
        let ntlm = given.providers.iter().any(|name| is(name, "NTLM"))
            || (given.providers.iter().any(|name| is(name, "Negotiate")) && !kerberos_only);
        Self {
            offered,
            ntlm,
            persist_single_request: given.persist_single_request,
            persist_kerberos: given.persist_non_ntlm && !given.persist_single_request,
            token_checking: given.token_checking,
        }
    }

    /// Whether a token announced like this is taken.
    pub fn takes(&self, scheme: WindowsScheme) -> bool {
        self.offered.iter().any(|name| name == scheme.word())
    }
}

/// What can stand between quotes in a field.
fn quoted(text: &str) -> String {
    text.chars().filter(|char| !char.is_control() && char.is_ascii() && !matches!(char, '"' | '\\')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Offer = Offer { ntlm: true, own_connection: true, passwords: true };

    fn schemes(providers: &[&str]) -> Schemes {
        let enabled = Authentication { windows: Some(true), basic: Some(true), ..Authentication::default() };
        let mut security = Security::default();
        security.windows.providers = providers.iter().map(|&name| name.to_owned()).collect();
        security.basic.realm = "a \"b\"\r\n".to_owned();
        Schemes::of(&enabled, &security)
    }

    #[test]
    fn what_is_offered_depends_on_the_connection() {
        let schemes = schemes(&["Negotiate", "NTLM"]);
        assert!(schemes.anonymous);
        let basic = "Basic realm=\"a b\", charset=\"UTF-8\"";
        assert_eq!(schemes.challenges(ALL), ["Negotiate", "NTLM", basic]);
        assert_eq!(schemes.challenges(Offer { own_connection: false, ..ALL }), ["Negotiate", basic]);
        assert_eq!(schemes.challenges(Offer { ntlm: false, passwords: false, ..ALL }), ["Negotiate"]);
    }

    #[test]
    fn providers_decide_about_ntlm() {
        for (providers, offered, ntlm) in [
            (&["Negotiate", "NTLM"][..], &["Negotiate", "NTLM"][..], true),
            (&["Negotiate"], &["Negotiate"], true),
            (&["Negotiate:Kerberos"], &["Negotiate"], false),
            (&["ntlm"], &["NTLM"], true),
            (&["Other"], &[], false),
        ] {
            let windows = schemes(providers).windows.unwrap();
            assert_eq!(
                (windows.offered.as_slice(), windows.ntlm),
                (&*offered.iter().map(|&name| name.to_owned()).collect::<Vec<_>>(), ntlm)
            );
        }
    }
}
