//! Out-of-process hosting, real apps with Kestrel: what the middleware of the framework makes of the forwarded request, targets as Kestrel alone shows them, the
//! pairing that keeps others out, and a server that nobody here wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use e2e::{Client, Model, Request, Response, SharedHost, TestHost, dotnet_root, mcp, proc};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

static MINIMAL: SharedHost = SharedHost::new(|| TestHost::app("Minimal").model(Model::OutOfProcess).start());
static SITE: SharedHost =
    SharedHost::new(|| TestHost::app("InProcessSite").model(Model::OutOfProcess).start());

/// The port on which the app's own server listens.
fn port_of_app(host: &TestHost) -> u16 {
    let ports: Vec<u16> = host.programs().into_iter().flat_map(proc::listening_ports).collect();
    let [port] = ports.as_slice() else { panic!("one port is due: {ports:?}\n{}", host.story()) };
    *port
}

/// An app with nothing before its Kestrel; killed when dropped.
struct Alone {
    child: Child,
    port: u16,
}

impl Alone {
    /// Runs the app of `host` once more.
    fn start(host: &TestHost, name: &str) -> Self {
        let mut command = Command::new(dotnet_root().join("dotnet"));
        command.arg(format!("{name}.dll")).current_dir(host.folder());
        command
            .env("ASPNETCORE_URLS", "http://127.0.0.1:0")
            .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut alone = Self { child: command.spawn().unwrap(), port: 0 };
        let mut lines = BufReader::new(alone.child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains("Now listening on")));
        alone.port =
            line.expect("Kestrel says where it listens").rsplit(':').next().unwrap().parse().unwrap();
        // Whatever else it prints.
        std::thread::spawn(move || lines.for_each(drop));
        alone
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_app_sees_the_client_and_not_the_worker() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let request = Request::get("/request/a?b=c").header("Host", "shop.example:8443");
    let seen = client.request(&request).unwrap().json();
    let local = client.stream().local_addr().unwrap();
    assert_eq!(seen["remoteAddress"], "127.0.0.1");
    assert_eq!(seen["remotePort"], local.port());
    assert_eq!((&seen["scheme"], &seen["host"]), (&json!("http"), &json!("shop.example:8443")));
    assert_eq!(
        (&seen["path"], &seen["query"], &seen["pathBase"]),
        (&json!("/request/a"), &json!("?b=c"), &json!(""))
    );
    assert_eq!(seen["protocol"], "HTTP/1.1");
    // Of what the client claims, nothing is believed; it stays where apps that trust other proxies find it.
    let request =
        Request::get("/headers").header("X-Forwarded-For", "10.9.8.7").header("X-Forwarded-Proto", "https");
    let headers = client.request(&request).unwrap().json();
    assert_eq!(headers["X-Forwarded-For"], json!(["10.9.8.7"]));
    assert_eq!(headers["X-Forwarded-Proto"], json!(["https"]));
    assert_eq!(headers["X-Original-Proto"], json!(["http"]));
    let names: Vec<&String> = headers.as_object().unwrap().keys().collect();
    assert!(!names.iter().any(|name| name.as_str() == "Connection"), "{names:?}");
    let seen =
        client.request(&Request::get("/request/x").header("X-Forwarded-Proto", "https")).unwrap().json();
    assert_eq!(seen["scheme"], "http");
    assert_eq!(SITE.get().text("/HttpsHelloWorld"), "Scheme:http; Original:http");
}

#[test]
fn targets_are_those_that_kestrel_alone_shows() {
    let host = MINIMAL.get();
    let alone = Alone::start(&host, "Minimal");
    let (mut through, mut direct) = (host.client(), Client::connect(alone.port));
    for rest in [
        "",
        "a",
        "a/",
        "a%2Fb",
        "a%2fb",
        "a%5Cb",
        "a\\b",
        "a%3Fb?c%3Fd",
        "a%23b",
        "/",
        "/a//b///c",
        "a/./b",
        "a/../b",
        "a/b/..",
        "../x/request/y",
        "%2e%2e/x",
        "a/%2E%2E/b",
        "a/%2e/b",
        "...",
        "%20",
        "a+b",
        "%2B",
        "caf%C3%A9",
        "%E2%82%AC",
        "%FF",
        "%C0%AE",
        "%ED%A0%80",
        "%",
        "%4",
        "%zz",
        "%2541",
        "%25",
        "a;b=c",
        "a,b",
        "(a)",
        "'a'",
        "a*b",
        "!a",
        "[a]",
        "{a}",
        "a|b",
        "a^b",
        "`a`",
        "\"a\"",
        "<a>",
        "a:b@c",
        "a&b=c",
        "?",
        "?a",
        "?a?b",
        "?a=%2F&b=+&c=%zz",
        "?a#b",
        "a#b",
        "a?//..//",
    ] {
        let target = format!("/request/{rest}");
        let pick = |response: Response| match response.status {
            200 => {
                let seen = response.json();
                ["path", "query", "rawTarget", "pathBase", "method"].map(|name| seen[name].clone()).to_vec()
            }
            status => vec![Value::from(status)],
        };
        let ask = |client: &mut Client| {
            let answer = client.get(&target).map(pick);
            answer.unwrap_or_else(|error| panic!("{target}: {error:#}"))
        };
        assert_eq!(ask(&mut through), ask(&mut direct), "{target}");
    }
}

