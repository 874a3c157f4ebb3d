//! The memory of one slot: where a request is laid down for managed code, and where its response is read from.
//!
//! Nothing here knows whose turn it is; [`super::slot`] does.

use std::sync::atomic::Ordering::Relaxed;

use super::area::Area;
use super::exchange::Head;
use super::layout::{RawConnection, RawExchange, RawHeader};
use super::request::{Header, OpenError, Request};

/// Bits of [`RawExchange::response_flags`].
mod response_flags {
    pub(super) const CLOSE: u32 = 1;
    pub(super) const AS_IS: u32 = 2;
}

/// Bytes of a head area at first.
const HEAD_BYTES: usize = 4 * 1024;
/// Bytes of a head area at most.
const HEAD_LIMIT: usize = 1024 * 1024;
/// Bytes of the block, always.
const BLOCK_BYTES: usize = 16 * 1024;
/// Bytes of a request's text at first.
const REQUEST_BYTES: usize = 2 * 1024;
/// Bytes of a request's text at most; far above what a server's limits let through.
const REQUEST_LIMIT: usize = 64 * 1024 * 1024;
/// Headers at first.
const HEADERS: usize = 32;

const NO_HEADER: RawHeader = RawHeader {
    name: std::ptr::null(),
    value: std::ptr::null(),
    value_len: 0,
    name_len: 0,
    known: 0,
    reserved: 0,
};

/// The trace that managed code has begun, if it says so.
pub(crate) fn trace(raw: &RawExchange) -> Option<[u8; 32]> {
    let mut digits = [0; 32];
    for (part, digits) in raw.trace.iter().zip(digits.chunks_exact_mut(8)) {
        digits.copy_from_slice(&part.load(Relaxed).to_ne_bytes());
    }
    (digits[0] != 0).then_some(digits)
}

/// All areas of one slot. Empty until the slot is first used.
#[derive(Debug)]
pub(crate) struct Memory {
    connection: Area<RawConnection>,
    text: Area<u8>,
    headers: Area<RawHeader>,
    trailer_text: Area<u8>,
    trailers: Area<RawHeader>,
    head: Area<u8>,
    block: Area<u8>,
}

/// One request trailer on its way into the slot: name, value, well-known number.
pub(crate) type Trailer = (Vec<u8>, Vec<u8>, u8);

/// A response as it lies in the slot. The slices are of never-freed memory; they keep their meaning while the
/// slot is not recycled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Response {
    pub(crate) head: Head<'static>,
    pub(crate) block: &'static [u8],
    pub(crate) trailers: &'static [u8],
}

impl Memory {
    pub(crate) const fn empty() -> Self {
        Self {
            connection: Area::empty(),
            text: Area::empty(),
            headers: Area::empty(),
            trailer_text: Area::empty(),
            trailers: Area::empty(),
            head: Area::empty(),
            block: Area::empty(),
        }
    }

