//! The lines of the log.

use std::cell::Cell;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use mews_model::server_config::AccessLogFormat;

use super::escape;
use super::record::Record;
use crate::clock::{Utc, utc};

/// Fields of the W3C format, in order: all that IIS has for requests, and what names a request in other logs.
const W3C_FIELDS: &str = "date time s-sitename s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs-version cs(User-Agent) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken x-trace-id x-reason";

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What a new file begins with.
pub(super) fn header(format: AccessLogFormat, now_ms: i64) -> Vec<u8> {
    match format {
        AccessLogFormat::W3c => {
            let Utc { year, month, day, hour, minute, second } = utc(now_ms.div_euclid(1000));
            let version = env!("CARGO_PKG_VERSION");
            format!(
                "#Software: Mews {version}\n#Version: 1.0\n#Date: {year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}\n#Fields: {W3C_FIELDS}\n"
            )
            .into_bytes()
        }
        AccessLogFormat::Combined | AccessLogFormat::Json => Vec::new(),
    }
}

/// Appends the line of a record.
pub(super) fn line(out: &mut Vec<u8>, format: AccessLogFormat, record: &Record<'_>) {
    match format {
        AccessLogFormat::W3c => w3c(out, record),
        AccessLogFormat::Combined => combined(out, record),
        AccessLogFormat::Json => json(out, record),
    }
    out.push(b'\n');
}

fn w3c(out: &mut Vec<u8>, record: &Record<'_>) {
    let words = &record.words;
    let (stem, query) = words.stem_and_query();
    stamp(out, record.time_ms, Style::W3c);
    text(out, record.site);
    ip(out, record.server);
    for word in [words.method, stem, query] {
        out.push(b' ');
        escape::w3c(out, word);
    }
    match record.server {
        Some(address) => number(out, address.port().into()),
        None => out.extend_from_slice(b" -"),
    }
    text(out, record.user);
    ip(out, record.client);
    text(out, version(record.version));
    for word in [words.user_agent, words.referer, words.host] {
        out.push(b' ');
        escape::w3c(out, word);
    }
    match record.status {
        0 => out.extend_from_slice(b" -"),
        status => number(out, status.into()),
    }
    number(out, record.sub_status.into());
    number(out, record.win32.into());
    number(out, record.sent);
    number(out, record.received);
    number(out, milliseconds(record.duration_ns));
    out.push(b' ');
    escape::w3c(out, record.trace);
    text(out, record.reason);
}

fn combined(out: &mut Vec<u8>, record: &Record<'_>) {
    let words = &record.words;
    match record.client {
        Some(address) => bare_ip(out, address.ip()),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b" - ");
    escape::w3c(out, record.user.as_bytes());
    out.extend_from_slice(b" [");
    stamp(out, record.time_ms, Style::Combined);
    out.extend_from_slice(b"] \"");
    if words.method.is_empty() {
        out.push(b'-');
    } else {
        escape::quoted(out, words.method);
        out.push(b' ');
        escape::quoted(out, words.target);
        if record.version != 0 {
            out.push(b' ');
            out.extend_from_slice(version(record.version).as_bytes());
        }
    }
    out.push(b'"');
    match record.status {
        0 => out.extend_from_slice(b" 000"),
        status => number(out, status.into()),
    }
    number(out, record.sent);
    for word in [words.referer, words.user_agent] {
        out.extend_from_slice(b" \"");
        escape::quoted(out, if word.is_empty() { b"-" } else { word });
        out.push(b'"');
    }
}

fn json(out: &mut Vec<u8>, record: &Record<'_>) {
    let words = &record.words;
    let (stem, query) = words.stem_and_query();
    out.extend_from_slice(b"{\"time\":\"");
    stamp(out, record.time_ms, Style::Json);
    out.push(b'"');
    let string = |out: &mut Vec<u8>, name: &str, value: &[u8]| {
        if !value.is_empty() {
            key(out, name);
            escape::json(out, value);
        }
    };
    string(out, "site", record.site.as_bytes());
    string(out, "application", record.application.as_bytes());
    for (name, address) in [("client", record.client), ("server", record.server)] {
        if let Some(address) = address {
            drop(write!(out, ",\"{name}_ip\":\""));
            bare_ip(out, address.ip());
            drop(write!(out, "\",\"{name}_port\":{}", address.port()));
        }
    }
    string(out, "method", words.method);
    string(out, "uri_stem", stem);
    string(out, "uri_query", query);
    string(out, "version", version(record.version).as_bytes());
    string(out, "host", words.host);
    string(out, "user", record.user.as_bytes());
    string(out, "user_agent", words.user_agent);
    string(out, "referer", words.referer);
    let mut digits = itoa::Buffer::new();
    for (name, value) in [
        ("status", u64::from(record.status)),
        ("sub_status", record.sub_status.into()),
        ("win32_status", record.win32.into()),
        ("bytes_sent", record.sent),
        ("bytes_received", record.received),
        ("time_taken_us", u64::try_from(record.duration_ns / 1000).unwrap_or(0)),
    ] {
        key(out, name);
        out.extend_from_slice(digits.format(value).as_bytes());
    }
    string(out, "trace_id", record.trace);
    string(out, "reason", record.reason.as_bytes());
    out.push(b'}');
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b' ');
    escape::w3c(out, value.as_bytes());
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.push(b' ');
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn ip(out: &mut Vec<u8>, address: Option<SocketAddr>) {
    out.push(b' ');
    match address {
        Some(address) => bare_ip(out, address.ip()),
        None => out.push(b'-'),
    }
}

