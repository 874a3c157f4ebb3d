//! Replacing workers while requests are answered: none is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use e2e::{Model, PATIENCE, Request, TestHost, proc, site, under_constant_load, wait};
use std::io::Read as _;
use std::time::{Duration, Instant};

/// `cargo xtask bench recycle` does as many as the issue of recycling asks for.
fn recycles() -> usize {
    std::env::var("MEWS_TEST_RECYCLES").ok().and_then(|count| count.parse().ok()).unwrap_or(5)
}

fn loses_nothing(model: Model, pool: &str) {
    let config = format!("{}[pool.shop]\nstart = 'always'\n{pool}\n", site("shop", 1, model));
    let host = TestHost::configured(&config).with_app("shop", "Minimal").start();
    let mut took = Vec::new();
    let load = under_constant_load(host.addresses()[0], "/json", 4, |going| {
        going.wait_for(200);
        let descriptors = || proc::descriptors(host.supervisor()).len();
        let before = descriptors();
        for _ in 0..recycles() {
            let recycled = host.admin(&["recycle", "shop"]);
            assert_eq!(recycled.code, Some(0), "{recycled:?}\n{}", host.story());
            took.push(host.status("shop")["last_recycle"]["milliseconds"].as_u64().unwrap());
            going.wait_for(100);
        }
        wait::until_true("the descriptors of old workers to be closed", PATIENCE, || descriptors() <= before);
    });
    eprintln!(
        "{model:?}: {} requests, {} lost, {} recycles of {took:?} ms, p99 {:?}",
        load.took.len(),
        load.lost.len(),
        recycles(),
        load.p99()
    );
    assert!(
        load.lost.is_empty(),
        "{} lost beside {}: {:?}\n{}",
        load.lost.len(),
        load.took.len(),
        load.lost,
        host.story()
    );
    wait::until_true("the old workers' end", PATIENCE, || host.workers().len() == 1);
    host.stop();
}

#[test]
fn in_process_no_request_is_lost() {
    loses_nothing(Model::InProcess, "");
}

#[test]
fn out_of_process_no_request_is_lost() {
    loses_nothing(Model::OutOfProcess, "");
}

#[test]
fn an_app_that_must_not_run_twice_keeps_its_clients_waiting_and_loses_none() {
    loses_nothing(Model::InProcess, "recycle = { overlapped = false }");
}

/// An echo that waits for its client and does not care that the app stops.
fn web_sockets_are_bounded(model: Model) {
    let config = site("shop", 1, model) + "[pool.shop]\nstart = 'always'\nshutdown_time_limit = '3s'\n";
    let host = TestHost::configured(&config)
        .with_app("shop", "Minimal")
        .allow_log("did not end")
        .allow_log("did not stop")
        .allow_log("were still open")
        .start();
    let before = host.servers();
    let mut socket = host.client_at(0);
    let upgrade = Request::get("/ws")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    socket.send(&upgrade.bytes()).unwrap();
    assert_eq!(socket.head("GET").unwrap().status, 101);
    let began = Instant::now();
    assert_eq!(host.admin(&["recycle", "shop"]).code, Some(0));
    // The new worker does not wait for what the old one still has.
    assert_eq!(host.get_at(0, "/json").status, 200);
    socket.set_patience(PATIENCE);
    let end = socket.stream().read(&mut [0; 64]);
    eprintln!("{model:?}: {end:?} after {:?}", began.elapsed());
    wait::until_true("the old worker's end", PATIENCE, || !before.iter().any(|pid| proc::is_alive(*pid)));
    assert!(began.elapsed() < Duration::from_secs(15), "it took {:?}", began.elapsed());
    host.stop();
}

#[test]
fn open_web_sockets_hold_a_recycle_up_for_the_limit_at_most() {
    web_sockets_are_bounded(Model::InProcess);
}

#[test]
fn open_forwarded_web_sockets_do_not_either() {
    web_sockets_are_bounded(Model::OutOfProcess);
}

