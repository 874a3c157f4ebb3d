//! A request whose credentials are judged on another thread: its head is kept until then.

use std::sync::{Arc, Mutex};

use super::rules::Rules;
use super::slot::Slot;
use crate::handler::{HeaderRef, RequestHead};

/// What is to be judged.
pub(super) enum Work {
    Token {
        /// `Negotiate` or `NTLM`, as the client wrote it.
        word: &'static str,
        token: Vec<u8>,
        slot: Option<Arc<Slot>>,
    },
    Password {
        user: String,
        password: String,
    },
    /// The account of a client certificate is to be looked up.
    Account {
        user: String,
    },
}

/// How far the request is.
pub(super) enum Stage {
    /// Not judged yet; `None` while it is.
    Waiting(Option<Work>),
    /// The inner handler has it.
    HandedOn,
    /// It was answered, or nobody waits for an answer any more.
    Over,
}

/// See the module's documentation.
pub(super) struct Deferred {
    pub(super) head: OwnedHead,
    pub(super) rules: Arc<Rules>,
    pub(super) stage: Mutex<Stage>,
}

impl Deferred {
    pub(super) fn new(head: &RequestHead<'_>, rules: &Arc<Rules>, work: Work) -> Self {
        let stage = Mutex::new(Stage::Waiting(Some(work)));
        Self { head: OwnedHead::new(head), rules: Arc::clone(rules), stage }
    }
}

/// A copy of a request head.
pub(super) struct OwnedHead {
    bytes: Vec<u8>,
    method: usize,
    target: usize,
    /// Lengths of name and value, and the known number.
    fields: Vec<(usize, usize, u8)>,
    /// What is copied as it is.
    rest: RequestHead<'static>,
}

impl OwnedHead {
    fn new(head: &RequestHead<'_>) -> Self {
        let size = head.headers.iter().map(|field| field.name.len() + field.value.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(head.method.len() + head.target.len() + size);
        bytes.extend_from_slice(head.method);
        bytes.extend_from_slice(head.target);
        let mut fields = Vec::with_capacity(head.headers.len());
        for field in head.headers {
            bytes.extend_from_slice(field.name);
            bytes.extend_from_slice(field.value);
            fields.push((field.name.len(), field.value.len(), field.known));
        }
        let rest = RequestHead {
            method: b"",
            target: b"",
            headers: &[],
            version: head.version,
            content_length: head.content_length,
            has_body: head.has_body,
            chunked: head.chunked,
            expect_continue: head.expect_continue,
            trailers_allowed: head.trailers_allowed,
            upgradable: head.upgradable,
            extended_connect: head.extended_connect,
            request_id: head.request_id,
            parse_start_ns: head.parse_start_ns,
            parse_end_ns: head.parse_end_ns,
        };
        Self { bytes, method: head.method.len(), target: head.target.len(), fields, rest }
    }

    /// Shows the head.
    pub(super) fn with<R>(&self, show: impl FnOnce(&RequestHead<'_>) -> R) -> R {
        let (method, rest) = self.bytes.split_at(self.method);
        let (target, mut rest) = rest.split_at(self.target);
        let mut headers = Vec::with_capacity(self.fields.len());
        for (name, value, known) in &self.fields {
            let (name, after) = rest.split_at(*name);
            let (value, after) = after.split_at(*value);
            headers.push(HeaderRef { name, value, known: *known });
            rest = after;
        }
        show(&RequestHead { method, target, headers: &headers, ..self.rest })
    }
}
