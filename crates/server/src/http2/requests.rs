//! From a decoded block to a running handler.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::conn::Connection;
use super::frame::Code;
use super::head::{self, Head, Refused};
use super::hpack::Fields;
use super::receiver::{Fault, Receiver};
use super::state::{Farewell, Run};
use super::stream::Request;
use crate::access::{Account, Cause, Trace, Unserved};
use crate::application::Served;
use crate::clock;
use crate::dispatch::{self, Place, PoolRun};
use crate::exchange::Exchange;
use crate::handler::{DispatchHint, RequestHead};
use crate::http1::Rejection;
use crate::output::Phase;
use crate::stats::Counters;
use crate::sync::lock;

impl Connection {
    /// The fields in `receiver` begin stream `id`.
    pub(super) fn request(
        self: &Arc<Self>,
        receiver: &mut Receiver,
        id: u32,
        ended: bool,
        start_ns: i64,
    ) -> Result<(), Fault> {
        let limits = self.server.limits();
        let streams = limits.http2.streams as usize;
        {
            let mut state = lock(&self.state);
            if matches!(state.farewell, Farewell::Final(_)) {
                // The client knows that it is not served, or will.
                return Ok(());
            }
            state.last = id;
            if state.in_use >= streams.saturating_mul(2) {
                Counters::add(&self.server.counters().http2_reset_floods);
                return Err(Fault::calm("requests are given up faster than they can be ended"));
            }
            if state.open() >= streams {
                Counters::add(&self.server.counters().http2_refused_streams);
                state.reset_unknown(id, Code::REFUSED_STREAM);
                // Before the client can have known the limit, disregarding it is no fault.
                if state.settled && !state.spend_error(clock::coarse_ms()) {
                    Counters::add(&self.server.counters().http2_reset_floods);
                    return Err(Fault::calm("too many streams had to be refused"));
                }
                return Ok(());
            }
        }
        let Receiver { fields, cookies, served, .. } = receiver;
        let length = fields.size();
        match head::request(fields, cookies, ended, limits) {
            Ok(head) => {
                self.begin(served, id, &head, length, ended, start_ns);
                Ok(())
            }
            Err(Refused::Answer(rejection)) => {
                self.account_for(fields, rejection, start_ns);
                self.reject(id, ended, rejection);
                Ok(())
            }
            Err(Refused::Malformed(why)) => {
                Counters::add(&self.server.counters().rejected_malformed);
                self.account_for(fields, Rejection::malformed(why), start_ns);
                let mut state = lock(&self.state);
                self.stream_error(&mut state, id, Code::PROTOCOL_ERROR, why)
            }
        }
    }

    /// Accounts for a request that the handler does not see.
    fn account_for(&self, fields: &Fields, rejection: Rejection, start_ns: i64) {
        let word = |name: &[u8]| {
            let field = fields.iter().find(|field| field.name == name);
            field.map_or(&b"-"[..], |field| field.value)
        };
        self.server.accounting().unserved(&Unserved {
            remote: self.info.remote,
            local: self.info.local,
            head: &[word(b":method"), word(b":path"), b"HTTP/2"].join(&b' '),
            cause: Cause::Rejected(rejection),
            sent: 0,
            duration_ns: clock::now_ns() - start_ns,
        });
    }

    /// Answers a request that the handler does not see.
    fn reject(&self, id: u32, ended: bool, rejection: Rejection) {
        Counters::add(rejection.counter(self.server.counters()));
        tracing::debug!(
            connection = self.info.id,
            stream = id,
            status = rejection.status,
            reason = rejection.reason,
            "a request was refused"
        );
        let mut state = lock(&self.state);
        let index = state.begin(id, Request { ended, ..Request::default() });
        state.streams[index].alive = false;
        state.answer(index, rejection.status, rejection.reason);
    }

