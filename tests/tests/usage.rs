//! What cannot be run at all: one clear line says what is wrong, where, and what to do; the exit code says whose fault it is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Finished, HostBuilder, TestHost};
use std::net::TcpListener;

const FAILED: i32 = 1;
const USAGE: i32 = 2;
const CONFIGURATION: i32 = 78;

/// Runs a `mews` that must end by itself with `code`, saying each of `parts` in few lines.
fn ends(builder: HostBuilder, code: i32, parts: &[&str]) -> Finished {
    let finished = builder.finish();
    assert_eq!(finished.code, Some(code), "{finished:?}");
    for part in parts {
        assert!(finished.stderr.contains(part), "{part:?} in {}", finished.stderr);
    }
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("RUST_BACKTRACE"), "{}", finished.stderr);
    assert_eq!(finished.stdout.trim(), "", "errors go to stderr");
    finished
}

#[test]
fn no_such_folder() {
    let host = TestHost::empty_folder().target("nowhere");
    ends(host, CONFIGURATION, &["nowhere"]);
}

#[test]
fn no_app_in_the_folder() {
    let finished = ends(TestHost::empty_folder(), CONFIGURATION, &["web.config", "runtimeconfig.json"]);
    assert!(finished.stderr.lines().count() <= 6, "{}", finished.stderr);
}

#[test]
fn a_project_is_no_app() {
    let host = TestHost::empty_folder().file("Shop.csproj", "<Project Sdk=\"Microsoft.NET.Sdk.Web\" />");
    ends(host, CONFIGURATION, &["dotnet publish"]);
}

#[test]
fn two_apps_in_the_folder() {
    let host = TestHost::app("Minimal")
        .without("web.config")
        .file("Other.runtimeconfig.json", "{}")
        .file("Other.dll", "");
    ends(host, CONFIGURATION, &["Minimal", "Other"]);
}

#[test]
fn a_dll_that_is_not_there() {
    let host = TestHost::app("Minimal").without("web.config").target("Nowhere.dll");
    ends(host, CONFIGURATION, &["Nowhere.dll"]);
}

#[test]
fn a_broken_runtimeconfig() {
    let host = TestHost::app("Minimal")
        .without("web.config")
        .file("Minimal.runtimeconfig.json", "{ \"runtimeOptions\": ");
    ends(host, CONFIGURATION, &["Minimal.runtimeconfig.json"]);
}

#[test]
fn a_malformed_web_config() {
    let host = TestHost::app("Minimal").web_config("<configuration>\n  <system.webServer>\n</configuration>");
    ends(host, CONFIGURATION, &["web.config:3"]);
}

#[test]
fn every_mistake_in_web_config_is_shown_with_its_place() {
    let host = TestHost::app("Minimal").web_config(
        "<?xml version=\"1.0\"?>
<configuration><system.webServer>
  <aspNetCore procesPath=\"dotnet\" arguments=\".\\Minimal.dll\" hostingModel=\"inproces\"
     startupTimeLimit=\"soon\" />
</system.webServer></configuration>",
    );
    let finished =
        ends(host, CONFIGURATION, &["web.config:3", "processPath", "inproces", "web.config:4", "soon"]);
    assert!(finished.stderr.contains('^'), "the place is marked:\n{}", finished.stderr);
}

#[test]
fn the_hosting_model_is_the_one_that_was_asked_for() {
    let app = || TestHost::app("Minimal");
    let without = || app().edit("web.config", |text| text.replace("hostingModel=\"inprocess\"", ""));
    let out = || app().edit("web.config", |text| text.replace("inprocess", "OutOfProcess"));
    for (host, model) in [
        (app(), "in-process"),
        (app().flag("--hosting-model").flag("outofprocess"), "out-of-process"),
        (out(), "out-of-process"),
        (out().flag("--hosting-model").flag("InProcess"), "in-process"),
        // As in IIS, web.config without a hosting model means out-of-process; without web.config there is no such rule.
        (without(), "out-of-process"),
        (app().without("web.config"), "in-process"),
    ] {
        let host = host.start();
        host.wait_log(0, &format!("Minimal, {model}"));
        // Kestrel names itself; in-process nobody does.
        let kestrel = host.get("/").header("Server") == Some("Kestrel");
        assert_eq!(kestrel, model == "out-of-process");
        host.stop();
    }
}

#[test]
fn addresses_that_cannot_be_listened_on() {
    for (urls, code, parts) in [
        ("nonsense", USAGE, &["nonsense"][..]),
        ("ftp://127.0.0.1:0", USAGE, &["ftp"]),
        ("http://127.0.0.1:99999", USAGE, &["99999"]),
        ("http://127.0.0.1:0/base", USAGE, &["/base"]),
        ("", USAGE, &["--urls"]),
        // An address of documentation: no machine has it.
        ("http://192.0.2.1:8080", FAILED, &["192.0.2.1"]),
    ] {
        ends(TestHost::app("Minimal").urls(urls), code, parts);
    }
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}", taken.local_addr().unwrap().port());
    let finished = ends(TestHost::app("Minimal").urls(&url), FAILED, &[&url]);
    let holder = std::process::id().to_string();
    assert!(finished.stderr.contains(&holder), "who holds the port ({holder}) is said:\n{}", finished.stderr);
}

#[test]
fn misspelt_options_are_errors_with_the_nearest_name() {
    ends(TestHost::app("Minimal").flag("--enviroment").flag("X"), USAGE, &["--enviroment", "--environment"]);
    ends(TestHost::app("Minimal").flag("--hosting-model").flag("inproc"), USAGE, &["inproc"]);
}
