//! `requestFiltering` before real apps, in both hosting models: which requests are refused, with which number, and what the answer says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, Request, Response, SharedHost, TestHost};
use std::fmt::Write as _;

const STRICT: &str = r#"
<security><requestFiltering allowDoubleEscaping="false" allowHighBitCharacters="false">
  <requestLimits maxUrl="300" maxQueryString="100" maxAllowedContentLength="1000">
    <headerLimits><add header="X-Long" sizeLimit="50" /><add header="Cookie" sizeLimit="200" /></headerLimits>
  </requestLimits>
  <verbs allowUnlisted="true"><add verb="TRACE" allowed="false" /><add verb="PATCH" allowed="false" /></verbs>
  <fileExtensions allowUnlisted="true"><add fileExtension=".bak" allowed="false" /></fileExtensions>
  <hiddenSegments><add segment="private" /></hiddenSegments>
  <denyUrlSequences><add sequence=".." /><add sequence="::$DATA" /></denyUrlSequences>
  <denyQueryStringSequences><add sequence="&lt;script" /></denyQueryStringSequences>
  <alwaysAllowedUrls><add url="/request/a..b" /></alwaysAllowedUrls>
</requestFiltering></security>"#;

fn with(builder: HostBuilder, sections: &str) -> HostBuilder {
    builder.edit("web.config", |text| {
        text.replace("</system.webServer>", &format!("{sections}</system.webServer>"))
    })
}

fn strict(model: Model) -> TestHost {
    with(TestHost::app("Minimal").model(model), STRICT).start()
}

static IN_PROCESS: SharedHost = SharedHost::new(|| strict(Model::InProcess));
static OUT_OF_PROCESS: SharedHost = SharedHost::new(|| strict(Model::OutOfProcess));
static PLAIN: SharedHost =
    SharedHost::new(|| TestHost::app("Minimal").model(Model::InProcess).file("bin/tool.txt", "x").start());
static PLAIN_OUT: SharedHost =
    SharedHost::new(|| TestHost::app("Minimal").model(Model::OutOfProcess).file("bin/tool.txt", "x").start());

