//! The handler that answers every request with one page.

use std::sync::Arc;

use super::form::Form;
use super::html;
use super::page::Page;
use crate::exchange::{Exchange, ResponseHead};
use crate::handler::{DispatchHint, Handler, RequestHead};
use crate::headers::{HeaderBlock, HeaderBlockRef, known};

/// In the exchange's tag, beside the form: the client is on this machine.
const LOCAL: u64 = 1 << 8;
/// The request's body is more than is swallowed, so that the connection ends with the answer.
const CLOSE: u64 = 1 << 9;

struct Rendered {
    headers: HeaderBlock,
    body: Vec<u8>,
}

/// A page in each form.
struct Forms([Rendered; 4]);

impl Forms {
    fn new(page: &Page) -> Self {
        Self(Form::ALL.map(|form| {
            let body = match form {
                Form::Html => html::document(page),
                Form::Json => page.json(),
                Form::Problem => page.problem(),
                Form::Text => page.text(),
            };
            let mut headers = HeaderBlock::new();
            headers
                .push_known(known::CONTENT_TYPE, form.content_type())
                .push_known(known::CACHE_CONTROL, b"no-store")
                .push(b"X-Content-Type-Options", b"nosniff");
            if let Some(seconds) = page.retry_after {
                headers.push_known(known::RETRY_AFTER, seconds.to_string().as_bytes());
            }
            Rendered { headers, body: body.into_bytes() }
        }))
    }
}

enum Answer {
    Page {
        all: Box<Forms>,
        /// For clients on this machine, when they see more.
        local: Option<Box<Forms>>,
    },
    /// The same bytes for everybody.
    Fixed(Rendered),
}

/// Answers every request, whatever its method, with one page. Request bodies are ignored.
pub struct PageHandler {
    status: u16,
    sub_status: u16,
    reason: Vec<u8>,
    close: bool,
    answer: Answer,
}

impl PageHandler {
    /// Renders the page once. A status that cannot be sent becomes 500.
    pub fn new(page: &Page) -> Self {
        let all = Box::new(Forms::new(page));
        let local = page.local().map(|page| Box::new(Forms::new(&page)));
        Self {
            status: sendable(page.status),
            sub_status: page.sub_status,
            reason: Vec::new(),
            close: false,
            answer: Answer::Page { all, local },
        }
    }

    /// Answers with the status alone. One that cannot be sent becomes 500.
    pub fn bare(status: u16) -> Self {
        Self::fixed(status, HeaderBlock::new(), Vec::new())
    }

    /// Answers with this body, whatever the client accepts. A status that cannot be sent becomes 500.
    pub fn body(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let mut headers = HeaderBlock::new();
        headers.push_known(known::CONTENT_TYPE, content_type.as_bytes());
        headers.push_known(known::CACHE_CONTROL, b"no-store");
        Self::fixed(status, headers, body)
    }

    /// Sends the client elsewhere. `location` is printable ASCII.
    pub fn redirect(status: u16, location: &str) -> Self {
        let mut headers = HeaderBlock::new();
        headers.push_known(known::LOCATION, location.as_bytes());
        Self::fixed(status, headers, Vec::new())
    }

    /// With a reason phrase of its own; one that cannot be sent is left out.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        let sendable = reason.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        self.reason = if sendable { reason.as_bytes().to_vec() } else { Vec::new() };
        self
    }

    /// Closes the connection behind the answer, without waiting for the rest of the request's body.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    fn fixed(status: u16, headers: HeaderBlock, body: Vec<u8>) -> Self {
        Self {
            status: sendable(status),
            sub_status: 0,
            reason: Vec::new(),
            close: false,
            answer: Answer::Fixed(Rendered { headers, body }),
        }
    }

    /// The answer of a server without a handler.
    pub(crate) fn unavailable() -> Self {
        Self::new(&Page { status: 503, title: "Service unavailable".into(), ..Page::default() })
    }

    fn rendered(&self, tag: u64) -> &Rendered {
        let (all, local) = match &self.answer {
            Answer::Page { all, local } => (all, local),
            Answer::Fixed(rendered) => return rendered,
        };
        let forms = local.as_ref().filter(|_| tag & LOCAL != 0).unwrap_or(all);
        let form = Form::ALL.iter().position(|form| *form as u64 == tag & !(LOCAL | CLOSE)).unwrap_or(0);
        &forms.0[form]
    }
}

fn sendable(status: u16) -> u16 {
    if (200..600).contains(&status) { status } else { 500 }
}

impl Handler for PageHandler {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        let local =
            exchange.connection().remote.is_some_and(|remote| remote.ip().to_canonical().is_loopback());
        let mut length = head.headers.iter().filter(|header| header.known == known::CONTENT_LENGTH);
        let length = length.next().and_then(|header| str::from_utf8(header.value).ok()?.parse().ok());
        let close = length.is_some_and(|length: u64| !exchange.swallows(length));
        let facts = (u64::from(local) * LOCAL) | (u64::from(close) * CLOSE);
        exchange.set_tag(Form::of(head.headers) as u64 | facts);
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        exchange.set_sub_status(self.sub_status);
        let rendered = self.rendered(exchange.tag());
        let head = ResponseHead {
            status: self.status,
            reason: &self.reason,
            headers: rendered.headers.as_ref(),
            content_length: Some(rendered.body.len() as u64),
            close: self.close || exchange.tag() & CLOSE != 0,
        };
        // A client that is gone needs no page.
        let _ = exchange.finish(Some(&head), &rendered.body, HeaderBlockRef::EMPTY);
    }

    fn dispatch_hint(&self) -> DispatchHint {
        DispatchHint::NeverBlocks
    }
}
