//! Pools that rest, hang, fail too often, go offline or run out of what they need.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use e2e::{Model, PATIENCE, Request, TestHost, proc, site, under_constant_load, wait};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::fs;
use std::time::{Duration, Instant, SystemTime};

fn pid(pid: &serde_json::Value) -> u32 {
    u32::try_from(pid.as_u64().expect("a process runs")).unwrap()
}

fn one(model: Model, pool: &str) -> String {
    format!("{}[pool.shop]\n{pool}\n", site("shop", 1, model))
}

fn rests(model: Model) {
    let host = TestHost::configured(&one(model, "idle_timeout = '1s'")).with_app("shop", "Minimal").serve();
    for _ in 0..2 {
        assert_eq!(host.state("shop"), "idle");
        assert_eq!(host.get_at(0, "/").status, 200);
        assert_eq!(host.state("shop"), "running");
        // A request in progress is no rest, however long it takes.
        assert_eq!(host.get_at(0, "/slow?ms=2000").text(), "waited 2000");
        host.wait_state("shop", "idle");
        wait::until_true("the worker's end", PATIENCE, || host.servers().is_empty());
    }
    host.stop();
}

#[test]
fn an_idle_app_is_stopped_and_started_by_the_next_request() {
    rests(Model::InProcess);
}

#[test]
fn an_idle_out_of_process_app_is_too() {
    rests(Model::OutOfProcess);
}

fn hangs(model: Model) {
    let ping = "start = 'always'\nping = { interval = '1s', response_limit = '1s' }";
    let host = TestHost::configured(&one(model, ping)).with_app("shop", "Minimal").any_log().start();
    let all = host.servers();
    let before = pid(&host.status("shop")["pid"]);
    e2e::kill(before, Signal::STOP);
    wait::until_true("the worker to stand still", PATIENCE, || proc::is_stopped(before));
    // The kernel holds it until the next worker takes it.
    let answer = host.get_at(0, "/json");
    assert_eq!(answer.status, 200);
    let shop = host.status("shop");
    assert_ne!(pid(&shop["pid"]), before);
    wait::until_true("the end of the old processes", PATIENCE, || {
        !all.iter().any(|pid| proc::is_alive(*pid))
    });
    assert_eq!(shop["restarts"], 1);
    let cause = shop["last_failure"]["cause"].as_str().unwrap();
    assert!(cause.contains("has not answered for"), "{cause}");
    host.wait_log(0, cause);
    host.stop();
}

#[test]
fn a_worker_that_hangs_is_replaced_and_other_requests_wait() {
    hangs(Model::InProcess);
}

#[test]
fn an_out_of_process_worker_that_hangs_is_too() {
    hangs(Model::OutOfProcess);
}

#[test]
fn busy_is_not_hung() {
    let ping = "start = 'always'\nping = { interval = '1s', response_limit = '2s' }";
    let host = TestHost::configured(&one(Model::InProcess, ping)).with_app("shop", "Minimal").start();
    let before = host.status("shop")["pid"].clone();
    let mut blocked: Vec<_> = (0..8).map(|_| host.client_at(0)).collect();
    for client in &mut blocked {
        client.send(&Request::get("/block?ms=4000").bytes()).unwrap();
    }
    for client in &mut blocked {
        assert_eq!(client.response("GET").unwrap().status, 200);
    }
    assert_eq!(host.status("shop")["pid"], before);
    host.stop();
}

#[test]
fn a_pool_that_fails_too_often_is_disabled_until_it_is_started_or_mended() {
    let pool = "start = 'always'\nrapid_fail = { failures = 2, window = '1m' }";
    let host =
        TestHost::configured(&one(Model::InProcess, pool)).with_app("shop", "Minimal").any_log().start();
    for _ in 0..2 {
        let _ = host.client_at(0).get("/failfast");
        wait::until_true("what comes next", PATIENCE, || host.state("shop") != "starting");
    }
    host.wait_state("shop", "disabled");
    let page = host.get_at(0, "/");
    assert_eq!(page.status, 503, "{page:?}");
    assert!(page.text().contains("failed 2 times within 60 s"), "{page:?}");
    let started = host.admin(&["start", "shop"]);
    assert_eq!(started.code, Some(0), "{started:?}");
    assert_eq!(host.get_at(0, "/").status, 200);
    host.stop();
}

fn goes_offline(model: Model) {
    let pool = "start = 'always'\nshutdown_time_limit = '2s'";
    let host = TestHost::configured(&one(model, pool)).with_app("shop", "Minimal").any_log().start();
    let file = host.folder().join("shop/app_offline.htm");
    assert_eq!(host.get_at(0, "/").status, 200);
    let mut kept = host.client_at(0);
    assert_eq!(kept.get("/").unwrap().status, 200);
    let mut socket = host.client_at(0);
    let upgrade = Request::web_socket("/ws");
    socket.send(&upgrade.bytes()).unwrap();
    assert_eq!(socket.head("GET").unwrap().status, 101);

    fs::write(&file, "<p>Back soon</p>").unwrap();
    let began = Instant::now();
    let offline = wait::until("the file", PATIENCE, || {
        // Between being made and being written, it is empty.
        Some(host.get_at(0, "/")).filter(|response| response.status == 503 && !response.body.is_empty())
    });
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "it took {took:?}");
    assert_eq!((offline.text(), offline.header("Content-Type")), ("<p>Back soon</p>", Some("text/html")));
    assert_eq!(offline.header("Retry-After"), None);
    // The app is stopped, open socket or not.
    wait::until_true("the app's end", PATIENCE, || host.servers().len() == 1);
    assert_eq!(host.state("shop"), "offline");
    fs::write(&file, "<p>Back later</p>").unwrap();
    wait::until_true("the new text", PATIENCE, || host.get_at(0, "/x").text() == "<p>Back later</p>");
    fs::remove_file(&file).unwrap();
    wait::until_true("the app", PATIENCE, || host.get_at(0, "/").status == 200);
    host.stop();
}