    /// Lays the request down and resets the response. `raw.handle` and `raw.context` are left alone.
    pub(crate) fn lay<'a, H>(&mut self, raw: &RawExchange, request: &Request<'a, H>) -> Result<(), OpenError>
    where
        H: IntoIterator<Item = Header<'a>> + Clone,
    {
        let tls = request.connection.tls;
        let (sni, certificate) = tls.map_or((&[][..], &[][..]), |t| (t.sni, t.client_certificate));
        let mut needed = request.method.len() + request.target.len();
        needed += sni.len() + certificate.len() + request.user.len();
        let mut count = 0usize;
        for header in request.headers.clone() {
            needed = needed.saturating_add(header.name.len()).saturating_add(header.value.len());
            count += 1;
            if header.name.len() > usize::from(u16::MAX) {
                return Err(OpenError::TooLarge);
            }
        }
        let header_count = u16::try_from(count).map_err(|_| OpenError::TooLarge)?;
        let method_len = u16::try_from(request.method.len()).map_err(|_| OpenError::TooLarge)?;
        if needed > REQUEST_LIMIT {
            return Err(OpenError::TooLarge);
        }

        let fixed = request.connection.to_raw();
        self.connection.ensure(1, 1, fixed);
        self.text.ensure(needed, REQUEST_BYTES, 0);
        self.headers.ensure(count, HEADERS, NO_HEADER);
        self.head.ensure(HEAD_BYTES, HEAD_BYTES, 0);
        self.block.ensure(BLOCK_BYTES, BLOCK_BYTES, 0);

        let mut text = Writer { area: &mut self.text, at: 0 };
        raw.method.store(text.put(request.method)?, Relaxed);
        raw.method_len.store(method_len, Relaxed);
        raw.target.store(text.put(request.target)?, Relaxed);
        raw.target_len.store(request.target.len() as u32, Relaxed);
        let connection = RawConnection {
            sni: text.put(sni)?,
            sni_len: sni.len() as u32,
            client_certificate: text.put(certificate)?,
            client_certificate_len: certificate.len() as u32,
            ..fixed
        };
        raw.user.store(text.put(request.user)?, Relaxed);
        raw.user_len.store(request.user.len() as u32, Relaxed);
        for (at, header) in request.headers.clone().into_iter().enumerate() {
            let header = text.header(header.name, header.value, header.known)?;
            self.headers.put(at, &[header]).ok_or(OpenError::TooLarge)?;
        }
        raw.headers.store(self.headers.as_ptr(), Relaxed);
        raw.header_count.store(header_count, Relaxed);
        raw.connection.store(self.connection.put(0, &[connection]).ok_or(OpenError::TooLarge)?, Relaxed);
        self.reset(raw, request);
        Ok(())
    }

    /// The fields that are plain numbers, and the response fields to what a fresh request has.
    fn reset<H>(&self, raw: &RawExchange, request: &Request<'_, H>) {
        let length = request.content_length.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
        raw.request_id.store(request.request_id, Relaxed);
        raw.content_length.store(length, Relaxed);
        raw.parse_start_ns.store(request.parse_start_ns, Relaxed);
        raw.parse_end_ns.store(request.parse_end_ns, Relaxed);
        raw.version.store(request.version, Relaxed);
        raw.request_flags.store(request.flags, Relaxed);
        raw.request_trailers.store(std::ptr::null_mut(), Relaxed);
        raw.request_trailer_count.store(0, Relaxed);
        raw.head.store(self.head.as_ptr(), Relaxed);
        raw.head_cap.store(self.head.capacity() as u32, Relaxed);
        raw.head_len.store(0, Relaxed);
        raw.block.store(self.block.as_ptr(), Relaxed);
        raw.block_cap.store(self.block.capacity() as u32, Relaxed);
        raw.block_len.store(0, Relaxed);
        raw.response_content_length.store(-1, Relaxed);
        raw.status.store(200, Relaxed);
        raw.reason_len.store(0, Relaxed);
        raw.trailers_at.store(0, Relaxed);
        raw.response_flags.store(0, Relaxed);
        for part in &raw.trace {
            part.store(0, Relaxed);
        }
    }

    /// Makes the head area at least `needed` bytes; `false` if that is over the limit.
    pub(crate) fn grow_head(&mut self, raw: &RawExchange, needed: usize) -> bool {
        if needed > HEAD_LIMIT {
            return false;
        }
        if self.head.ensure(needed, HEAD_BYTES, 0) {
            raw.head.store(self.head.as_ptr(), Relaxed);
            raw.head_cap.store(self.head.capacity() as u32, Relaxed);
        }
        true
    }

    /// The response as managed code describes it. `None` when a length, an offset or the status is impossible.
    pub(crate) fn response(&self, raw: &RawExchange, block_len: usize) -> Option<Response> {
        let head_len = raw.head_len.load(Relaxed) as usize;
        let reason_len = usize::from(raw.reason_len.load(Relaxed));
        let records_end = match raw.trailers_at.load(Relaxed) as usize {
            0 => head_len,
            at => at,
        };
        let status = raw.status.load(Relaxed);
        let length = raw.response_content_length.load(Relaxed);
        if !(100..=999).contains(&status) || length < -1 {
            return None;
        }
        // SAFETY: managed code does not write the head area and the block while it is inside a call (and after
        // `on_request` has returned 0), and the slot is not recycled before native code is done with the slices.
        let reason = unsafe { self.head.slice(0, reason_len) }?;
        // SAFETY: as above.
        let headers = unsafe { self.head.slice(reason_len, records_end) }?;
        // SAFETY: as above.
        let trailers = unsafe { self.head.slice(records_end, head_len) }?;
        // SAFETY: as above.
        let block = unsafe { self.block.slice(0, block_len) }?;
        let flags = raw.response_flags.load(Relaxed);
        let (close, as_is) = (flags & response_flags::CLOSE != 0, flags & response_flags::AS_IS != 0);
        let content_length = u64::try_from(length).ok();
        let head = Head { status, reason, headers, content_length, close, as_is, trace: trace(raw) };
        Some(Response { head, block, trailers })
    }

    /// Lays request trailers down. `false`, with none laid, if they do not fit the structures; a server's limits
    /// are far below.
    pub(crate) fn lay_trailers(&mut self, raw: &RawExchange, trailers: &[Trailer]) -> bool {
        let bytes = trailers.iter().fold(0usize, |sum, (name, value, _)| sum + name.len() + value.len());
        let long = trailers.iter().any(|(name, _, _)| name.len() > usize::from(u16::MAX));
        let Some(laid) = u16::try_from(trailers.len()).ok().filter(|_| !long && bytes <= REQUEST_LIMIT)
        else {
            return false;
        };
        self.trailer_text.ensure(bytes, 256, 0);
        self.trailers.ensure(trailers.len(), 8, NO_HEADER);
        let mut text = Writer { area: &mut self.trailer_text, at: 0 };
        for (at, (name, value, known)) in trailers.iter().enumerate() {
            let Ok(trailer) = text.header(name, value, *known) else { return false };
            if self.trailers.put(at, &[trailer]).is_none() {
                return false;
            }
        }
        raw.request_trailers.store(self.trailers.as_ptr(), Relaxed);
        raw.request_trailer_count.store(laid, Relaxed);
        true
    }
}

