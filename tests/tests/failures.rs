//! Apps that do not start: a page with the number and the cause is served, one line on stderr says the same, `mews` stays up, and mending
//! the files brings the app back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Request, Response, TestHost, proc, wait};
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// The page as plain text.
fn page(host: &TestHost) -> Response {
    host.send(&Request::get("/anything").header("Accept", "text/plain"))
}

/// Starts a host whose app fails, and checks page, log and that the supervisor stays.
fn fails(builder: HostBuilder, number: &str, log: &[&str]) -> TestHost {
    let host = builder.any_log().launch();
    let response = page(&host);
    let status: u16 = number[..3].parse().unwrap();
    assert_eq!(response.status, status, "{response:?}\n{}", host.story());
    assert!(
        response.text().contains(number),
        "{number} is on the page:\n{}\n{}",
        response.text(),
        host.story()
    );
    for part in [&[number], log].concat() {
        host.wait_log(0, part);
    }
    let lines = host.stderr().lines();
    assert!(proc::is_alive(host.supervisor()));
    assert!(!lines.iter().any(|line| line.contains("panicked")), "{}", host.story());
    host
}

fn broken(mode: &str) -> HostBuilder {
    TestHost::app("Broken").args([mode])
}

#[test]
fn main_throws() {
    let host = fails(broken("ThrowsInMain"), "500.30", &["thrown by Main"]);
    assert!(!page(&host).text().contains("thrown by Main"), "production pages tell no exception texts");
    host.stop();
    fails(broken("ThrowsAsyncInMain"), "500.30", &["thrown by Main after an await"]).stop();
}

#[test]
fn exception_texts_are_on_the_page_where_details_are_allowed() {
    let variable = "<environmentVariables><environmentVariable name=\"ASPNETCORE_DETAILEDERRORS\" value=\"TRUE\" /></environmentVariables>";
    for builder in [
        broken("ThrowsInMain").flag("--environment").flag("deVelopment"),
        broken("ThrowsInMain").env("ASPNETCORE_DETAILEDERRORS", "1"),
        broken("ThrowsInMain").asp_net_core("", variable),
    ] {
        let host = fails(builder, "500.30", &["thrown by Main"]);
        assert!(page(&host).text().contains("thrown by Main"), "{}\n{}", page(&host).text(), host.story());
        host.stop();
    }
}

#[test]
fn startup_throws() {
    fails(broken("ThrowsInStartup"), "500.30", &["thrown by Startup.Configure"]).stop();
    fails(broken("ThrowsInHostedService"), "500.30", &["thrown by a hosted service"]).stop();
    fails(broken("MissingAssembly"), "500.30", &["Missing.Library"]).stop();
}

#[test]
fn main_ends_without_a_server() {
    let host = fails(broken("ExitsInMain"), "500.30", &["12", "ExitsInMain on stderr"]);
    assert!(
        host.stdout().wait_for(PATIENCE, |line| line == "ExitsInMain on stdout").is_some(),
        "{}",
        host.story()
    );
    host.stop();
    fails(broken("NotWeb"), "500.30", &[]).stop();
}

#[test]
fn main_fails_fast() {
    fails(broken("FailFastInMain"), "500.30", &["asked to fail fast in Main"]).stop();
}

#[test]
fn main_blocks() {
    let limited = |mode: &str| broken(mode).asp_net_core("startupTimeLimit=\"2\"", "");
    fails(limited("BlocksInMain"), "500.37", &[]).stop();
    // Nor does Main end for its caller before the process's foreground threads do.
    fails(limited("ForegroundThreadInMain"), "500.37", &[]).stop();
    // A host without a web server never starts one.
    fails(limited("NoServer"), "500.37", &[]).stop();
}

#[test]
fn the_app_insists_on_another_server() {
    let host = fails(broken("OtherServer"), "500.3", &["SilentServer"]);
    host.stop();
}

#[test]
fn the_framework_is_not_installed() {
    let builder = TestHost::app("Minimal").edit("Minimal.runtimeconfig.json", |text| {
        let mut settings: serde_json::Value = serde_json::from_str(text).unwrap();
        let options = &mut settings["runtimeOptions"];
        for name in ["framework", "frameworks"] {
            if let Some(list) = options[name].as_array_mut() {
                list.iter_mut().for_each(|framework| framework["version"] = "2.9.9".into());
            } else if options[name].is_object() {
                options[name]["version"] = "2.9.9".into();
            }
        }
        settings.to_string()
    });
    fails(builder, "500.31", &["2.9.9"]).stop();
}

