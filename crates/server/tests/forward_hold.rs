//! Requests that wait for their upstream, and upstreams that are closed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{Client, Forward, Scripted, Store, TOKEN, eventually, start_backend};
use mews_server::{ForwardOptions, Limits, Page, PageHandler, Server, Upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn holding() -> (Arc<Store>, Server, std::net::SocketAddr) {
    let store = Arc::new(Store::default());
    let (server, address) = start_backend(ForwardOptions::default(), Limits::default(), store.clone());
    (store, server, address)
}

/// Answers everything with its target.
fn echo() -> std::net::SocketAddr {
    Scripted::new().serve(|peer| {
        loop {
            let head = peer.lines();
            let target = head.split(' ').nth(1).unwrap().to_owned();
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()));
        }
    })
}

#[test]
fn a_held_request_is_forwarded_later_from_any_thread() {
    let (store, _server, address) = holding();
    let mut client = Client::connect(address);
    client.send("POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
    let held = store.one();
    assert!(!held.is_abandoned());
    let scripted = Scripted::new();
    let upstream = Upstream::new(scripted.address, TOKEN);
    held.forward(&upstream);
    assert_eq!(upstream.in_flight(), 1, "counted from the very call");
    let mut peer = scripted.accept();
    assert!(peer.lines().starts_with("POST /held "));
    assert_eq!(peer.take(4), b"body");
    peer.send(OK);
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn a_thousand_held_requests_released_at_once() {
    let (store, _server, address) = holding();
    let mut clients: Vec<Client> = (0..1000)
        .map(|at| {
            let mut client = Client::connect(address);
            client.get(&format!("/{at}"));
            client
        })
        .collect();
    let held = store.take(1000);
    let upstream = Upstream::new(echo(), TOKEN);
    let shared = upstream.clone();
    thread::spawn(move || held.into_iter().for_each(|held| held.forward(&shared)));
    for (at, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.response().text(), format!("/{at}"));
    }
    eventually("nothing is in flight", || upstream.in_flight() == 0);
    let stats = upstream.stats();
    assert_eq!((stats.requests, stats.failures), (1000, 0));
    assert_eq!(stats.connects + stats.reused, 1000);
}

#[test]
fn a_thousand_held_requests_for_an_upstream_that_is_gone() {
    let (store, _server, address) = holding();
    let mut clients: Vec<Client> = (0..1000)
        .map(|_| {
            let mut client = Client::connect(address);
            client.get("/");
            client
        })
        .collect();
    let held = store.take(1000);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = Upstream::new(listener.local_addr().unwrap(), TOKEN);
    drop(listener);
    held.into_iter().for_each(|held| held.forward(&upstream));
    for client in &mut clients {
        assert_eq!(client.response().status, 502);
    }
    eventually("nothing is in flight", || upstream.in_flight() == 0);
}

/// A listener that accepts nothing, with its queue full: further connections wait.
fn stuck() -> (socket2::Socket, std::net::SocketAddr, Vec<std::net::TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut fillers = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        fillers.push(stream);
        assert!(fillers.len() < 100, "the queue does not fill");
    }
    (socket, address, fillers)
}

#[test]
fn waits_for_a_connection_are_limited_also_in_the_queue() {
    let store = Arc::new(Store::default());
    let options =
        ForwardOptions { request_timeout: Some(Duration::from_millis(500)), ..ForwardOptions::default() };
    let (_server, address) = start_backend(options, Limits::default(), store.clone());
    let (_socket, stuck, _fillers) = stuck();
    let upstream = Upstream::new(stuck, TOKEN);
    let mut clients: Vec<Client> = (0..300)
        .map(|_| {
            let mut client = Client::connect(address);
            client.send("GET / HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n\r\n");
            client
        })
        .collect();
    let held = store.take(300);
    held.into_iter().for_each(|held| held.forward(&upstream));
    for client in &mut clients {
        let response = client.response();
        assert_eq!(response.status, 502);
        assert!(response.text().contains("did not accept the connection within"), "{}", response.text());
    }
    eventually("nothing is in flight", || upstream.in_flight() == 0);
    assert!(upstream.stats().connects < 300, "not all may knock at the same time");
}

#[test]
fn clients_that_leave_the_queue_leave_it() {
    let (store, _server, address) = holding();
    let (_socket, stuck, _fillers) = stuck();
    let upstream = Upstream::new(stuck, TOKEN);
    let clients: Vec<Client> = (0..300)
        .map(|_| {
            let mut client = Client::connect(address);
            client.get("/");
            client
        })
        .collect();
    store.take(300).into_iter().for_each(|held| held.forward(&upstream));
    assert_eq!(upstream.in_flight(), 300);
    drop(clients);
    eventually("nothing is in flight", || upstream.in_flight() == 0);
}

#[test]
fn a_dropped_request_is_answered_with_500() {
    let (store, _server, address) = holding();
    let mut client = Client::connect(address);
    client.get("/");
    drop(store.one());
    assert_eq!(client.response().status, 500);
}

