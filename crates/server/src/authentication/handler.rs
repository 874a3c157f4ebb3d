//! The way of a request, until it is answered or handed on with its user.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mews_model::StatusCode;
use mews_model::authentication::{
    Certificate, Client, Credentials, Denial, Gate, Identity, NamePart, Offer, Outcome, Proved, Schemes,
    Verdict, Windows, authorize, mapped,
};
use mews_model::filtering::Rejection;
use mews_model::web_config::{AuthorizationRule, TokenChecking};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::X509Name;

use super::authority::{Authority, Denied, Leg};
use super::deferred::{Deferred, Stage, Work};
use super::halves::Halves;
use super::jobs::{Jobs, Permit};
use super::passwords::Passwords;
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
    /// The schemes.
    pub schemes: Schemes,
    /// Addresses, TLS, certificates.
    pub gate: Gate,
    /// Users and roles.
    pub authorization: Vec<AuthorizationRule>,
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
    /// Tells the connection's states of several of these apart; never 0.
    id: u64,
    inner: Arc<dyn Handler>,
    schemes: Schemes,
    gate: Gate,
    authorization: Vec<AuthorizationRule>,
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
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let AuthenticationOptions { schemes, gate, authorization, passwords_in_clear, authority, pages } =
            options;
        let shared = Shared {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            inner,
            schemes,
            gate,
            authorization,
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
    fn denied(&self, head: &RequestHead<'_>, exchange: &Exchange) -> Option<Stopped> {
        if self.gate.is_open() {
            return None;
        }
        let seen = Seen::new(head);
        let info = exchange.connection();
        let forwarded_for = seen.header("X-Forwarded-For");
        let denial = self.gate.check(Client {
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

    fn decide(&self, head: &RequestHead<'_>, exchange: &Exchange) -> Decision {
        let fields = head.headers.iter().filter(|field| field.known == known::AUTHORIZATION);
        match Credentials::of(fields.map(|field| field.value)) {
            Credentials::Several if self.schemes.any() => {
                Decision::Refuse(StatusCode::BAD_REQUEST, "The request has several Authorization fields.")
            }
            Credentials::Windows(scheme, text)
                if self.schemes.windows.as_ref().is_some_and(|windows| windows.takes(scheme)) =>
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
            Credentials::Basic(text) if self.schemes.basic.is_some() => self.basic(text, exchange),
            _ => Decision::Pass(self.known(exchange)),
        }
    }

    fn basic(&self, text: &[u8], exchange: &Exchange) -> Decision {
        if !self.takes_passwords(exchange) {
            let cause = "Passwords are only taken over HTTPS. This one has been sent unencrypted: change it.";
            return Decision::Refuse(StatusCode::SSL_REQUIRED, cause);
        }
        let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded.as_deref().and_then(|decoded| decoded.split_once(':')) {
            Some((user, password)) => match self.right.find(user, password, clock::coarse_ms()) {
                Some(identity) => Decision::Pass(Some(identity)),
                None => {
                    Decision::Judge(Work::Password { user: user.to_owned(), password: password.to_owned() })
                }
            },
            None => Decision::Refuse(
                StatusCode::LOGON_FAILED,
                "The Authorization field holds no name and password.",
            ),
        }
    }

    /// Who a request without credentials of ours is from: the connection's user, or its certificate's.
    fn known(&self, exchange: &Exchange) -> Option<Arc<Identity>> {
        let signed_in = self.schemes.windows.as_ref().and_then(|_| {
            Slot::existing(exchange).and_then(|slot| slot.with(self.id, |handshakes| handshakes.plain()))
        });
        signed_in.or_else(|| {
            let mapping = self.schemes.certificates.as_ref()?;
            let tls = exchange.connection().tls.as_ref()?;
            let certificate = parsed(tls.client_certificate.as_deref()?)?;
            let user =
                mapped(mapping, &certificate, tls.client_is_trusted, |text| STANDARD.decode(text).ok())?;
            Some(self.authority.account(user))
        })
    }

    fn takes_passwords(&self, exchange: &Exchange) -> bool {
        self.passwords_in_clear || exchange.connection().tls.is_some()
    }

    /// The fields of a 401 on this exchange.
    fn challenges(&self, exchange: &Exchange) -> Vec<String> {
        self.schemes.challenges(Offer {
            ntlm: self.authority.offers_ntlm(),
            own_connection: exchange.has_connection_state(),
            passwords: self.takes_passwords(exchange),
        })
    }

    /// Whether the user, or nobody, may send the request.
    fn admitted(
        &self,
        head: &RequestHead<'_>,
        user: Option<&Identity>,
    ) -> Result<(), (StatusCode, &'static str)> {
        let sign_in = (StatusCode::SIGN_IN_REQUIRED, "");
        if user.is_none() && !self.schemes.anonymous {
            return Err(sign_in);
        }
        let method = String::from_utf8_lossy(head.method);
        match authorize(&self.authorization, user, &method) {
            Verdict::Allowed => Ok(()),
            Verdict::SignIn if self.schemes.any() => Err(sign_in),
            Verdict::SignIn | Verdict::Forbidden => Err((StatusCode::FORBIDDEN, "")),
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
        head: &RequestHead<'_>,
        exchange: &Arc<Exchange>,
        user: Option<Arc<Identity>>,
        proof: Option<String>,
        persistent: Option<bool>,
    ) {
        exchange.add(Extras { challenges: self.challenges(exchange), proof, persistent });
        match self.admitted(head, user.as_deref()) {
            Ok(()) => {
                if let Some(user) = user {
                    exchange.sign_in(user);
                }
                self.inner.prepare(head, exchange);
            }
            Err((code, cause)) => self.stop(head, exchange, self.refusal(code, cause)),
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
        let verdict = if exchange.is_open() { self.verdict(exchange, work) } else { Judged::Gone };
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
                self.settle(head, exchange, Some(identity), proof, persistent);
            }
            Judged::Refuse { code, cause, challenges } => {
                let challenges = challenges.unwrap_or_else(|| self.challenges(exchange));
                exchange.add(Extras { challenges, proof: None, persistent: None });
                self.stop(head, exchange, self.refusal(code, cause));
            }
            Judged::Gone => {}
        });
        *stage = Stage::HandedOn;
        drop(stage);
        exchange.hand_on(|exchange| self.go_on(exchange));
    }

    fn verdict(&self, exchange: &Exchange, work: Work) -> Judged {
        match work {
            Work::Token { word, token, slot } => match &self.schemes.windows {
                Some(windows) => self.token(exchange, windows, word, &token, slot),
                None => Judged::failed(),
            },
            Work::Password { user, password } => match self.authority.check_password(&user, &password) {
                Ok(identity) => {
                    self.right.keep(&user, &password, &identity, clock::coarse_ms());
                    Judged::User { identity, proof: None, persistent: None }
                }
                Err(denied) => self.denial(&denied),
            },
        }
    }

    fn token(
        &self,
        exchange: &Exchange,
        windows: &Windows,
        word: &'static str,
        token: &[u8],
        slot: Option<Arc<Slot>>,
    ) -> Judged {
        let now = Duration::from_millis(clock::coarse_ms());
        let step = slot.as_ref().map(|slot| slot.with(self.id, |handshakes| handshakes.token(now)));
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
                slot.with(self.id, |handshakes| handshakes.judged(turn, proved, windows))
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

impl Handler for AuthenticationHandler {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        let shared = &self.shared;
        match shared.denied(head, exchange) {
            Some(Stopped::Page(page)) => return shared.stop(head, exchange, page),
            Some(Stopped::Reset) => return exchange.attach(Arc::new(Stopped::Reset)),
            None => {}
        }
        match shared.decide(head, exchange) {
            Decision::Pass(user) => shared.settle(head, exchange, user, None, None),
            Decision::Refuse(code, cause) => {
                let challenges = shared.challenges(exchange);
                exchange.add(Extras { challenges, proof: None, persistent: None });
                shared.stop(head, exchange, shared.refusal(code, cause));
            }
            Decision::Judge(work) => exchange.attach(Arc::new(Deferred::new(head, work))),
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

fn parsed(der: &[u8]) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(Certificate {
        der: der.to_vec(),
        subject: parts(certificate.subject()),
        issuer: parts(certificate.issuer()),
    })
}

/// The parts of a name; kinds without an abbreviation are written as numbers.
fn parts(name: &X509Name<'_>) -> Vec<NamePart> {
    let registry = x509_parser::objects::oid_registry();
    let attributes = name.iter_attributes().filter_map(|attribute| {
        let value = attribute.as_str().ok()?.to_owned();
        let oid = attribute.attr_type();
        let kind = x509_parser::objects::oid2abbrev(oid, registry)
            .map_or_else(|_| oid.to_id_string(), str::to_owned);
        Some(NamePart { kind, value })
    });
    attributes.collect()
}
