//! The way of a request, until it is answered or handed on with its user.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mews_model::StatusCode;
use mews_model::authentication::{
    Client, Credentials, Denial, Identity, Offer, Outcome, Policy, Proved, Verdict, Windows, authorize,
    mapped,
};
use mews_model::filtering::Rejection;
use mews_model::web_config::TokenChecking;

use super::authority::{Authority, Denied, Leg};
use super::certificate::parsed;
use super::deferred::{Deferred, Stage, Work};
use super::halves::Halves;
use super::jobs::{Jobs, Permit};
use super::passwords::Passwords;
use super::rules::{Rules, RulesOf};
use super::slot::Slot;
use crate::clock;
use crate::exchange::{Exchange, Extras};
use crate::filter::{Answers, Pages, Seen};
use crate::handler::{DispatchHint, Handler, RequestHead};
use crate::headers::known;
use crate::pages::PageHandler;
use crate::sync::lock;

/// Tokens judged at the same time: each may wait for the replay cache's disk.
const TOKENS: usize = 16;
/// Passwords checked at the same time: each may wait for a server, or is made to be slow.
const PASSWORDS: usize = 4;
/// Requests that may wait for either.
const WAITING: usize = 1024;

/// The error code of HTTP/2 for what it cannot do.
const HTTP_1_1_REQUIRED: u32 = 0xd;

/// What an [`AuthenticationHandler`] asks for.
pub struct AuthenticationOptions {
    /// The app's path: begins with a slash.
    pub base: String,
    /// What counts for the app.
    pub policy: Policy,
    /// What counts for paths inside it, which have no slashes at their ends.
    pub parts: Vec<(String, Policy)>,
    /// Passwords are taken over connections without TLS too.
    pub passwords_in_clear: bool,
    /// Judges tokens and passwords.
    pub authority: Arc<dyn Authority>,
    /// Makes the pages that refusals are answered with.
    pub pages: Box<Pages>,
}

/// See the module's documentation.
pub struct AuthenticationHandler {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Arc<dyn Handler>,
    rules: RulesOf,
    passwords_in_clear: bool,
    authority: Arc<dyn Authority>,
    answers: Answers,
    tokens: Arc<Jobs>,
    passwords: Arc<Jobs>,
    right: Passwords,
    halves: Halves,
}

/// What is attached to an exchange that never reaches the inner handler.
enum Stopped {
    Page(Arc<PageHandler>),
    Reset,
}

