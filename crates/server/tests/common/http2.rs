//! An HTTP/2 client that sends what it is told, frame by frame, and reads strictly.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest time any single wait may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const STREAM_CLOSED: u32 = 5;
pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const COMPRESSION_ERROR: u32 = 9;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
    /// What HEADERS hold.
    pub(crate) fields: Vec<(String, String)>,
}

impl Frame {
    pub(crate) fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// The error code of RST_STREAM or GOAWAY.
    pub(crate) fn code(&self) -> u32 {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            other => panic!("frame type {other} has no error code: {self:?}"),
        };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// A whole response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// The stream was reset with this code, before or after its end.
    pub(crate) reset: Option<u32>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    pub(crate) fn trailer(&self, name: &str) -> Option<&str> {
        find(&self.trailers, name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn find<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
    /// Frames that were read while another one was waited for.
    held: VecDeque<Frame>,
    table: VecDeque<(String, String)>,
    next: u32,
    /// What has come of DATA is given back to the connection's window.
    pub(crate) gives_back: bool,
}

impl Client {
    /// Connects without a word.
    pub(crate) fn raw(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
            held: VecDeque::new(),
            table: VecDeque::new(),
            next: 1,
            gives_back: true,
        }
    }

    /// Connects, and exchanges settings.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::with_settings(address, &[])
    }

