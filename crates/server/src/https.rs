//! Answers requests that came without TLS: they are sent to https.

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
pub(crate) struct HttpsRedirect {
    status: u16,
    ports: HttpsPorts,
}

/// What an exchange is answered with.
struct Redirected(PageHandler);

impl HttpsRedirect {
    pub(crate) fn new(status: u16, ports: HttpsPorts) -> Self {
        Self { status, ports }
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

impl Handler for HttpsRedirect {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        let answer = self.answer(head);
        answer.prepare(head, exchange);
        exchange.attach(Arc::new(Redirected(answer)));
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        if let Some(Redirected(answer)) = exchange.attachment() {
            answer.run(exchange);
        }
    }

    fn dispatch_hint(&self) -> DispatchHint {
        DispatchHint::NeverBlocks
    }
}
