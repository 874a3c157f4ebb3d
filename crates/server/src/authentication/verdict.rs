//! What is found of tokens and passwords, on a thread that may wait.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mews_model::StatusCode;
use mews_model::authentication::{Identity, Outcome, Proved, Windows};
use mews_model::web_config::TokenChecking;

use super::authority::{Denied, Leg};
use super::deferred::Work;
use super::handler::Shared;
use super::rules::Rules;
use super::slot::Slot;
use crate::clock;
use crate::exchange::Exchange;

/// The error code of HTTP/2 for what it cannot do.
const HTTP_1_1_REQUIRED: u32 = 0xd;

/// What was found.
pub(super) enum Judged {
    User {
        identity: Arc<Identity>,
        proof: Option<String>,
        persistent: Option<bool>,
    },
    /// `challenges`: other ones than always.
    Refuse {
        code: StatusCode,
        cause: &'static str,
        challenges: Option<Vec<String>>,
    },
    /// Nobody waits for it any more.
    Gone,
}

impl Judged {
    fn failed() -> Self {
        Self::Refuse { code: StatusCode::LOGON_FAILED, cause: "", challenges: None }
    }
}

impl Shared {
    /// Judges what a request came with. May block.
    pub(super) fn verdict(&self, rules: &Rules, exchange: &Exchange, work: Work) -> Judged {
        match work {
            Work::Token { word, token, slot } => match &rules.policy.schemes.windows {
                Some(windows) => self.token(exchange, (windows, rules.owner), word, &token, slot),
                None => Judged::failed(),
            },
            Work::Account { user } => match self.authority.account(&user) {
                Some(identity) => Judged::User { identity, proof: None, persistent: None },
                None => Judged::failed(),
            },
            Work::Password { user, password } => {
                let domain = rules.domain();
                match self.authority.check_password(&user, &password, domain) {
                    Ok(identity) => {
                        self.right.keep((&user, &password, domain), &identity, clock::coarse_ms());
                        Judged::User { identity, proof: None, persistent: None }
                    }
                    Err(denied) => self.denial(&denied),
                }
            }
        }
    }

    fn token(
        &self,
        exchange: &Exchange,
        (windows, owner): (&Windows, u64),
        word: &'static str,
        token: &[u8],
        slot: Option<Arc<Slot>>,
    ) -> Judged {
        let now = Duration::from_millis(clock::coarse_ms());
        let step = slot.as_ref().map(|slot| slot.with(owner, |handshakes| handshakes.token(now)));
        let (turn, context) = step.map_or((None, None), |step| (Some(step.turn), step.context));
        let binding = match windows.token_checking {
            TokenChecking::None => None,
            TokenChecking::Allow | TokenChecking::Require => {
                exchange.connection().tls.as_ref().and_then(|tls| tls.end_point())
            }
        };
        let leg = self.authority.accept(context, token, binding.as_deref());
        let (proved, answer, error) = self.proved(windows, leg);
        let outcome = match (&slot, turn) {
            (Some(slot), Some(turn)) => {
                slot.with(owner, |handshakes| handshakes.judged(turn, proved, windows))
            }
            _ => match proved {
                Proved::Identity(identity) => Outcome::SignedIn { identity, kept: false },
                Proved::Continue(_) => Outcome::Lost,
                Proved::Failed => Outcome::Failed,
            },
        };
        match outcome {
            Outcome::SignedIn { identity, kept } => {
                let proof = (!answer.is_empty()).then(|| format!("{word} {}", STANDARD.encode(answer)));
                Judged::User { identity, proof, persistent: Some(kept) }
            }
            Outcome::Continue => {
                if let Some(slot) = &slot {
                    self.halves.add(slot);
                }
                let challenges = Some(vec![format!("{word} {}", STANDARD.encode(answer))]);
                Judged::Refuse { code: StatusCode::SIGN_IN_REQUIRED, cause: "", challenges }
            }
            Outcome::Lost => {
                // Clients of HTTP/2 try again with the other version.
                if exchange.reset(HTTP_1_1_REQUIRED) {
                    return Judged::Gone;
                }
                self.tell("a sign-in needs several requests, and others came in between on its connection");
                Judged::failed()
            }
            Outcome::Failed => error.map_or_else(Judged::failed, |error| self.denial(&error)),
        }
    }

    /// What a leg proves, the bytes for the client, and what was wrong.
    fn proved(
        &self,
        windows: &Windows,
        leg: Result<Leg, Denied>,
    ) -> (Proved<super::Context>, Vec<u8>, Option<Denied>) {
        let failed = |reason: &str| {
            let denied = Denied { reason: reason.to_owned(), unavailable: false };
            (Proved::Failed, Vec::new(), Some(denied))
        };
        match leg {
            Err(denied) => (Proved::Failed, Vec::new(), Some(denied)),
            Ok(Leg::Continue(context, answer)) => (Proved::Continue(context), answer, None),
            Ok(Leg::Done { bound: false, .. }) if windows.token_checking == TokenChecking::Require => {
                failed("the token is not bound to the TLS connection, which extendedProtection requires")
            }
            Ok(Leg::Done { identity, .. })
                if identity.scheme == mews_model::authentication::Scheme::Ntlm && !windows.ntlm =>
            {
                failed("NTLM is not among the providers of windowsAuthentication")
            }
            Ok(Leg::Done { identity, token, .. }) => (Proved::Identity(identity), token, None),
        }
    }

    fn denial(&self, denied: &Denied) -> Judged {
        self.tell(&denied.reason);
        if denied.unavailable {
            let cause = "Signing in is not possible at the moment: the host's settings for it are at fault.";
            return Judged::Refuse {
                code: StatusCode::BAD_CONFIGURATION,
                cause,
                challenges: Some(Vec::new()),
            };
        }
        Judged::failed()
    }

    /// Logs why somebody is not signed in, not more often than once a second for each reason.
    fn tell(&self, reason: &str) {
        if self.answers.may_tell(reason) {
            tracing::warn!("a sign-in failed: {reason}");
        }
    }
}
