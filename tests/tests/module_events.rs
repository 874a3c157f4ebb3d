//! The numbers of the original's event log on the lines that tell of an in-process app's life.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, TestHost, wait};
use rustix::process::Signal;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn broken(mode: &str) -> HostBuilder {
    TestHost::app("Broken").args([mode]).any_log()
}

#[test]
fn a_start_and_a_stop() {
    let host = TestHost::app("Minimal").start();
    host.wait_log(0, "[1032] listening on ");
    assert_eq!(host.text("/"), "Hello World!");
    host.signal(Signal::TERM);
    host.wait_log(0, "[1033] the app has ended with exit code 0");
    host.ended(0);
}

#[test]
fn a_stop_that_nobody_asked_for() {
    let host = TestHost::app("Minimal").any_log().start();
    let before = host.json("/info")["pid"].clone();
    assert_eq!(host.text("/stop"), "stopping");
    host.wait_log(0, "[1035] the app has ended with exit code 0");
    wait::until_true("another worker", PATIENCE, || host.json("/info")["pid"] != before);
    host.stop();
}

#[test]
fn ends_of_a_running_app() {
    let host = TestHost::app("Minimal").any_log().start();
    for (target, line) in [
        ("/failfast", "[1018] the app ended unexpectedly"),
        ("/exit?code=7", "[1035] the app ended unexpectedly"),
    ] {
        let seen = host.stderr().len();
        let _ = host.client().get(target);
        host.wait_log(seen, line);
        host.wait_status("/", 200, PATIENCE);
    }
    host.stop();
}

#[test]
fn starts_that_fail() {
    for (builder, line) in [
        (broken("ThrowsInMain"), "[1007] the app failed to start (500.30)"),
        (
            broken("BlocksInMain").asp_net_core("startupTimeLimit=\"1\"", ""),
            "[1007] the app failed to start (500.37)",
        ),
        (
            TestHost::app("Minimal").env("MEWS_SERVER_ASSEMBLY", "/nonexistent/Mews.Server.dll").any_log(),
            "[1010] the app failed to start (500.33)",
        ),
        (
            TestHost::app("Minimal").any_log().edit("Minimal.runtimeconfig.json", |text| {
                text.replace("\"version\": \"9.", "\"version\": \"2.")
            }),
            "[1027] the app failed to start (500.31)",
        ),
    ] {
        let host = builder.launch();
        host.wait_log(0, line);
        host.stop();
    }
}

#[test]
fn a_configuration_that_breaks_while_the_app_is_down() {
    let host = broken("ThrowsInMain").launch();
    host.wait_log(0, "[1007]");
    std::fs::write(host.folder().join("web.config"), "<configuration><oops></configuration>").unwrap();
    host.wait_log(0, "[1034]");
    host.stop();
}

#[test]
fn a_stop_that_takes_too_long() {
    let host = broken("HangsOnStop").asp_net_core("shutdownTimeLimit=\"1\"", "").start();
    assert_eq!(host.text("/"), "HangsOnStop");
    host.signal(Signal::TERM);
    host.wait_log(0, "[1005] a worker that did not end in time");
    host.ended(0);
}