    /// Makes the exchange, has the handler copy the head, and decides where the handler runs.
    fn begin(
        self: &Arc<Self>,
        served: &mut Served,
        id: u32,
        head: &Head<'_>,
        length: usize,
        ended: bool,
        start_ns: i64,
    ) {
        let request_id = self.io.shard().next_request_id();
        let has_body = !ended && !head.extended_connect;
        let request = RequestHead {
            method: head.method,
            target: head.target,
            version: 20,
            headers: &head.headers,
            content_length: head.content_length,
            has_body,
            chunked: false,
            expect_continue: head.expect_continue,
            trailers_allowed: true,
            upgradable: false,
            extended_connect: head.extended_connect,
            request_id,
            parse_start_ns: start_ns,
            parse_end_ns: clock::now_ns(),
        };
        let application = served.application(&self.server, self.gate.as_ref(), &request, &self.info);
        let traced = Trace::of(&application, &request);
        let headers = traced.headers(&head.headers);
        let request = RequestHead { headers: &headers, ..request };
        let account = Account::new(&application, &self.info, &request, length, &traced);
        let facts = Request {
            application: Some(application.clone()),
            account: Some(account.clone()),
            is_head: head.method == b"HEAD",
            extended_connect: head.extended_connect,
            expect: head.expect_continue,
            content_length: head.content_length,
            max_body: application.max_request_body(),
            ended,
        };
        let (place, key) = match application.handler().dispatch_hint() {
            DispatchHint::NeverBlocks => (Place::Inline, 0),
            DispatchHint::Learn => {
                let key = dispatch::key(head.method, head.target);
                (self.server.dispatch(self.io.shard()).decide(key), key)
            }
        };
        let mut state = lock(&self.state);
        let index = state.begin(id, facts);
        let seq = state.seq(index);
        let this = self.clone();
        let exchange = Arc::new(Exchange::new(
            this,
            application,
            account,
            seq,
            request_id,
            has_body,
            head.extended_connect,
        ));
        state.streams[index].exchange = Arc::downgrade(&exchange);
        drop(state);
        if catch_unwind(AssertUnwindSafe(|| exchange.handler().prepare(&request, &exchange))).is_err() {
            tracing::error!(request_id, "the handler panicked while it prepared a request");
            let mut state = lock(&self.state);
            if state.streams[index].phase == Phase::Waiting {
                state.answer(index, 500, "");
            }
            // The handler is not run.
            return;
        }
        match place {
            Place::Inline => lock(&self.state).runs.push_back(Run { exchange, key }),
            Place::Pool => self.run_on_pool(exchange, key),
        }
    }

    /// Runs the handlers of what has been read, one after another. `false`: another thread drives the shard now.
    pub(super) fn run_inline(&self) -> bool {
        let shard = self.io.shard();
        loop {
            let Some(run) = lock(&self.state).runs.pop_front() else { return true };
            self.inline_run.begin(run.key);
            shard.enter_handler(&self.io);
            shard.counters.inline_runs.fetch_add(1, Ordering::Relaxed);
            run.exchange.run();
            drop(run.exchange);
            let driven = shard.driven_here();
            if self.inline_run.end() {
                self.server.dispatch(shard).recovered(run.key);
            }
            if !driven {
                return false;
            }
        }
    }

    fn run_on_pool(self: &Arc<Self>, exchange: Arc<Exchange>, key: u64) {
        let this = self.clone();
        self.io.shard().counters.pool_runs.fetch_add(1, Ordering::Relaxed);
        self.server.threads().run(move || {
            let run = PoolRun::begin();
            exchange.run();
            drop(exchange);
            let ran = run.end();
            this.look_for_abort();
            this.server.dispatch(this.io.shard()).pool_run(key, ran);
        });
    }

    /// Does the task's work while it is inside a handler. Handlers that were to run inline get threads of their own.
    pub(super) fn stand_in(self: &Arc<Self>) {
        while self.advance() {}
        loop {
            let Some(run) = lock(&self.state).runs.pop_front() else { break };
            self.run_on_pool(run.exchange, run.key);
        }
        self.check_times(clock::coarse_ms());
        self.deliver();
        self.flush();
        if self.deliver() {
            self.flush();
        }
    }
}
