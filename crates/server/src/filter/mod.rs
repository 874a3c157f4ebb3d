//! A handler around another one: request filtering and URL rewriting, as `web.config` asks for them.
//!
//! What is decided is decided in `mews_model`; here requests are shown to it, and answered or handed on.

mod answers;
mod request;

use std::sync::Arc;

use mews_model::filtering::{Facts, RequestFiltering};
use mews_model::rewrite::{self, Compiled, FileSystem, Outcome};

use self::request::replaced;
use crate::exchange::Exchange;
use crate::handler::{DispatchHint, Handler, RequestHead};
use crate::pages::PageHandler;

pub(crate) use self::answers::Answers;
pub use self::answers::Pages;
pub(crate) use self::request::Seen;

/// What a [`FilterHandler`] enforces.
pub struct FilterOptions {
    /// Which requests are refused.
    pub filtering: RequestFiltering,
    /// The rewrite rules.
    pub rules: Compiled,
    /// The app's path base: empty, or beginning with a slash and without one at the end.
    pub base: String,
    /// The app's folder.
    pub files: Box<dyn FileSystem>,
    /// Makes the pages that refusals are answered with.
    pub pages: Box<Pages>,
}

/// See the module's documentation.
pub struct FilterHandler {
    inner: Arc<dyn Handler>,
    filtering: RequestFiltering,
    rules: Compiled,
    base: String,
    files: Box<dyn FileSystem>,
    answers: Answers,
}

/// What is attached to an exchange that never reaches the inner handler.
enum Answered {
    Page(Arc<PageHandler>),
    Reset,
}

impl FilterHandler {
    /// Puts a filter before `inner`.
    pub fn new(inner: Arc<dyn Handler>, options: FilterOptions) -> Self {
        let FilterOptions { filtering, rules, base, files, pages } = options;
        Self { inner, filtering, rules, base, files, answers: Answers::new(pages) }
    }

    fn answer(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>, page: Arc<PageHandler>) {
        page.prepare(head, exchange);
        exchange.attach(Arc::new(Answered::Page(page)));
    }

    /// Applies the rules; what they made of the request goes to the inner handler.
    fn rewrite(&self, seen: &Seen<'_>, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        let connection = exchange.connection();
        let header = |name: &str| seen.header(name);
        let applied = self.rules.apply(&rewrite::Request {
            method: &seen.method,
            target: &seen.target,
            base: &self.base,
            protocol: match head.version {
                10 => "HTTP/1.0",
                20 => "HTTP/2.0",
                _ => "HTTP/1.1",
            },
            header: &header,
            connection: rewrite::Connection {
                https: connection.tls.is_some(),
                remote: connection.remote,
                local: connection.local,
            },
            files: &*self.files,
        });
        if let Some(rule) = applied.gave_up_on
            && self.answers.may_tell(&rule)
        {
            tracing::warn!(
                rule,
                "a pattern of the rewrite rule took too many steps and was taken for not matching; make it simpler"
            );
        }
        match applied.outcome {
            Outcome::Continue { target: None, headers } if headers.is_empty() => {
                self.inner.prepare(head, exchange);
            }
            Outcome::Continue { target, headers } => {
                let fields = replaced(head.headers, &headers);
                let target = target.as_deref().map_or(head.target, str::as_bytes);
                self.inner.prepare(&RequestHead { target, headers: &fields, ..*head }, exchange);
            }
            Outcome::Redirect { status, location } => {
                self.answer(head, exchange, Arc::new(PageHandler::redirect(status, &location)));
            }
            Outcome::Respond { status, sub_status, reason, description } => {
                let page = self.answers.own(status, sub_status, &reason, &description);
                self.answer(head, exchange, Arc::new(page));
            }
            Outcome::Broken { rule, problem } => {
                if self.answers.may_tell(&rule) {
                    tracing::error!(
                        "the rewrite rule '{rule}' cannot be applied: {problem}; mend it in web.config"
                    );
                }
                self.answer(head, exchange, self.answers.broken());
            }
            Outcome::Abort => exchange.attach(Arc::new(Answered::Reset)),
        }
    }
}

impl Handler for FilterHandler {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        let seen = Seen::new(head);
        let header_size = |name: &str| seen.header_size(name);
        let rejection = self.filtering.check(&Facts {
            method: &seen.method,
            target: &seen.target,
            base: &self.base,
            content_length: head.content_length,
            header_size: &header_size,
            files: &*self.files,
        });
        match rejection {
            Some(rejection) => {
                let page = self.answers.refused(&rejection, &seen);
                self.answer(head, exchange, page);
            }
            None if self.rules.is_empty() => self.inner.prepare(head, exchange),
            None => self.rewrite(&seen, head, exchange),
        }
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        match exchange.attachment::<Answered>() {
            None => self.inner.run(exchange),
            Some(Answered::Page(page)) => page.run(exchange),
            Some(Answered::Reset) => exchange.abort(),
        }
    }

    fn body_ready(&self, exchange: &Exchange) {
        if exchange.attachment::<Answered>().is_none() {
            self.inner.body_ready(exchange);
        }
    }

    fn writable(&self, exchange: &Exchange) {
        if exchange.attachment::<Answered>().is_none() {
            self.inner.writable(exchange);
        }
    }

    fn aborted(&self, exchange: &Exchange) {
        if exchange.attachment::<Answered>().is_none() {
            self.inner.aborted(exchange);
        }
    }

    fn discarded(&self, exchange: &Exchange) {
        if exchange.attachment::<Answered>().is_none() {
            self.inner.discarded(exchange);
        }
    }

    fn dispatch_hint(&self) -> DispatchHint {
        self.inner.dispatch_hint()
    }
}
