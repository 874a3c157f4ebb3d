//! The same site started in other ways: by other host builders, with other limits, ended by the app itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Request, TestHost, proc, wait};
use rustix::process::Signal;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the site with `mode` and checks that it runs inside the worker, on our server.
fn serves(mode: &str) {
    let host = TestHost::app("InProcessSite").args([mode]).start();
    assert_eq!(host.text("/HelloWorld"), "Hello World");
    let workers = host.workers();
    assert_eq!(workers.len(), 1, "{workers:?}");
    assert_eq!(host.text("/ProcessId"), workers[0].to_string());
    assert_eq!(host.text("/CommandLineArgs"), mode);
    // Only the hosted server has the environment feature.
    assert!(host.text("/IIISEnvironmentFeature").starts_with("IIS Version: "));
    let others: Vec<u16> =
        proc::listening_ports(workers[0]).into_iter().filter(|port| !host.ports().contains(port)).collect();
    assert!(others.is_empty(), "the worker listens on {others:?} too");
    let content_root = host.text("/ContentRootPath");
    assert_eq!(content_root.trim_end_matches('/'), host.folder().canonicalize().unwrap().to_str().unwrap());
    host.stop();
}

#[test]
fn web_application() {
    serves("WebApplication");
}

#[test]
fn slim_builder() {
    serves("SlimBuilder");
}

#[test]
fn generic_host_with_startup() {
    serves("StartupGenericHost");
}

#[test]
fn web_host_with_defaults() {
    serves("WebHost");
}

#[test]
fn bare_web_host_builder() {
    serves("WebHostBuilder");
}

#[test]
fn a_host_without_web_may_run_beside() {
    let host = TestHost::app("Broken").args(["WorkerPlusWeb"]).start();
    assert_eq!(host.text("/"), "WorkerPlusWeb");
    host.stop();
}

#[test]
fn requests_are_held_while_the_app_starts() {
    let host = TestHost::app("Broken").args(["SlowStart"]).env("SLOW_START_MS", "1500").launch();
    // Ten connections before there is an app: each is answered, none refused.
    let mut clients: Vec<_> = (0..10).map(|_| host.client()).collect();
    for client in &mut clients {
        client.send(&Request::get("/").bytes()).unwrap();
    }
    assert!(
        !host.stderr().lines().iter().any(|line| line.contains("listening on ")),
        "the app has started too early"
    );
    for client in &mut clients {
        assert_eq!(client.response("GET").unwrap().text(), "SlowStart");
    }
    host.stop();
}

#[test]
fn the_apps_body_limit_option_is_obeyed() {
    let host = TestHost::app("InProcessSite").args(["DecreaseRequestLimit"]).start();
    assert_eq!(host.text("/BodyLimit"), "2");
    let response = host.send(&Request::post("/ReadRequestBody", "test"));
    assert_eq!((response.status, response.body.len()), (413, 0));
    assert_eq!(host.send(&Request::post("/ReadRequestBody", "te")).status, 200);
    // A body that is not read breaks no limit.
    assert_eq!(host.send(&Request::post("/HelloWorld", "test")).status, 200);
    host.stop();
}

#[test]
fn the_hosts_body_limit_comes_from_web_config() {
    let with_limit = |limit: &str| {
        TestHost::app("InProcessSite").edit("web.config", |text| {
            let limit = format!(
                "<security><requestFiltering><requestLimits maxAllowedContentLength=\"{limit}\" /></requestFiltering></security></system.webServer>"
            );
            text.replacen("</system.webServer>", &limit, 1)
        })
    };
    let host = with_limit("1").any_log().start();
    assert_eq!(host.text("/BodyLimit"), "1");
    let refused = host.send(&Request::post("/ReadRequestBody", "test"));
    assert_eq!(refused.status, 404);
    assert!(refused.text().contains("404.13"), "{refused:?}");
    let chunked = Request::new("POST", "/ReadRequestBody").header("Transfer-Encoding", "chunked");
    assert_eq!(host.send(&chunked.body("4\r\ntest\r\n0\r\n\r\n")).status, 413);
    assert_eq!(host.send(&Request::post("/ReadRequestBody", "t")).status, 200);
    host.stop();
    let host = with_limit("4294967295").any_log().start();
    assert_eq!(host.text("/BodyLimit"), "4294967295");
    assert_eq!(host.send(&Request::post("/ReadRequestBodyLarger", vec![0; 10_000])).status, 200);
    host.stop();
}

#[test]
fn web_sockets_can_be_switched_off() {
    let host = TestHost::app("InProcessSite")
        .edit("web.config", |text| {
            text.replacen("</system.webServer>", "<webSocket enabled=\"false\" /></system.webServer>", 1)
        })
        .start();
    assert_eq!(host.text("/UpgradeFeatureDetection"), "Disabled");
    host.stop();
}

#[test]
fn requests_under_way_are_finished_while_the_app_stops() {
    let host = TestHost::app("InProcessSite").args(["IncreaseShutdownLimit"]).start();
    let post = b"POST /ReadAndCountRequestBody HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n";
    let (mut one, mut two, mut three) = (host.client(), host.client(), host.client());
    one.send(post).unwrap();
    let mut one_answer = one.head("POST").unwrap();
    one.until("1").unwrap();
    two.send(post).unwrap();
    let mut two_answer = two.head("POST").unwrap();
    two.until("2").unwrap();
    three.send(&Request::get("/WaitForAppToStartShuttingDown").bytes()).unwrap();
    let mut three_answer = three.head("GET").unwrap();
    three.until("test1").unwrap();
    host.signal(Signal::TERM);
    three.rest(&mut three_answer).unwrap();
    assert_eq!(three_answer.body, b"test2");
    for (client, answer) in [(&mut one, &mut one_answer), (&mut two, &mut two_answer)] {
        client.send(b"x").unwrap();
        client.rest(answer).unwrap();
        assert_eq!(answer.body, b"done");
    }
    host.ended(0);
}

#[test]
fn an_app_may_stop_itself_in_three_ways() {
    for endpoint in ["/Shutdown", "/ShutdownStopAsync", "/ShutdownStopAsyncWithCancelledToken"] {
        // The second one waits for its own end, which only the limit ends.
        let host =
            TestHost::app("InProcessSite").asp_net_core("shutdownTimeLimit=\"1\"", "").any_log().start();
        let before = host.text("/ProcessId");
        // The response may be cut; that the worker is replaced is what counts.
        let _ = host.client().get(endpoint);
        wait::until_true(&format!("another worker after {endpoint}"), PATIENCE, || {
            host.client()
                .get("/ProcessId")
                .is_ok_and(|response| response.status == 200 && response.text() != before)
        });
        host.stop();
    }
}

#[test]
fn output_before_the_start_is_relayed() {
    let host = TestHost::app("InProcessSite").args(["ConsoleWriteStartServer"]).start();
    assert!(host.stdout().wait_for(PATIENCE, |line| line == "TEST MESSAGE").is_some(), "{}", host.story());
    host.stop();
}
