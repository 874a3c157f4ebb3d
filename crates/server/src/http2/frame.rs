//! Frames (RFC 9113, 4 to 6): their heads, and those that the server sends by itself.

/// Bytes of a frame's head.
pub(super) const HEAD: usize = 9;
/// The largest payload that either side sends: the protocol's initial value, which is never raised.
pub(super) const MAX_PAYLOAD: usize = 16 * 1024;
/// The largest window.
pub(super) const MAX_WINDOW: i64 = (1 << 31) - 1;
/// The highest stream identifier.
pub(super) const MAX_STREAM: u32 = (1 << 31) - 1;
/// What a client sends first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types.
pub(super) mod kind {
    pub(in crate::http2) const DATA: u8 = 0;
    pub(in crate::http2) const HEADERS: u8 = 1;
    pub(in crate::http2) const PRIORITY: u8 = 2;
    pub(in crate::http2) const RST_STREAM: u8 = 3;
    pub(in crate::http2) const SETTINGS: u8 = 4;
    pub(in crate::http2) const PUSH_PROMISE: u8 = 5;
    pub(in crate::http2) const PING: u8 = 6;
    pub(in crate::http2) const GOAWAY: u8 = 7;
    pub(in crate::http2) const WINDOW_UPDATE: u8 = 8;
    pub(in crate::http2) const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub(super) mod flag {
    pub(in crate::http2) const ACK: u8 = 1;
    pub(in crate::http2) const END_STREAM: u8 = 1;
    pub(in crate::http2) const END_HEADERS: u8 = 4;
    pub(in crate::http2) const PADDED: u8 = 8;
    pub(in crate::http2) const PRIORITY: u8 = 0x20;
}

/// Settings.
pub(super) mod setting {
    pub(in crate::http2) const HEADER_TABLE_SIZE: u16 = 1;
    pub(in crate::http2) const ENABLE_PUSH: u16 = 2;
    pub(in crate::http2) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(in crate::http2) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(in crate::http2) const MAX_FRAME_SIZE: u16 = 5;
    pub(in crate::http2) const MAX_HEADER_LIST_SIZE: u16 = 6;
    pub(in crate::http2) const ENABLE_CONNECT_PROTOCOL: u16 = 8;
}

/// An error code (RFC 9113, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(pub(super) u32);

impl Code {
    pub(super) const NO_ERROR: Self = Self(0);
    pub(super) const PROTOCOL_ERROR: Self = Self(1);
    pub(super) const INTERNAL_ERROR: Self = Self(2);
    pub(super) const FLOW_CONTROL_ERROR: Self = Self(3);
    pub(super) const STREAM_CLOSED: Self = Self(5);
    pub(super) const FRAME_SIZE_ERROR: Self = Self(6);
    pub(super) const REFUSED_STREAM: Self = Self(7);
    pub(super) const CANCEL: Self = Self(8);
    pub(super) const COMPRESSION_ERROR: Self = Self(9);
    pub(super) const ENHANCE_YOUR_CALM: Self = Self(11);
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Frame {
    /// Reads a head at the front of `bytes`, if it is there.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEAD>()?;
        let [l1, l2, l3, kind, flags, s1, s2, s3, s4] = *head;
        Some(Self {
            length: u32::from_be_bytes([0, l1, l2, l3]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes([s1, s2, s3, s4]) & MAX_STREAM,
        })
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Appends the head.
    pub(super) fn put(self, out: &mut Vec<u8>) {
        let [_, l1, l2, l3] = (self.length as u32).to_be_bytes();
        let [s1, s2, s3, s4] = self.stream.to_be_bytes();
        out.extend_from_slice(&[l1, l2, l3, self.kind, self.flags, s1, s2, s3, s4]);
    }
}

/// Appends a frame with a payload in memory.
pub(super) fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    Frame { length: payload.len(), kind, flags, stream }.put(out);
    out.extend_from_slice(payload);
}

/// Appends RST_STREAM.
pub(super) fn reset(out: &mut Vec<u8>, stream: u32, code: Code) {
    put(out, kind::RST_STREAM, 0, stream, &code.0.to_be_bytes());
}

/// Appends WINDOW_UPDATE.
pub(super) fn window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    put(out, kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes());
}

/// Appends GOAWAY.
pub(super) fn go_away(out: &mut Vec<u8>, last: u32, code: Code) {
    let mut payload = [0; 8];
    payload[..4].copy_from_slice(&last.to_be_bytes());
    payload[4..].copy_from_slice(&code.0.to_be_bytes());
    put(out, kind::GOAWAY, 0, 0, &payload);
}

/// Appends SETTINGS.
pub(super) fn settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    Frame { length: settings.len() * 6, kind: kind::SETTINGS, flags: 0, stream: 0 }.put(out);
    for (number, value) in settings {
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Appends a header block, in as many frames as it needs. `at`: where in `out` the block begins; it reaches to the end,
/// and [`HEAD`] bytes before it are kept free for the first frame's head.
pub(super) fn headers(out: &mut Vec<u8>, at: usize, stream: u32, end_stream: bool) {
    let length = out.len() - at;
    let end = if end_stream { flag::END_STREAM } else { 0 };
    if length <= MAX_PAYLOAD {
        let mut head = Vec::with_capacity(HEAD);
        Frame { length, kind: kind::HEADERS, flags: end | flag::END_HEADERS, stream }.put(&mut head);
        out[at - HEAD..at].copy_from_slice(&head);
        return;
    }
    let block = out.split_off(at);
    out.truncate(at - HEAD);
    let pieces = block.len().div_ceil(MAX_PAYLOAD);
    for (index, piece) in block.chunks(MAX_PAYLOAD).enumerate() {
        let (kind, mut flags) = if index == 0 { (kind::HEADERS, end) } else { (kind::CONTINUATION, 0) };
        if index + 1 == pieces {
            flags |= flag::END_HEADERS;
        }
        put(out, kind, flags, stream, piece);
    }
}

/// The payload without its padding; `None` when there is more padding than payload.
pub(super) fn unpadded(frame: Frame, payload: &[u8]) -> Option<&[u8]> {
    if !frame.has(flag::PADDED) {
        return Some(payload);
    }
    let (&padding, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(padding))?)
}

/// The number that a payload of four bytes holds.
pub(super) fn number(payload: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*payload.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_come_back() {
        let frame = Frame { length: 0x12_3456, kind: 9, flags: 0xa5, stream: MAX_STREAM };
        let mut out = Vec::new();
        frame.put(&mut out);
        assert_eq!(Frame::parse(&out), Some(frame));
        assert_eq!(Frame::parse(&out[..8]), None);
        // The reserved bit means nothing.
        out[5] |= 0x80;
        assert_eq!(Frame::parse(&out), Some(frame));
    }

    #[test]
    fn padding() {
        let frame = |flags| Frame { length: 0, kind: 0, flags, stream: 1 };
        assert_eq!(unpadded(frame(0), b"\x01ab"), Some(&b"\x01ab"[..]));
        assert_eq!(unpadded(frame(flag::PADDED), b"\x01ab"), Some(&b"a"[..]));
        assert_eq!(unpadded(frame(flag::PADDED), b"\x02ab"), Some(&b""[..]));
        assert_eq!(unpadded(frame(flag::PADDED), b"\x03ab"), None);
        assert_eq!(unpadded(frame(flag::PADDED), b""), None);
    }

    #[test]
    fn long_blocks_are_continued() {
        for (length, frames) in [(1, 1), (MAX_PAYLOAD, 1), (MAX_PAYLOAD + 1, 2), (MAX_PAYLOAD * 3, 3)] {
            let mut out = b"before".to_vec();
            out.extend_from_slice(&[0; HEAD]);
            let at = out.len();
            out.extend((0..length).map(|at| at as u8));
            headers(&mut out, at, 5, true);
            assert!(out.starts_with(b"before"));
            let (mut rest, mut block, mut seen) = (&out[6..], Vec::new(), 0);
            while let Some(frame) = Frame::parse(rest) {
                let first = seen == 0;
                assert_eq!(frame.kind, if first { kind::HEADERS } else { kind::CONTINUATION });
                assert_eq!((frame.stream, frame.has(flag::END_STREAM)), (5, first));
                block.extend_from_slice(&rest[HEAD..HEAD + frame.length]);
                rest = &rest[HEAD + frame.length..];
                seen += 1;
                assert_eq!(frame.has(flag::END_HEADERS), seen == frames);
            }
            assert_eq!((seen, block.len(), rest.len()), (frames, length, 0));
            assert!(block.iter().enumerate().all(|(at, byte)| *byte == at as u8));
        }
    }
}