#[test]
fn a_page_instead_of_an_upstream() {
    let (store, _server, address) = holding();
    let page = PageHandler::new(&Page {
        status: 503,
        title: "Not now".into(),
        retry_after: Some(3),
        ..Page::default()
    });
    for (accept, content_type) in [
        ("application/json", "application/json"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
    ] {
        let mut client = Client::connect(address);
        client
            .send(format!("POST / HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nContent-Length: 4\r\n\r\nbody"));
        store.one().fail(&page);
        let response = client.response();
        assert_eq!((response.status, response.header("Retry-After")), (503, Some("3")));
        assert_eq!(response.header("Content-Type"), Some(content_type));
        assert!(response.text().contains("Not now"));
        client.get("/next");
        store.one().fail(&page);
        assert_eq!(client.response().status, 503);
    }
}

#[test]
fn a_client_may_leave_while_its_request_is_held() {
    let (store, _server, address) = holding();
    let upstream = Upstream::new(echo(), TOKEN);
    for end in 0..3 {
        let mut client = Client::connect(address);
        client.get("/");
        let held = store.one();
        assert!(!held.is_abandoned());
        client.reset();
        eventually("the request is abandoned", || held.is_abandoned());
        match end {
            0 => drop(held),
            1 => held.forward(&upstream),
            _ => held.fail(&PageHandler::new(&Page { status: 503, ..Page::default() })),
        }
    }
    eventually("nothing is in flight", || upstream.in_flight() == 0);
    assert_eq!(upstream.stats().connects, 0, "nothing was sent");
}

#[test]
fn a_closed_upstream_gets_nothing_new_and_ends_what_it_has() {
    let forward = Forward::new();
    let (mut busy, mut peer, _) = forward.get();
    forward.upstream.close();
    forward.upstream.close();
    assert_eq!(forward.upstream.in_flight(), 1);
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstill");
    assert_eq!(busy.response().text(), "still");
    // Its connection is not kept.
    peer.assert_closed();
    let mut late = forward.connect();
    late.send("GET /late HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n\r\n");
    let response = late.response();
    assert!(response.status == 502 && response.text().contains("being stopped"), "{}", response.text());
    forward.scripted.assert_no_other();
    eventually("nothing is in flight", || forward.upstream.in_flight() == 0);
}

/// A port that is taken and on which nobody listens, until the socket is dropped.
fn unheard() -> (socket2::Socket, std::net::SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

#[test]
fn a_request_that_met_a_dead_process_is_another_ones() {
    let (store, _server, address) = holding();
    let (_socket, nobody) = unheard();
    let scripted = Scripted::new();
    let upstream = Upstream::new(scripted.address, TOKEN);
    for (how, close_first) in [("closed before", true), ("closed after", false)] {
        let dead = Upstream::new(nobody, "the old token");
        let mut client = Client::connect(address);
        client.send("POST /again HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody");
        let held = store.one();
        if close_first {
            dead.close();
        }
        held.forward(&dead);
        dead.close();
        // Its end is known within moments, and the backend is asked again.
        store.one().forward(&upstream);
        let mut peer = scripted.accept();
        let head = peer.lines();
        assert!(
            head.starts_with("POST /again ") && head.contains(TOKEN) && !head.contains("old"),
            "{how}: {head}"
        );
        assert_eq!(peer.take(4), b"body", "{how}");
        peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(client.response().text(), "ok", "{how}");
        eventually("nothing is in flight", || dead.in_flight() == 0 && upstream.in_flight() == 0);
    }
}

#[test]
fn a_client_may_leave_while_nobody_listens() {
    let (store, _server, address) = holding();
    let (_socket, nobody) = unheard();
    let dead = Upstream::new(nobody, TOKEN);
    let mut client = Client::connect(address);
    client.get("/left");
    store.one().forward(&dead);
    drop(client);
    eventually("nothing is in flight", || dead.in_flight() == 0);
    dead.close();
}

#[test]
fn closing_ends_idle_connections() {
    let forward = Forward::new();
    let mut open: Vec<_> = (0..8).map(|_| forward.get()).collect();
    for (client, peer, _) in &mut open {
        peer.send(OK);
        client.response();
    }
    eventually("nothing is in flight", || forward.upstream.in_flight() == 0);
    forward.upstream.close();
    open.iter_mut().for_each(|(_, peer, _)| peer.assert_closed());
}

#[test]
fn a_server_is_idle_although_upstream_connections_are_kept() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    peer.send(OK);
    client.response();
    drop(client);
    forward.server.drain(Duration::ZERO);
    assert!(forward.server.wait_idle(common::PATIENCE));
    forward.server.shutdown();
    peer.assert_closed();
}

#[test]
fn a_drained_server_completes_what_is_forwarded() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    forward.server.drain(Duration::ZERO);
    assert!(!forward.server.wait_idle(Duration::from_millis(50)));
    peer.send(OK);
    let response = client.response();
    assert_eq!((response.text(), response.header("Connection")), ("ok", Some("close")));
    drop(client);
    assert!(forward.server.wait_idle(common::PATIENCE));
}

#[test]
fn a_shutdown_ends_both_sides_of_what_is_forwarded() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    forward.server.shutdown();
    peer.assert_reset();
    assert!(client.stream.set_nonblocking(false).is_ok());
    client.assert_closed();
}

#[test]
fn many_clients_at_once_are_served_over_few_connections() {
    let upstream = Upstream::new(echo(), TOKEN);
    let (_server, address) = common::forward_to(ForwardOptions::default(), Limits::default(), &upstream);
    let done = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..16)
        .map(|number| {
            let done = done.clone();
            thread::spawn(move || {
                let mut client = Client::connect(address);
                for round in 0..200 {
                    client.get(&format!("/{number}/{round}"));
                    assert_eq!(client.response().text(), format!("/{number}/{round}"));
                }
                done.fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(done.load(Ordering::Relaxed), 16);
    let stats = upstream.stats();
    assert_eq!((stats.requests, stats.failures), (3200, 0));
    assert!(stats.connects <= 32, "{stats:?}");
}
