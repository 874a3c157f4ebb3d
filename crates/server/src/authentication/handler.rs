//! The way of a request, until it is answered or handed on with its user.

use std::sync::Arc;

use mews_model::StatusCode;
use mews_model::authentication::{Client, Denial, Identity, Offer, Policy, Verdict, authorize};
use mews_model::filtering::Rejection;

use super::authority::Authority;
use super::decision::Decision;
use super::deferred::{Deferred, Stage, Work};
use super::halves::Halves;
use super::jobs::{Jobs, Permit};
use super::passwords::Passwords;
use super::rules::{Rules, RulesOf};
use super::verdict::Judged;
use crate::exchange::{Exchange, Extras};
use crate::filter::{Answers, Pages, Seen};
use crate::handler::{DispatchHint, Handler, RequestHead};
use crate::pages::PageHandler;
use crate::sync::lock;

/// Tokens judged at the same time: each may wait for the replay cache's disk.
const TOKENS: usize = 16;
/// Passwords checked at the same time: each may wait for a server, or is made to be slow.
const PASSWORDS: usize = 4;
/// Requests that may wait for either.
const WAITING: usize = 1024;

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

/// What all requests share.
pub(super) struct Shared {
    inner: Arc<dyn Handler>,
    rules: RulesOf,
    passwords_in_clear: bool,
    pub(super) authority: Arc<dyn Authority>,
    pub(super) answers: Answers,
    tokens: Arc<Jobs>,
    passwords: Arc<Jobs>,
    /// Those that were right a moment ago.
    pub(super) right: Passwords,
    pub(super) halves: Halves,
}

/// What is attached to an exchange that never reaches the inner handler.
enum Stopped {
    Page(Arc<PageHandler>),
    Reset,
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

    pub(super) fn takes_passwords(&self, exchange: &Exchange) -> bool {
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

    fn discarded(&self, exchange: &Exchange) {
        if self.shared.is_inner(exchange) {
            self.shared.inner.discarded(exchange);
        }
    }

    fn dispatch_hint(&self) -> DispatchHint {
        self.shared.inner.dispatch_hint()
    }
}
