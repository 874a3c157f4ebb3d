//! One request, from its head to the end of its response. Whoever sends the response says how it ended; if nobody does,
//! the last owner that lets go does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::record::{Record, Words};
use super::tally::{self, Counted};
use super::{Accounting, Cause, Ending, TraceId, Traced};
use crate::application::Application;
use crate::clock;
use crate::handler::{ConnectionInfo, RequestHead};
use crate::headers::known;

/// Longest word of a client that is logged; a longer one is cut.
const WORD: usize = 8 * 1024;

/// `Referer` as a well-known name.
const REFERER: u8 = 21;

/// See the module's documentation.
pub(crate) struct Account {
    application: Arc<Application>,
    remote: Option<SocketAddr>,
    local: Option<SocketAddr>,
    start_ns: i64,
    /// As it is counted.
    method: u8,
    version: u8,
    trace: OnceLock<TraceId>,
    /// The app is to say which trace it begins.
    asks_for_trace: bool,
    spoken: Spoken,
    sub_status: AtomicU16,
    user: OnceLock<Box<str>>,
    received: AtomicU64,
    ended: AtomicBool,
}

impl Account {
    /// Of a request for `application` whose head had `length` bytes.
    pub(crate) fn new(
        application: &Arc<Application>,
        info: &ConnectionInfo,
        head: &RequestHead<'_>,
        length: usize,
        traced: &Traced,
    ) -> Arc<Self> {
        let spoken = if application.accounting().log().is_some() {
            let find = |number| head.headers.iter().find(|header| header.known == number);
            let value = |number| find(number).map_or(&b""[..], |header| header.value);
            Spoken::keep(&Words {
                method: head.method,
                target: head.target,
                host: value(known::HOST),
                user_agent: value(known::USER_AGENT),
                referer: value(REFERER),
            })
        } else {
            Spoken::default()
        };
        application.accounting().tally().begin();
        Arc::new(Self {
            application: application.clone(),
            remote: info.remote,
            local: info.local,
            start_ns: head.parse_start_ns,
            method: tally::method(head.method),
            version: head.version,
            trace: traced.trace().map_or_else(OnceLock::new, |trace| OnceLock::from(trace.id())),
            asks_for_trace: traced.is_apps(),
            spoken,
            sub_status: AtomicU16::new(0),
            user: OnceLock::new(),
            received: AtomicU64::new(length as u64),
            ended: AtomicBool::new(false),
        })
    }

    pub(crate) fn set_sub_status(&self, sub_status: u16) {
        self.sub_status.store(sub_status, Ordering::Relaxed);
    }

    /// Whether [`Self::set_trace`] is of use.
    pub(crate) fn asks_for_trace(&self) -> bool {
        self.asks_for_trace
    }

    /// The trace that the app has begun. Only the first is kept, and one that came with the request stays.
    pub(crate) fn set_trace(&self, trace: TraceId) {
        if trace.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            let _ = self.trace.set(trace);
        }
    }

    /// The user that the request is made as. Only the first is kept.
    pub(crate) fn set_user(&self, user: &str) {
        let _ = self.user.set(user.into());
    }

    /// So many bytes of the body have come.
    pub(crate) fn received(&self, count: usize) {
        self.received.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// The request is over; only the first call counts. `status` 0 = no response was begun.
    pub(crate) fn end(&self, status: u16, sent: u64, ending: Ending) {
        if self.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let accounting = self.application.accounting();
        let status = if status == 0 { ending.status() } else { status };
        let received = self.received.load(Ordering::Relaxed);
        let duration_ns = clock::now_ns() - self.start_ns;
        let method = self.method;
        accounting.tally().end(&Counted { method, status, ending, sent, received, duration_ns });
        let Some(log) = accounting.log() else { return };
        log.push(&Record {
            time_ms: clock::real_ms(),
            site: accounting.site(),
            application: accounting.application(),
            client: self.remote,
            server: self.local,
            words: self.spoken.words(),
            version: self.version,
            user: self.user.get().map_or("", |user| user),
            status,
            sub_status: self.sub_status.load(Ordering::Relaxed),
            win32: ending.win32(),
            sent,
            received,
            duration_ns,
            trace: self.trace.get().map_or(b"", |trace| trace),
            reason: ending.reason(),
        });
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.end(0, 0, Ending::Aborted);
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}

/// What ended before it was a request that could be handled.
pub(crate) struct Unserved<'a> {
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    /// What has come of the head.
    pub(crate) head: &'a [u8],
    pub(crate) cause: Cause,
    /// Bytes of the answer.
    pub(crate) sent: usize,
    pub(crate) duration_ns: i64,
}