#[test]
fn app_offline_is_served_and_the_app_stopped() {
    goes_offline(Model::InProcess);
}

#[test]
fn app_offline_is_served_and_the_out_of_process_app_stopped() {
    goes_offline(Model::OutOfProcess);
}

const ROUNDS: u32 = 100;

fn comes_and_goes(model: Model) {
    let host = TestHost::configured(&one(model, "start = 'always'")).with_app("shop", "Minimal").start();
    let file = host.folder().join("shop/app_offline.htm");
    let seen = std::cell::Cell::new(0);
    for round in 0..ROUNDS {
        fs::write(&file, format!("round {round}")).unwrap();
        let response = host.get_at(0, "/");
        assert!(matches!(response.status, 200 | 503), "{response:?}");
        seen.set(seen.get() + usize::from(response.status == 503));
        // At times the app gets as far as being stopped, at times it is only a flicker.
        if round % 10 == 0 {
            host.wait_state("shop", "offline");
        }
        fs::remove_file(&file).unwrap();
        let response = host.get_at(0, "/");
        assert!(matches!(response.status, 200 | 503), "{response:?}");
    }
    eprintln!("{} of {ROUNDS} were seen", seen.get());
    wait::until_true("the app", PATIENCE, || host.get_at(0, "/").status == 200);
    wait::until_true("one worker", PATIENCE, || host.workers().len() == 1);
    host.stop();
}

#[test]
fn app_offline_that_comes_and_goes_again_and_again_loses_no_request() {
    comes_and_goes(Model::InProcess);
}

#[test]
fn app_offline_that_comes_and_goes_loses_no_request_out_of_process() {
    comes_and_goes(Model::OutOfProcess);
}

#[test]
fn a_host_without_descriptors_keeps_serving_and_recovers() {
    let host = TestHost::configured(&one(Model::InProcess, "start = 'always'"))
        .with_app("shop", "Minimal")
        .any_log()
        .start();
    let supervisor = Pid::from_raw(i32::try_from(host.supervisor()).unwrap());
    let limits = fs::read_to_string(format!("/proc/{}/limits", host.supervisor())).unwrap();
    let limits = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut limits = limits.split_ascii_whitespace().map(|limit| limit.parse::<u64>().ok());
    let before = Rlimit { current: limits.next().unwrap(), maximum: limits.next().unwrap() };
    // One is left, for the command.
    let number =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().to_str().unwrap().parse().unwrap();
    let open: Vec<u64> =
        fs::read_dir(format!("/proc/{}/fd", host.supervisor())).unwrap().map(number).collect();
    let second_free = (0..).filter(|number| !open.contains(number)).nth(1).unwrap();
    let scarce = Rlimit { current: Some(second_free), maximum: before.maximum };
    prlimit(supervisor, Resource::Nofile, scarce).unwrap();
    let load = under_constant_load(host.addresses()[0], "/json", 1, |going| {
        let failed = host.admin(&["recycle", "shop"]);
        assert_eq!(failed.code, Some(1), "{failed:?}\n{}", host.story());
        assert!(failed.stdout.contains("Too many open files"), "{failed:?}");
        going.wait_for(50);
        prlimit(supervisor, Resource::Nofile, before).unwrap();
        let recycled = host.admin(&["recycle", "shop"]);
        assert_eq!(recycled.code, Some(0), "{recycled:?}");
    });
    assert!(load.lost.is_empty(), "{:?}", load.lost);
    host.stop();
}

#[test]
fn fifty_sites_that_nobody_visits_cost_next_to_nothing() {
    let sites: String = (1..=50)
        .map(|n| {
            let site = site(&format!("s{n}"), n, Model::InProcess);
            site.replace(&format!("physical_path = 's{n}'"), "physical_path = 'app'")
                + &format!("[pool.s{n}]\n")
        })
        .collect();
    let host = TestHost::configured(&sites).with_app("app", "Minimal").serve();
    assert!(host.workers().is_empty());
    let resident = proc::resident_kib(host.supervisor()) / 1024;
    eprintln!("50 idle sites: {resident} MiB");
    assert!(resident < 30, "{resident} MiB");
    let ticks = proc::ticks(host.supervisor());
    assert_eq!(host.get_at(49, "/").status, 200);
    assert_eq!(host.workers().len(), 1);
    assert!(proc::ticks(host.supervisor()) - ticks < 50);
    host.stop();
}

#[test]
fn the_time_of_day_replaces_a_worker_in_local_time() {
    // Far from UTC, and not by whole hours.
    let zone = "Asia/Kathmandu";
    // The host begins 20 s before a minute is over, whenever the test does.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let ahead = (100 - now % 60) % 60;
    let minute = format!("@{}", now + ahead + 60);
    let next = std::process::Command::new("date").args(["-d", &minute, "+%H:%M"]).env("TZ", zone).output();
    let next = String::from_utf8(next.unwrap().stdout).unwrap();
    let pool = format!("start = 'always'\nrecycle = {{ at = ['{}'] }}", next.trim());
    let builder = TestHost::configured(&one(Model::InProcess, &pool)).with_app("shop", "Minimal");
    let host = builder.env("TZ", zone).false_clock(&format!("+{ahead}s")).start();
    wait::until_true("the time", Duration::from_secs(90), || host.status("shop")["recycles"] == 1);
    assert_eq!(host.status("shop")["last_recycle"]["cause"], format!("it is {}", next.trim()));
    host.stop();
}
