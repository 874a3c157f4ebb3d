//! What `openssl s_client` sees of a handshake: OCSP responses, and sessions that are resumed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod certificates;

use certificates::Certificates;
use e2e::{Model, PATIENCE, TestHost, wait};
use std::io::Write as _;
use std::process::{Command, Stdio};

const BOTH: [Model; 2] = [Model::InProcess, Model::OutOfProcess];
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n";

/// Connects, sends `request`, and answers what is printed up to the connection's end.
fn s_client(host: &TestHost, request: &[u8], arguments: &[&str]) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{}", host.port())])
        .args(["-servername", "site.test"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl can be run");
    let mut input = child.stdin.take().unwrap();
    // One that fails has closed it.
    let _ = input.write_all(request);
    drop(input);
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

#[test]
fn an_ocsp_response_is_sent_and_replaced_when_its_file_is() {
    let certificates = Certificates::new();
    certificates.issue("server", &["site.test"]);
    certificates.archive("server", "pass phrase");
    certificates.state("server", false);
    for model in BOTH {
        for is_archive in [false, true] {
            let (file, option, value) = if is_archive {
                ("server.pfx", "--tls-password-file", "server.password")
            } else {
                ("server.pem", "--tls-key", "server.key")
            };
            let host = TestHost::app("Minimal")
                .model(model)
                .urls("https://127.0.0.1:0")
                .flag("--tls-cert")
                .flag(&certificates.path(file))
                .flag(option)
                .flag(&certificates.path(value))
                .flag("--tls-ocsp")
                .flag(&certificates.path("server.ocsp"))
                .any_log()
                .start();
            let ca = certificates.path("ca.pem");
            let seen =
                |version: &str| s_client(&host, REQUEST, &["-status", version, "-ign_eof", "-CAfile", &ca]);
            for version in ["-tls1_2", "-tls1_3"] {
                let seen = seen(version);
                assert!(
                    seen.contains("OCSP Response Status: successful (0x0)"),
                    "{model:?} {file} {version}: {seen}"
                );
                assert!(seen.contains("Cert Status: good"), "{model:?} {file} {version}: {seen}");
                assert!(seen.contains("Hello World!"), "{model:?} {file} {version}: {seen}");
            }
            let workers = host.workers();
            certificates.state("server", true);
            wait::until_true("the new response is sent", PATIENCE, || {
                seen("-tls1_3").contains("Cert Status: revoked")
            });
            assert_eq!(host.workers(), workers, "no worker was replaced");
            certificates.state("server", false);
            host.stop();
        }
    }
    let host = certificates.host("Minimal", Model::InProcess).start();
    let without = s_client(&host, REQUEST, &["-status", "-ign_eof"]);
    assert!(without.contains("OCSP response: no response sent"), "{without}");
    host.stop();
}

#[test]
fn sessions_are_resumed_with_and_without_tickets() {
    let certificates = Certificates::new();
    certificates.issue("server", &["site.test"]);
    let session = certificates.path("session");
    for model in BOTH {
        let host = certificates.host("Minimal", model).start();
        // In TLS 1.3 every session is a ticket.
        for (options, expected) in [
            (&["-tls1_3"][..], "Reused, TLSv1.3"),
            (&["-tls1_2"], "Reused, TLSv1.2"),
            (&["-tls1_2", "-no_ticket"], "Reused, TLSv1.2"),
        ] {
            for (option, expected) in [("-sess_out", "New, "), ("-sess_in", expected)] {
                let arguments = [options, &["-ign_eof", option, &session]].concat();
                let seen = s_client(&host, REQUEST, &arguments);
                assert!(seen.contains(expected), "{model:?} {arguments:?}: {seen}");
                assert!(seen.contains("Hello World!"), "{model:?} {arguments:?}: {seen}");
                if option == "-sess_out" && options[0] == "-tls1_2" {
                    let has_ticket = seen.contains("TLS session ticket:");
                    assert_eq!(has_ticket, options.len() == 1, "{model:?} {arguments:?}: {seen}");
                }
            }
        }
        // A client that comes back again and again with what it was given first.
        for options in [&["-tls1_2"][..], &["-tls1_2", "-no_ticket"]] {
            let seen = s_client(&host, b"", &[options, &["-reconnect"]].concat());
            let count = |what: &str| seen.lines().filter(|line| line.starts_with(what)).count();
            assert_eq!((count("New, "), count("Reused, ")), (1, 5), "{model:?} {options:?}: {seen}");
        }
        host.stop();
    }
}
