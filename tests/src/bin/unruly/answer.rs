//! Heads of responses, and responses whose body is known.

use crate::connection::Connection;
use crate::request::Request;
use anyhow::Result;
use std::fmt::Write as _;

/// No clock shows it, so it is known to be this program's.
const DATE: &str = "Sat, 01 Jan 2000 00:00:00 GMT";

/// A head. The request's query may change it: `no-server`, `no-date`, `close`, and `header=NAME:VALUE` as often as wanted.
pub(crate) fn head(request: &Request, status: usize, reason: &str, fields: &[(&str, &str)]) -> String {
    let mut head = format!("HTTP/1.1 {status} {reason}\r\n");
    let mut add = |name: &str, value: &str| {
        let _ = write!(head, "{name}: {value}\r\n");
    };
    if !request.query.has("no-server") {
        add("Server", "unruly");
    }
    if !request.query.has("no-date") {
        add("Date", DATE);
    }
    for (name, value) in fields {
        add(name, value);
    }
    for field in request.query.all("header") {
        let (name, value) = field.split_once(':').unwrap_or((field, ""));
        add(name, value.trim());
    }
    if request.last {
        add("Connection", "close");
    }
    head + "\r\n"
}

/// Sends status 200 with a body.
pub(crate) fn whole(request: &Request, connection: &mut Connection, kind: &str, body: &str) -> Result<()> {
    let length = body.len().to_string();
    let mut text = head(request, 200, "OK", &[("Content-Type", kind), ("Content-Length", &length)]);
    if !request.is_head() {
        text.push_str(body);
    }
    Ok(connection.send(text.as_bytes())?)
}

/// Sends a status without a body.
pub(crate) fn empty(
    request: &Request,
    connection: &mut Connection,
    status: usize,
    reason: &str,
) -> Result<()> {
    let length = [("Content-Length", "0")];
    let fields = if matches!(status, 100..=199 | 204 | 304) { &[] } else { &length[..] };
    Ok(connection.send(head(request, status, reason, fields).as_bytes())?)
}
