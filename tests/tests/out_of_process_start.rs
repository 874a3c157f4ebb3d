//! Out-of-process hosting: what is executed, when, and what is told when it does not come to serve.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, Request, Response, TestHost, handler_settings, proc, unruly, variables, wait};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use std::net::TcpListener;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// Ports that Mews chooses from.
const RANDOM_PORTS: std::ops::RangeInclusive<u16> = 10_000..=48_000;

fn app(name: &str) -> HostBuilder {
    TestHost::app(name).model(Model::OutOfProcess)
}

/// The failure page as plain text.
fn page(host: &TestHost) -> Response {
    host.send(&Request::get("/").header("Accept", "text/plain"))
}

/// Asks, and checks that the start failed with these words in the cause, that the log says the same, and that nothing is left running.
fn fails(host: &TestHost, words: &[&str]) -> Response {
    let response = page(host);
    assert_eq!(response.status, 502, "{response:?}\n{}", host.story());
    let text = response.text();
    assert!(text.contains("502.5"), "{text}\n{}", host.story());
    let log = host.wait_log(0, "[1020]");
    for part in words {
        assert!(text.contains(part) && log.contains(part), "{part:?}\n{text}\n{}", host.story());
    }
    assert!(host.programs().is_empty(), "{}", host.story());
    response
}

#[test]
fn a_thousand_first_requests_start_one_process() {
    // Both ends of every connection are in processes that inherit this limit.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let host = TestHost::unruly("slow-start 300").start();
    assert!(host.programs().is_empty(), "nothing runs before the first request");
    let mut clients: Vec<_> = (0..1000).map(|_| host.client()).collect();
    let request = Request::get("/").bytes();
    for client in &mut clients {
        client.send(&request).unwrap();
    }
    let pid = host.unruly_pid();
    for client in &mut clients {
        let answer = client.response("GET").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}\n{}", host.story());
        assert_eq!(answer.json()["pid"], pid);
    }
    host.wait_printed_lines("unruly: started slow-start 300", 1);
    host.wait_logged("[1001]", 1);
    assert_eq!(host.programs(), [pid]);
    drop(clients);
    host.stop();
}

#[test]
fn a_published_app_runs_unchanged() {
    let host = app("Minimal").args(["--one", "two words"]).flag("--environment").flag("Staging").start();
    assert!(host.programs().is_empty());
    let info = host.json("/info");
    let [pid] = host.programs()[..] else { panic!("several processes\n{}", host.story()) };
    assert_eq!(info["pid"], pid);
    assert!(host.wait_log(0, "[1001]").contains(&format!("(pid {pid}, port ")));
    let text = |name: &str| info[name].as_str().unwrap_or_default().to_owned();
    assert!(text("server").contains("Kestrel"), "{info}");
    assert_eq!(info["processName"], "dotnet");
    let folder = host.folder().canonicalize().unwrap().display().to_string();
    assert_eq!(text("currentDirectory"), folder);
    assert_eq!(text("contentRoot").trim_end_matches('/'), folder);
    assert_eq!(info["environment"], "Staging");
    assert_eq!(info["args"], serde_json::json!(["--one", "two words"]));
    let addresses = info["addresses"].as_array().unwrap();
    let [Value::String(address)] = &addresses[..] else { panic!("{info}") };
    let port: u16 = address.strip_prefix("http://127.0.0.1:").unwrap().parse().unwrap();
    assert!(RANDOM_PORTS.contains(&port));
    assert_eq!(proc::listening_ports(pid).into_iter().collect::<Vec<_>>(), [port]);
    // The stock integration guards that port.
    let direct = e2e::Client::connect(port).get("/").unwrap();
    assert_eq!(direct.status, 400, "{direct:?}");
    assert_eq!(host.logged("does not check the pairing token"), 0);
    host.stop();
}

