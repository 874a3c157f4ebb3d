//! Large bodies in both directions, at the same time, and with peers that are slow to take them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::{Forward, eventually};
use mews_server::{ForwardOptions, Limits};

const MIB: usize = 1 << 20;

/// Far more than the kernel holds for all sockets on the way.
const FLOOD: usize = 96 * MIB;
/// More than the kernel and the server may hold of it.
const HELD: usize = 48 * MIB;

fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

/// Sends so many bytes of the pattern on a thread and counts them.
fn write_pattern(stream: &TcpStream, count: usize) -> (JoinHandle<()>, Arc<AtomicUsize>) {
    let mut stream = stream.try_clone().unwrap();
    stream.set_write_timeout(None).unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let counter = written.clone();
    let thread = thread::spawn(move || {
        let mut at = 0;
        while at < count {
            let piece: Vec<u8> = (at..(at + 64 * 1024).min(count)).map(byte).collect();
            let Ok(sent) = stream.write(&piece) else { return };
            at += sent;
            counter.store(at, Ordering::SeqCst);
        }
    });
    (thread, written)
}

/// Reads so many bytes and compares them with the pattern.
fn read_pattern(stream: &mut TcpStream, count: usize) {
    let mut buffer = vec![0; 256 * 1024];
    let mut at = 0;
    while at < count {
        let most = buffer.len().min(count - at);
        let read = stream.read(&mut buffer[..most]).unwrap();
        assert!(read > 0, "closed after {at} of {count}");
        for (offset, found) in buffer[..read].iter().enumerate() {
            assert_eq!(*found, byte(at + offset), "at {}", at + offset);
        }
        at += read;
    }
}

/// Waits until a sender makes no progress any more; answers how far it got.
fn stalled(written: &AtomicUsize) -> usize {
    let until = Instant::now() + common::PATIENCE;
    let mut last = (written.load(Ordering::SeqCst), Instant::now());
    loop {
        thread::sleep(Duration::from_millis(20));
        let now = written.load(Ordering::SeqCst);
        if now != last.0 {
            last = (now, Instant::now());
        } else if now > 0 && last.1.elapsed() > Duration::from_millis(500) {
            return now;
        }
        assert!(Instant::now() < until, "still writing at {now}");
    }
}

