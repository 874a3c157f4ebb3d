//! Header blocks from any bytes: nothing may panic, how they are cut must not matter, and what is kept stays within its limits.
#![allow(clippy::panic, reason = "that is how a fuzzer is told")]

use super::frame::{Frame, unpadded};
use super::head;
use super::hpack::{Decoder, Fields};
use crate::config::Limits;

/// Decodes blocks that build on each other, and takes each for a request and for trailers. A block ends at every byte of
/// value `end`; the same blocks must give the same fields to a second decoder.
pub fn header_blocks(bytes: &[u8], end: u8) {
    let limits = Limits::default();
    let mut decoders = [Decoder::default(), Decoder::default()];
    let mut fields = [Fields::default(), Fields::default()];
    for block in bytes.split(|&byte| byte == end) {
        let [one, other] = &mut decoders;
        let [kept, again] = &mut fields;
        kept.begin(&limits);
        again.begin(&limits);
        let result = one.decode(block, kept);
        assert_eq!(result, other.decode(block, again));
        assert!(kept.iter().eq(again.iter()), "the same block, other fields");
        let size: usize = kept.iter().map(|field| field.name.len() + field.value.len() + 32).sum();
        assert!(size <= limits.header_bytes && kept.len() <= limits.header_count + 5 + size / 32);
        if result.is_err() {
            return;
        }
        if let Ok(request) = head::request(kept, &mut Vec::new(), true, &limits) {
            assert!(request.target.starts_with(b"/") || request.target == b"*");
            for header in &request.headers {
                assert!(!header.name.iter().any(u8::is_ascii_uppercase), "a name in upper case");
                assert!(
                    !header.value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
                    "a line end in a value"
                );
            }
        }
        let _ = head::trailers(kept);
        if let Some(frame) = Frame::parse(block) {
            let _ = unpadded(frame, block);
        }
    }
}