#[test]
fn addresses_of_the_apps_own_do_not_count() {
    let settings = r#"{ "Kestrel": { "Endpoints": { "Own": { "Url": "http://127.0.0.1:0" } } } }"#;
    let host = app("Minimal").file("appsettings.json", settings).start();
    let info = host.json("/info");
    let pid = info["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap();
    let port = host.text("/env?name=ASPNETCORE_PORT");
    assert_eq!(proc::listening_ports(pid).iter().map(u16::to_string).collect::<Vec<_>>(), [port]);
    host.stop();
}

#[test]
fn hosts_of_every_kind_are_reached() {
    for (builder, target) in [
        (app("StartupApp"), "/"),
        (app("LegacyWebHost"), "/"),
        (app("InProcessSite").args(["WebHost"]), "/HelloWorld"),
        (app("InProcessSite").args(["StartupGenericHost"]), "/HelloWorld"),
    ] {
        let host = builder.start();
        let response = host.get(target);
        assert!(response.status < 500, "{response:?}\n{}", host.story());
        let [pid] = host.programs()[..] else { panic!("several processes\n{}", host.story()) };
        let ports: Vec<u16> = proc::listening_ports(pid).into_iter().collect();
        assert_eq!(e2e::Client::connect(ports[0]).get(target).unwrap().status, 400, "{}", host.story());
        host.stop();
    }
}

#[test]
fn an_app_that_ignores_the_port_variable_is_told_by_its_urls() {
    let host = app("InProcessSite").args(["SlimBuilder"]).start();
    assert_eq!(host.text("/HelloWorld"), "Hello World");
    host.wait_log(0, "does not check the pairing token");
    host.stop();
}

#[test]
fn forms_of_process_path() {
    let unruly_is = |name: &'static str| {
        move |builder: HostBuilder| {
            std::fs::rename(builder.folder().join("unruly"), builder.folder().join(name)).unwrap();
            builder
        }
    };
    let same = |builder: HostBuilder| builder;
    type Change = Box<dyn Fn(HostBuilder) -> HostBuilder>;
    let cases: Vec<(&str, &str, Change)> = vec![
        ("unruly", "echo", Box::new(same)),
        (r".\unruly", "echo", Box::new(same)),
        (r".\unruly.exe", "echo", Box::new(same)),
        (r".\App.exe", "echo", Box::new(move |builder| unruly_is("App")(builder).file("App.exe", "MZ"))),
        (r".\App.exe", "echo", Box::new(unruly_is("App.exe"))),
        ("{folder}/unruly", "echo", Box::new(same)),
        ("%UNRULY_HOME%/unruly", "%UNRULY_MODE%", Box::new(same)),
        ("./wrapper", "echo", Box::new(|builder| builder.script("wrapper", "./unruly \"$@\" & wait"))),
        ("./wrapper", "echo", Box::new(|builder| builder.script("wrapper", "exec ./unruly \"$@\""))),
        ("sh", "-c \"exec ./unruly echo\"", Box::new(same)),
        ("./unruly", "wrapper echo", Box::new(same)),
        ("./unruly", "daemon echo", Box::new(same)),
    ];
    for (path, arguments, change) in cases {
        let builder = change(TestHost::unruly("echo").process(path, arguments));
        let folder = builder.folder().canonicalize().unwrap();
        let host = builder.env("UNRULY_HOME", folder.to_str().unwrap()).env("UNRULY_MODE", "echo").start();
        let environment = host.unruly_environment();
        assert_eq!(environment["directory"], folder.to_str().unwrap(), "{path} {arguments}");
        assert_eq!(environment["arguments"][1], "echo", "{path} {arguments}");
        host.stop();
    }
}

#[test]
fn forms_of_process_path_with_dotnet() {
    for (path, arguments) in [
        ("dotnet", r".\Minimal.dll"),
        ("dotnet.exe", "./Minimal.dll a"),
        ("dotnet", "exec {folder}/Minimal.dll a"),
        // Published for Windows, without the executable for Linux.
        (r".\Minimal.exe", "a"),
    ] {
        let host = app("Minimal").process(path, arguments).start();
        let info = host.json("/info");
        assert_eq!(info["entryAssembly"], "Minimal", "{path} {arguments}");
        let expected =
            if arguments.ends_with('a') { serde_json::json!(["a"]) } else { serde_json::json!([]) };
        assert_eq!(info["args"], expected, "{path} {arguments}");
        host.stop();
    }
}

#[test]
fn a_process_that_never_listens_is_tried_twice() {
    let host = TestHost::unruly("never-listen").asp_net_core("startupTimeLimit=\"1\"", "").any_log().start();
    let began = Instant::now();
    fails(&host, &["did not listen on port ", "within 1 s (startupTimeLimit)"]);
    assert!(began.elapsed() >= Duration::from_secs(2), "two attempts, each of 1 s: {:?}", began.elapsed());
    for attempt in ["attempt 1 of 2", "attempt 2 of 2"] {
        assert!(host.wait_log(0, attempt).contains("[1000]"));
    }
    host.wait_printed_lines("unruly: started never-listen", 2);
    host.stop();
}

#[test]
fn a_process_that_listens_elsewhere_is_told_where_that_is() {
    for (mode, place) in
        [("other-port", "; it listens on 127.0.0.1:"), ("ipv6-only", "; it listens there on IPv6 only.")]
    {
        let host = TestHost::unruly(mode).asp_net_core("startupTimeLimit=\"1\"", "").any_log().start();
        fails(&host, &["did not listen on port ", "within 1 s (startupTimeLimit)", place]);
        host.stop();
    }
}

#[test]
fn the_next_request_after_a_failed_start_tries_again() {
    let host = TestHost::unruly("flaky 3").any_log().start();
    fails(&host, &["exited with code 3"]);
    // The third start fails as well, the fourth does not.
    assert_eq!(host.get("/").status, 200, "{}", host.story());
    host.wait_logged("[1000]", 3);
    host.wait_logged("[1001]", 1);
    host.stop();
}