#[test]
fn no_dotnet_is_installed() {
    let builder = TestHost::app("Minimal");
    let nothing = builder.folder().join("nothing");
    let nothing = nothing.to_str().unwrap().to_owned();
    let builder = builder.no_env("DOTNET_ROOT").env("PATH", &nothing).env("HOME", &nothing);
    let places = ["/etc/dotnet/install_location", "/usr/share/dotnet/host", "/usr/lib/dotnet/host"];
    if places.iter().any(|place| Path::new(place).exists()) {
        // The machine has one where it is always looked for: then that one is used, or said to be too old.
        let host = builder.any_log().launch();
        let status = page(&host).status;
        assert!(matches!(status, 404 | 500), "{status}\n{}", host.story());
        host.stop();
        return;
    }
    let host = fails(builder, "500", &["DOTNET_ROOT"]);
    host.stop();
}

#[test]
fn the_app_is_no_assembly() {
    let host = fails(TestHost::app("Minimal").file("Minimal.dll", "garbage"), "500.3", &[]);
    host.stop();
}

#[test]
fn the_servers_assembly_is_missing() {
    let builder = TestHost::app("Minimal").env("MEWS_SERVER_ASSEMBLY", "/nonexistent/Mews.Server.dll");
    fails(builder, "500.3", &["/nonexistent/Mews.Server.dll"]).stop();
}

#[test]
fn the_page_speaks_the_clients_language() {
    let host = fails(broken("ThrowsInMain"), "500.30", &[]);
    let mut client = host.client();
    let html = client.request(&Request::get("/").header("Accept", "text/html,*/*;q=0.8")).unwrap();
    assert!(html.header("Content-Type").unwrap().starts_with("text/html"), "{html:?}");
    assert!(html.text().contains("500.30") && html.text().trim_end().ends_with("</html>"), "{}", html.text());
    let json = client.request(&Request::get("/").header("Accept", "application/json")).unwrap();
    assert!(json.header("Content-Type").unwrap().contains("json"), "{json:?}");
    assert!(json.json().is_object());
    let curl = client
        .request(&Request::get("/").header("User-Agent", "curl/8.5.0").header("Accept", "*/*"))
        .unwrap();
    assert!(curl.header("Content-Type").unwrap().starts_with("text/plain"), "{curl:?}");
    for response in [&html, &json, &curl] {
        assert_eq!(
            (response.status, response.header("Cache-Control")),
            (500, Some("no-store")),
            "{response:?}"
        );
    }
    let head = client.request(&Request::new("HEAD", "/x/y?z")).unwrap();
    assert_eq!((head.status, head.body.len()), (500, 0));
    assert_eq!(client.request(&Request::post("/form", vec![b'x'; 10_000])).unwrap().status, 500);
    assert_eq!(client.get("/%3Cscript%3Ealert(1)%3C/script%3E").unwrap().status, 500);
    drop(client);
    host.stop();
}

#[test]
fn mending_the_files_brings_the_app_back() {
    let with_mode = |text: &str, mode: &str| text.replace(".\\Broken.dll", &format!(".\\Broken.dll {mode}"));
    let mut original = String::new();
    let builder = TestHost::app("Broken").edit("web.config", |text| {
        original = text.to_owned();
        with_mode(text, "ThrowsInMain")
    });
    let host = fails(builder, "500.30", &["thrown by Main"]);
    let supervisor = host.supervisor();
    let port = host.port();
    std::fs::write(host.folder().join("web.config"), with_mode(&original, "DeadlocksInRequest")).unwrap();
    let response = host.wait_status("/", 200, PATIENCE);
    assert_eq!(response.text(), "DeadlocksInRequest");
    assert_eq!((host.supervisor(), host.port()), (supervisor, port), "the same supervisor on the same port");
    wait::until_true("the end of the page's worker", PATIENCE, || host.workers().len() == 1);
    host.stop();
}

#[test]
fn a_web_config_that_is_broken_while_the_app_is_down_is_told_of() {
    let host = fails(broken("ThrowsInMain"), "500.30", &[]);
    let seen = host.stderr().len();
    std::fs::write(host.folder().join("web.config"), "<configuration><oops></configuration>").unwrap();
    host.wait_log(seen, "web.config");
    assert!(proc::is_alive(host.supervisor()));
    assert_eq!(page(&host).status, 500);
    host.stop();
}
