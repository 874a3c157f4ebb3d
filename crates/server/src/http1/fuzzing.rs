//! Reading a request from any bytes: how they are cut must not matter, and what is taken for a head holds nothing that another reader could take for two.
#![allow(clippy::panic, reason = "that is how a fuzzer is told")]

use super::chunked::{Decoder, Status};
use super::head;
use super::rejection::Rejection;
use super::scan::{Scan, Scanned};
use crate::config::Limits;

/// Reads one head and, where it says so, a chunked body. `cut`: how many bytes come at a time, at least 1.
pub fn request(bytes: &[u8], cut: usize) {
    let limits = Limits::default();
    let whole = scan(bytes, bytes.len().max(1), &limits);
    assert_eq!(whole.is_ok(), scan(bytes, cut, &limits).is_ok(), "the cut decides whether it is refused");
    let Ok(Scanned::Head { len, fields }) = whole else { return };
    assert_eq!(scan(bytes, cut, &limits).ok(), Some(Scanned::Head { len, fields }));
    assert!(len <= bytes.len() && bytes[..len].ends_with(b"\r\n\r\n"));
    // A tolerated empty line stays before the request line.
    let Ok(head) = head::parse(&bytes[..len], fields) else { return };
    assert_eq!(head.headers.len(), fields);
    assert!(head.method.iter().chain(head.target).all(|byte| *byte > b' ' && *byte != 0x7f));
    assert!(!(head.framing.chunked && head.framing.content_length.is_some()), "two framings");
    for header in &head.headers {
        assert!(!header.value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "a line end in a value");
    }
    if head.framing.chunked {
        let body = &bytes[len..];
        let at_once = decode(body, body.len().max(1), 64 * 1024);
        assert_eq!(at_once, decode(body, cut, cut), "the cut decides what the body is");
    }
}

fn scan(bytes: &[u8], cut: usize, limits: &Limits) -> Result<Scanned, Rejection> {
    let mut scan = Scan::default();
    let mut end = 0;
    while end < bytes.len() {
        end = (end + cut.max(1)).min(bytes.len());
        match scan.step(&bytes[..end], limits)? {
            Scanned::Partial => {}
            found => return Ok(found),
        }
    }
    Ok(Scanned::Partial)
}

/// The body, and whether it is complete; `None` when it is malformed.
fn decode(input: &[u8], cut: usize, room: usize) -> Option<(Vec<u8>, bool)> {
    let mut decoder = Decoder::new(32 * 1024, 100);
    let (mut body, mut at) = (Vec::new(), 0);
    let mut room = vec![0; room.max(1)];
    let mut end = 0;
    loop {
        let step = decoder.step(&input[at..end], &mut room).ok()?;
        assert!(step.used <= end - at && step.made <= room.len());
        at += step.used;
        body.extend_from_slice(&room[..step.made]);
        match step.status {
            Status::End => return Some((body, true)),
            Status::Output => assert!(step.made > 0 || step.used > 0, "no progress"),
            Status::Input if end == input.len() => return Some((body, false)),
            Status::Input => end = (end + cut.max(1)).min(input.len()),
        }
    }
}
