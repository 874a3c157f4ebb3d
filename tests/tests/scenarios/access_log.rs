//! The access log: requests that the app answered, and those that it never saw, under one trace in the log and in the app.

use crate::MODEL;

use e2e::{Request, TestHost, wait};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

fn logged(format: &str, file: &Path) -> TestHost {
    let file = file.to_str().unwrap();
    let host = TestHost::app("Minimal").model(MODEL);
    host.flag("--access-log").flag(file).flag("--access-log-format").flag(format).start()
}

/// The file's lines once there are so many.
fn lines(file: &Path, count: usize) -> Vec<String> {
    let found = wait::poll(Duration::from_secs(20), || {
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (text.ends_with('\n') && lines.len() >= count).then_some(lines)
    });
    found.unwrap_or_else(|| panic!("{:?}", std::fs::read_to_string(file)))
}

#[test]
fn json_lines_and_traces() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made/access.log");
    let host = logged("json", &file);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let sent = format!("00-{trace}-b7ad6b7169203331-01");
    let response = host
        .send(&Request::get("/headers?x=1").header("traceparent", &sent).header("User-Agent", "me \"x\""));
    assert_eq!(response.json()["traceparent"], json!([sent]), "{response:?}");
    let begun = host.json("/trace");
    assert_eq!(host.raw(b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n").statuses(), [400]);
    // A line is written when its response has been sent: the next request, on another thread, may be sooner.
    let mut read: Vec<Value> =
        lines(&file, 3).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    read.sort_by_key(|line| (line["status"].as_u64(), line["uri_query"] != "x=1"));
    let names = [
        "site",
        "application",
        "method",
        "uri_stem",
        "uri_query",
        "status",
        "user_agent",
        "trace_id",
        "client_ip",
    ];
    let shown: Vec<Value> = names.iter().map(|name| read[0][name].clone()).collect();
    assert_eq!(
        json!(shown),
        json!(["Minimal", "/", "GET", "/headers", "x=1", 200, "me \"x\"", trace, "127.0.0.1"])
    );
    assert!(begun["id"].is_string() && read[1]["trace_id"] == begun["id"], "{begun} {}", read[1]);
    // In-process the app begins a trace as it would without a log: whether it is sampled is its own affair.
    let told = begun["header"].as_str().unwrap();
    assert_eq!(
        (told.is_empty(), &begun["sampled"]),
        (!MODEL.is_out_of_process(), &json!(MODEL.is_out_of_process()))
    );
    assert_eq!((&read[2]["status"], &read[2]["reason"]), (&json!(400), &json!("BadRequest")));
    for line in &read[..2] {
        assert!(line["time_taken_us"].as_u64().unwrap() > 0 && line["bytes_sent"].as_u64().unwrap() > 100);
    }
    host.stop();
}

#[test]
fn the_last_lines_are_written_when_the_host_stops() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let host = logged("w3c", &file);
    for _ in 0..50 {
        assert_eq!(host.get("/").status, 200);
    }
    host.stop();
    let text = std::fs::read_to_string(&file).unwrap();
    let written: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(written.len(), 50, "{text}");
    assert!(text.starts_with("#Software: Mews "), "{text}");
    let fields = text.lines().find_map(|line| line.strip_prefix("#Fields: ")).unwrap();
    let at = |name: &str| fields.split(' ').position(|field| field == name).unwrap();
    let first: Vec<&str> = written[0].split(' ').collect();
    let shown = ["s-sitename", "cs-method", "cs-uri-stem", "sc-status", "sc-substatus", "sc-win32-status"];
    assert_eq!(shown.map(|name| first[at(name)]), ["Minimal", "GET", "/", "200", "0", "0"]);
}

#[test]
fn lines_can_go_to_stderr() {
    let host = TestHost::app("Minimal").model(MODEL).any_log();
    let host = host.flag("--access-log").flag("-").flag("--access-log-format").flag("combined").start();
    assert_eq!(host.get("/info?a").status, 200);
    let line = host
        .stderr()
        .wait_for(Duration::from_secs(20), |line| line.contains("\"GET /info?a HTTP/1.1\" 200 "));
    assert!(line.is_some_and(|line| line.starts_with("127.0.0.1 - - [")), "{}", host.story());
    host.stop();
}

#[test]
fn the_hosts_own_answers_have_their_sub_status() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let host = TestHost::app("Minimal").model(MODEL).web_config(
        "<configuration><system.webServer><security><requestFiltering><verbs><add verb=\"DELETE\" allowed=\"false\" /></verbs></requestFiltering></security>\
         <aspNetCore processPath=\"dotnet\" arguments=\".\\Minimal.dll\" /></system.webServer></configuration>",
    );
    let host = host.flag("--access-log").flag(file.to_str().unwrap()).start();
    assert_eq!(host.send(&Request::new("DELETE", "/")).status, 404);
    let line = lines(&file, 5).pop().unwrap();
    assert!(line.contains(" DELETE / ") && line.contains(" 404 6 0 "), "{line}");
    host.stop();
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let finished = TestHost::app("Minimal")
        .model(MODEL)
        .flag("--access-log")
        .flag(folder.path().to_str().unwrap())
        .finish();
    assert_eq!(finished.code, Some(78), "{finished:?}");
    assert!(
        finished.stderr.contains("--access-log: ") && finished.stderr.contains("cannot be opened"),
        "{finished:?}"
    );
}
