//! Handlers that block or never return, on threads that are ours: they may not hold other requests up. Out-of-process that is between the app and its Kestrel.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use e2e::{Busy, Client, Request, TestHost};
use std::time::{Duration, Instant};

/// Asks for `/` until `busy` is over, and answers the times in order.
fn measure(host: &TestHost, busy: &Busy) -> Vec<Duration> {
    let mut client = host.client();
    let mut times = Vec::new();
    while busy.is_on() {
        let began = Instant::now();
        assert_eq!(client.get("/").unwrap().text(), "Hello World!");
        times.push(began.elapsed());
    }
    times.sort();
    times
}

/// 64 requests that block for a second each, twice over, while a fast endpoint is measured.
fn blocked_by_64(host: &TestHost, case: &str) {
    let busy = Busy::default();
    let times = std::thread::scope(|scope| {
        let off = busy.off_on_drop();
        let measured = scope.spawn(|| measure(host, &busy));
        let blocking: Vec<_> = (0..64)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = host.client();
                    for _ in 0..2 {
                        assert_eq!(client.get("/block?ms=1000").unwrap().text(), "blocked 1000");
                    }
                })
            })
            .collect();
        for thread in blocking {
            thread.join().unwrap();
        }
        drop(off);
        measured.join().unwrap()
    });
    let at = |share: usize| times[(times.len() * share / 1000).min(times.len() - 1)];
    let (p50, p99, worst) = (at(500), at(990), times[times.len() - 1]);
    eprintln!(
        "{case}: {} requests beside 64 blocked ones: p50 {p50:?}, p99 {p99:?}, worst {worst:?}",
        times.len()
    );
    assert!(p99 < Duration::from_millis(200), "p99 is {p99:?}");
    assert!(times.len() > 100, "only {} requests were answered", times.len());
}

#[test]
fn blocked_handlers_do_not_hold_others_up() {
    let host = TestHost::app("Minimal").flag("--io-threads").flag("2").start();
    assert_eq!(host.text("/"), "Hello World!");
    blocked_by_64(&host, "unknown endpoint");
    // Once more after the endpoint has earned trust by not blocking.
    let mut client = host.client();
    for _ in 0..1_500 {
        assert_eq!(client.get("/block?ms=0").unwrap().status, 200);
    }
    blocked_by_64(&host, "trusted endpoint");
    host.stop();
}

#[test]
fn handlers_that_never_return_take_only_their_own_request() {
    let host = TestHost::app("Broken")
        .args(["DeadlocksInRequest"])
        .asp_net_core("shutdownTimeLimit=\"1\"", "")
        .any_log()
        .start();
    // The framework builds its routes at the first request, and lets those that come meanwhile go on in the runtime's
    // pool, where these would starve each other under any server.
    assert_eq!(host.text("/"), "DeadlocksInRequest");
    let mut stuck: Vec<Client> = (0..40).map(|_| host.client()).collect();
    for client in &mut stuck {
        client.send(&Request::get("/deadlock").bytes()).unwrap();
    }
    let mut client = host.client();
    for _ in 0..200 {
        let began = Instant::now();
        assert_eq!(client.get("/").unwrap().text(), "DeadlocksInRequest");
        assert!(began.elapsed() < Duration::from_secs(2), "an answer took {:?}", began.elapsed());
    }
    drop(stuck);
    host.stop();
}