#[test]
fn a_stranger_on_the_configured_port_gets_nothing() {
    let stranger = wait::until("a port in the range", PATIENCE, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        (listener.local_addr().unwrap().port() <= *RANDOM_PORTS.end()).then_some(listener)
    });
    let port = stranger.local_addr().unwrap().port().to_string();
    let host = app("Minimal").asp_net_core("", &variables(&[("ASPNETCORE_PORT", &port)])).any_log().start();
    let taken = format!("Port {port} was taken by ");
    fails(&host, &[&taken, &format!("(pid {})", std::process::id())]);
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.accept().is_err(), "the stranger was connected to");
    drop(stranger);
    assert_eq!(host.json("/info")["addresses"][0], format!("http://127.0.0.1:{port}"));
    host.stop();
}

#[test]
fn a_program_for_another_machine() {
    let builder = TestHost::unruly("echo").any_log();
    let file = builder.folder().join("unruly");
    let mut program = std::fs::read(&file).unwrap();
    // The machine in the header of an ELF file: AArch64, or x86-64 where this is one.
    let other: u8 = if program[18] == 183 { 62 } else { 183 };
    program[18] = other;
    std::fs::write(&file, program).unwrap();
    let host = builder.start();
    fails(&host, &["unruly is a program for ", ", and this machine is "]);
    // Mended, it serves without a restart.
    std::fs::remove_file(host.folder().join("unruly")).unwrap();
    std::fs::copy(unruly(), host.folder().join("unruly")).unwrap();
    assert_eq!(host.get("/").status, 200);
    host.stop();
}

#[test]
fn a_missing_framework_is_named_as_check_names_it() {
    let builder = TestHost::app("Minimal").edit("Minimal.runtimeconfig.json", |text| {
        let mut settings: Value = serde_json::from_str(text).unwrap();
        let options = &mut settings["runtimeOptions"];
        if let Some(list) = options["frameworks"].as_array_mut() {
            list.iter_mut().for_each(|framework| framework["version"] = "2.9.9".into());
        }
        if options["framework"].is_object() {
            options["framework"]["version"] = "2.9.9".into();
        }
        settings.to_string()
    });
    let builder = builder.edit("web.config", |text| text.replace("\"inprocess\"", "\"outofprocess\""));
    let (code, check) = builder.check_json();
    assert_eq!(code, Some(1), "{check}");
    let host = builder.any_log().start();
    let response = fails(&host, &[" 2.9.9 is not installed"]);
    let cause = response.text().lines().find_map(|line| line.strip_prefix("Cause: ")).unwrap();
    let sentence = cause.trim_end_matches('.');
    assert!(check.to_string().contains(sentence), "{sentence}\n{check}");
    host.stop();
}

#[test]
fn exceptions_are_told_to_those_who_may_know() {
    let children = variables(&[("ASPNETCORE_DETAILEDERRORS", "1")]);
    for (builder, detailed) in [(app("Broken"), false), (app("Broken").asp_net_core("", &children), true)] {
        let host = builder.args(["ThrowsInMain"]).any_log().start();
        let response = fails(&host, &["An unhandled exception ended the app before it listened on port "]);
        assert!(host.wait_log(0, "[1020]").contains("thrown by Main"));
        assert_eq!(response.text().contains("thrown by Main"), detailed, "{}", response.text());
        assert_eq!(response.text().contains("Program.<Main>$"), detailed, "{}", response.text());
        host.stop();
    }
}

#[test]
fn the_last_lines_are_shown_to_those_who_may_see_them() {
    let children = variables(&[("ASPNETCORE_DETAILEDERRORS", "1")]);
    for (children, detailed) in [("", false), (children.as_str(), true)] {
        let host =
            TestHost::unruly("exit 7 the last line of all").asp_net_core("", children).any_log().start();
        let response = fails(&host, &["exited with code 7"]);
        assert_eq!(response.text().contains("the last line of all"), detailed, "{}", response.text());
        host.wait_log(0, "the last line of all");
        host.stop();
    }
}

#[test]
fn the_page_of_a_failed_start_can_be_left_out() {
    let host =
        TestHost::unruly("exit 1").asp_net_core("disableStartUpErrorPage=\"true\"", "").any_log().start();
    let response = page(&host);
    assert_eq!((response.status, response.body.len()), (502, 0), "{response:?}");
    host.wait_log(0, "[1020]");
    host.stop();
}

#[test]
fn output_that_is_left_alone_is_not_shown() {
    let children = variables(&[("ASPNETCORE_DETAILEDERRORS", "1")])
        + &handler_settings(&[("enableOutOfProcessConsoleRedirection", "false")]);
    let host = TestHost::unruly("exit 7 not captured").asp_net_core("", &children).any_log().start();
    let response = fails(&host, &["exited with code 7"]);
    assert!(!response.text().contains("not captured"), "{}", response.text());
    host.stop();
}
