//! Answers of every kind, whole and in pieces: what is found must not depend on how the bytes are cut.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

use super::reply::{Asked, Fault, Fed, HEAD_MAX, Reply, Sink};
use crate::error::Gone;
use crate::exchange::ResponseHead;
use crate::headers::{HeaderBlock, HeaderBlockRef};

type Fields = Vec<(String, String)>;

fn fields(block: HeaderBlockRef<'_>) -> Fields {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    block.iter().map(|item| item.unwrap()).map(|item| (text(item.name), text(item.value))).collect()
}

/// Everything a sink was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    interims: Vec<(u16, Fields)>,
    status: u16,
    reason: String,
    headers: Fields,
    length: Option<u64>,
    close: bool,
    body: Vec<u8>,
    trailers: Option<Fields>,
    switched: bool,
}

impl Seen {
    fn head(&mut self, head: &ResponseHead<'_>) {
        assert_eq!(self.status, 0, "a second head");
        self.status = head.status;
        self.reason = String::from_utf8_lossy(head.reason).into_owned();
        self.headers = fields(head.headers);
        self.length = head.content_length;
        self.close = head.close;
    }
}

impl Sink for Seen {
    fn interim(&mut self, status: u16, headers: HeaderBlockRef<'_>) -> Result<(), Gone> {
        self.interims.push((status, fields(headers)));
        Ok(())
    }

    fn part(
        &mut self,
        head: Option<&ResponseHead<'_>>,
        bytes: &[u8],
        end: Option<HeaderBlockRef<'_>>,
    ) -> Result<(), Gone> {
        assert!(self.trailers.is_none(), "something after the end");
        if let Some(head) = head {
            self.head(head);
        }
        assert!(self.status >= 200, "a body without a head");
        self.body.extend_from_slice(bytes);
        self.trailers = end.map(fields);
        Ok(())
    }

    fn switch(&mut self, head: &ResponseHead<'_>) -> Result<(), Gone> {
        self.head(head);
        self.switched = true;
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    result: Result<Fed, Fault>,
    keeps_alive: bool,
    /// Bytes that were not used.
    left: usize,
}

/// Feeds `input` in pieces of the lengths that `cut` gives, with `room` bytes of memory, then the end.
fn feed(asked: Asked, input: &[u8], room: usize, mut cut: impl FnMut() -> usize) -> (Seen, Outcome) {
    let mut reply = Reply::new(asked);
    let mut seen = Seen::default();
    let mut decoded = vec![0; room];
    let mut block = HeaderBlock::new();
    let mut at = 0;
    let result = loop {
        if at == input.len() {
            break reply.end(&mut seen);
        }
        let count = cut().clamp(1, input.len() - at);
        let fed = reply.feed(&input[at..at + count], &mut decoded, &mut block, &mut seen);
        at += count;
        match fed {
            Ok(Fed::More) => {}
            Ok(Fed::Switched { rest }) => {
                let left = input.len() - at + rest;
                break Ok(Fed::Switched { rest: left });
            }
            Ok(Fed::Complete { excess }) => break Ok(Fed::Complete { excess: excess || at < input.len() }),
            Err(fault) => break Err(fault),
        }
    };
    let left = if result.is_ok() { 0 } else { input.len() - at };
    let keeps_alive = reply.keeps_alive() && result.is_ok();
    (seen, Outcome { result, keeps_alive, left })
}

fn whole(asked: Asked, input: &[u8]) -> (Seen, Outcome) {
    feed(asked, input, 64 * 1024, || usize::MAX)
}

fn plain(input: &str) -> (Seen, Outcome) {
    whole(Asked::default(), input.as_bytes())
}

fn names(fields: &Fields) -> Vec<&str> {
    fields.iter().map(|(name, _)| &**name).collect()
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit
    }
}

