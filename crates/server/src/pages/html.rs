//! The page as HTML: self-contained, readable in the dark, for screen readers and without scripts.

use std::fmt::Write as _;

use super::page::Page;

const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1b1b1f;--bg:#fbfbfd;--soft:#5a5a66;--line:#d9d9e0;--code:#f0f0f4}\
@media(prefers-color-scheme:dark){:root{--fg:#e8e8ee;--bg:#17171b;--soft:#a9a9b6;--line:#3a3a44;--code:#222228}}\
body{margin:0;background:var(--bg);color:var(--fg);font:1rem/1.6 system-ui,sans-serif;overflow-wrap:anywhere}\
main{max-width:46rem;margin:0 auto;padding:3rem 1.5rem}\
h1{font-size:1.6rem;line-height:1.3;margin:0 0 1.5rem}h2{font-size:1rem;margin:1.5rem 0 .25rem}\
p{margin:0}.code{color:var(--soft);margin-bottom:.25rem}.more{margin-top:1.5rem}a{color:inherit}\
pre{background:var(--code);border:1px solid var(--line);border-radius:.4rem;padding:1rem;overflow:auto;\
font:.875rem/1.5 ui-monospace,monospace}footer{color:var(--soft);font-size:.875rem;margin-top:2rem}";

/// Appends `text` with everything escaped that means something in HTML text or attributes.
pub(super) fn escape(out: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(char),
            char if char.is_control() => out.push('\u{fffd}'),
            char => out.push(char),
        }
    }
}

/// The whole document.
pub(super) fn document(page: &Page) -> String {
    let mut out = String::with_capacity(2048);
    let code = page.code();
    out.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n<title>");
    let _ = write!(out, "{code} ");
    escape(&mut out, &page.title);
    let _ = write!(out, "</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n");
    let _ = write!(out, "<p class=\"code\">HTTP {code}</p>\n<h1>");
    escape(&mut out, &page.title);
    out.push_str("</h1>\n");
    if !page.message.is_empty() {
        out.push_str("<p>");
        escape(&mut out, &page.message);
        out.push_str("</p>\n");
    }
    for (heading, text) in [("Cause", &page.cause), ("What to do", &page.cure)] {
        if !text.is_empty() {
            let _ = write!(out, "<h2>{heading}</h2>\n<p>");
            escape(&mut out, text);
            out.push_str("</p>\n");
        }
    }
    if let Some(link) = &page.link {
        out.push_str("<p class=\"more\"><a href=\"");
        escape(&mut out, link);
        out.push_str("\"><cite>");
        escape(&mut out, link);
        out.push_str("</cite></a></p>\n");
    }
    if let Some(detail) = &page.detail {
        out.push_str("<h2 id=\"detail\">Details</h2>\n<pre tabindex=\"0\" aria-labelledby=\"detail\">");
        escape(&mut out, detail);
        out.push_str("</pre>\n");
    }
    out.push_str("<footer>Mews</footer>\n</main>\n</body>\n</html>\n");
    out
}
