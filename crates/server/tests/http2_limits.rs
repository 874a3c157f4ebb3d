//! The limits of HTTP/2 are settings: each is met where it was set, and is counted once, under its name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use common::http2::{self, *};
use common::{Fixture, eventually, hits};
use mews_server::{Http2Limits, Limits};

fn fixture(http2: Http2Limits) -> (Fixture, http2::Client) {
    let fixture = Fixture::http2(Limits { http2, ..Limits::default() });
    let client = http2::Client::connect(fixture.address);
    (fixture, client)
}

/// The connection ends with `ENHANCE_YOUR_CALM`, for what is counted under this name.
fn calmed(fixture: &Fixture, client: &mut http2::Client, limit: &str) {
    client.gives_back = false;
    // A reset may have taken the last words; the counter tells in any case.
    assert!(client.go_away().is_none_or(|frame| frame.code() == ENHANCE_YOUR_CALM), "{limit}");
    eventually("it is closed", || fixture.server().connections() == 0);
    assert_eq!((hits(fixture.server(), limit), fixture.server().stats().http2_calmed), (1, 1), "{limit}");
}

#[test]
fn streams() {
    let (fixture, mut client) = fixture(Http2Limits { streams: 2, ..Http2Limits::default() });
    let kept = [client.get("/keep"), client.get("/keep")];
    eventually("both are there", || fixture.app.kept() == 2);
    let refused = client.get("/hello");
    assert_eq!(client.on(refused).code(), REFUSED_STREAM);
    assert_eq!(hits(fixture.server(), "http2_streams"), 1);
    fixture.app.finish_kept(b"done");
    for stream in kept {
        assert_eq!(client.response(stream).text(), "done");
    }
    assert_eq!(client.fetch("/hello").text(), "hello");
}

#[test]
fn resets() {
    let (fixture, mut client) = fixture(Http2Limits { resets: 3, ..Http2Limits::default() });
    for count in 1..=3 {
        let stream = client.get("/keep");
        eventually("it is there", || fixture.app.kept() == count);
        client.reset(stream, CANCEL);
    }
    assert_eq!(hits(fixture.server(), "http2_resets"), 0);
    let one_more = client.get("/keep");
    client.reset(one_more, CANCEL);
    calmed(&fixture, &mut client, "http2_resets");
    fixture.app.finish_kept(b"");
}

#[test]
fn frames() {
    let (fixture, mut client) = fixture(Http2Limits { frames: 5, ..Http2Limits::default() });
    let mut sent = 0;
    while sent < 10 && client.try_put(PING, 0, 0, &[0; 8]) {
        sent += 1;
    }
    calmed(&fixture, &mut client, "http2_frames");
}

#[test]
fn header_blocks() {
    let (fixture, mut client) = fixture(Http2Limits { continuations: 2, ..Http2Limits::default() });
    let stream = client.take_id();
    client.put(HEADERS, END_STREAM, stream, &block(&request("GET", "/hello")));
    for _ in 0..3 {
        client.put(CONTINUATION, 0, stream, &block(&[("a", "b")]));
    }
    calmed(&fixture, &mut client, "http2_header_block");
}
