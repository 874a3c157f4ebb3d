//! A handler around another one: requests that came without TLS are sent to https.

use std::sync::Arc;

use mews_model::routing::{named_by, split_target};
use mews_model::server_config::HostName;

use crate::exchange::Exchange;
use crate::handler::{DispatchHint, Handler, RequestHead};
use crate::headers::known;
use crate::pages::{Page, PageHandler};

/// Where https is spoken for which names.
pub type HttpsPorts = Vec<(HostName, u16)>;

/// See the module's documentation.
pub struct HttpsRedirectHandler {
    inner: Arc<dyn Handler>,
    status: u16,
    ports: HttpsPorts,
}

/// Attached to an exchange that never reaches the inner handler.
struct Redirected(PageHandler);

impl HttpsRedirectHandler {
    /// Answers with this status, 307 or 308. The port is that of the first entry that takes the request's host name;
    /// 443 when none does.
    pub fn new(inner: Arc<dyn Handler>, status: u16, ports: HttpsPorts) -> Self {
        Self { inner, status, ports }
    }

    fn answer(&self, head: &RequestHead<'_>) -> PageHandler {
        let target = split_target(head.target);
        let field = || head.headers.iter().find(|field| field.known == known::HOST).map(|field| field.value);
        let host = named_by(target.host.or_else(field).unwrap_or_default());
        if host.is_empty() {
            return PageHandler::new(&Page {
                status: 400,
                title: "No host".to_owned(),
                message:
                    "This site is only reached over https, and the request does not say under which name."
                        .to_owned(),
                ..Page::default()
            });
        }
        let port = self.ports.iter().find(|(name, _)| name.takes(host)).map_or(443, |(_, port)| *port);
        let mut location = "https://".to_owned();
        push(&mut location, host);
        if port != 443 {
            location.push_str(&format!(":{port}"));
        }
        if !target.path.starts_with(b"/") {
            location.push('/');
        }
        if target.path != b"*" {
            push(&mut location, target.path);
        }
        PageHandler::redirect(self.status, &location)
    }
}

/// Appends what can stand in a URL, and the rest escaped.
fn push(url: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_graphic() {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

impl Handler for HttpsRedirectHandler {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        if exchange.connection().tls.is_some() {
            return self.inner.prepare(head, exchange);
        }
        let answer = self.answer(head);
        answer.prepare(head, exchange);
        exchange.attach(Arc::new(Redirected(answer)));
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        match exchange.attachment::<Redirected>() {
            None => self.inner.run(exchange),
            Some(Redirected(answer)) => answer.run(exchange),
        }
    }

    fn body_ready(&self, exchange: &Exchange) {
        if exchange.attachment::<Redirected>().is_none() {
            self.inner.body_ready(exchange);
        }
    }

    fn writable(&self, exchange: &Exchange) {
        if exchange.attachment::<Redirected>().is_none() {
            self.inner.writable(exchange);
        }
    }

    fn aborted(&self, exchange: &Exchange) {
        if exchange.attachment::<Redirected>().is_none() {
            self.inner.aborted(exchange);
        }
    }

    fn dispatch_hint(&self) -> DispatchHint {
        self.inner.dispatch_hint()
    }
}
