//! Limits that a site sets for its connections: what clients see, and what is counted.

use crate::MODEL;

use e2e::{Client, Request, TestHost, wait};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// The status that curl gets from another address of this machine.
fn from_address(source: &str, url: &str) -> String {
    let done = Command::new("curl")
        .args([
            "-sS",
            "--max-time",
            "20",
            "--interface",
            source,
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            url,
        ])
        .output()
        .expect("curl can be run");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn one_address_does_not_take_all_connections() {
    let site = e2e::site("shop", 1, MODEL);
    let (start, rest) = site.split_once('\n').expect("a site has several lines");
    let text = format!("admin = '127.0.0.1:0'\n{start}\nlimits = {{ connections_per_address = 2 }}\n{rest}");
    let host = TestHost::configured(&text).with_app("shop", "Minimal").any_log().serve();
    let line = host.wait_log(0, "metrics on http://127.0.0.1:");
    let port = line.split("127.0.0.1:").nth(1).unwrap().trim_end_matches("/metrics").parse().unwrap();
    let counted = || {
        let metrics = Client::connect(port).get("/metrics").unwrap();
        let line = metrics.text().lines().find_map(|line| {
            line.strip_prefix("mews_limit_hits_total{limit=\"connections_per_address\"} ").map(str::to_owned)
        });
        line.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let mut kept = [host.client_at(0), host.client_at(0)];
    for client in &mut kept {
        assert_eq!(client.get("/").unwrap().text(), "Hello World!");
    }
    let refused = host.client_at(0).request(&Request::get("/")).unwrap();
    assert_eq!((refused.status, refused.header("Connection")), (503, Some("close")), "{refused:?}");
    wait::until_true("it is counted", LIMIT, || counted() == 1);
    let url = format!("http://{}/", host.addresses()[0]);
    assert_eq!(from_address("127.0.0.2", &url), "200", "{}", host.story());
    // Those who are there go on.
    assert_eq!(kept[0].get("/").unwrap().text(), "Hello World!");
    drop(kept);
    wait::until_true("there is room again", LIMIT, || {
        host.client_at(0).get("/").is_ok_and(|answer| answer.status == 200)
    });
    host.stop();
}