/// Two addresses stand in each line, most of them of the old kind, which the general formatting takes several times as long for.
fn bare_ip(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let mut digits = itoa::Buffer::new();
            let [first, rest @ ..] = address.octets();
            out.extend_from_slice(digits.format(first).as_bytes());
            for octet in rest {
                out.push(b'.');
                out.extend_from_slice(digits.format(octet).as_bytes());
            }
        }
        // Formatting into memory cannot fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

fn milliseconds(ns: i64) -> u64 {
    u64::try_from(ns / 1_000_000).unwrap_or(0)
}

fn version(version: u8) -> &'static str {
    match version {
        10 => "HTTP/1.0",
        11 => "HTTP/1.1",
        20 => "HTTP/2",
        _ => "",
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    W3c,
    Combined,
    Json,
}

/// Longest time of day and date of a style.
const STAMP: usize = 26;

/// A time as it was written last: the second, its style, the text and its length.
type Stamp = (i64, Style, [u8; STAMP], usize);

thread_local! {
    static LAST: Cell<Stamp> = const { Cell::new((i64::MIN, Style::W3c, [0; STAMP], 0)) };
}

/// Appends the time; its seconds are formatted once for all lines of a second.
fn stamp(out: &mut Vec<u8>, ms: i64, style: Style) {
    let second = ms.div_euclid(1000);
    let (cached, of, text, len) = LAST.get();
    if (cached, of) == (second, style) {
        out.extend_from_slice(&text[..len]);
    } else {
        let at = out.len();
        let Utc { year, month, day, hour, minute, second: s } = utc(second);
        let written = match style {
            Style::W3c => write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{s:02}"),
            Style::Json => write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{s:02}"),
            Style::Combined => {
                let month = MONTHS[usize::from(month.clamp(1, 12)) - 1];
                write!(out, "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{s:02} +0000")
            }
        };
        drop(written);
        let mut text = [0; STAMP];
        let made = &out[at..];
        if let Some(room) = text.get_mut(..made.len()) {
            room.copy_from_slice(made);
            LAST.set((second, style, text, made.len()));
        }
    }
    if style == Style::Json {
        drop(write!(out, ".{:03}Z", ms.rem_euclid(1000)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Words;
    use super::*;

    fn record() -> Record<'static> {
        Record {
            time_ms: 1_795_867_323_045,
            site: "the shop",
            application: "/api",
            client: Some("[::ffff:10.0.0.9]:50000".parse().unwrap()),
            server: Some("[::1]:8443".parse().unwrap()),
            words: Words {
                method: b"GET",
                target: b"/a/b?c=d?e",
                host: b"shop.example",
                user_agent: b"curl/8 (a b)",
                referer: b"",
            },
            version: 11,
            user: "",
            status: 200,
            sub_status: 0,
            win32: 0,
            sent: 1234,
            received: 56,
            duration_ns: 7_890_123,
            trace: b"0af7651916cd43dd8448eb211c80319c",
            reason: "",
        }
    }

    fn written(format: AccessLogFormat, record: &Record<'_>) -> String {
        let mut out = Vec::new();
        line(&mut out, format, record);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_formats() {
        let record = record();
        assert_eq!(
            written(AccessLogFormat::W3c, &record),
            "2026-11-28 12:02:03 the+shop ::1 GET /a/b c=d?e 8443 - 10.0.0.9 HTTP/1.1 curl/8+(a+b) - shop.example 200 0 0 1234 56 7 0af7651916cd43dd8448eb211c80319c -\n"
        );
        assert_eq!(
            written(AccessLogFormat::Combined, &record),
            "10.0.0.9 - - [28/Nov/2026:12:02:03 +0000] \"GET /a/b?c=d?e HTTP/1.1\" 200 1234 \"-\" \"curl/8 (a b)\"\n"
        );
        assert_eq!(
            written(AccessLogFormat::Json, &record),
            "{\"time\":\"2026-11-28T12:02:03.045Z\",\"site\":\"the shop\",\"application\":\"/api\",\"client_ip\":\"10.0.0.9\",\"client_port\":50000,\"server_ip\":\"::1\",\"server_port\":8443,\"method\":\"GET\",\"uri_stem\":\"/a/b\",\"uri_query\":\"c=d?e\",\"version\":\"HTTP/1.1\",\"host\":\"shop.example\",\"user_agent\":\"curl/8 (a b)\",\"status\":200,\"sub_status\":0,\"win32_status\":0,\"bytes_sent\":1234,\"bytes_received\":56,\"time_taken_us\":7890,\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\"}\n"
        );
        let fields = W3C_FIELDS.split(' ').count();
        assert_eq!(written(AccessLogFormat::W3c, &record).split(' ').count(), fields);
    }

    #[test]
    fn whatever_a_client_says_stays_one_line_with_its_fields() {
        let mut state = 7_u64;
        for _ in 0..2_000 {
            let mut word = || {
                let mut bytes = [0; 24];
                for byte in &mut bytes {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    *byte = (state >> 56) as u8;
                }
                bytes
            };
            let (method, target, agent) = (word(), word(), word());
            let words = Words {
                method: &method,
                target: &target,
                host: &target,
                user_agent: &agent,
                referer: &agent,
            };
            let record = Record { words, user: "a \"b\"\n", ..record() };
            for (_, format) in AccessLogFormat::NAMES {
                let line = written(format, &record);
                assert_eq!(line.matches('\n').count(), 1, "{line:?}");
                let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic() || byte >= 0x80;
                assert!(line.trim_end_matches('\n').bytes().all(printable), "{line:?}");
            }
            assert_eq!(
                written(AccessLogFormat::W3c, &record).split(' ').count(),
                W3C_FIELDS.split(' ').count()
            );
            let combined =
                written(AccessLogFormat::Combined, &record).replace("\\\\", "").replace("\\\"", "");
            assert_eq!(combined.matches('"').count(), 6, "{combined}");
        }
    }
}
