//! The page and the handler that serves it in the form the client asks for.

use std::fmt::Write as _;
use std::sync::Arc;

use super::html;
use crate::exchange::{Exchange, ResponseHead};
use crate::handler::{DispatchHint, Handler, HeaderRef, RequestHead};
use crate::headers::{HeaderBlock, HeaderBlockRef, known};

/// What a page says. All texts are plain; they are escaped where they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Status code, 200 to 599.
    pub status: u16,
    /// Sub-status, shown as in `500.31`; 0 = none.
    pub sub_status: u16,
    /// What is the matter, in a few words.
    pub title: String,
    /// Why.
    pub cause: String,
    /// What to do.
    pub cure: String,
    /// Lines shown as they are.
    pub detail: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
}

impl Page {
    /// `500.31`, or `503` without a sub-status.
    pub fn code(&self) -> String {
        match self.sub_status {
            0 => self.status.to_string(),
            sub => format!("{}.{sub}", self.status),
        }
    }

    fn text(&self) -> String {
        let mut out = format!("{} {}\n", self.code(), self.title);
        for (heading, text) in [("Cause", &self.cause), ("What to do", &self.cure)] {
            if !text.is_empty() {
                let _ = write!(out, "\n{heading}: {text}\n");
            }
        }
        if let Some(detail) = &self.detail {
            let _ = write!(out, "\n{}\n", detail.trim_end());
        }
        out
    }

    fn json(&self) -> String {
        let mut out = format!("{{\"status\":{},\"subStatus\":{}", self.status, self.sub_status);
        let detail = self.detail.as_deref().unwrap_or_default();
        for (name, value) in
            [("title", &*self.title), ("cause", &*self.cause), ("cure", &*self.cure), ("detail", detail)]
        {
            let _ = write!(out, ",\"{name}\":\"");
            escape_json(&mut out, value);
            out.push('"');
        }
        out.push_str("}\n");
        out
    }
}

fn escape_json(out: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            char if (char as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", char as u32);
            }
            char => out.push(char),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Json,
    Text,
}

/// The form asked for: the first of the three that `Accept` names, else by the client's kind.
fn form(headers: &[HeaderRef<'_>]) -> Form {
    let mut curl = false;
    for header in headers {
        match header.known {
            known::ACCEPT => {
                for range in header.value.split(|&byte| byte == b',') {
                    let kind = range.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
                    match kind.to_ascii_lowercase().as_slice() {
                        b"text/html" | b"application/xhtml+xml" => return Form::Html,
                        b"application/json" | b"application/problem+json" => return Form::Json,
                        b"text/plain" => return Form::Text,
                        _ => {}
                    }
                }
            }
            known::USER_AGENT => {
                curl |= header.value.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"curl/"));
            }
            _ => {}
        }
    }
    if curl { Form::Text } else { Form::Html }
}

struct Rendered {
    headers: HeaderBlock,
    body: Vec<u8>,
}

impl Rendered {
    fn new(page: &Page, content_type: &str, body: String) -> Self {
        let mut headers = HeaderBlock::new();
        headers
            .push_known(known::CONTENT_TYPE, content_type.as_bytes())
            .push_known(known::CACHE_CONTROL, b"no-store")
            .push(b"X-Content-Type-Options", b"nosniff");
        if let Some(seconds) = page.retry_after {
            headers.push_known(known::RETRY_AFTER, seconds.to_string().as_bytes());
        }
        Self { headers, body: body.into_bytes() }
    }
}

/// Answers every request, whatever its method, with one page. Request bodies are ignored.
pub struct PageHandler {
    status: u16,
    html: Rendered,
    json: Rendered,
    text: Rendered,
}

impl PageHandler {
    /// Renders the page once. A status that cannot be sent becomes 500.
    pub fn new(page: &Page) -> Self {
        Self {
            status: if (200..600).contains(&page.status) { page.status } else { 500 },
            html: Rendered::new(page, "text/html; charset=utf-8", html::document(page)),
            json: Rendered::new(page, "application/json", page.json()),
            text: Rendered::new(page, "text/plain; charset=utf-8", page.text()),
        }
    }

    /// Answers with the status alone. One that cannot be sent becomes 500.
    pub fn bare(status: u16) -> Self {
        let empty = || Rendered { headers: HeaderBlock::new(), body: Vec::new() };
        Self {
            status: if (200..600).contains(&status) { status } else { 500 },
            html: empty(),
            json: empty(),
            text: empty(),
        }
    }

    /// The answer of a server without a handler.
    pub(crate) fn unavailable() -> Self {
        Self::new(&Page { status: 503, title: "Service unavailable".into(), ..Page::default() })
    }
}

impl Handler for PageHandler {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        exchange.set_tag(form(head.headers) as u64);
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        let rendered = match exchange.tag() {
            tag if tag == Form::Json as u64 => &self.json,
            tag if tag == Form::Text as u64 => &self.text,
            _ => &self.html,
        };
        let head = ResponseHead {
            status: self.status,
            reason: b"",
            headers: rendered.headers.as_ref(),
            content_length: Some(rendered.body.len() as u64),
            close: false,
        };
        // A client that is gone needs no page.
        let _ = exchange.finish(Some(&head), &rendered.body, HeaderBlockRef::EMPTY);
    }

    fn dispatch_hint(&self) -> DispatchHint {
        DispatchHint::NeverBlocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page {
            status: 500,
            sub_status: 31,
            title: "No <runtime> & \"such\"".into(),
            cause: "it's\u{7} missing".into(),
            cure: "Install it\n".into(),
            detail: Some("a < b\n\tc".into()),
            retry_after: Some(5),
        }
    }

    #[test]
    fn html_escapes_everything() {
        let html = html::document(&page());
        assert!(html.contains("500.31 No &lt;runtime&gt; &amp; &quot;such&quot;"), "{html}");
        assert!(html.contains("it&#39;s\u{fffd} missing"));
        assert!(html.contains("a &lt; b\n\tc"));
        assert!(!html.contains("<runtime>"));
        assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("src="));
    }

    #[test]
    fn json_and_text() {
        let json = page().json();
        assert!(
            json.starts_with("{\"status\":500,\"subStatus\":31,\"title\":\"No <runtime> & \\\"such\\\"\""),
            "{json}"
        );
        assert!(json.contains("it's\\u0007 missing") && json.contains("a < b\\n\\tc"));
        assert!(page().text().starts_with("500.31 No <runtime>"));
        let bare = Page { status: 503, title: "T".into(), ..Page::default() };
        assert_eq!(bare.text(), "503 T\n");
    }

    #[test]
    fn the_form_follows_accept_then_the_client() {
        let with = |accept: &'static str, agent: &'static str| {
            form(&[
                HeaderRef { name: b"Accept", value: accept.as_bytes(), known: known::ACCEPT },
                HeaderRef { name: b"User-Agent", value: agent.as_bytes(), known: known::USER_AGENT },
            ])
        };
        assert_eq!(with("text/html,application/xhtml+xml,*/*;q=0.8", "Mozilla"), Form::Html);
        assert_eq!(with("Application/JSON; q=1", "x"), Form::Json);
        assert_eq!(with("*/*", "curl/8.5"), Form::Text);
        assert_eq!(with("application/json", "curl/8.5"), Form::Json);
        assert_eq!(with("text/plain", "Mozilla"), Form::Text);
        assert_eq!(with("*/*", "Mozilla"), Form::Html);
        assert_eq!(form(&[]), Form::Html);
    }
}