    pub(crate) fn with_settings(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut client = Self::raw(address);
        client.send(PREFACE);
        client.settings(settings);
        let frame = client.frame();
        assert_eq!((frame.kind, frame.flags), (SETTINGS, 0), "{frame:?}");
        client.put(SETTINGS, ACK, 0, b"");
        client
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn put(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.send(&frame(kind, flags, stream, payload));
    }

    /// The same when the server may have closed the connection.
    pub(crate) fn try_put(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.stream.write_all(&frame(kind, flags, stream, payload)).is_ok()
    }

    pub(crate) fn settings(&mut self, settings: &[(u16, u32)]) {
        let mut payload = Vec::new();
        for (number, value) in settings {
            payload.extend_from_slice(&number.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        self.put(SETTINGS, 0, 0, &payload);
    }

    pub(crate) fn window(&mut self, stream: u32, increment: u32) {
        self.put(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes());
    }

    pub(crate) fn reset(&mut self, stream: u32, code: u32) {
        self.put(RST_STREAM, 0, stream, &code.to_be_bytes());
    }

    /// Begins a stream with these fields.
    pub(crate) fn begin(&mut self, fields: &[(&str, &str)], end: bool) -> u32 {
        let id = self.take_id();
        self.put(HEADERS, END_HEADERS | if end { END_STREAM } else { 0 }, id, &block(fields));
        id
    }

    pub(crate) fn take_id(&mut self) -> u32 {
        self.next += 2;
        self.next - 2
    }

    pub(crate) fn get(&mut self, path: &str) -> u32 {
        self.begin(&request("GET", path), true)
    }

    pub(crate) fn post(&mut self, path: &str) -> u32 {
        self.begin(&request("POST", path), false)
    }

    pub(crate) fn data(&mut self, stream: u32, bytes: &[u8], end: bool) {
        self.put(DATA, if end { END_STREAM } else { 0 }, stream, bytes);
    }

    /// The next frame, in the order sent.
    pub(crate) fn frame(&mut self) -> Frame {
        self.try_frame().expect("the server has closed the connection")
    }

    /// The same; `None` at the connection's end.
    pub(crate) fn try_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(head) = self.buffer.first_chunk::<9>() {
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                assert!(length <= 16_384, "a frame of {length} bytes");
                if self.buffer.len() >= 9 + length {
                    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                    let (kind, flags) = (head[3], head[4]);
                    let payload = self.buffer[9..9 + length].to_vec();
                    self.buffer.drain(..9 + length);
                    if kind == DATA && self.gives_back && !payload.is_empty() {
                        // The server may be gone by now.
                        self.try_put(WINDOW_UPDATE, 0, 0, &(payload.len() as u32).to_be_bytes());
                    }
                    let mut frame = Frame { kind, flags, stream, payload, fields: Vec::new() };
                    while matches!(frame.kind, HEADERS) && frame.flags & END_HEADERS == 0 {
                        let more = self.try_frame()?;
                        assert_eq!((more.kind, more.stream), (CONTINUATION, stream));
                        frame.payload.extend_from_slice(&more.payload);
                        frame.flags |= more.flags & END_HEADERS;
                    }
                    if kind == HEADERS {
                        // In the order of their coming: each may build on those before it.
                        frame.fields = self.fields(&frame);
                    }
                    return Some(frame);
                }
            }
            let mut piece = [0; 16 * 1024];
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    assert!(self.buffer.is_empty(), "the connection ends within a frame");
                    return None;
                }
                Ok(count) => self.buffer.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next frame that `wanted` accepts; others are kept for later.
    pub(crate) fn find(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        if let Some(at) = self.held.iter().position(&wanted) {
            return self.held.remove(at).unwrap();
        }
        loop {
            let frame = self.frame();
            if wanted(&frame) {
                return frame;
            }
            self.held.push_back(frame);
        }
    }

    /// The next frame of a stream but WINDOW_UPDATE.
    pub(crate) fn on(&mut self, stream: u32) -> Frame {
        self.find(|frame| frame.stream == stream && frame.kind != WINDOW_UPDATE)
    }

    /// The response of a stream. Windows are kept open.
    pub(crate) fn response(&mut self, stream: u32) -> Response {
        let mut response = Response::default();
        loop {
            let frame = self.on(stream);
            match frame.kind {
                HEADERS => {
                    let fields = frame.fields.clone();
                    if response.status >= 200 {
                        response.trailers = fields;
                    } else {
                        let status = find(&fields, ":status").expect("a status");
                        response.status = status.parse().unwrap();
                        response.headers = fields;
                    }
                }
                DATA => {
                    response.body.extend_from_slice(&frame.payload);
                    let count = frame.payload.len() as u32;
                    if count > 0 && !frame.ends_stream() {
                        self.window(stream, count);
                    }
                }
                RST_STREAM => {
                    response.reset = Some(frame.code());
                    return response;
                }
                other => panic!("frame type {other} on a stream"),
            }
            if frame.ends_stream() {
                return response;
            }
        }
    }

    pub(crate) fn fetch(&mut self, path: &str) -> Response {
        let stream = self.get(path);
        self.response(stream)
    }

    /// Reads to the connection's end; answers the last GOAWAY.
    pub(crate) fn go_away(&mut self) -> Option<Frame> {
        let mut last = None;
        for frame in std::mem::take(&mut self.held) {
            if frame.kind == GOAWAY {
                last = Some(frame);
            }
        }
        while let Some(frame) = self.try_frame() {
            if frame.kind == GOAWAY {
                last = Some(frame);
            }
        }
        last
    }

    /// The fields of a block in one frame.
    fn fields(&mut self, frame: &Frame) -> Vec<(String, String)> {
        let mut block = &frame.payload[..];
        let mut fields = Vec::new();
        while let Some(&first) = block.first() {
            if first & 0x80 != 0 {
                fields.push(self.entry(integer(&mut block, 7)));
            } else if first & 0xe0 == 0x20 {
                let size = integer(&mut block, 5);
                assert!(size <= 4096);
                if size == 0 {
                    self.table.clear();
                }
            } else {
                let remember = first & 0x40 != 0;
                let index = integer(&mut block, if remember { 6 } else { 4 });
                let name = if index == 0 { string(&mut block) } else { self.entry(index).0 };
                let field = (name, string(&mut block));
                if remember {
                    self.table.push_front(field.clone());
                    let size = |(name, value): &(String, String)| name.len() + value.len() + 32;
                    while self.table.iter().map(size).sum::<usize>() > 4096 {
                        self.table.pop_back();
                    }
                }
                fields.push(field);
            }
        }
        fields
    }

    fn entry(&self, index: usize) -> (String, String) {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        match index {
            8 => own((":status", "200")),
            9 => own((":status", "204")),
            10 => own((":status", "206")),
            11 => own((":status", "304")),
            12 => own((":status", "400")),
            13 => own((":status", "404")),
            14 => own((":status", "500")),
            1..=61 => own((STATIC_NAMES[index - 1], "")),
            _ => self.table[index - 62].clone(),
        }
    }
}

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The usual fields of a request.
pub(crate) fn request<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "http"), (":path", path), (":authority", "test")]
}

/// Literal fields, none of them remembered.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

fn length(out: &mut Vec<u8>, mut value: usize) {
    if value < 0x7f {
        return out.push(value as u8);
    }
    out.push(0x7f);
    value -= 0x7f;
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn integer(block: &mut &[u8], bits: u8) -> usize {
    let mask = (1_usize << bits) - 1;
    let mut value = usize::from(block[0]) & mask;
    *block = &block[1..];
    if value < mask {
        return value;
    }
    let mut shift = 0;
    loop {
        let byte = block[0];
        *block = &block[1..];
        value += usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

/// The server sends no strings in Huffman code.
fn string(block: &mut &[u8]) -> String {
    assert!(block[0] & 0x80 == 0, "a coded string");
    let length = integer(block, 7);
    let (text, rest) = block.split_at(length);
    *block = rest;
    String::from_utf8(text.to_vec()).unwrap()
}

const STATIC_NAMES: [&str; 61] = [
    ":authority",
    ":method",
    ":method",
    ":path",
    ":path",
    ":scheme",
    ":scheme",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "accept",
    "access-control-allow-origin",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
];