#[test]
fn ten_mebibytes_both_ways_at_the_same_time() {
    let count = 10 * MIB;
    let forward = Forward::new();
    let (mut client, mut peer, _) =
        forward.exchange(&format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {count}\r\n\r\n"));
    peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n"));
    client.head();
    let (up, _) = write_pattern(&client.stream, count);
    // An answer that is complete ends the exchange: its last byte waits for the whole request.
    let (down, _) = write_pattern(&peer.stream, count - 1);
    let mut receiving = peer.stream.try_clone().unwrap();
    let reader = thread::spawn(move || {
        read_pattern(&mut receiving, count);
        down.join().unwrap();
        receiving.write_all(&[byte(count - 1)]).unwrap();
    });
    read_pattern(&mut client.stream, count);
    for thread in [up, reader] {
        thread.join().unwrap();
    }
    client.get("/next");
    assert!(peer.lines().starts_with("GET /next "), "the connection is used again");
}

#[test]
fn chunks_both_ways() {
    let forward = Forward::new();
    let (mut client, mut peer, _) =
        forward.exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    let body: Vec<u8> = (0..3 * MIB).map(byte).collect();
    let chunked = |sizes: &[usize]| {
        let mut out = Vec::new();
        let (mut at, mut turn) = (0, 0);
        while at < body.len() {
            let size = sizes[turn % sizes.len()].min(body.len() - at);
            out.extend_from_slice(format!("{size:x}\r\n").as_bytes());
            out.extend_from_slice(&body[at..at + size]);
            out.extend_from_slice(b"\r\n");
            (at, turn) = (at + size, turn + 1);
        }
        out.extend_from_slice(b"0\r\n\r\n");
        out
    };
    let (small, large) = (chunked(&[1, 2, 700, 3, 16]), chunked(&[200_000, 65_536, 7]));
    let sender = {
        let mut stream = client.stream.try_clone().unwrap();
        thread::spawn(move || stream.write_all(&small).unwrap())
    };
    let upstream = thread::spawn(move || {
        let mut received = Vec::new();
        loop {
            let size = usize::from_str_radix(&peer.line(), 16).unwrap();
            received.extend_from_slice(&peer.take(size));
            assert_eq!(peer.line(), "");
            if size == 0 {
                break;
            }
        }
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.send(&large);
        received
    });
    let response = client.response();
    assert!(response.body == body, "downwards");
    assert!(upstream.join().unwrap() == body, "upwards");
    sender.join().unwrap();
}

#[test]
fn a_client_that_does_not_read_stops_the_upstream() {
    for framing in ["Content-Length", "Close"] {
        let forward = Forward::new();
        let mut client = forward.connect();
        client.limit_receiving();
        client.get("/");
        let mut peer = forward.scripted.accept();
        peer.lines();
        let length = if framing == "Close" { String::new() } else { format!("Content-Length: {FLOOD}\r\n") };
        peer.send(format!("HTTP/1.1 200 OK\r\n{length}\r\n"));
        let (writer, written) = write_pattern(&peer.stream, FLOOD);
        let held = stalled(&written);
        assert!(held < HELD, "{framing}: {held} bytes were taken");
        if framing == "Close" {
            drop(client);
            // Nobody takes the rest.
            writer.join().unwrap();
            assert!(written.load(Ordering::SeqCst) < FLOOD);
            continue;
        }
        client.head();
        // What has been read together with the head comes first.
        let early = client.take_buffered();
        assert!(early.iter().enumerate().all(|(at, found)| *found == byte(at)));
        let mut buffer = vec![0; MIB];
        let mut at = early.len();
        while at < FLOOD {
            let most = buffer.len().min(FLOOD - at);
            let read = client.stream.read(&mut buffer[..most]).unwrap();
            assert!(read > 0);
            assert!(buffer[..read].iter().enumerate().all(|(offset, found)| *found == byte(at + offset)));
            at += read;
        }
        writer.join().unwrap();
    }
}

#[test]
fn an_upstream_that_does_not_read_stops_the_client() {
    let forward = Forward::new();
    let (client, peer, _) =
        forward.exchange(&format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {FLOOD}\r\n\r\n"));
    peer.limit_receiving();
    let (writer, written) = write_pattern(&client.stream, FLOOD);
    let held = stalled(&written);
    assert!(held < HELD, "{held} bytes were taken");
    let mut receiving = peer.stream.try_clone().unwrap();
    read_pattern(&mut receiving, FLOOD);
    writer.join().unwrap();
}

#[test]
fn a_client_that_never_reads_is_given_up() {
    let limits = Limits { write_timeout: Duration::from_millis(300), ..Limits::default() };
    let forward = Forward::with(ForwardOptions::default(), limits);
    let mut client = forward.connect();
    client.limit_receiving();
    client.get("/");
    let mut peer = forward.scripted.accept();
    peer.lines();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    let (writer, _) = write_pattern(&peer.stream, FLOOD);
    writer.join().unwrap();
    eventually("nothing is in flight", || forward.upstream.in_flight() == 0);
    client.assert_reset();
}

#[test]
fn events_arrive_one_by_one() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.head().0, 200);
    for number in 0..20 {
        let event = format!("data: {number:02}\n\n");
        peer.send(format!("{:x}\r\n{event}\r\n", event.len()));
        assert_eq!(client.line(), format!("{:x}", event.len()));
        assert_eq!(client.take(event.len() + 2), format!("{event}\r\n").as_bytes());
    }
    peer.send("0\r\n\r\n");
    assert_eq!(client.take(5), b"0\r\n\r\n");
}
