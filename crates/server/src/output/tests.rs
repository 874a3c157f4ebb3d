//! Response framing over a real socket pair: what is collected, what is refused, and what the head says.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::*;
use crate::headers::HeaderBlock;
use crate::pages::PageHandler;

struct Pair {
    wire: Wire,
    client: TcpStream,
    limits: Limits,
}

impl Pair {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        Self { wire: Wire::new(mio::net::TcpStream::from_std(server)), client, limits: Limits::default() }
    }

    fn env(&self) -> Env<'_> {
        Env { limits: &self.limits, draining: false }
    }

    /// Nothing has been written yet.
    fn assert_silent(&self) {
        self.client.set_nonblocking(true).unwrap();
        let error = self.client.peek(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        self.client.set_nonblocking(false).unwrap();
    }

    /// Everything written, without the date.
    fn text(mut self) -> String {
        self.wire.finish_writing();
        let mut text = String::new();
        self.client.read_to_string(&mut text).unwrap();
        let mut lines: Vec<_> = text.split("\r\n").collect();
        lines.retain(|line| !line.starts_with("Date: "));
        lines.join("|")
    }
}

const OK: ResponseHead<'static> = ResponseHead {
    status: 200,
    reason: b"",
    headers: HeaderBlockRef::EMPTY,
    content_length: None,
    close: false,
};

fn begun(facts: RequestFacts, corked: bool) -> Output {
    let mut output = Output::new();
    output.begin(1, facts, Weak::new(), application(), None, corked);
    output
}

fn application() -> Arc<Application> {
    Arc::new(Application::new(Arc::new(PageHandler::bare(200))))
}

fn http11() -> RequestFacts {
    RequestFacts { version: 11, ..RequestFacts::default() }
}

#[test]
fn a_corked_response_gets_its_length_and_leaves_at_the_end() {
    let pair = Pair::new();
    let mut output = begun(http11(), true);
    output.write(&pair.wire, pair.env(), Some(&OK), b"ab", b"c").unwrap();
    output.write(&pair.wire, pair.env(), None, b"", b"").unwrap();
    output.finish(&pair.wire, pair.env(), None, b"d", HeaderBlockRef::EMPTY).unwrap();
    assert_eq!(output.phase(), Phase::Complete);
    output.begin(2, http11(), Weak::new(), application(), None, true);
    output.finish(&pair.wire, pair.env(), Some(&OK), b"second", HeaderBlockRef::EMPTY).unwrap();
    pair.assert_silent();
    output.uncork(&pair.wire, pair.env());
    assert_eq!(
        pair.text(),
        "HTTP/1.1 200 OK|Content-Length: 4||abcdHTTP/1.1 200 OK|Content-Length: 6||second"
    );
}

#[test]
fn a_response_uncorked_before_its_end_is_chunked() {
    let pair = Pair::new();
    let mut output = begun(http11(), true);
    output.write(&pair.wire, pair.env(), Some(&OK), b"ab", b"c").unwrap();
    output.uncork(&pair.wire, pair.env());
    output.write(&pair.wire, pair.env(), None, b"de", b"f").unwrap();
    output.finish(&pair.wire, pair.env(), None, b"", HeaderBlockRef::EMPTY).unwrap();
    assert_eq!(pair.text(), "HTTP/1.1 200 OK|Transfer-Encoding: chunked||3|abc|3|def|0||");
}

#[test]
fn more_than_the_cork_holds_is_written_at_once() {
    let pair = Pair::new();
    let mut output = begun(http11(), true);
    output.write(&pair.wire, pair.env(), Some(&OK), b"first", &[b'x'; CORK_MAX]).unwrap();
    assert!(output.is_corked());
    let mut start = [0; 15];
    (&pair.client).read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
}

#[test]
fn head_requests_and_bodyless_statuses_send_no_body() {
    let table = [
        (200, true, None, "HTTP/1.1 200 OK|Content-Length: 4||"),
        (200, true, Some(9), "HTTP/1.1 200 OK|Content-Length: 9||"),
        (204, false, Some(9), "HTTP/1.1 204 No Content||"),
        (205, false, None, "HTTP/1.1 205 Reset Content|Content-Length: 0||"),
        (304, false, Some(9), "HTTP/1.1 304 Not Modified|Content-Length: 9||"),
        (304, false, None, "HTTP/1.1 304 Not Modified||"),
    ];
    for (status, is_head, content_length, expected) in table {
        let pair = Pair::new();
        let mut output = begun(RequestFacts { is_head, ..http11() }, false);
        let head = ResponseHead { status, content_length, ..OK };
        output.finish(&pair.wire, pair.env(), Some(&head), b"body", HeaderBlockRef::EMPTY).unwrap();
        assert!(!output.closes());
        assert_eq!(pair.text(), expected);
    }
}

#[test]
fn http_1_0_without_a_length_ends_with_the_connection() {
    let pair = Pair::new();
    let mut output = begun(RequestFacts { version: 10, ..http11() }, false);
    output.write(&pair.wire, pair.env(), Some(&OK), b"ab", b"").unwrap();
    output.finish(&pair.wire, pair.env(), None, b"c", HeaderBlockRef::EMPTY).unwrap();
    assert!(output.closes());
    assert_eq!(pair.text(), "HTTP/1.1 200 OK|Connection: close||abc");
}

