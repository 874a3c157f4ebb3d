//! What the gateway counts, beside what the pools behind it do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Client, Model, PATIENCE, Request, TestHost, kill, wait};
use rustix::process::Signal;
use std::collections::BTreeMap;

fn scrape(port: u16) -> BTreeMap<String, u64> {
    let response = Client::connect(port).get("/metrics").unwrap();
    let lines = response.text().lines().filter(|line| line.starts_with("mews_"));
    let value = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    lines.filter_map(value).collect()
}

#[test]
fn connections_are_counted_by_site_and_outcome() {
    let site = |name: &str, model: Model| {
        format!(
            "[[site]]\nname = '{name}'\nbindings = [{{ url = 'http://127.0.0.1:0', host = '{name}.test' }}]\n\
             [[site.application]]\npath = '/'\nphysical_path = '{name}'\npool = '{name}'\nhosting_model = '{}'\n",
            model.name()
        )
    };
    let text = [
        "admin = '127.0.0.1:0'\n".to_owned(),
        site("a", Model::InProcess),
        site("b", Model::OutOfProcess),
        "[pool.a]\n[pool.b]\n".to_owned(),
    ]
    .concat();
    let host =
        TestHost::configured(&text).with_app("a", "Minimal").with_app("b", "Minimal").any_log().serve();
    let line = host.wait_log(0, "metrics on http://127.0.0.1:");
    let admin = line.split("127.0.0.1:").nth(1).unwrap().trim_end_matches("/metrics").parse().unwrap();
    let ask = |client: &mut Client, name: &str| {
        client.request(&Request::get("/").header("Host", name)).unwrap().status
    };
    let mut kept: Vec<Client> = (0..3).map(|_| host.client_at(0)).collect();
    for client in &mut kept {
        assert_eq!(ask(client, "a.test"), 200);
    }
    // On a connection of the other pool: over a way of its own.
    assert_eq!(ask(&mut kept[0], "b.test"), 200);
    assert_eq!(ask(&mut host.client_at(0), "b.test"), 200);
    assert_eq!(ask(&mut host.client_at(0), "c.test"), 400);
    assert_eq!(host.client_at(0).get("/\u{1}").map_or(400, |answer| answer.status), 400);
    let silent = host.client_at(0);
    let url = format!("http://{}", host.addresses()[0]);
    let named =
        |site: &str| format!("mews_gateway_connections_handed_over_total{{url=\"{url}\",site=\"{site}\"}}");
    let expected = [
        ("mews_gateway_connections_accepted_total".to_owned(), 7),
        (named("a"), 3),
        (named("b"), 1),
        ("mews_gateway_connections_refused_total{reason=\"unknown_host\"}".to_owned(), 1),
        ("mews_gateway_relays_total".to_owned(), 1),
        ("mews_gateway_connections".to_owned(), 1),
        ("mews_gateway_waiting_connections".to_owned(), 0),
        ("mews_http_refused_requests_total{reason=\"BadRequest\"}".to_owned(), 1),
    ];
    let all = |found: &BTreeMap<String, u64>| {
        expected.iter().all(|(name, expected)| found.get(name) == Some(expected))
    };
    let found = wait::poll(PATIENCE, || Some(scrape(admin)).filter(all));
    assert!(found.is_some(), "{expected:#?}\n{:#?}\n{}", scrape(admin), host.story());

    // The next one goes on counting.
    drop(silent);
    kill(host.gateway(), Signal::KILL);
    wait::until_true("another gateway shares connections out", PATIENCE, || {
        host.client_at(0)
            .request(&Request::get("/").header("Host", "b.test"))
            .is_ok_and(|it| it.status == 200)
    });
    wait::until_true("it counts on", PATIENCE, || {
        scrape(admin).get(&named("b")).is_some_and(|&count| count >= 2)
    });
    assert_eq!(scrape(admin).get(&named("a")), Some(&3));
    host.stop();
}
