//! Out-of-process hosting: what an app's process is told by its environment, and what `web.config` and the inherited environment may say about that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Client, HostBuilder, Model, PATIENCE, Request, TestHost, proc, variables, wait};
use std::net::TcpListener;

/// Ports that Mews chooses from.
const RANDOM_PORTS: std::ops::RangeInclusive<u16> = 10_000..=48_000;

fn app(name: &str) -> HostBuilder {
    TestHost::app(name).model(Model::OutOfProcess)
}

fn variable(host: &TestHost, name: &str) -> String {
    host.text(&format!("/GetEnvironmentVariable?name={name}"))
}

#[test]
fn the_environment_in_an_app() {
    let long = "ABCDEFGH".repeat(50) + "!!";
    let children = variables(&[
        ("ASPNETCORE_INPROCESS_TESTING_VALUE", long.as_str()),
        ("ASPNETCORE_ENVIRONMENT", "Production"),
        ("ASPNETCORE_ANCM_HTTPS_PORT", "123"),
    ]);
    let host =
        app("InProcessSite").asp_net_core("", &children).env("ASPNETCORE_ENVIRONMENT", "Development").start();
    assert_eq!(variable(&host, "ASPNETCORE_INPROCESS_TESTING_VALUE"), long);
    assert_eq!(variable(&host, "ASPNETCORE_ENVIRONMENT"), "Production");
    assert_eq!(host.text("/ANCM_HTTPS_PORT"), "123");
    assert_eq!(host.text("/HTTPS_PORT"), "NOVALUE");
    host.stop();
}

#[test]
fn everything_that_the_integration_reads_is_there() {
    let host = TestHost::unruly("echo").start();
    let environment = host.unruly_environment();
    let variables = environment["variables"].as_object().unwrap();
    for (name, due) in [
        ("ASPNETCORE_APPL_PATH", "/"),
        ("ASPNETCORE_IIS_HTTPAUTH", "anonymous;"),
        ("ASPNETCORE_IIS_WEBSOCKETS_SUPPORTED", "true"),
        ("ASPNETCORE_HOSTINGSTARTUPASSEMBLIES", "Microsoft.AspNetCore.Server.IISIntegration"),
        ("ASPNETCORE_ANCM_HTTPS_PORT", ""),
    ] {
        assert_eq!(variables[name], due, "{name}");
    }
    assert!(variables["ASPNETCORE_TOKEN"].as_str().unwrap().len() >= 32);
    let port = variables["ASPNETCORE_PORT"].as_str().unwrap();
    assert!(RANDOM_PORTS.contains(&port.parse().unwrap()), "{port}");
    assert_eq!(variables["ASPNETCORE_URLS"], format!("http://127.0.0.1:{port}"));
    host.stop();
}

#[test]
fn inherited_variables_win_when_they_shall() {
    let children = variables(&[("GREETING", "from web.config"), ("ASPNETCORE_PORT", "")]);
    let with = |prefer: &str| {
        let host = TestHost::unruly("echo")
            .asp_net_core("", &children)
            .env("GREETING", "inherited")
            .env("ANCM_PREFER_ENVIRONMENT_VARIABLES", prefer)
            .start();
        let environment = host.unruly_environment();
        host.stop();
        environment
    };
    for (prefer, expected) in [("true", "inherited"), ("1", "inherited"), ("", "from web.config")] {
        let environment = with(prefer);
        assert_eq!(environment["variables"]["GREETING"], expected, "{prefer}: {environment}");
        // An empty port is none.
        let port: u16 = environment["variables"]["ASPNETCORE_PORT"].as_str().unwrap().parse().unwrap();
        assert!(RANDOM_PORTS.contains(&port));
    }
}

#[test]
fn startup_assemblies_are_added_to_inherited_ones_and_those_of_the_file_are_left_alone() {
    const NAME: &str = "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES";
    // Assemblies that are not there are no reason to fail.
    let host = app("InProcessSite").env(NAME, "Asm1").start();
    assert_eq!(variable(&host, NAME), "Asm1;Microsoft.AspNetCore.Server.IISIntegration");
    host.stop();
    let host = app("InProcessSite").env(NAME, "Asm1").asp_net_core("", &variables(&[(NAME, "Asm2")])).start();
    assert_eq!(variable(&host, NAME), "Asm2");
    host.stop();
}

#[test]
fn a_port_of_the_users_is_used_or_refused_without_a_start() {
    let with = |port: &str| {
        let builder = TestHost::unruly("echo").any_log();
        builder.asp_net_core("", &variables(&[("ASPNETCORE_PORT", port)])).start()
    };
    for port in ["1024", "48001", "80", "noninteger", "-1"] {
        let host = with(port);
        let response = host.send(&Request::get("/").header("Accept", "text/plain"));
        assert_eq!(response.status, 502, "{port}: {response:?}");
        let cause = format!(
            "ASPNETCORE_PORT in web.config is '{port}', which is not a whole number from 1025 to 48000."
        );
        assert!(response.text().contains("502.5") && response.text().contains(&cause), "{}", response.text());
        host.wait_log(0, &cause);
        // Another attempt would be no better.
        assert_eq!(
            (host.logged("attempt 1 of 2"), host.logged("attempt 2 of 2")),
            (0, 0),
            "{}",
            host.story()
        );
        assert!(host.stdout().is_empty(), "{}", host.story());
        host.stop();
    }
    let free = wait::until("a free port in the range", PATIENCE, || {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        (port <= 48_000).then_some(port)
    });
    let host = with(&free.to_string());
    assert_eq!(host.unruly_environment()["variables"]["ASPNETCORE_PORT"], free.to_string());
    assert_eq!(proc::listening_ports(host.unruly_pid()).into_iter().collect::<Vec<_>>(), [free]);
    host.stop();
}

#[test]
fn a_token_of_the_users_pairs() {
    let children = variables(&[("ASPNETCORE_TOKEN", "a token of mine")]);
    let host = app("Minimal").asp_net_core("", &children).start();
    assert_eq!(host.text("/"), "Hello World!");
    let ports = proc::listening_ports(host.programs()[0]);
    let mut direct = Client::connect(*ports.first().unwrap());
    let mut with =
        |token: &str| direct.request(&Request::get("/").header("MS-ASPNETCORE-TOKEN", token)).unwrap().status;
    assert_eq!((with("a token of mine"), with("another")), (200, 400));
    host.stop();
}

#[test]
fn redirections_to_https_find_the_port() {
    let host = app("InProcessSite")
        .urls("http://127.0.0.1:0;https://127.0.0.1:0")
        .env("ENABLE_HTTPS_REDIRECTION", "1")
        .any_log()
        .start();
    let line = host.wait_log(0, "listening on http://");
    let port = |scheme: &str| -> u16 {
        let (_, rest) = line.split_once(&format!("{scheme}://127.0.0.1:")).unwrap();
        rest.split(|byte: char| !byte.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    let (plain, secure) = (port("http"), port("https"));
    let redirected = Client::connect(plain).get("/ANCM_HTTPS_PORT").unwrap();
    assert_eq!(redirected.status, 307, "{redirected:?}");
    assert_eq!(
        redirected.header("Location"),
        Some(format!("https://localhost:{secure}/ANCM_HTTPS_PORT").as_str())
    );
    host.stop();
}
