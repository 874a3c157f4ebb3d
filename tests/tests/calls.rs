//! Clients of HTTP/2 that are libraries many use: gRPC in every shape of call, and frames that few send. What they do is in
//! `tests/clients`. gRPC needs response trailers, which an app with a process of its own cannot send, as on IIS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Model, PYTHON, SharedHost, TestHost};
use std::process::Command;

/// A client holds none of its calls for longer than 30 s.
const LIMIT: &str = "90";

static IN_PROCESS: SharedHost = SharedHost::new(|| host(Model::InProcess));
static OUT_OF_PROCESS: SharedHost = SharedHost::new(|| host(Model::OutOfProcess));

fn host(model: Model) -> TestHost {
    TestHost::app("Minimal").model(model).flag("--http2").flag("always").start()
}

/// Runs a function of a client's program; its output says what it found.
fn client(program: &str, arguments: &[&str], host: &TestHost) {
    let file = format!("{}/clients/{program}", env!("CARGO_MANIFEST_DIR"));
    let done = Command::new("timeout").args([LIMIT, PYTHON, &file]).args(arguments).output();
    let done = done.expect("python3 can be run; `cargo xtask test` installs what is needed");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {arguments:?}: {}\n{said}\n{}", done.status, host.story());
}

/// With prior knowledge.
fn call(name: &str) {
    let host = IN_PROCESS.get();
    client("calls.py", &[name, &format!("127.0.0.1:{}", host.port())], &host);
}

fn frames(name: &str) {
    for host in [&IN_PROCESS, &OUT_OF_PROCESS] {
        let host = host.get();
        client("frames.py", &[name, "127.0.0.1", &host.port().to_string()], &host);
    }
}

#[test]
fn unary_calls() {
    call("unary");
    call("metadata");
}

#[test]
fn large_messages() {
    call("large");
}

#[test]
fn streams_of_messages() {
    call("server_streaming");
    call("client_streaming");
}

#[test]
fn conversations_side_by_side() {
    call("interleaved");
}

#[test]
fn a_status_that_is_not_ok() {
    call("statuses");
}

/// What a call leaves in the app is counted, so that these do not run at the same time.
#[test]
fn deadlines_and_cancelled_calls() {
    call("deadlines");
    call("cancelled");
}

#[test]
fn a_hundred_calls_at_a_time() {
    call("many");
}

#[test]
fn calls_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(&path, text).unwrap();
        path
    };
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = write("certificate.pem", made.cert.pem());
    let key = write("key.pem", made.signing_key.serialize_pem());
    let builder = TestHost::app("Minimal").urls("https://127.0.0.1:0").flag("--tls-cert").flag(&certificate);
    let host = builder.flag("--tls-key").flag(&key).allow_log("SELF-SIGNED").start();
    let target = format!("localhost:{}", host.port());
    for name in [
        "unary",
        "large",
        "metadata",
        "server_streaming",
        "client_streaming",
        "interleaved",
        "statuses",
        "deadlines",
        "cancelled",
        "many",
    ] {
        client("calls.py", &[name, &target, &certificate], &host);
    }
    host.stop();
}

#[test]
fn padded_frames() {
    frames("padding");
}

#[test]
fn priorities() {
    frames("priority");
}

#[test]
fn header_blocks_in_pieces() {
    frames("continuation");
}

#[test]
fn windows_that_shrink_below_nothing() {
    frames("windows");
}

#[test]
fn header_tables_that_change() {
    frames("header_table");
}

#[test]
fn frames_as_large_as_the_client_likes() {
    frames("frame_sizes");
}

#[test]
fn windows_beyond_the_largest() {
    frames("beyond_the_largest_window");
}

#[test]
fn resets_and_unknown_frames() {
    frames("resets_and_unknown_frames");
}