#[test]
fn the_window_bounds_what_is_queued_and_opens_again() {
    let mut pair = Pair::new();
    let mut output = begun(http11(), false);
    let piece = vec![b'x'; 1 << 20];
    let head = ResponseHead { content_length: Some(1 << 40), ..OK };
    let mut taken = 0;
    let refused = loop {
        let written = output.write(&pair.wire, pair.env(), Some(&head), b"", &piece).unwrap();
        taken += written.extra_taken;
        if written.extra_taken < piece.len() {
            break written;
        }
    };
    assert!(!refused.room);
    assert!(output.pending() <= pair.limits.write_window);
    let again = output.write(&pair.wire, pair.env(), None, b"first", b"extra").unwrap();
    assert_eq!((again.extra_taken, again.room), (0, false), "`first` is taken all the same");
    assert!(!output.pump(&pair.wire, pair.env(), false), "nothing has left yet");
    let mut sink = vec![0; 1 << 16];
    let mut told = false;
    let mut got = 0;
    // The kernel says when it is writable in the server; here it is simply tried after each read.
    while !told {
        got += pair.client.read(&mut sink).unwrap();
        told = output.pump(&pair.wire, pair.env(), true);
    }
    assert!(got > 0 && taken > got / 2);
    assert!(output.pending() <= pair.limits.write_window / 2);
    assert!(!output.pump(&pair.wire, pair.env(), true), "told once");
}

#[test]
fn trailers_need_chunks_and_a_client_that_wants_them() {
    let mut trailers = crate::headers::HeaderBlock::new();
    trailers.push(b"X-Sum", b"1").push(b"Content-Length", b"3").push(b"X-Bad", b"a\r\nb");
    for (wanted, expected) in [
        (true, "HTTP/1.1 200 OK|Transfer-Encoding: chunked||1|a|0|X-Sum: 1||"),
        (false, "HTTP/1.1 200 OK|Content-Length: 1||a"),
    ] {
        let pair = Pair::new();
        let mut output = begun(RequestFacts { trailers: wanted, ..http11() }, true);
        output.finish(&pair.wire, pair.env(), Some(&OK), b"a", trailers.as_ref()).unwrap();
        output.uncork(&pair.wire, pair.env());
        assert_eq!(pair.text(), expected);
    }
}

#[test]
fn a_late_call_is_refused_and_writes_nothing() {
    let pair = Pair::new();
    let mut output = begun(http11(), false);
    output.finish(&pair.wire, pair.env(), Some(&OK), b"a", HeaderBlockRef::EMPTY).unwrap();
    assert!(!output.is_open(1));
    assert_eq!(output.write(&pair.wire, pair.env(), Some(&OK), b"late", b""), Err(Gone));
    assert_eq!(output.finish(&pair.wire, pair.env(), Some(&OK), b"late", HeaderBlockRef::EMPTY), Err(Gone));
    assert_eq!(pair.text(), "HTTP/1.1 200 OK|Content-Length: 1||a");
}

#[test]
fn interim_responses_leave_at_once_and_only_when_they_may() {
    let mut headers = HeaderBlock::new();
    headers.push(b"Link", b"</a>").push(b"Content-Length", b"5").push(b"Connection", b"close");
    let pair = Pair::new();
    let mut output = begun(RequestFacts { expect: true, ..http11() }, true);
    for status in [103, 100, 100, 101, 99, 200, 199] {
        output.interim(&pair.wire, pair.env(), status, headers.as_ref()).unwrap();
    }
    assert_eq!(
        pair.text(),
        "HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 100 Continue|Link: </a>||HTTP/1.1 199 |Link: </a>||"
    );
    assert!(!output.take_expect(), "the client has been told");
    // Too late, to a client that knows none, and one that cannot be sent.
    let pair = Pair::new();
    let mut late = begun(http11(), true);
    late.finish(&pair.wire, pair.env(), Some(&OK), b"", HeaderBlockRef::EMPTY).unwrap();
    late.interim(&pair.wire, pair.env(), 103, headers.as_ref()).unwrap();
    let mut old = begun(RequestFacts { version: 10, ..http11() }, false);
    old.interim(&pair.wire, pair.env(), 103, headers.as_ref()).unwrap();
    let mut bad = HeaderBlock::new();
    bad.push(b"Link", b"a\r\nb: c");
    begun(http11(), false).interim(&pair.wire, pair.env(), 103, bad.as_ref()).unwrap();
    pair.assert_silent();
}

#[test]
fn our_direction_of_an_upgrade_ends_behind_what_is_queued() {
    let mut pair = Pair::new();
    let mut output = begun(http11(), false);
    let switching = ResponseHead { status: 101, ..OK };
    output.upgrade(&pair.wire, pair.env(), &switching).unwrap();
    let piece = vec![b'x'; 8 << 20];
    output.write(&pair.wire, pair.env(), None, &piece, b"").unwrap();
    output.end_sending(&pair.wire, pair.env()).unwrap();
    assert!(!output.has_ended_sending(), "bytes are left");
    let mut received = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match pair.client.read(&mut buffer).unwrap() {
            0 => break,
            count => received += count,
        }
        output.pump(&pair.wire, pair.env(), true);
    }
    assert!(output.has_ended_sending());
    assert!(received > piece.len());
    assert_eq!(output.phase(), Phase::Raw);
}