/// Asks for each, and reports every answer that is not the one that is due.
fn play(host: &TestHost, cases: &[(&str, Request)]) {
    let mut wrong = String::new();
    for (due, request) in cases {
        let response = host.send(&request.clone().header("Accept", "text/plain"));
        let got = if response.status < 400 { response.status.to_string() } else { number(&response) };
        if got != *due {
            let _ = writeln!(wrong, "due {due}, got {got}: {request:?}\n  {}", response.text());
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The number on the host's page; the bare status of an answer of the app.
fn number(response: &Response) -> String {
    let first = response.text().split_whitespace().next().unwrap_or_default();
    if first.starts_with(&response.status.to_string()) {
        first.to_owned()
    } else {
        response.status.to_string()
    }
}

fn in_both(cases: &[(&str, Request)]) {
    play(&IN_PROCESS.get(), cases);
    play(&OUT_OF_PROCESS.get(), cases);
}

fn get(target: &str) -> Request {
    Request::get(target)
}

#[test]
fn paths() {
    in_both(&[
        ("200", get("/request/a.b/c")),
        ("404.5", get("/request/a..b/c")),
        ("404.5", get("/request/a/..%2fb")),
        ("404.5", get("/request/file.txt::$DATA")),
        ("200", get("/request/a..b")),
        ("404.7", get("/request/old.bak")),
        ("404.7", get("/request/OLD.BAK?x=1")),
        ("404.8", get("/request/Private/x")),
        ("404.8", get("/request/%70rivate")),
        ("200", get("/request/privately")),
        ("404.11", get("/request/a%252fb")),
        ("404.12", get("/request/%C3%A9")),
        ("200", get("/request/a%20b")),
    ]);
}

#[test]
fn methods() {
    in_both(&[
        ("404.6", Request::new("PATCH", "/request/a")),
        ("404.6", Request::new("TRACE", "/request/a")),
        ("404.6", Request::new("patch", "/request/a")),
        ("200", Request::new("DELETE", "/request/a")),
        ("200", Request::new("BREW", "/request/a")),
    ]);
}

#[test]
fn lengths() {
    let path = |count: usize| format!("/request/{}", "x".repeat(count - "/request/".len()));
    let query = |count: usize| format!("/request/a?{}", "y".repeat(count));
    in_both(&[
        ("200", get(&path(300))),
        ("404.14", get(&path(301))),
        ("200", get(&query(100))),
        ("404.15", get(&query(101))),
        ("200", get("/request/a").header("X-Long", &"z".repeat(50))),
        ("431", get("/request/a").header("x-long", &"z".repeat(51))),
        ("431", get("/request/a").header("Cookie", &format!("a={}", "z".repeat(199)))),
        ("200", Request::post("/echo", vec![b'x'; 1000])),
        ("404.13", Request::post("/echo", vec![b'x'; 1001])),
    ]);
}

#[test]
fn queries() {
    in_both(&[
        ("200", get("/request/a?b=%3Cb%3E")),
        ("404.18", get("/request/a?b=<script>")),
        ("404.18", get("/request/a?b=%3CScript%3E")),
    ]);
}

#[test]
fn the_files_of_the_app_are_not_for_clients() {
    let cases = [
        ("404.8", get("/web.config")),
        ("404.8", get("/WEB.config")),
        ("404.8", get("/web%2Econfig?x")),
        ("404.8", get("/a/../web.config")),
        ("404.8", get("/a/%2e%2e/web.config")),
        ("404.8", get("/bin/tool.txt")),
        ("404.7", get("/Minimal.dll")),
        ("404.7", get("/minimal.DLL")),
        ("404.7", get("/Minimal.deps.json")),
        ("404.7", get("/Minimal.runtimeconfig.json")),
        // The app has nothing of that name, or it is a name of the app's own making.
        ("404", get("/other.dll")),
        ("200", get("/request/bin/web.config.txt")),
        ("200", get("/request/bin")),
    ];
    play(&PLAIN.get(), &cases);
    play(&PLAIN_OUT.get(), &cases);
}

#[test]
fn the_page_names_the_rule_and_the_log_the_request() {
    for host in [&IN_PROCESS, &OUT_OF_PROCESS] {
        let host = host.get();
        let json = host.send(&get("/request/wanted.bak").header("Accept", "application/json")).json();
        assert_eq!((&json["status"], &json["subStatus"]), (&404.into(), &7.into()));
        assert_eq!(json["cause"], "The file name extension of the URL is denied.");
        assert!(json["cure"].as_str().unwrap().contains("web.config"), "{json:#}");
        assert!(!json.to_string().contains("wanted"), "{json:#}");
        host.wait_log(0, "was refused (404.7)");
    }
}

#[test]
fn many_refusals_are_few_lines() {
    for model in [Model::InProcess, Model::OutOfProcess] {
        let host = strict(model);
        let mut client = host.client();
        for at in 0..300 {
            assert_eq!(client.get(&format!("/request/{at}.bak")).unwrap().status, 404);
        }
        host.wait_log(0, "was refused (404.7)");
        let lines = host.logged("was refused");
        assert!(lines <= 100, "{lines} lines for 300 refusals");
        drop(client);
        host.stop();
    }
}

#[test]
fn a_body_is_not_read_when_it_is_announced_too_long() {
    for host in [&IN_PROCESS, &OUT_OF_PROCESS] {
        let host = host.get();
        let mut client = host.client();
        client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n").unwrap();
        let response = client.response("POST").unwrap();
        assert_eq!(
            (number(&response).as_str(), response.header("Connection")),
            ("404.13", Some("close")),
            "{response:?}"
        );
        assert!(response.interim.is_empty(), "nobody asked for the body: {:?}", response.interim);
    }
}

#[test]
fn a_chunked_body_that_grows_too_long_is_refused() {
    for host in [&IN_PROCESS, &OUT_OF_PROCESS] {
        let host = host.get();
        let chunk = format!("200\r\n{}\r\n", "x".repeat(0x200));
        let body = format!("{chunk}{chunk}{chunk}0\r\n\r\n");
        let answer = host.raw(format!(
            "POST /upload-hash HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
        ));
        assert_eq!(answer.status(), 413, "{answer:?}\n{}", host.story());
    }
}

#[test]
fn without_the_section_long_addresses_pass() {
    // IIS's lengths are those of the section's defaults, and count only where it is written.
    let long = format!("/request/{}", "x".repeat(5000));
    play(&PLAIN.get(), &[("200", get(&long)), ("200", get("/request/%C3%A9%252f"))]);
    let host =
        with(TestHost::app("Minimal").model(Model::InProcess), "<security><requestFiltering /></security>")
            .start();
    play(
        &host,
        &[("404.14", get(&long)), ("404.11", get("/request/a%252f")), ("200", get("/request/%C3%A9"))],
    );
    host.stop();
}

#[test]
fn only_what_is_listed() {
    let only = "<security><requestFiltering><verbs allowUnlisted=\"false\"><add verb=\"GET\" allowed=\"true\" /></verbs>\
        <fileExtensions allowUnlisted=\"false\"><add fileExtension=\".html\" allowed=\"true\" /><add fileExtension=\".\" allowed=\"true\" /></fileExtensions>\
        <hiddenSegments><clear /></hiddenSegments></requestFiltering></security>";
    for model in [Model::InProcess, Model::OutOfProcess] {
        let host = with(TestHost::app("Minimal").model(model), only).start();
        play(
            &host,
            &[
                ("200", get("/request/page.html")),
                ("200", get("/request/page")),
                ("404.7", get("/request/page.xml")),
                ("404.6", Request::post("/request/page", "")),
                ("404.6", Request::new("OPTIONS", "/request/page")),
            ],
        );
        host.stop();
    }
}
