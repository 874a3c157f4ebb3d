//! Exchanges that leave HTTP: the handshake, the bytes after it, and every way in which a tunnel ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::{Client, Forward, eventually};

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\
                   Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n";

fn tunnel(forward: &Forward) -> (Client, Client) {
    let (mut client, mut peer, _) = forward.exchange(ASK);
    peer.send(SWITCH);
    assert_eq!(client.head().0, 101);
    (client, peer)
}

#[test]
fn bytes_go_both_ways_as_they_are() {
    let forward = Forward::new();
    let (mut client, mut peer, head) = forward.exchange(ASK);
    for line in ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Extensions: permessage-deflate"]
    {
        assert!(head.lines().any(|found| found == line), "{head}");
    }
    // What follows the head at once belongs to the tunnel.
    peer.send(format!("{SWITCH}early"));
    let (status, head) = client.head();
    assert_eq!(status, 101);
    for line in ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: a"] {
        assert_eq!(head.lines().filter(|found| *found == line).count(), 1, "{head}");
    }
    assert_eq!(client.take(5), b"early");
    for round in 0..100_usize {
        let text = format!("HTTP/1.1 200 OK\r\n\r\n{}", "\0\u{ff}".repeat(round));
        client.send(&text);
        assert_eq!(peer.take(text.len()), text.as_bytes());
        peer.send(&text);
        assert_eq!(client.take(text.len()), text.as_bytes());
    }
    assert_eq!(forward.upstream.in_flight(), 1);
}

#[test]
fn bytes_sent_along_with_the_request_belong_to_the_tunnel() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.exchange(&format!("{ASK}eager"));
    peer.send(SWITCH);
    assert_eq!(client.head().0, 101);
    assert_eq!(peer.take(5), b"eager");
}

#[test]
fn large_amounts_go_both_ways_at_once() {
    let forward = Forward::new();
    let (client, peer) = tunnel(&forward);
    let count = 10 << 20;
    let pump = |stream: &std::net::TcpStream| {
        let (mut sender, mut receiver) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
        let write = thread::spawn(move || {
            let bytes: Vec<u8> = (0..count).map(|at| (at % 251) as u8).collect();
            sender.write_all(&bytes).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
        });
        let read = thread::spawn(move || {
            let mut all = Vec::new();
            receiver.read_to_end(&mut all).unwrap();
            assert_eq!(all.len(), count);
            assert!(all.iter().enumerate().all(|(at, found)| *found == (at % 251) as u8));
        });
        [write, read]
    };
    for thread in [pump(&client.stream), pump(&peer.stream)].into_iter().flatten() {
        thread.join().unwrap();
    }
    eventually("nothing is in flight", || forward.upstream.in_flight() == 0);
}

#[test]
fn the_upstream_may_end_its_direction_first() {
    let forward = Forward::new();
    let (mut client, mut peer) = tunnel(&forward);
    peer.send("last words");
    peer.finish_sending();
    assert_eq!(client.rest(), b"last words");
    client.send("not quite");
    assert_eq!(peer.take(9), b"not quite");
    client.send("done");
    client.finish_sending();
    assert_eq!(peer.rest(), b"done");
    eventually("nothing is in flight", || forward.upstream.in_flight() == 0);
}

#[test]
fn the_client_may_end_its_direction_first() {
    let forward = Forward::new();
    let (mut client, mut peer) = tunnel(&forward);
    client.send("last words");
    client.finish_sending();
    assert_eq!(peer.rest(), b"last words");
    peer.send("not quite");
    assert_eq!(client.take(9), b"not quite");
    peer.send("done");
    drop(peer);
    assert_eq!(client.rest(), b"done");
    eventually("nothing is in flight", || forward.upstream.in_flight() == 0);
}

#[test]
fn an_upstream_that_dies_resets_the_client() {
    let forward = Forward::new();
    let (mut client, peer) = tunnel(&forward);
    peer.reset();
    client.assert_reset();
    eventually("nothing is in flight", || forward.upstream.in_flight() == 0);
}

#[test]
fn a_client_that_dies_resets_the_upstream() {
    let forward = Forward::new();
    let (client, mut peer) = tunnel(&forward);
    client.reset();
    peer.assert_reset();
    // Also when the other direction has ended.
    let (mut client, mut peer) = tunnel(&forward);
    peer.finish_sending();
    assert!(client.rest().is_empty());
    client.reset();
    peer.assert_reset();
    eventually("nothing is in flight", || forward.upstream.in_flight() == 0);
}

#[test]
fn an_upstream_that_is_gone_behind_its_end_ends_the_client() {
    let forward = Forward::new();
    let (mut client, mut peer) = tunnel(&forward);
    peer.send("bye");
    drop(peer);
    assert_eq!(client.rest(), b"bye");
    // Nobody takes this any more.
    client.send("hello?");
    eventually("nothing is in flight", || {
        let _ = client.stream.write(b"hello?");
        forward.upstream.in_flight() == 0
    });
}

#[test]
fn another_answer_than_101_is_an_ordinary_one() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.exchange(ASK);
    peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let response = client.response();
    assert_eq!((response.status, response.text()), (403, "no"));
    client.get("/next");
    assert!(peer.lines().starts_with("GET /next "), "both connections go on");
}

#[test]
fn upgrades_can_be_switched_off() {
    let forward = Forward::options(|options| options.web_sockets = false);
    let (mut client, mut peer, head) = forward.exchange(ASK);
    assert!(!head.contains("Upgrade") && head.contains("Sec-WebSocket-Key: k"), "{head}");
    peer.send(SWITCH);
    assert_eq!(client.response().status, 502);
}

#[test]
fn a_silent_tunnel_is_not_limited() {
    let forward = Forward::options(|options| options.request_timeout = Some(Duration::from_millis(100)));
    let (mut client, mut peer) = tunnel(&forward);
    thread::sleep(Duration::from_millis(900));
    peer.send("still");
    assert_eq!(client.take(5), b"still");
    client.send("here");
    assert_eq!(peer.take(4), b"here");
}

#[test]
fn closing_the_upstream_leaves_tunnels_alone() {
    let forward = Forward::new();
    let (mut client, mut peer) = tunnel(&forward);
    forward.upstream.close();
    peer.send("still");
    assert_eq!(client.take(5), b"still");
    assert_eq!(forward.upstream.in_flight(), 1);
}

#[test]
fn a_drain_waits_for_tunnels_and_a_shutdown_does_not() {
    let forward = Forward::new();
    let (client, mut peer) = tunnel(&forward);
    forward.server.drain(Duration::ZERO);
    assert!(!forward.server.wait_idle(Duration::from_millis(100)));
    drop(client);
    assert!(peer.rest().is_empty());
    drop(peer);
    assert!(forward.server.wait_idle(common::PATIENCE));
    let forward = Forward::new();
    let (mut client, mut peer) = tunnel(&forward);
    forward.server.shutdown();
    peer.assert_reset();
    client.assert_closed();
}

#[test]
fn clients_that_die_while_their_connections_are_woken_are_noticed() {
    let forward = Forward::new();
    let tunnels: Vec<(Client, Client)> = (0..200).map(|_| tunnel(&forward)).collect();
    let dying = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            while dying.load(Ordering::Relaxed) {
                // Wakes every connection.
                forward.server.drain(Duration::from_secs(60));
            }
        });
        for (client, mut peer) in tunnels {
            client.reset();
            peer.assert_reset();
        }
        dying.store(false, Ordering::Relaxed);
    });
    assert!(forward.server.wait_idle(common::PATIENCE), "{} are left", forward.server.connections());
}