const GOOD: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n5\r\nhello\r\n1;x\r\n!\r\n0\r\nX-Sum: 9\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Nowhere\r\nConnection: close\r\n\r\nuntil the end",
    "HTTP/1.0 200 Fine\r\nDate: x\r\nDate: y\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nConnection: keep-alive, X-Gone\r\nX-Gone: 1\r\n\r\n",
    "HTTP/1.1 304\r\nContent-Length: 7\r\nETag: x\r\n\r\n",
    "\r\nHTTP/1.1 500 \r\nContent-Length: 3, 3\r\n\r\nabcEXCESS",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nraw bytes",
    "HTTP/1.1 200 OK\nServer: bare\nContent-Length: 0\n\n",
];

#[test]
fn how_it_is_cut_does_not_matter() {
    let asked = Asked { upgrade: true, trailers: true, ..Asked::default() };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for text in GOOD {
        let expected = whole(asked, text.as_bytes());
        assert!(expected.1.result.is_ok(), "{text:?}: {expected:?}");
        assert_eq!(feed(asked, text.as_bytes(), 64, || 1), expected, "{text:?}");
        for _ in 0..300 {
            let room = 1 + random.below(9);
            let step = 1 + random.below(40);
            let found = feed(asked, text.as_bytes(), room, || 1 + random.below(step));
            assert_eq!(found, expected, "{text:?}");
        }
    }
}

#[test]
fn mutated_answers_never_panic_and_cuts_do_not_matter() {
    let asked = Asked { upgrade: true, ..Asked::default() };
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let pieces: [&[u8]; 14] = [
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b":",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"\xff\xfe",
        b"Connection: close\r\n",
    ];
    let mut failed = 0;
    for _ in 0..20_000 {
        let mut text = GOOD[random.below(GOOD.len())].as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(text.len());
            match random.below(4) {
                0 => text[at] = random.next() as u8,
                1 => drop(text.drain(at..(at + 1 + random.below(8)).min(text.len()))),
                2 => text.truncate(at + 1),
                _ => drop(text.splice(at..at, pieces[random.below(pieces.len())].iter().copied())),
            }
            if text.is_empty() {
                text.push(b'H');
            }
        }
        let expected = whole(asked, &text);
        let step = 1 + random.below(30);
        let found = feed(asked, &text, 1 + random.below(20), || 1 + random.below(step));
        let shown = String::from_utf8_lossy(&text);
        assert_eq!(found.1.result, expected.1.result, "{shown:?}");
        if expected.1.result.is_ok() {
            assert_eq!(found, expected, "{shown:?}");
        } else {
            failed += 1;
            // Before the fault, more may have been passed on when the bytes came in smaller pieces.
            assert!(found.0.body.starts_with(&expected.0.body), "{shown:?}");
        }
    }
    assert!(failed > 1000, "the mutations do not bite: {failed}");
}

#[test]
fn what_belongs_to_the_connection_stays() {
    let text = "HTTP/1.1 200 Very Fine\r\nConnection: X-One, keep-alive\r\nx-one: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n\
                Upgrade: h2c\r\nTrailer: X-Sum\r\nDate: first\r\nDate: second\r\nServer: Kestrel\r\nX-Two: 2\r\nX-Two: 3\r\n\
                MS-ASPNETCORE-TOKEN: secret\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n";
    let (seen, outcome) = plain(text);
    assert_eq!(outcome.result, Ok(Fed::Complete { excess: false }));
    assert!(outcome.keeps_alive);
    assert_eq!(names(&seen.headers), ["Date", "Server", "X-Two", "X-Two"]);
    assert_eq!(seen.headers[0].1, "first");
    assert_eq!(seen.reason, "", "for 200 the server's own");
    assert!(!seen.close && seen.length.is_none());
}

