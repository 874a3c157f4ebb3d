//! The main job: a publish folder is run, and the app finds itself where it expects to be.

use crate::MODEL;

use e2e::{Client, SharedHost, TestHost, proc};
use serde_json::{Value, json};
use std::net::{Ipv6Addr, TcpListener};

static MINIMAL: SharedHost = SharedHost::new(|| TestHost::app("Minimal").model(MODEL).start());

/// Checks what `/info` says about the process and its server, and that nobody listens who should not.
fn assert_hosted(host: &TestHost, info: &Value) {
    let workers = host.workers();
    assert_eq!(workers.len(), 1, "one worker: {workers:?}");
    assert_eq!(info["pid"], json!(host.app_process(MODEL)), "the app runs where it should");
    let server = info["server"].as_str().unwrap();
    if MODEL.is_out_of_process() {
        assert!(server.starts_with("Microsoft.AspNetCore.Server.Kestrel."), "{server}");
    } else {
        assert!(server.starts_with("Mews.Server."), "{server}");
        let mine = std::fs::read_link(format!("/proc/{}/exe", host.supervisor())).unwrap();
        assert_eq!(info["processPath"], json!(mine), "the process is mews itself");
    }
    let others: Vec<u16> =
        proc::listening_ports(workers[0]).into_iter().filter(|port| !host.ports().contains(port)).collect();
    assert!(others.is_empty(), "the worker listens on {others:?} too");
}

/// The address at which the app's server listens, as far as the app knows.
fn own_port(host: &TestHost) -> u16 {
    if MODEL.is_out_of_process() {
        *proc::listening_ports(host.app_process(MODEL).unwrap()).first().unwrap()
    } else {
        host.port()
    }
}

#[test]
fn an_app_runs() {
    let host = MINIMAL.get();
    assert_eq!(host.text("/"), "Hello World!");
    let info = host.json("/info");
    assert_hosted(&host, &info);
    assert!(info["framework"].as_str().unwrap().starts_with(".NET "));
}

#[test]
fn one_line_says_what_listens_where() {
    let host = MINIMAL.get();
    let lines: Vec<String> =
        host.stderr().lines().into_iter().filter(|line| line.contains("listening on ")).collect();
    let [line] = lines.as_slice() else { panic!("one such line: {lines:#?}") };
    // Which .NET it will be is not known before the app's process has started.
    let runtime = if MODEL.is_out_of_process() { "" } else { ".NET " };
    for part in [
        format!("listening on http://127.0.0.1:{}", host.port()),
        "Minimal".to_owned(),
        if MODEL.is_out_of_process() { ", out-of-process".to_owned() } else { ", in-process".to_owned() },
        runtime.to_owned(),
        format!("(pid {})", host.workers()[0]),
    ] {
        assert!(line.contains(&part), "{part:?} in {line:?}");
    }
}

#[test]
fn the_app_is_at_home_in_its_folder() {
    let host = MINIMAL.get();
    let info = host.json("/info");
    let folder = host.folder().canonicalize().unwrap();
    assert_eq!(info["currentDirectory"], json!(folder));
    assert_eq!(info["contentRoot"].as_str().unwrap().trim_end_matches('/'), folder.to_str().unwrap());
    assert_eq!(info["baseDirectory"], json!(format!("{}/", folder.display())));
    assert_eq!(info["entryAssembly"], "Minimal");
    assert_eq!(info["applicationName"], "Minimal");
    assert_eq!(info["environment"], "Production");
    assert_eq!(info["args"], json!([]));
    // appsettings.json is read only with the right content root.
    assert_eq!(host.text("/config?key=Logging:LogLevel:Default"), settings_level(&host));
}

fn settings_level(host: &TestHost) -> String {
    let text = std::fs::read(host.folder().join("appsettings.json")).unwrap();
    let settings: Value = serde_json::from_slice(&text).unwrap();
    settings["Logging"]["LogLevel"]["Default"].as_str().unwrap().to_owned()
}

#[test]
fn the_app_sees_the_addresses_it_is_reached_at() {
    let host = MINIMAL.get();
    let info = host.json("/info");
    let (addresses, own) = (&info["addresses"], own_port(&host));
    let [address] = addresses.as_array().unwrap().as_slice() else { panic!("one address: {addresses}") };
    let expected = format!("http://127.0.0.1:{own}");
    assert_eq!(address.as_str().unwrap().trim_end_matches('/'), expected);
    let mut client = host.client();
    let local = client.stream().local_addr().unwrap();
    let request = client.get("/request/a/b?c=d").unwrap().json();
    assert_eq!(request["scheme"], "http");
    assert_eq!(request["host"], "localhost");
    assert_eq!(request["pathBase"], "");
    assert_eq!(request["path"], "/request/a/b");
    assert_eq!(request["query"], "?c=d");
    assert_eq!(request["rawTarget"], "/request/a/b?c=d");
    assert_eq!(request["protocol"], "HTTP/1.1");
    assert_eq!(request["remoteAddress"], "127.0.0.1");
    assert_eq!(request["remotePort"], json!(local.port()));
    assert_eq!(request["localAddress"], "127.0.0.1");
    assert_eq!(request["localPort"], json!(own));
    assert_eq!(request["canHaveBody"], false);
    assert_eq!(request["userName"], Value::Null);
}

#[test]
fn connections_and_requests_have_names_of_their_own() {
    let host = MINIMAL.get();
    let mut one = host.client();
    let (a, b) = (one.get("/request/a").unwrap().json(), one.get("/request/b").unwrap().json());
    let other = host.json("/request/c");
    if !MODEL.is_out_of_process() {
        // There the app's connections are the worker's, which uses them for any client.
        assert_eq!(a["connectionId"], b["connectionId"]);
        assert_ne!(a["connectionId"], other["connectionId"]);
    }
    assert_ne!(a["traceIdentifier"], b["traceIdentifier"]);
}