#[test]
fn the_apps_port_is_for_its_host_only() {
    let host = MINIMAL.get();
    assert_eq!(host.text("/"), "Hello World!");
    let port = port_of_app(&host);
    for request in [Request::get("/"), Request::get("/").header("MS-ASPNETCORE-TOKEN", "guessed")] {
        let response = Client::connect(port).request(&request).unwrap();
        assert_eq!((response.status, response.body.len()), (400, 0));
    }
    // The message that ends the app is believed with the token only.
    let stop = Request::post("/iisintegration", "").header("MS-ASPNETCORE-EVENT", "shutdown");
    assert_eq!(Client::connect(port).request(&stop).unwrap().status, 400);
    assert_eq!(host.send(&stop).status, 404, "it is an ordinary request when a client sends it");
    assert_eq!(host.text("/"), "Hello World!");
    for address in ["[::1]", "127.0.0.2"] {
        let address = format!("{address}:{port}").parse().unwrap();
        let reached = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1));
        assert!(reached.is_err(), "the app listens on {address}");
    }
    assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
}

#[test]
fn an_app_that_answers_without_reading_never_has_the_body_sent() {
    let host = MINIMAL.get();
    // The app's first answer may take longer than the second for which the client is left waiting.
    assert_eq!(host.get("/status?code=401").status, 401);
    let mut client = host.client();
    client
        .send(b"POST /status?code=401 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
        .unwrap();
    let response = client.response("POST").unwrap();
    assert!(response.interim.is_empty() && response.status >= 400, "{response:?}");
}

#[test]
fn forms_are_posted_whole() {
    let host = SITE.get();
    for length in [1, 100_000, 3_000_000] {
        let body = format!("FirstName=Ada&LastName=Lovelace&TestData={}", "a".repeat(length));
        let request = Request::post("/ReadAndWriteEcho", body.clone())
            .header("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(host.send(&request).text(), body);
    }
}

/// One message to the server of the Model Context Protocol, and its answer.
fn say(client: &mut Client, session: Option<&str>, message: &Value) -> Response {
    let mut request = Request::post("/", message.to_string())
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream");
    if let Some(session) = session {
        request = request.header("Mcp-Session-Id", session);
    }
    client.request(&request).unwrap()
}

/// The message in a stream of server-sent events that holds one.
fn event(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("Content-Type"), Some("text/event-stream"));
    let data = response.text().lines().find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.expect("an event has data")).unwrap()
}

#[test]
fn a_session_with_a_server_of_the_model_context_protocol() {
    let program = match mcp() {
        Ok(program) => program,
        Err(reason) => {
            eprintln!("left out: {reason}");
            return;
        }
    };
    let unpacked = tempfile::tempdir().unwrap();
    let host = TestHost::empty_folder()
        .web_config(&format!(
            "<configuration><system.webServer><aspNetCore processPath=\"{}\" arguments=\"server start --transport http --dangerously-disable-http-incoming-auth\" hostingModel=\"OutOfProcess\">
            <environmentVariables>
            <environmentVariable name=\"ALLOW_INSECURE_EXTERNAL_BINDING\" value=\"true\" />
            <environmentVariable name=\"DOTNET_BUNDLE_EXTRACT_BASE_DIR\" value=\"{}\" />
            <environmentVariable name=\"AZURE_MCP_COLLECT_TELEMETRY\" value=\"false\" />
            </environmentVariables></aspNetCore></system.webServer></configuration>",
            program.display(),
            unpacked.path().display(),
        ))
        .start();
    let mut client = host.client();
    // It unpacks itself first.
    client.set_patience(Duration::from_secs(110));
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    let response = say(&mut client, None, &initialize);
    assert_eq!(event(&response)["result"]["protocolVersion"], "2025-03-26");
    let id = response.header("Mcp-Session-Id").unwrap().to_owned();
    let session = Some(id.as_str());
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(say(&mut client, session, &initialized).status, 202);
    let listed =
        event(&say(&mut client, session, &json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" })));
    assert_eq!(listed["id"], 2);
    let tools = listed["result"]["tools"].as_array().unwrap();
    assert!(tools.len() > 10, "{} tools", tools.len());
    let pong = event(&say(&mut client, session, &json!({ "jsonrpc": "2.0", "id": 3, "method": "ping" })));
    assert_eq!(pong, json!({ "jsonrpc": "2.0", "id": 3, "result": {} }));
    let call = json!({ "jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {
        "name": "get_azure_bestpractices", "arguments": { "intent": "list", "learn": true } } });
    let called = event(&say(&mut client, session, &call));
    assert_eq!((&called["id"], &called["result"]["isError"]), (&json!(4), &json!(false)), "{called}");
    assert!(called["result"]["content"][0]["text"].as_str().unwrap().contains("get_azure_bestpractices"));
    assert_eq!(say(&mut client, Some("no such session"), &initialized).status, 404);
    // A stream for what the server has to say stays open beside other requests, until the client leaves.
    let mut listener = host.client();
    let listen = Request::get("/").header("Accept", "text/event-stream").header("Mcp-Session-Id", &id);
    listener.send(&listen.bytes()).unwrap();
    let head = listener.head("GET").unwrap();
    assert_eq!((head.status, head.header("Content-Type")), (200, Some("text/event-stream")));
    let pong = event(&say(&mut client, session, &json!({ "jsonrpc": "2.0", "id": 5, "method": "ping" })));
    assert_eq!(pong["id"], 5);
    drop(listener);
    let end = Request::new("DELETE", "/").header("Mcp-Session-Id", &id);
    assert_eq!(client.request(&end).unwrap().status, 200);
    drop(client);
    host.wait_log(0, "[1001]");
    host.stop();
}
