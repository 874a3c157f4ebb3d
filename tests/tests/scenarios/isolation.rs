//! What one request may not do to another: leave something behind, hold it up, or take the process with it.

use crate::MODEL;

use e2e::{Client, Random, Request, SharedHost, TestHost, pattern, proc, sha256_hex, wait};
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

static MINIMAL: SharedHost = SharedHost::new(|| TestHost::app("Minimal").model(MODEL).start());

#[test]
fn nothing_is_left_in_the_context() {
    let host = MINIMAL.get();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = host.client();
                for i in 0..100 {
                    let marked = client.get("/ctx").unwrap();
                    assert_eq!((marked.status, marked.header("X-Mark")), (202, Some("left by /ctx")));
                    // Something that awaits moves the work to other threads.
                    if i % 3 == 0 {
                        client.get("/yield").unwrap();
                    }
                    let check = client.get("/context-leak-check").unwrap();
                    assert_eq!(check.header("X-Mark"), None);
                    assert_eq!(check.json()["clean"], true, "{}", check.text());
                }
            });
        }
    });
}

/// One request of a shape that `random` chooses, and the check of its answer.
fn one_request(client: &mut Client, random: &mut Random, mine: &str) {
    match random.below(5) {
        0 => {
            let mut request = Request::get("/headers");
            let count = random.below(20);
            for i in 0..count {
                request = request.header(&format!("X-{mine}-{i}"), &format!("{mine}/{i}"));
            }
            let headers = client.request(&request).unwrap().json();
            let seen: Vec<(&String, &Value)> =
                headers.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("X-s")).collect();
            assert_eq!(seen.len() as u64, count, "{headers}");
            for (name, value) in seen {
                let (own, value) = (format!("X-{mine}-"), value[0].as_str().unwrap());
                assert!(
                    name.starts_with(&own) && value.starts_with(mine),
                    "{name}: {value} is not from {mine}"
                );
            }
        }
        1 => {
            let length = random.below(4_000) as usize;
            let target =
                format!("/request/{mine}/{}?{mine}={}", "p".repeat(length / 2), "q".repeat(length / 2));
            let answer = client.get(&target).unwrap().json();
            assert_eq!(answer["rawTarget"], target);
            assert_eq!(answer["contentLength"], Value::Null);
        }
        2 => {
            let body = pattern(random.below(251), random.below(60_000) as usize);
            let sum = sha256_hex(&body);
            let answer = client.request(&Request::post("/upload-hash", body)).unwrap().json();
            assert_eq!(answer["sha256"], sum);
        }
        3 => {
            let bytes = random.below(50_000) as usize;
            let length = random.below(2) == 0;
            let response = client.get(&format!("/large?bytes={bytes}&length={length}")).unwrap();
            assert!(
                response.body == pattern(0, bytes),
                "{bytes} bytes are due, {} came",
                response.body.len()
            );
        }
        _ => {
            let code = 200 + random.below(300);
            let response = client.get(&format!("/status?code={code}&reason={mine}")).unwrap();
            // A proxy has its own phrase for 200.
            let reason = if MODEL.is_out_of_process() && code == 200 { "OK" } else { mine };
            assert_eq!((u64::from(response.status), response.reason.as_str()), (code, reason));
        }
    }
}

#[test]
fn requests_of_every_shape_stay_apart() {
    let host = MINIMAL.get();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let host = &host;
            scope.spawn(move || {
                let seed = 4_000 + thread;
                let mut random = Random::new(seed);
                let mut client = host.client();
                for i in 0..250 {
                    one_request(&mut client, &mut random, &format!("s{seed}r{i}"));
                    if random.below(25) == 0 {
                        client = host.client();
                    }
                }
            });
        }
    });
}

#[test]
fn null_dereferences_are_exceptions_on_every_thread() {
    let host = MINIMAL.get();
    let before = host.workers();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let host = &host;
            scope.spawn(move || {
                let mut client = host.client();
                for i in 0..125 {
                    let target = if (i + thread) % 4 == 0 { "/null?yield=true" } else { "/null" };
                    assert_eq!(client.get(target).unwrap().text(), "caught");
                }
            });
        }
    });
    assert_eq!(host.workers(), before, "the worker has survived");
}

#[test]
fn hundreds_of_connections_are_served() {
    let host = MINIMAL.get();
    let mut clients: Vec<Client> = (0..400).map(|_| host.client()).collect();
    for round in 0..2 {
        for client in &mut clients {
            client.send(&Request::get("/request/x").bytes()).unwrap();
        }
        let mut names = std::collections::BTreeSet::new();
        for client in &mut clients {
            names.insert(client.response("GET").unwrap().json()["connectionId"].as_str().unwrap().to_owned());
        }
        // Out-of-process the names are those of the worker's connections.
        assert!(
            names.len() == 400 || MODEL.is_out_of_process(),
            "round {round}: every connection has its own name"
        );
    }
}

#[test]
fn an_idle_host_sleeps() {
    let host = TestHost::app("Minimal").model(MODEL).start();
    let mut client = host.client();
    for _ in 0..100 {
        assert_eq!(client.get("/").unwrap().status, 200);
    }
    let mut pids = host.servers();
    pids.push(host.supervisor());
    let used = || pids.iter().map(|pid| proc::ticks(*pid)).sum::<u64>();
    // The runtime still compiles for a moment after the first requests: wait for one second with next to no processor time.
    wait::until("an idle second", PATIENCE, || {
        let before = used();
        let _: Option<()> = wait::poll(Duration::from_secs(1), || None);
        // Ticks of 10 ms: 3 % of one processor.
        (used() - before <= 3).then_some(())
    });
    assert_eq!(client.get("/").unwrap().status, 200);
    drop(client);
    host.stop();
}
