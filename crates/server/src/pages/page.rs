//! What a page says, and how it reads as text and JSON.

use std::fmt::Write as _;

use mews_model::StatusCode;

/// What a page says. All texts are plain; they are escaped where they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Status code, 200 to 599.
    pub status: u16,
    /// Sub-status, shown as in `500.31`; 0 = none.
    pub sub_status: u16,
    /// What is the matter, in a few words.
    pub title: String,
    /// A text without a heading.
    pub message: String,
    /// Why.
    pub cause: String,
    /// What to do.
    pub cure: String,
    /// Lines shown as they are.
    pub detail: Option<String>,
    /// What clients on this machine see instead of `cause` and `detail`, when that is more.
    pub for_local: Option<Details>,
    /// The address of a page with more help, shown as a link.
    pub link: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
}

/// A cause with everything that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// As in [`Page::cause`].
    pub cause: String,
    /// As in [`Page::detail`].
    pub detail: Option<String>,
}

impl Page {
    /// `500.31`, or `503` without a sub-status; the log and `mews explain` write it in the same way.
    pub fn code(&self) -> String {
        StatusCode::new(self.status, self.sub_status).to_string()
    }

    pub(super) fn text(&self) -> String {
        let mut out = format!("{} {}\n", self.code(), self.title);
        if !self.message.is_empty() {
            let _ = write!(out, "\n{}\n", self.message);
        }
        for (heading, text) in [("Cause", &self.cause), ("What to do", &self.cure)] {
            if !text.is_empty() {
                let _ = write!(out, "\n{heading}: {text}\n");
            }
        }
        if let Some(link) = &self.link {
            let _ = write!(out, "\nMore help: {link}\n");
        }
        if let Some(detail) = &self.detail {
            let _ = write!(out, "\n{}\n", detail.trim_end());
        }
        out
    }

    /// As in RFC 9457, with members of our own behind its own.
    pub(super) fn problem(&self) -> String {
        let mut out = format!("{{\"type\":\"about:blank\",\"status\":{}", self.status);
        let detail = self.detail.as_deref().unwrap_or_default();
        let about = if self.cause.is_empty() { &*self.message } else { &*self.cause };
        for (name, value) in [("title", &*self.title), ("detail", about)] {
            member(&mut out, name, value);
        }
        let _ = write!(out, ",\"subStatus\":{}", self.sub_status);
        for (name, value) in [("cure", &*self.cure), ("output", detail)] {
            member(&mut out, name, value);
        }
        out.push_str("}\n");
        out
    }

    pub(super) fn json(&self) -> String {
        let mut out = format!("{{\"status\":{},\"subStatus\":{}", self.status, self.sub_status);
        let detail = self.detail.as_deref().unwrap_or_default();
        for (name, value) in
            [("title", &*self.title), ("cause", &*self.cause), ("cure", &*self.cure), ("detail", detail)]
        {
            member(&mut out, name, value);
        }
        out.push_str("}\n");
        out
    }

    pub(super) fn local(&self) -> Option<Self> {
        let details = self.for_local.clone()?;
        Some(Self { cause: details.cause, detail: details.detail, for_local: None, ..self.clone() })
    }
}

fn member(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, ",\"{name}\":\"");
    escape_json(out, value);
    out.push('"');
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

#[cfg(test)]
mod tests {
    use super::super::html;
    use super::*;

    fn page() -> Page {
        Page {
            status: 500,
            sub_status: 31,
            title: "No <runtime> & \"such\"".into(),
            cause: "it's\u{7} missing".into(),
            cure: "Install it\n".into(),
            detail: Some("a < b\n\tc".into()),
            link: Some("https://help.example/?a&b".into()),
            retry_after: Some(5),
            ..Page::default()
        }
    }

    #[test]
    fn html_escapes_everything() {
        let html = html::document(&page());
        assert!(html.contains("500.31 No &lt;runtime&gt; &amp; &quot;such&quot;"), "{html}");
        assert!(html.contains("it&#39;s\u{fffd} missing"));
        assert!(html.contains("a &lt; b\n\tc"));
        assert!(!html.contains("<runtime>"));
        assert!(html.contains("<a href=\"https://help.example/?a&amp;b\">"));
        assert!(!html.contains("http://") && !html.contains("src="));
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
        let unlaunched = Page { status: 500, title: "T".into(), ..Page::default() };
        assert_eq!(unlaunched.text(), "500.0 T\n", "500.0 is a number of its own");
    }
}