/// Puts pieces of text one after the other.
struct Writer<'a> {
    area: &'a mut Area<u8>,
    at: usize,
}

impl Writer<'_> {
    /// Fails only when an iterator shows more the second time than the first.
    fn put(&mut self, bytes: &[u8]) -> Result<*mut u8, OpenError> {
        let address = self.area.put(self.at, bytes).ok_or(OpenError::TooLarge)?;
        self.at += bytes.len();
        Ok(address)
    }

    fn header(&mut self, name: &[u8], value: &[u8], known: u8) -> Result<RawHeader, OpenError> {
        Ok(RawHeader {
            name: self.put(name)?,
            value: self.put(value)?,
            value_len: value.len() as u32,
            name_len: name.len() as u16,
            known,
            reserved: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::Connection;
    use super::*;

    fn laid<'a>(headers: Vec<Header<'a>>) -> (Memory, RawExchange, Result<(), OpenError>) {
        let connection = Connection { id: 1, started_ns: 0, remote: None, local: None, tls: None };
        let (mut memory, raw) = (Memory::empty(), RawExchange::default());
        let request = Request {
            method: b"GET",
            target: b"/",
            version: 11,
            flags: 0,
            headers,
            content_length: None,
            request_id: 1,
            parse_start_ns: 0,
            parse_end_ns: 0,
            user: b"",
            connection: &connection,
        };
        let result = memory.lay(&raw, &request);
        (memory, raw, result)
    }

    #[test]
    fn a_fresh_response_is_empty() {
        let (memory, raw, result) = laid(Vec::new());
        assert_eq!(result, Ok(()));
        let response = memory.response(&raw, 0).unwrap();
        assert_eq!(
            (response.head.status, response.head.content_length, response.head.close),
            (200, None, false)
        );
        assert!(
            response.block.is_empty() && response.trailers.is_empty() && response.head.headers.is_empty()
        );
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let (memory, raw, _) = laid(Vec::new());
        assert!(memory.response(&raw, BLOCK_BYTES).is_some());
        assert!(memory.response(&raw, BLOCK_BYTES + 1).is_none());
        raw.head_len.store(4097, Relaxed);
        assert!(memory.response(&raw, 0).is_none());
        raw.head_len.store(10, Relaxed);
        raw.reason_len.store(11, Relaxed);
        assert!(memory.response(&raw, 0).is_none(), "reason beyond the head");
        raw.reason_len.store(4, Relaxed);
        raw.trailers_at.store(3, Relaxed);
        assert!(memory.response(&raw, 0).is_none(), "trailers inside the reason");
        raw.trailers_at.store(11, Relaxed);
        assert!(memory.response(&raw, 0).is_none(), "trailers beyond the head");
        raw.trailers_at.store(6, Relaxed);
        let response = memory.response(&raw, 0).unwrap();
        assert_eq!(
            (response.head.reason.len(), response.head.headers.len(), response.trailers.len()),
            (4, 2, 4)
        );
        raw.status.store(99, Relaxed);
        assert!(memory.response(&raw, 0).is_none());
        raw.status.store(200, Relaxed);
        raw.response_content_length.store(-2, Relaxed);
        assert!(memory.response(&raw, 0).is_none());
    }

    #[test]
    fn a_managed_capacity_is_not_believed() {
        let (memory, raw, _) = laid(Vec::new());
        raw.head_cap.store(u32::MAX, Relaxed);
        raw.head_len.store(100_000, Relaxed);
        assert!(memory.response(&raw, 0).is_none());
    }

    #[test]
    fn heads_too_large_are_refused_and_large_ones_grow() {
        let long = vec![b'x'; 70_000];
        let header = |name, value| Header { name, value, known: 0 };
        assert_eq!(laid(vec![header(&long, b"v")]).2, Err(OpenError::TooLarge));
        assert_eq!(laid(vec![header(b"n", b"v"); 70_000]).2, Err(OpenError::TooLarge));
        let (_, raw, result) = laid(vec![header(b"n", &long); 40]);
        assert_eq!((result, raw.header_count.load(Relaxed)), (Ok(()), 40));
    }

    #[test]
    fn the_head_area_grows_up_to_its_limit() {
        let (mut memory, raw, _) = laid(Vec::new());
        assert!(memory.grow_head(&raw, 5000));
        assert_eq!(raw.head_cap.load(Relaxed), 8192);
        assert!(memory.grow_head(&raw, HEAD_LIMIT));
        assert!(!memory.grow_head(&raw, HEAD_LIMIT + 1));
    }
}
