//! https: with certificates of every form and with none, seen by curl and by the app, in both hosting models.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod certificates;

use certificates::Certificates;
use e2e::{Model, TestHost, wait};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const BOTH: [Model; 2] = [Model::InProcess, Model::OutOfProcess];

/// What `curl` printed.
struct Curl {
    ok: bool,
    out: String,
    err: String,
}

fn curl(host: &TestHost, name: &str, ca: Option<&Path>, arguments: &[&str], target: &str) -> Curl {
    let port = host.port();
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "20", "--resolve", &format!("{name}:{port}:127.0.0.1")]);
    match ca {
        Some(ca) => command.arg("--cacert").arg(ca),
        None => command.arg("--insecure"),
    };
    let done = command.args(arguments).arg(format!("https://{name}:{port}{target}")).output();
    let done = done.expect("curl can be run");
    Curl {
        ok: done.status.success(),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// Asks as a client that trusts the authority.
fn get(host: &TestHost, certificates: &Certificates, arguments: &[&str], target: &str) -> String {
    let ca = PathBuf::from(certificates.path("ca.pem"));
    let answer = curl(host, "site.test", Some(&ca), arguments, target);
    assert!(answer.ok, "{}\n{}", answer.err, host.story());
    answer.out
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_app_sees_https_in_both_models() {
    let certificates = Certificates::new();
    certificates.issue("server", &["site.test"]);
    for model in BOTH {
        let host = certificates.host("Minimal", model).start();
        let seen = json(&get(&host, &certificates, &[], "/tls"));
        assert_eq!(seen["scheme"], "https", "{model:?}: {seen}");
        if model == Model::InProcess {
            assert_eq!(seen["protocol"], "Tls13", "{seen}");
            assert_eq!(seen["hostName"], "site.test", "{seen}");
            assert!(seen["cipherSuite"].as_str().unwrap().starts_with("TLS_"), "{seen}");
            let stages: Vec<i64> =
                seen["stages"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap()).collect();
            assert!(stages[0] > 0 && stages.is_sorted(), "{seen}");
            let older = json(&get(&host, &certificates, &["--tls-max", "1.2"], "/tls"));
            assert_eq!(older["protocol"], "Tls12", "{older}");
        }
        // Large bodies in both directions, and several requests on a connection.
        let body = get(&host, &certificates, &[], "/");
        assert_eq!(body, "Hello World!");
        host.stop();
    }
}

#[test]
fn without_a_certificate_one_is_made_and_said_loudly() {
    for model in BOTH {
        let host = TestHost::app("Minimal")
            .model(model)
            .urls("https://localhost:0")
            .expect_log("SELF-SIGNED certificate for localhost")
            .start();
        let answer = curl(&host, "localhost", None, &[], "/");
        assert_eq!(answer.out, "Hello World!", "{}", answer.err);
        let refused =
            curl(&host, "localhost", Some(Path::new("/etc/ssl/certs/ca-certificates.crt")), &[], "/");
        assert!(!refused.ok && refused.err.contains("certificate"), "{}", refused.err);
        host.stop();
    }
}

#[test]
fn failures_are_told_over_https_as_well() {
    let host = TestHost::app("Broken").args(["ThrowsInMain"]).urls("https://127.0.0.1:0").any_log().launch();
    let answer = curl(&host, "site.test", None, &["-o", "-", "-w", "%{http_code}"], "/");
    assert!(answer.out.contains("500.30") && answer.out.ends_with("500"), "{}{}", answer.out, answer.err);
    host.stop();
}

#[test]
fn several_certificates_are_chosen_by_name_and_a_pfx_is_one_of_them() {
    let certificates = Certificates::new();
    certificates.issue("server", &["site.test"]);
    certificates.issue("wild", &["*.wild.test"]);
    certificates.archive("wild", "pass phrase");
    let host = certificates
        .host("Minimal", Model::InProcess)
        .flag("--tls-cert")
        .flag(&certificates.path("wild.pfx"))
        .flag("--tls-password-file")
        .flag(&certificates.path("wild.password"))
        .start();
    let ca = PathBuf::from(certificates.path("ca.pem"));
    for (name, good) in [("site.test", true), ("a.wild.test", true), ("other.test", false)] {
        let answer = curl(&host, name, Some(&ca), &[], "/");
        assert_eq!(answer.ok, good, "{name}: {}", answer.err);
    }
    host.stop();
}

#[test]
fn a_changed_certificate_is_taken_and_a_broken_one_is_not() {
    let certificates = Certificates::new();
    certificates.issue("server", &["site.test"]);
    let host = certificates.host("Minimal", Model::InProcess).any_log().start();
    let worker = host.workers();
    let ca = PathBuf::from(certificates.path("ca.pem"));
    certificates.issue("server", &["renewed.test"]);
    let renewed = || curl(&host, "renewed.test", Some(&ca), &[], "/").ok.then_some(());
    assert!(wait::poll(PATIENCE, renewed).is_some(), "{}", host.story());

    let seen = host.stderr().lines().len();
    fs::write(certificates.path("server.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    let line = host.wait_log(seen, "the certificates in use stay");
    assert!(line.contains("server.pem"), "{line}");
    assert!(curl(&host, "renewed.test", Some(&ca), &[], "/").ok);
    assert_eq!(host.workers(), worker, "no worker was replaced");
    host.stop();
}

#[test]
fn client_certificates_reach_the_app_in_both_models() {
    let certificates = Certificates::new();
    certificates.issue("server", &["site.test"]);
    certificates.issue("somebody", &["client.test"]);
    let (own, key) = (certificates.path("somebody.pem"), certificates.path("somebody.key"));
    let shown = ["--cert", own.as_str(), "--key", key.as_str()];
    for model in BOTH {
        let host = certificates
            .host("Minimal", model)
            .flag("--client-certificates")
            .flag("allow")
            .flag("--client-ca")
            .flag(&certificates.path("ca.pem"))
            .start();
        let with = json(&get(&host, &certificates, &shown, "/tls"));
        assert_eq!(with["clientCertificate"], "CN=somebody", "{model:?}: {with}");
        let without = json(&get(&host, &certificates, &[], "/tls"));
        assert_eq!(without["clientCertificate"], Value::Null, "{model:?}: {without}");
        // Only the server says who the client is.
        let forged = ["-H", "MS-ASPNETCORE-CLIENTCERT: AAAA"];
        let forged = json(&get(&host, &certificates, &forged, "/tls"));
        assert_eq!(forged["clientCertificate"], Value::Null, "{model:?}: {forged}");
        host.stop();
    }
}

#[test]
fn a_required_client_certificate_that_is_missing_or_foreign_gets_a_page() {
    let certificates = Certificates::new();
    certificates.issue("server", &["site.test"]);
    certificates.issue("somebody", &["client.test"]);
    let strangers = Certificates::new();
    strangers.issue("stranger", &["client.test"]);
    for model in BOTH {
        let host = certificates
            .host("Minimal", model)
            .flag("--client-certificates")
            .flag("require")
            .flag("--client-ca")
            .flag(&certificates.path("ca.pem"))
            .start();
        for (who, number) in [
            (None, "403.7"),
            (Some((strangers.path("stranger.pem"), strangers.path("stranger.key"))), "403.16"),
            (Some((certificates.path("somebody.pem"), certificates.path("somebody.key"))), "Hello World!"),
        ] {
            let arguments: Vec<&str> = match &who {
                Some((own, key)) => vec!["--cert", own, "--key", key],
                None => Vec::new(),
            };
            let answer = get(&host, &certificates, &arguments, "/");
            assert!(answer.contains(number), "{model:?}: {number}: {answer}");
        }
        host.stop();
    }
}

#[test]
fn plain_http_on_the_https_port_is_told_so() {
    let certificates = Certificates::new();
    certificates.issue("server", &["site.test"]);
    let host = certificates.host("Minimal", Model::InProcess).start();
    let answer = host.get("/");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"), "{}", answer.text());
    host.stop();
}

#[test]
fn a_key_is_neither_in_the_log_nor_on_a_command_line() {
    let certificates = Certificates::new();
    certificates.issue("server", &["site.test"]);
    let key = fs::read_to_string(certificates.path("server.key")).unwrap();
    let secret = key.lines().nth(1).unwrap().to_owned();
    let host = certificates.host("Minimal", Model::InProcess).env("MEWS_LOG", "trace").any_log().start();
    assert_eq!(get(&host, &certificates, &[], "/"), "Hello World!");
    for pid in host.workers().into_iter().chain([host.supervisor()]) {
        for file in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains(&secret), "{pid} {file}");
        }
    }
    assert!(!host.stderr().text().contains(&secret));
    host.stop();
}

#[test]
fn certificates_that_cannot_be_used_are_refused_with_their_name() {
    let certificates = Certificates::new();
    certificates.issue("server", &["site.test"]);
    certificates.issue("other", &["other.test"]);
    let builder = TestHost::app("Minimal").urls("https://127.0.0.1:0");
    let ended = builder
        .flag("--tls-cert")
        .flag(&certificates.path("server.pem"))
        .flag("--tls-key")
        .flag(&certificates.path("other.key"))
        .finish();
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
    assert!(ended.stderr.contains("other.key: the key does not match the certificate"), "{}", ended.stderr);
}
