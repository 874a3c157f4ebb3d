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
    // For comparison.
    let calm = under_constant_load(host.addresses()[0], "/json", 4, |going| going.wait_for(100 * recycles()));
    assert!(calm.lost.is_empty(), "{:?}\n{}", calm.lost, host.story());
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
        "{model:?}: {} requests, {} lost, {} recycles of {took:?} ms, p99 {:?} (without recycles {:?})",
        load.took.len(),
        load.lost.len(),
        recycles(),
        load.p99(),
        calm.p99()
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
    let upgrade = Request::web_socket("/ws");
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

/// Lets the link `shop` lead to another folder, in one step.
fn switch(host: &TestHost, release: &str) {
    let next = host.folder().join("shop.next");
    std::os::unix::fs::symlink(release, &next).unwrap();
    std::fs::rename(&next, host.folder().join("shop")).unwrap();
}

fn releases_move(model: Model) {
    let config = site("shop", 1, model) + "[pool.shop]\nstart = 'always'\n";
    let builder = TestHost::configured(&config)
        .with_app("1", "Minimal")
        .with_app("2", "Minimal")
        .with_app("broken", "Minimal")
        .file("broken/Minimal.dll", "no assembly")
        .any_log();
    std::os::unix::fs::symlink("1", builder.folder().join("shop")).unwrap();
    let host = builder.start();
    let serves = |release: &str| {
        let info = host.get_at(0, "/info").json();
        let root = info["contentRoot"].as_str().unwrap().trim_end_matches('/').to_owned();
        assert!(root.ends_with(&format!("/{release}")), "{release}: {root}\n{}", host.story());
    };
    let load = under_constant_load(host.addresses()[0], "/json", 2, |going| {
        for release in ["2", "1", "2"] {
            switch(&host, release);
            let recycled = host.admin(&["recycle", "shop"]);
            assert_eq!(recycled.code, Some(0), "{recycled:?}\n{}", host.story());
            // Whoever began the replacement, command or watcher: who hears that it is done finds the new release.
            serves(release);
            going.wait_for(50);
        }
        switch(&host, "broken");
        let failed = host.admin(&["recycle", "shop"]);
        assert_eq!(failed.code, Some(1), "{failed:?}");
        assert!(failed.stdout.contains("the old worker goes on serving"), "{failed:?}");
        serves("2");
        switch(&host, "1");
        assert_eq!(host.admin(&["recycle", "shop"]).code, Some(0));
        serves("1");
    });
    assert!(load.lost.is_empty(), "{:?}\n{}", load.lost, host.story());
    host.stop();
}

#[test]
fn a_link_that_is_switched_moves_to_the_new_release_and_loses_no_request() {
    releases_move(Model::InProcess);
}

#[test]
fn a_link_that_is_switched_moves_out_of_process_applications_too() {
    releases_move(Model::OutOfProcess);
}

/// How long the leaking app is watched. `cargo xtask bench recycle` asks for longer.
fn leaks_for() -> Duration {
    let seconds = std::env::var("MEWS_TEST_LEAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

#[test]
fn a_leaking_app_is_replaced_and_nobody_notices() {
    let config = site("shop", 1, Model::InProcess)
        + "[pool.shop]\nstart = 'always'\nrecycle = { memory = '160 MiB' }\n";
    let host = TestHost::configured(&config).with_app("shop", "Minimal").start();
    let began = Instant::now();
    let recycles = || host.status("shop")["recycles"].as_u64().unwrap();
    let load = under_constant_load(host.addresses()[0], "/keep?kib=256", 2, |_| {
        wait::until_true("two replacements", leaks_for() + PATIENCE * 3, || {
            recycles() >= 2 && began.elapsed() >= leaks_for()
        });
    });
    eprintln!(
        "leaking for {:?}: {} requests, {} lost, {} recycles",
        began.elapsed(),
        load.took.len(),
        load.lost.len(),
        recycles()
    );
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
