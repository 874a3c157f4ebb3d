//! What becomes of a request, as far as that can be told at once.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mews_model::StatusCode;
use mews_model::authentication::{Credentials, Identity, Policy, mapped};

use super::certificate::parsed;
use super::deferred::Work;
use super::handler::Shared;
use super::rules::Rules;
use super::slot::Slot;
use crate::clock;
use crate::exchange::Exchange;
use crate::handler::RequestHead;
use crate::headers::known;

/// See the module's documentation.
pub(super) enum Decision {
    /// It is handed on.
    Pass(Option<Arc<Identity>>),
    Refuse(StatusCode, &'static str),
    /// Something is to be judged first.
    Judge(Work),
}

impl Shared {
    pub(super) fn decide(&self, rules: &Rules, head: &RequestHead<'_>, exchange: &Exchange) -> Decision {
        let schemes = &rules.policy.schemes;
        let fields = head.headers.iter().filter(|field| field.known == known::AUTHORIZATION);
        match Credentials::of(fields.map(|field| field.value)) {
            Credentials::Several if schemes.any() => {
                Decision::Refuse(StatusCode::BAD_REQUEST, "The request has several Authorization fields.")
            }
            Credentials::Windows(scheme, text)
                if schemes.windows.as_ref().is_some_and(|windows| windows.takes(scheme)) =>
            {
                match STANDARD.decode(text) {
                    Ok(token) if !token.is_empty() => {
                        Decision::Judge(Work::Token { word: scheme.word(), token, slot: Slot::of(exchange) })
                    }
                    _ => {
                        Decision::Refuse(StatusCode::LOGON_FAILED, "The Authorization field holds no token.")
                    }
                }
            }
            Credentials::Basic(text) if schemes.basic.is_some() => self.basic(rules, text, exchange),
            _ => self.known(rules, exchange),
        }
    }

    fn basic(&self, rules: &Rules, text: &[u8], exchange: &Exchange) -> Decision {
        if !self.takes_passwords(exchange) {
            let cause = "Passwords are only taken over HTTPS. This one has been sent unencrypted: change it.";
            return Decision::Refuse(StatusCode::SSL_REQUIRED, cause);
        }
        let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded.as_deref().and_then(|decoded| decoded.split_once(':')) {
            Some((user, password)) => {
                match self.right.find((user, password, rules.domain()), clock::coarse_ms()) {
                    Some(identity) => Decision::Pass(Some(identity)),
                    None => Decision::Judge(Work::Password {
                        user: user.to_owned(),
                        password: password.to_owned(),
                    }),
                }
            }
            None => Decision::Refuse(
                StatusCode::LOGON_FAILED,
                "The Authorization field holds no name and password.",
            ),
        }
    }

    /// Who a request without credentials of ours is from: the connection's user, or its certificate's.
    fn known(&self, rules: &Rules, exchange: &Exchange) -> Decision {
        let schemes = &rules.policy.schemes;
        let signed_in = schemes.windows.as_ref().and_then(|_| {
            Slot::existing(exchange).and_then(|slot| slot.with(rules.owner, |handshakes| handshakes.plain()))
        });
        if signed_in.is_some() {
            return Decision::Pass(signed_in);
        }
        match certified(&rules.policy, exchange) {
            None => Decision::Pass(None),
            Some(user) => match self.authority.known_account(user) {
                Some(identity) => Decision::Pass(Some(identity)),
                None => Decision::Judge(Work::Account { user: user.to_owned() }),
            },
        }
    }
}

/// The user that the connection's certificate stands for.
fn certified<'p>(policy: &'p Policy, exchange: &Exchange) -> Option<&'p str> {
    let mapping = policy.schemes.certificates.as_ref()?;
    let tls = exchange.connection().tls.as_ref()?;
    let certificate = parsed(tls.client_certificate.as_deref()?)?;
    mapped(mapping, &certificate, tls.client_is_trusted, |text| STANDARD.decode(text).ok())
}