#[test]
fn the_connection_field_goes_on_when_asked() {
    let asked = Asked { connection: true, ..Asked::default() };
    let (seen, outcome) = whole(asked, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert!(seen.close && !outcome.keeps_alive);
    assert_eq!(names(&seen.headers), ["Connection"]);
    let (seen, outcome) =
        whole(Asked::default(), b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert!(!seen.close && !outcome.keeps_alive && seen.headers.is_empty());
}

#[test]
fn bodies_by_status_and_method() {
    let head = Asked { is_head: true, ..Asked::default() };
    let (seen, outcome) = whole(head, b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
    assert_eq!((seen.length, outcome.result), (Some(500), Ok(Fed::Complete { excess: false })));
    let (seen, outcome) = whole(head, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!((seen.length, outcome.result), (None, Ok(Fed::Complete { excess: false })));
    let (seen, _) = plain("HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n");
    assert_eq!((seen.length, seen.trailers), (Some(500), Some(Fields::new())));
    let (_, outcome) = plain("HTTP/1.1 204 No Content\r\n\r\nx");
    assert_eq!(outcome.result, Ok(Fed::Complete { excess: true }));
    let (seen, outcome) = plain("HTTP/1.1 200 OK\r\n\r\nabc");
    assert_eq!((seen.body, outcome.keeps_alive), (b"abc".to_vec(), false));
    let (_, outcome) = plain("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(!outcome.keeps_alive);
    let (_, outcome) = plain("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n");
    assert!(outcome.keeps_alive);
    let (seen, outcome) = plain("HTTP/1.1 299 Odd One\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((seen.status, &*seen.reason, outcome.keeps_alive), (299, "Odd One", true));
}

#[test]
fn ambiguous_answers_are_refused() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "SSH-2.0-OpenSSH_9\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
    ] {
        let (seen, outcome) = plain(text);
        assert!(matches!(outcome.result, Err(Fault::Malformed(_))), "{text:?}: {outcome:?}");
        assert!(seen.trailers.is_none(), "{text:?}");
    }
}

#[test]
fn an_end_in_the_middle_is_noticed() {
    assert_eq!(plain("").1.result, Err(Fault::Nothing));
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        assert_eq!(plain(text).1.result, Err(Fault::Short), "{text:?}");
    }
    assert_eq!(plain("HTTP/1.1 100 Continue\r\n\r\n").1.result, Err(Fault::Nothing));
}

#[test]
fn heads_are_limited() {
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(HEAD_MAX));
    assert_eq!(plain(&long).1.result, Err(Fault::HeadTooLarge));
    assert_eq!(feed(Asked::default(), long.as_bytes(), 64, || 1000).1.result, Err(Fault::HeadTooLarge));
    let endless = "x".repeat(HEAD_MAX * 2);
    let unfinished = format!("HTTP/1.1 200 OK\r\nA: {endless}");
    assert_eq!(plain(&unfinished).1.result, Err(Fault::HeadTooLarge));
    let fits = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: \r\n\r\n";
    let exact = fits.replace("A: ", &format!("A: {}", "x".repeat(HEAD_MAX - fits.len())));
    assert_eq!(exact.len(), HEAD_MAX);
    assert_eq!(plain(&exact).1.result, Ok(Fed::Complete { excess: false }));
    let many = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert_eq!(plain(&many(256)).1.result, Ok(Fed::Complete { excess: false }));
    assert_eq!(plain(&many(257)).1.result, Err(Fault::TooManyFields));
    let interims = "HTTP/1.1 102 Processing\r\n\r\n".repeat(33);
    assert!(matches!(plain(&interims).1.result, Err(Fault::Malformed(_))));
}

/// Takes nothing.
struct Closed;

impl Sink for Closed {
    fn interim(&mut self, _: u16, _: HeaderBlockRef<'_>) -> Result<(), Gone> {
        Err(Gone)
    }

    fn part(
        &mut self,
        _: Option<&ResponseHead<'_>>,
        _: &[u8],
        _: Option<HeaderBlockRef<'_>>,
    ) -> Result<(), Gone> {
        Err(Gone)
    }

    fn switch(&mut self, _: &ResponseHead<'_>) -> Result<(), Gone> {
        Err(Gone)
    }
}

#[test]
fn a_client_that_is_gone_ends_it() {
    for text in GOOD {
        let mut reply = Reply::new(Asked { upgrade: true, ..Asked::default() });
        let fed = reply.feed(text.as_bytes(), &mut [0; 64], &mut HeaderBlock::new(), &mut Closed);
        assert_eq!(fed, Err(Fault::Gone), "{text:?}");
    }
}
