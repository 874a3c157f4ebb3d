//! A request that has not been forwarded yet.

use std::fmt;
use std::mem::MaybeUninit;
use std::sync::Arc;

use super::relay::Relay;
use super::upstream::Upstream;
use crate::clock;
use crate::exchange::Exchange;
use crate::handler::{ConnectionInfo, Handler, HeaderRef, RequestHead};
use crate::headers::known;
use crate::pages::PageHandler;

/// The server takes no head with more fields; a few are added.
const FIELDS: usize = 272;

/// A request that waits for its upstream. Dropping it unanswered answers 500.
pub struct Held {
    parts: Option<(Arc<Exchange>, Arc<Relay>)>,
}

impl Held {
    pub(super) fn new(exchange: Arc<Exchange>, relay: Arc<Relay>) -> Self {
        Self { parts: Some((exchange, relay)) }
    }

    /// Forwards the request. Callable from any thread; the work is done on the I/O thread of the client's connection.
    pub fn forward(mut self, to: &Arc<Upstream>) {
        if let Some((exchange, relay)) = self.parts.take() {
            relay.start(exchange, to);
        }
    }

    /// Answers with `page`, in the form that the client asked for. Callable from any thread.
    pub fn fail(mut self, page: &PageHandler) {
        if let Some((exchange, relay)) = self.parts.take() {
            match relay.give_up() {
                Some(head) => answer(&exchange, &head, page),
                None => exchange.abort(),
            }
        }
    }

    /// Whether the client has left meanwhile. Then nothing has to be done but to drop the request.
    pub fn is_abandoned(&self) -> bool {
        self.parts.as_ref().is_none_or(|(exchange, relay)| relay.is_abandoned() || !exchange.is_open())
    }

    /// The client's connection.
    pub(super) fn connection(&self) -> Option<&ConnectionInfo> {
        self.parts.as_ref().map(|(exchange, _)| exchange.connection())
    }

    /// The request's number, unique in the process.
    pub fn request_id(&self) -> u64 {
        self.parts.as_ref().map_or(0, |(exchange, _)| exchange.request_id())
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("request_id", &self.request_id()).finish_non_exhaustive()
    }
}

/// Has `page` answer the request whose forwarded head is `bytes`, complete or without its end.
pub(super) fn answer(exchange: &Arc<Exchange>, bytes: &[u8], page: &PageHandler) {
    let mut bytes = bytes.to_vec();
    if !bytes.ends_with(b"\r\n\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    let mut fields = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; FIELDS];
    let mut request = httparse::Request::new(&mut []);
    // What we have written ourselves can be read; if not, the page is answered in its default form.
    let read = request.parse_with_uninit_headers(&bytes, &mut fields);
    let headers: Vec<HeaderRef<'_>> = match read {
        Ok(_) => request.headers.iter().map(reference).collect(),
        Err(_) => Vec::new(),
    };
    let now = clock::now_ns();
    let head = RequestHead {
        method: request.method.unwrap_or_default().as_bytes(),
        target: request.path.unwrap_or_default().as_bytes(),
        version: 11,
        headers: &headers,
        content_length: None,
        has_body: false,
        chunked: false,
        expect_continue: false,
        trailers_allowed: false,
        upgradable: false,
        extended_connect: false,
        request_id: exchange.request_id(),
        parse_start_ns: now,
        parse_end_ns: now,
    };
    page.prepare(&head, exchange);
    page.run(exchange);
}

fn reference<'a>(header: &httparse::Header<'a>) -> HeaderRef<'a> {
    let name = header.name.as_bytes();
    HeaderRef { name, value: header.value, known: known::number(name) }
}

/// For the log: method and path of a head, without the query.
pub(super) fn method_and_path(head: &[u8]) -> (String, String) {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
    (String::from_utf8_lossy(method).into_owned(), String::from_utf8_lossy(path).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_gets_no_query() {
        let (method, path) = method_and_path(b"POST /a/b%20c?token=x HTTP/1.1\r\nHost: x\r\n");
        assert_eq!((&*method, &*path), ("POST", "/a/b%20c"));
        assert_eq!(method_and_path(b""), (String::new(), String::new()));
    }
}