impl Unserved<'_> {
    pub(super) fn record<'a>(&'a self, accounting: &'a Accounting) -> Record<'a> {
        let (words, version) = request_line(self.head);
        Record {
            time_ms: clock::real_ms(),
            site: accounting.site(),
            application: "",
            client: self.remote,
            server: self.local,
            words,
            version,
            user: "",
            status: self.cause.status(),
            sub_status: 0,
            win32: self.cause.win32(),
            sent: self.sent as u64,
            received: self.head.len() as u64,
            duration_ns: self.duration_ns,
            trace: b"",
            reason: self.cause.reason(),
        }
    }
}

/// What can be made of the first line of a head that was refused.
fn request_line(head: &[u8]) -> (Words<'_>, u8) {
    let head = head.strip_prefix(b"\r\n").unwrap_or(head);
    let end = head.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(head.len());
    let mut parts = head[..end].splitn(3, |&byte| byte == b' ');
    let mut part = || parts.next().map(cut).unwrap_or_default();
    let words = Words { method: part(), target: part(), ..Words::default() };
    let version = match part() {
        b"HTTP/1.1" => 11,
        b"HTTP/1.0" => 10,
        b"HTTP/2" => 20,
        _ => 0,
    };
    (words, version)
}

fn cut(word: &[u8]) -> &[u8] {
    &word[..word.len().min(WORD)]
}

/// The client's words, kept in one piece of memory.
#[derive(Default)]
struct Spoken {
    bytes: Box<[u8]>,
    /// Where each ends.
    ends: [u32; 5],
}

impl Spoken {
    fn keep(words: &Words<'_>) -> Self {
        let parts = [words.method, words.target, words.host, words.user_agent, words.referer].map(cut);
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        let ends = parts.map(|part| {
            bytes.extend_from_slice(part);
            u32::try_from(bytes.len()).unwrap_or(u32::MAX)
        });
        Self { bytes: bytes.into_boxed_slice(), ends }
    }

    fn words(&self) -> Words<'_> {
        let mut start = 0;
        let [method, target, host, user_agent, referer] = self.ends.map(|end| {
            let end = usize::try_from(end).unwrap_or(start);
            let word = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            word
        });
        Words { method, target, host, user_agent, referer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept() {
        let long = vec![b'x'; 20_000];
        let words = Words { method: b"GET", target: b"/", host: b"", user_agent: &long, referer: b"r" };
        let kept = Spoken::keep(&words);
        let kept = kept.words();
        assert_eq!(
            (kept.method, kept.target, kept.host, kept.referer),
            (&b"GET"[..], &b"/"[..], &b""[..], &b"r"[..])
        );
        assert_eq!(kept.user_agent.len(), WORD);
    }

    #[test]
    fn the_line_of_a_refused_head_is_read_as_far_as_it_goes() {
        let read = |head: &'static [u8]| {
            let (words, version) = request_line(head);
            (words.method, words.target, version)
        };
        assert_eq!(read(b"GET /a HTTP/1.1\r\nHost"), (&b"GET"[..], &b"/a"[..], 11));
        assert_eq!(read(b"\r\nGET /a HTTP/1.0\n"), (&b"GET"[..], &b"/a"[..], 10));
        assert_eq!(read(b"GET  /a HTTP/1.1\r\n"), (&b"GET"[..], &b""[..], 0));
        assert_eq!(read(b"\x00\xff"), (&b"\x00\xff"[..], &b""[..], 0));
        assert_eq!(read(b""), (&b""[..], &b""[..], 0));
    }
}