/// What becomes of a request.
enum Decision {
    /// It is handed on.
    Pass(Option<Arc<Identity>>),
    Refuse(StatusCode, &'static str),
    /// Something is to be judged first.
    Judge(Work),
}

impl AuthenticationHandler {
    /// Puts authentication before `inner`.
    pub fn new(inner: Arc<dyn Handler>, options: AuthenticationOptions) -> Self {
        let AuthenticationOptions { base, policy, parts, passwords_in_clear, authority, pages } = options;
        let shared = Shared {
            inner,
            rules: RulesOf::new(&base, policy, parts),
            passwords_in_clear,
            authority,
            answers: Answers::new(pages),
            tokens: Jobs::new(TOKENS, WAITING),
            passwords: Jobs::new(PASSWORDS, WAITING),
            right: Passwords::new(),
            halves: Halves::default(),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl Shared {
    /// Before anybody is looked for: address, TLS, certificate.
    fn denied(&self, rules: &Rules, head: &RequestHead<'_>, exchange: &Exchange) -> Option<Stopped> {
        let gate = &rules.policy.gate;
        if gate.is_open() {
            return None;
        }
        let seen = Seen::new(head);
        let info = exchange.connection();
        let forwarded_for = seen.header("X-Forwarded-For");
        let denial = gate.check(Client {
            address: info.remote.map(|remote| remote.ip()),
            forwarded_for: forwarded_for.as_deref(),
            tls: info.tls.is_some(),
            certificate: info.tls.as_ref().is_some_and(|tls| tls.client_certificate.is_some()),
        })?;
        Some(match denial {
            Denial::Reset => Stopped::Reset,
            Denial::Status(code, cause) => {
                Stopped::Page(self.answers.refused(&Rejection { code, cause }, &seen))
            }
        })
    }

    fn decide(&self, rules: &Rules, head: &RequestHead<'_>, exchange: &Exchange) -> Decision {
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

    fn takes_passwords(&self, exchange: &Exchange) -> bool {
        self.passwords_in_clear || exchange.connection().tls.is_some()
    }

    /// The fields of a 401 on this exchange.
    fn challenges(&self, rules: &Rules, exchange: &Exchange) -> Vec<String> {
        rules.policy.schemes.challenges(Offer {
            ntlm: self.authority.offers_ntlm(),
            own_connection: exchange.has_connection_state(),
            passwords: self.takes_passwords(exchange),
        })
    }

    /// Whether the user, or nobody, may send the request.
    fn admitted(
        policy: &Policy,
        head: &RequestHead<'_>,
        user: Option<&Identity>,
        challenges: &[String],
    ) -> Result<(), StatusCode> {
        if user.is_none() && !policy.schemes.anonymous {
            return Err(StatusCode::SIGN_IN_REQUIRED);
        }
        let method = String::from_utf8_lossy(head.method);
        match authorize(&policy.authorization, user, &method) {
            Verdict::Allowed => Ok(()),
            Verdict::SignIn if policy.schemes.any() => Err(StatusCode::SIGN_IN_REQUIRED),
            Verdict::Forbidden if !challenges.is_empty() => Err(StatusCode::NOT_AUTHORIZED),
            Verdict::SignIn | Verdict::Forbidden => Err(StatusCode::FORBIDDEN),
        }
    }

    /// A request that goes no further; `cause` may be empty for what is always the same.
    fn refusal(&self, code: StatusCode, cause: &str) -> Arc<PageHandler> {
        let cause = if cause.is_empty() { code.row().map_or("", |row| row.cause) } else { cause };
        self.answers.page(&Rejection { code, cause: cause.to_owned() })
    }

    fn stop(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>, page: Arc<PageHandler>) {
        page.prepare(head, exchange);
        exchange.attach(Arc::new(Stopped::Page(page)));
    }

    /// Hands a request on, or refuses it.
    fn settle(
        &self,
        rules: &Rules,
        head: &RequestHead<'_>,
        exchange: &Arc<Exchange>,
        user: Option<Arc<Identity>>,
        proof: Option<String>,
        persistent: Option<bool>,
    ) {
        let challenges = self.challenges(rules, exchange);
        let admitted = Self::admitted(&rules.policy, head, user.as_deref(), &challenges);
        exchange.add(Extras { challenges, proof, persistent });
        match admitted {
            Ok(()) => {
                if let Some(user) = user {
                    exchange.sign_in(user);
                }
                self.inner.prepare(head, exchange);
            }
            Err(code) => self.stop(head, exchange, self.refusal(code, "")),
        }
    }

    /// Goes on with a request whose credentials wait. Called on a pool thread.
    fn judge(&self, exchange: &Arc<Exchange>, permit: Permit) {
        let Some(deferred) = exchange.attachment_arc::<Deferred>() else { return };
        let work = match &mut *lock(&deferred.stage) {
            Stage::Waiting(work) => work.take(),
            Stage::HandedOn | Stage::Over => None,
        };
        let Some(work) = work else { return };
        let rules = &*deferred.rules;
        let verdict = if exchange.is_open() { self.verdict(rules, exchange, work) } else { Judged::Gone };
        drop(permit);
        let mut stage = lock(&deferred.stage);
        // Whoever is told of the client's end waits for the lock: either the inner handler has the request then, or
        // never gets it.
        if matches!(verdict, Judged::Gone) || !exchange.is_open() {
            *stage = Stage::Over;
            drop(stage);
            exchange.abort();
            return;
        }
        deferred.head.with(|head| match verdict {
            Judged::User { identity, proof, persistent } => {
                self.settle(rules, head, exchange, Some(identity), proof, persistent);
            }
            Judged::Refuse { code, cause, challenges } => {
                let challenges = challenges.unwrap_or_else(|| self.challenges(rules, exchange));
                exchange.add(Extras { challenges, proof: None, persistent: None });
                self.stop(head, exchange, self.refusal(code, cause));
            }
            Judged::Gone => {}
        });
        *stage = Stage::HandedOn;
        drop(stage);
        exchange.hand_on(|exchange| self.go_on(exchange));
    }

    fn verdict(&self, rules: &Rules, exchange: &Exchange, work: Work) -> Judged {
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

    /// The exchange has a page or is the inner handler's.
    fn go_on(&self, exchange: &Arc<Exchange>) {
        match exchange.attachment::<Stopped>() {
            None => self.inner.run(exchange),
            Some(Stopped::Page(page)) => page.run(exchange),
            Some(Stopped::Reset) => exchange.abort(),
        }
    }

    /// Whether the inner handler has the exchange.
    fn is_inner(&self, exchange: &Exchange) -> bool {
        let judged = exchange
            .attachment::<Deferred>()
            .is_none_or(|deferred| matches!(*lock(&deferred.stage), Stage::HandedOn));
        judged && exchange.attachment::<Stopped>().is_none()
    }
}

/// What was found.
enum Judged {
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

/// The user that the connection's certificate stands for.
fn certified<'p>(policy: &'p Policy, exchange: &Exchange) -> Option<&'p str> {
    let mapping = policy.schemes.certificates.as_ref()?;
    let tls = exchange.connection().tls.as_ref()?;
    let certificate = parsed(tls.client_certificate.as_deref()?)?;
    mapped(mapping, &certificate, tls.client_is_trusted, |text| STANDARD.decode(text).ok())
}

impl Handler for AuthenticationHandler {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        let shared = &self.shared;
        let rules = shared.rules.find(head.target);
        match shared.denied(rules, head, exchange) {
            Some(Stopped::Page(page)) => return shared.stop(head, exchange, page),
            Some(Stopped::Reset) => return exchange.attach(Arc::new(Stopped::Reset)),
            None => {}
        }
        match shared.decide(rules, head, exchange) {
            Decision::Pass(user) => shared.settle(rules, head, exchange, user, None, None),
            Decision::Refuse(code, cause) => {
                let challenges = shared.challenges(rules, exchange);
                exchange.add(Extras { challenges, proof: None, persistent: None });
                shared.stop(head, exchange, shared.refusal(code, cause));
            }
            Decision::Judge(work) => exchange.attach(Arc::new(Deferred::new(head, rules, work))),
        }
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        let Some(deferred) = exchange.attachment_arc::<Deferred>() else {
            return self.shared.go_on(exchange);
        };
        let jobs = match &*lock(&deferred.stage) {
            Stage::Waiting(Some(Work::Password { .. })) => &self.shared.passwords,
            _ => &self.shared.tokens,
        };
        let shared = self.shared.clone();
        if !jobs.submit(exchange, move |exchange, permit| shared.judge(exchange, permit)) {
            *lock(&deferred.stage) = Stage::Over;
            let page = self.shared.refusal(StatusCode::UNAVAILABLE, "Too many clients are signing in.");
            deferred.head.with(|head| page.prepare(head, exchange));
            page.run(exchange);
        }
    }

    fn body_ready(&self, exchange: &Exchange) {
        if self.shared.is_inner(exchange) {
            self.shared.inner.body_ready(exchange);
        }
    }

    fn writable(&self, exchange: &Exchange) {
        if self.shared.is_inner(exchange) {
            self.shared.inner.writable(exchange);
        }
    }

    fn aborted(&self, exchange: &Exchange) {
        if self.shared.is_inner(exchange) {
            self.shared.inner.aborted(exchange);
        }
    }

    fn dispatch_hint(&self) -> DispatchHint {
        self.shared.inner.dispatch_hint()
    }
}
