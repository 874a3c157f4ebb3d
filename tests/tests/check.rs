//! `mews check`, `mews explain` and the log, as scripts and people use them beside a host.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Model, TestHost, tool, wait};
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_whole_app_would_start_as_it_does() {
    for model in [Model::InProcess, Model::OutOfProcess] {
        let builder = TestHost::app("Minimal")
            .edit("web.config", |text| text.replace("\"inprocess\"", &format!("\"{}\"", model.name())));
        let (code, checked) = builder.check_json();
        assert_eq!(code, Some(0), "{checked:#}");
        assert_eq!(checked["wouldStart"], true, "{checked:#}");
        assert_eq!(checked["hostingModel"], model.name());
        assert_eq!((&checked["errors"], &checked["status"]), (&0.into(), &Value::Null));
        assert!(
            checked["facts"][".NET"].is_string() && checked["facts"]["frameworks"].is_string(),
            "{checked:#}"
        );
        let host = builder.start();
        assert_eq!(host.text("/"), "Hello World!");
        host.stop();
    }
}

#[test]
fn a_check_starts_nothing_and_changes_nothing() {
    let builder = TestHost::app("Minimal")
        .asp_net_core("", "")
        .edit("web.config", |text| text.replace("stdoutLogEnabled=\"false\"", "stdoutLogEnabled=\"true\""));
    let listing = || {
        let entries = std::fs::read_dir(builder.folder()).unwrap().map(|entry| entry.unwrap());
        let mut all: Vec<_> =
            entries.map(|entry| (entry.file_name(), entry.metadata().unwrap().modified().unwrap())).collect();
        all.sort();
        all
    };
    let before = listing();
    let (code, checked) = builder.check_json();
    assert_eq!(code, Some(0), "{checked:#}");
    assert_eq!(listing(), before);
}

#[test]
fn a_check_beside_a_running_host_tells_that_the_address_is_taken() {
    let host = TestHost::app("Minimal").start();
    let urls = format!("http://127.0.0.1:{}", host.port());
    let checked = tool(&["check", host.folder().to_str().unwrap(), "--urls", &urls]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(
        checked.stdout.contains(&host.supervisor().to_string()),
        "who holds it is said: {}",
        checked.stdout
    );
    assert_eq!(host.text("/"), "Hello World!");
    host.stop();
}

#[test]
fn the_number_of_a_page_is_explained() {
    let host = TestHost::app("Broken").args(["ThrowsInMain"]).any_log().launch();
    let page = host.send(&e2e::Request::get("/").header("Accept", "application/json")).json();
    let number = format!("{}.{}", page["status"], page["subStatus"]);
    let article: Value = serde_json::from_str(&tool(&["explain", &number, "--json"]).stdout).unwrap();
    assert_eq!(article["title"], page["title"], "{article:#}");
    let text = tool(&["explain", &number]).stdout;
    assert!(text.contains("500.30 The app failed to start") && text.contains("When it happens"), "{text}");
    host.stop();
}

#[test]
fn the_id_of_a_log_line_is_explained() {
    let host = TestHost::app("Broken").args(["ThrowsInMain"]).any_log().launch();
    let line = host.wait_log(0, "[1007]");
    assert!(line.contains("(500.30)"), "{line}");
    let article = tool(&["explain", "1007"]);
    assert_eq!(article.code, Some(0), "{article:?}");
    assert!(article.stdout.starts_with("1007 "), "{}", article.stdout);
    host.stop();
    let unknown = tool(&["explain", "1099"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""), "{unknown:?}");
}

#[test]
fn json_lines_carry_the_id() {
    let json = |builder: e2e::HostBuilder| builder.flag("--log-format").flag("json");
    let host = json(TestHost::app("Broken").args(["ThrowsInMain"]).any_log()).launch();
    let find = |id: u64| {
        let lines = host.stderr().lines();
        let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        parsed.into_iter().find(|line| line["fields"]["event_id"] == id || line["event_id"] == id)
    };
    let mut found = None;
    wait::until_true("the line of the failed start", PATIENCE, || {
        found = find(1007);
        found.is_some()
    });
    let line = found.unwrap();
    assert_eq!(line["level"], "ERROR", "{line:#}");
    assert!(line.to_string().contains("500.30"), "{line:#}");
    let every: Vec<String> = host.stderr().lines();
    assert!(
        every
            .iter()
            .filter(|line| line.starts_with('{'))
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
    host.stop();
    let host = json(TestHost::app("Minimal")).start();
    let line = host.stderr().wait_for(PATIENCE, |line| line.contains("listening on")).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert!(line["fields"]["event_id"] == 1032 || line["event_id"] == 1032, "{line:#}");
    host.stop();
}

#[test]
fn a_log_that_is_a_pipe_is_no_journal() {
    // Under a service manager JOURNAL_STREAM names the stream that stderr was; another one is written to as lines.
    let host = TestHost::app("Minimal").env("JOURNAL_STREAM", "1:2").start();
    host.wait_log(0, "[1032] listening on ");
    host.stop();
}