#[test]
fn children_of_the_app_inherit_nothing_of_the_host() {
    let host = MINIMAL.get();
    let environment = host.text("/child-env");
    let mut names = vec!["STARTUP_HOOKS", "MEWS_HOST_TABLE", "HOSTINGSTARTUPASSEMBLIES"];
    if MODEL.is_out_of_process() {
        // What pairs the app's process with its host is in its own environment, as under IIS.
        names.pop();
    }
    for name in names {
        let leaked: Vec<&str> =
            environment.lines().filter(|line| line.split('=').next().unwrap().contains(name)).collect();
        assert!(leaked.is_empty(), "{leaked:?}");
    }
}

#[test]
fn arguments_after_the_dashes_reach_the_app() {
    let args = ["--color", "blue", "two words", "", "quote\"d", "back\\slash", "π ≠ 3·14", "--", "-x"];
    let host = TestHost::app("Minimal").model(MODEL).args(args).start();
    assert_eq!(host.json("/info")["args"], json!(args));
    host.stop();
}

#[test]
fn the_environment_option_names_the_environment() {
    let host = TestHost::app("Minimal")
        .model(MODEL)
        .flag("--environment")
        .flag("Staging")
        .env("ASPNETCORE_ENVIRONMENT", "Development")
        .start();
    assert_eq!(host.json("/info")["environment"], "Staging");
    assert_eq!(host.text("/env?name=ASPNETCORE_ENVIRONMENT"), "Staging");
    host.stop();
}

#[test]
fn urls_come_from_the_environment_too() {
    let host =
        TestHost::app("Minimal").model(MODEL).no_urls().env("ASPNETCORE_URLS", "http://127.0.0.1:0").start();
    assert_eq!(host.text("/"), "Hello World!");
    assert_hosted(&host, &host.json("/info"));
    host.stop();
}

#[test]
fn several_urls_are_served() {
    // Only on machines with IPv6 can both be bound; the second is another IPv4 address elsewhere.
    let second = if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() { "[::1]" } else { "127.0.0.2" };
    let host =
        TestHost::app("Minimal").model(MODEL).urls(&format!("http://127.0.0.1:0;http://{second}:0")).start();
    assert_eq!(host.ports().len(), 2, "{:?}", host.ports());
    let line = host.wait_log(0, "listening on ");
    for part in ["http://127.0.0.1:", &format!("http://{second}:")] {
        assert!(line.contains(part), "{part} in {line:?}");
    }
    let addresses =
        host.ports().iter().flat_map(|port| [format!("127.0.0.1:{port}"), format!("{second}:{port}")]);
    let mut answered = 0;
    for address in addresses {
        let address: std::net::SocketAddr = address.parse().unwrap();
        if let Ok(stream) = std::net::TcpStream::connect(address) {
            assert_eq!(Client::over(stream).get("/").unwrap().text(), "Hello World!");
            answered += 1;
        }
    }
    assert_eq!(answered, 2);
    host.stop();
}

#[test]
fn the_app_may_be_named_by_its_dll() {
    let host = TestHost::app("Minimal").model(MODEL).without("web.config").target("Minimal.dll").start();
    let info = host.json("/info");
    assert_hosted(&host, &info);
    assert_eq!(info["currentDirectory"], json!(host.folder().canonicalize().unwrap()));
    host.stop();
}

#[test]
fn web_config_variables_reach_the_app_expanded_and_win() {
    let variables = "<environmentVariables>
        <environmentVariable name=\"PLAIN\" value=\"as it is\" />
        <environmentVariable name=\"EXPANDED\" value=\"[%OUTER%] [%NO_SUCH_VARIABLE_HERE%]\" />
        <environmentVariable name=\"BOTH\" value=\"from web.config\" />
        <environmentVariable name=\"ASPNETCORE_ENVIRONMENT\" value=\"Staging\" />
        <environmentVariable name=\"ASPNETCORE_IIS_HTTPAUTH\" value=\"shouldberemoved\" />
        </environmentVariables>";
    let host = TestHost::app("Minimal")
        .model(MODEL)
        .asp_net_core("", variables)
        .env("OUTER", "outer value")
        .env("BOTH", "from outside")
        .start();
    assert_eq!(host.text("/env?name=PLAIN"), "as it is");
    assert_eq!(host.text("/env?name=EXPANDED"), "[outer value] [%NO_SUCH_VARIABLE_HERE%]");
    assert_eq!(host.text("/env?name=BOTH"), "from web.config");
    assert_eq!(host.json("/info")["environment"], "Staging");
    assert_ne!(host.text("/env?name=ASPNETCORE_IIS_HTTPAUTH"), "shouldberemoved");
    host.stop();
}

#[test]
fn inherited_variables_win_when_they_are_preferred() {
    let variables = "<environmentVariables><environmentVariable name=\"BOTH\" value=\"from web.config\" /></environmentVariables>";
    let host = TestHost::app("Minimal")
        .model(MODEL)
        .asp_net_core("", variables)
        .env("ANCM_PREFER_ENVIRONMENT_VARIABLES", "true")
        .env("BOTH", "from outside")
        .start();
    assert_eq!(host.text("/env?name=BOTH"), "from outside");
    host.stop();
}

#[test]
fn web_config_arguments_reach_the_app() {
    let host = TestHost::app("Minimal")
        .model(MODEL)
        .edit("web.config", |text| text.replace(".\\Minimal.dll", ".\\Minimal.dll one &quot;two words&quot;"))
        .args(["three"])
        .start();
    assert_eq!(host.json("/info")["args"], json!(["one", "two words", "three"]));
    host.stop();
}
