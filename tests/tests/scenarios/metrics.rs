//! Metrics at the admin address: what clients did is counted, and stays counted when a worker ends.

use crate::MODEL;

use e2e::{Client, HostBuilder, Request, TestHost, kill, wait};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// A host, and the port of its admin address.
fn host() -> (TestHost, u16) {
    measured(TestHost::app("Minimal"))
}

fn measured(builder: HostBuilder) -> (TestHost, u16) {
    let host = builder.model(MODEL).any_log().flag("--admin").flag("127.0.0.1:0").start();
    let line = host.stderr().wait_for(LIMIT, |line| line.contains("metrics on http://127.0.0.1:")).unwrap();
    let port = line.split("127.0.0.1:").nth(1).unwrap().trim_end_matches("/metrics").parse().unwrap();
    (host, port)
}

/// Every value by its name and labels, without those that the site is in.
fn scrape(port: u16) -> BTreeMap<String, f64> {
    let response = Client::connect(port).request(&Request::get("/metrics")).unwrap();
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = response.text().to_owned();
    let values = text.lines().filter(|line| !line.starts_with('#'));
    let value = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.replace("site=\"Minimal\",application=\"/\"", "").replace("{,", "{"), value.parse().unwrap())
    };
    values.map(value).collect()
}

fn value(port: u16, name: &str) -> f64 {
    scrape(port).get(name).copied().unwrap_or(0.0)
}

#[test]
fn what_clients_did_is_counted() {
    let (host, port) = host();
    for _ in 0..3 {
        assert_eq!(host.get("/").status, 200);
    }
    assert_eq!(host.get("/status?code=418").status, 418);
    assert_eq!(host.send(&Request::post("/echo", "hello")).status, 200);
    assert_eq!(host.raw(b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n").statuses(), [400]);
    assert_eq!(host.raw(format!("GET /{} HTTP/1.1\r\n", "a".repeat(9000))).statuses(), [414]);
    let expected = [
        (
            "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_class=\"2xx\"}",
            3.0,
        ),
        (
            "http_server_request_duration_seconds_bucket{http_request_method=\"GET\",http_response_status_class=\"2xx\",le=\"+Inf\"}",
            3.0,
        ),
        (
            "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_class=\"4xx\"}",
            1.0,
        ),
        (
            "http_server_request_duration_seconds_count{http_request_method=\"POST\",http_response_status_class=\"2xx\"}",
            1.0,
        ),
        ("mews_http_responses_total{http_response_status_code=\"418\"}", 1.0),
        ("mews_http_refused_requests_total{reason=\"BadRequest\"}", 1.0),
        ("mews_http_refused_requests_total{reason=\"URL_Length\"}", 1.0),
        ("mews_limit_hits_total{limit=\"request_line\"}", 1.0),
        ("mews_workers{pool=\"\",kind=\"app\"}", 1.0),
        ("mews_worker_starts_total{pool=\"\",kind=\"app\"}", 1.0),
    ];
    // A client can have its response a moment before that is counted.
    wait::until_true("everything is counted", LIMIT, || {
        let found = scrape(port);
        expected.iter().all(|(name, expected)| found.get(*name) == Some(expected))
    });
    let found = scrape(port);
    assert!(found["mews_connections_accepted_total"] >= 7.0, "{found:#?}");
    assert!(found["mews_http_sent_bytes_total{}"] > 500.0, "{found:#?}");
    let queue = format!("mews_queue_length{{url=\"http://127.0.0.1:{}\"}}", host.port());
    assert_eq!(found.get(&queue), Some(&0.0), "{found:#?}");
    let held = host.client();
    wait::until_true("the connection is seen", LIMIT, || value(port, "mews_connections") >= 1.0);
    drop(held);
    host.stop();
}

#[test]
fn what_compression_saves_is_counted() {
    let (host, port) = measured(TestHost::app("Minimal").flag("--compression"));
    let fetch = |accepted: &str| {
        let request = Request::get("/large?bytes=300000&type=text/plain").header("Accept-Encoding", accepted);
        host.send(&request).body.len() as f64
    };
    let sent = fetch("gzip") + fetch("gzip");
    assert_eq!(fetch("identity"), 300_000.0);
    let named = |what: &str, encoding: &str| format!("mews_http_{what}_total{{encoding=\"{encoding}\"}}");
    wait::until_true("both are counted", LIMIT, || {
        value(port, &named("compressed_responses", "gzip")) == 2.0
    });
    assert_eq!(value(port, &named("compression_input_bytes", "gzip")), 600_000.0);
    let after = value(port, &named("compression_output_bytes", "gzip"));
    // Without what frames the body on its way.
    assert!(after > 0.0 && after <= sent && sent < 600_000.0, "{after} of {sent}");
    assert_eq!(value(port, &named("compressed_responses", "br")), 0.0);
    host.stop();
}

#[test]
fn counters_outlive_workers() {
    let (host, port) = host();
    for _ in 0..5 {
        assert_eq!(host.get("/").status, 200);
    }
    let name = "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_class=\"2xx\"}";
    wait::until_true("all are counted", LIMIT, || value(port, name) == 5.0);
    let worker = host.workers()[0];
    kill(worker, Signal::KILL);
    host.wait_status("/", 200, LIMIT);
    wait::until_true("the worker's end is counted", LIMIT, || {
        value(port, "mews_worker_ends_total{pool=\"\",reason=\"crashed\"}") == 1.0
    });
    assert!(value(port, name) >= 6.0, "{:#?}", scrape(port));
    assert!(value(port, "mews_worker_starts_total{pool=\"\",kind=\"app\"}") >= 2.0);
    host.stop();
}

#[test]
fn the_admin_address_answers_nothing_else() {
    let (host, port) = host();
    for (request, status) in
        [("GET / HTTP/1.1\r\n\r\n", 404), ("POST /metrics HTTP/1.1\r\n\r\n", 405), ("\r\n\r\n", 400)]
    {
        let mut client = Client::connect(port);
        client.send(request.as_bytes()).unwrap();
        assert_eq!(client.response("GET").unwrap().status, status, "{request:?}");
    }
    // One that says nothing keeps nobody from being answered.
    let silent = Client::connect(port);
    assert!(scrape(port).contains_key("mews_connections"));
    drop(silent);
    host.stop();
}