#[test]
fn a_new_out_of_process_release_that_does_not_start_leaves_the_old_one_serving() {
    let config = site("shop", 1, Model::OutOfProcess) + "[pool.shop]\nstart = 'always'\n";
    let host = TestHost::configured(&config).with_app("shop", "Minimal").any_log().start();
    let before = host.status("shop")["pid"].clone();
    host.put("shop/Minimal.dll", "no assembly");
    let load = under_constant_load(host.addresses()[0], "/json", 1, |going| {
        let failed = host.admin(&["recycle", "shop"]);
        assert_eq!(failed.code, Some(1), "{failed:?}");
        assert!(failed.stdout.contains("the old worker goes on serving"), "{failed:?}");
        going.wait_for(50);
    });
    assert!(load.lost.is_empty(), "{:?}", load.lost);
    assert_eq!(host.status("shop")["pid"], before);
    host.stop();
}

#[test]
fn a_leaking_app_is_replaced_and_nobody_notices() {
    let config = site("shop", 1, Model::InProcess)
        + "[pool.shop]\nstart = 'always'\nrecycle = { memory = '160 MiB' }\n";
    let host = TestHost::configured(&config).with_app("shop", "Minimal").start();
    let load = under_constant_load(host.addresses()[0], "/keep?kib=256", 2, |_| {
        wait::until_true("two replacements", PATIENCE * 3, || {
            host.status("shop")["recycles"].as_u64().unwrap() >= 2
        });
    });
    assert!(load.lost.is_empty(), "{:?}\n{}", load.lost, host.story());
    let cause = host.status("shop")["last_recycle"]["cause"].clone();
    assert!(cause.as_str().unwrap().contains("of memory, more than 160 MiB"), "{cause}");
    host.stop();
}

#[test]
fn age_and_number_of_requests_replace_a_worker() {
    let config = site("shop", 1, Model::InProcess)
        + &site("blog", 2, Model::InProcess)
        + "[pool.shop]\nstart = 'always'\nidle_timeout = '4s'\nrecycle = { requests = 50 }\n\
           [pool.blog]\nstart = 'always'\nrecycle = { age = '3s' }\n";
    let host = TestHost::configured(&config).with_app("shop", "Minimal").with_app("blog", "Minimal").start();
    let load = under_constant_load(host.addresses()[0], "/json", 1, |_| {
        for (pool, cause) in [("shop", "requests"), ("blog", "it has run for 3 s")] {
            wait::until_true(cause, PATIENCE, || {
                let last = host.status(pool)["last_recycle"]["cause"].clone();
                last.as_str().is_some_and(|last| last.contains(cause))
            });
        }
    });
    assert!(load.lost.is_empty(), "{:?}\n{}", load.lost, host.story());
    host.stop();
}

#[test]
fn a_changed_web_config_replaces_the_worker() {
    let config = site("shop", 1, Model::InProcess) + "[pool.shop]\nstart = 'always'\n";
    let host = TestHost::configured(&config).with_app("shop", "Minimal").start();
    let text = std::fs::read_to_string(host.folder().join("shop/web.config")).unwrap();
    let load = under_constant_load(host.addresses()[0], "/json", 2, |going| {
        going.wait_for(50);
        let variable = "<environmentVariables><environmentVariable name=\"A\" value=\"b\" /></environmentVariables></aspNetCore>";
        let end = text.find("<aspNetCore ").unwrap();
        let end = end + text[end..].find("/>").unwrap();
        host.put("shop/web.config", &format!("{}>{variable}{}", &text[..end], &text[end + 2..]));
        wait::until_true("the variable", PATIENCE, || host.get_at(0, "/env?name=A").body == b"b");
    });
    assert!(load.lost.is_empty(), "{:?}\n{}", load.lost, host.story());
    assert_eq!(host.status("shop")["last_recycle"]["cause"], "its web.config has changed");
    host.stop();
}
