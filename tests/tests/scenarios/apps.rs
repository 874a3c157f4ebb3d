//! Whole applications of each generation: MVC with a Startup class, the web host of before the generic host, and the demo site.

use crate::MODEL;

use e2e::{Client, Request, SharedHost, TestHost, pattern, proc, wait};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;
use tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(20);

static STARTUP: SharedHost = SharedHost::new(|| TestHost::app("StartupApp").model(MODEL).start());
static LEGACY: SharedHost = SharedHost::new(|| TestHost::app("LegacyWebHost").model(MODEL).start());
static DEMO: SharedHost = SharedHost::new(|| TestHost::app("Demo").model(MODEL).start());

/// Checks what the older apps' `/info` says.
fn assert_hosted(host: &TestHost, info: &Value) {
    let server =
        if MODEL.is_out_of_process() { "Microsoft.AspNetCore.Server.Kestrel." } else { "Mews.Server." };
    assert!(info["server"].as_str().unwrap().starts_with(server), "{info}");
    assert_eq!(info["environment"], "Production");
    assert_eq!(info["greeting"], "from appsettings.json");
    let root = info["contentRoot"].as_str().unwrap().trim_end_matches('/');
    assert_eq!(root, host.folder().canonicalize().unwrap().to_str().unwrap());
    for worker in host.workers() {
        let extra: Vec<u16> =
            proc::listening_ports(worker).into_iter().filter(|port| !host.ports().contains(port)).collect();
        assert!(extra.is_empty(), "the worker listens on {extra:?} too");
    }
}

/// Waits until the app's process has ended, and in-process until there is another: out-of-process only a request starts one.
fn wait_for_another(host: &TestHost, before: Option<u32>) {
    if MODEL.is_out_of_process() {
        // A process that is ending takes connections until its last descriptor is closed: what it takes then is lost with it.
        host.wait_log(0, "[1030]");
    }
    wait::until_true("the end of the app's process", PATIENCE, || {
        let all = if MODEL.is_out_of_process() { host.programs() } else { host.workers() };
        all.len() == usize::from(!MODEL.is_out_of_process()) && !all.iter().any(|pid| Some(*pid) == before)
    });
}

fn json_post(target: &str, body: &Value) -> Request {
    Request::post(target, body.to_string()).header("Content-Type", "application/json")
}

#[test]
fn a_startup_class_and_its_options() {
    let host = STARTUP.get();
    assert_eq!(host.text("/"), "StartupApp");
    let info = host.json("/info");
    assert_hosted(&host, &info);
    assert_eq!(info["pathBase"], "");
    // The options are those of IIS, as an app sets them that was written for it. Of a limit of its own, the app's server is relieved behind a host.
    let limit = if MODEL.is_out_of_process() { Value::Null } else { 1_048_576.into() };
    assert_eq!(host.json("/limits"), json!({ "maxRequestBodySize": limit, "allowSynchronousIO": true }));
    assert_eq!(host.send(&Request::post("/sync-read", "read synchronously")).text(), "read synchronously");
    assert_eq!(host.text("/sync-write"), "written synchronously");
    let larger = host.send(&Request::post("/sync-read", vec![b'x'; 1_048_577]));
    assert_eq!(larger.status, if MODEL.is_out_of_process() { 200 } else { 413 });
    assert_eq!(host.send(&Request::post("/sync-read", vec![b'x'; 1_048_576])).body.len(), 1_048_576);
}

#[test]
fn mvc_controllers() {
    let host = STARTUP.get();
    let mut client = host.client();
    let created =
        client.request(&json_post("/api/products", &json!({ "name": "Falcon", "price": 12.5 }))).unwrap();
    assert_eq!(created.status, 201);
    let id = created.json()["id"].clone();
    // The address of the new product is made from the request's own host.
    let location = created.header("Location").unwrap();
    assert!(location.ends_with(&format!("/api/Products/{id}")), "{location}");
    assert_eq!(client.get(&format!("/api/products/{id}")).unwrap().json()["name"], "Falcon");
    assert_eq!(client.get("/api/products?name=falc").unwrap().json()[0]["id"], id);
    let invalid = client.request(&json_post("/api/products", &json!({ "name": "F", "price": -1 }))).unwrap();
    assert_eq!(invalid.status, 400);
    assert!(invalid.json()["errors"]["Name"].is_array() && invalid.json()["errors"]["Price"].is_array());
    assert_eq!(
        client
            .request(&Request::post("/api/products", "not JSON").header("Content-Type", "text/plain"))
            .unwrap()
            .status,
        415
    );
    assert_eq!(client.request(&Request::new("DELETE", &format!("/api/products/{id}"))).unwrap().status, 204);
    assert_eq!(client.get(&format!("/api/products/{id}")).unwrap().status, 404);
    let handled = client.get("/throw").unwrap();
    assert_eq!((handled.status, handled.json()["title"].clone()), (500, json!("handled by the app")));
}

#[test]
fn forms_with_files() {
    let host = STARTUP.get();
    let boundary = "boundary-of-the-form";
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nA title\r\n--{boundary}\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"data.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend(pattern(0, 200_000));
    body.extend(format!("\r\n--{boundary}--\r\n").bytes());
    let request = Request::post("/form", body)
        .header("Content-Type", &format!("multipart/form-data; boundary={boundary}"));
    let form = host.send(&request).json();
    assert_eq!(form, json!({ "title": "A title", "fileName": "data.bin", "length": 200_000 }));
}

#[test]
fn static_files() {
    let host = STARTUP.get();
    let mut client = host.client();
    let file = std::fs::read(host.folder().join("wwwroot/static.txt")).unwrap();
    let whole = client.get("/static.txt").unwrap();
    assert_eq!((whole.status, &whole.body), (200, &file));
    assert_eq!(whole.header("Content-Type"), Some("text/plain"));
    assert_eq!(whole.header("Content-Length"), Some(file.len().to_string().as_str()));
    let head = client.request(&Request::new("HEAD", "/static.txt")).unwrap();
    assert_eq!(
        (head.status, head.body.len(), head.header("Content-Length")),
        (200, 0, whole.header("Content-Length"))
    );
    let tag = whole.header("ETag").unwrap();
    let same = client.request(&Request::get("/static.txt").header("If-None-Match", tag)).unwrap();
    assert_eq!((same.status, same.body.len()), (304, 0));
    let part = client.request(&Request::get("/static.txt").header("Range", "bytes=2-5")).unwrap();
    assert_eq!((part.status, part.body.as_slice()), (206, &file[2..6]));
    assert_eq!(part.header("Content-Range"), Some(format!("bytes 2-5/{}", file.len()).as_str()));
    assert_eq!(client.get("/../StartupApp.dll").unwrap().status, 404);
    assert_eq!(client.get("/%2e%2e/StartupApp.dll").unwrap().status, 404);
}

#[test]
fn hosted_services_are_started_before_and_stopped_after() {
    let host = TestHost::app("StartupApp").model(MODEL).start();
    // A process of its own is started by the first request.
    assert_eq!(host.text("/"), "StartupApp");
    assert!(
        host.stdout().wait_for(PATIENCE, |line| line == "hosted service started").is_some(),
        "{}",
        host.story()
    );
    let stdout = host.stdout_handle();
    host.stop();
    assert!(
        stdout.wait_for(PATIENCE, |line| line == "hosted service stopped").is_some(),
        "{}",
        stdout.text()
    );
}

#[test]
fn development_settings() {
    let host = TestHost::app("StartupApp").model(MODEL).flag("--environment").flag("Development").start();
    assert_eq!(host.json("/info")["greeting"], "from appsettings.Development.json");
    // The developer's page instead of the app's own handler.
    let page = host.get("/throw");
    assert_eq!(page.status, 500);
    assert!(page.text().contains("thrown by a controller"), "{page:?}");
    host.stop();
}

#[test]
fn the_web_host_of_before() {
    let host = LEGACY.get();
    let mut client = host.client();
    assert_eq!(client.get("/").unwrap().text(), "LegacyWebHost");
    assert_hosted(&host, &host.json("/info"));
    assert_eq!(
        client.request(&Request::post("/echo", pattern(0, 300_000))).unwrap().body,
        pattern(0, 300_000)
    );
    let number = |client: &mut Client| -> u64 {
        client.get("/").unwrap().header("X-Request-Number").unwrap().parse().unwrap()
    };
    assert!(number(&mut client) < number(&mut client));
    assert!(client.get("/scope").unwrap().text().starts_with("same True"));
    // Scopes end with their requests.
    wait::until_true("a disposed scope", PATIENCE, || !client.get("/scope").unwrap().text().ends_with(" 0"));
    assert_eq!(client.get("/throw").unwrap().status, 500);
    assert_eq!(client.get("/nowhere").unwrap().status, 404);
}

#[test]
fn the_web_host_of_before_stops_gracefully() {
    let host = TestHost::app("LegacyWebHost").model(MODEL).any_log().start();
    assert_eq!(host.text("/"), "LegacyWebHost");
    let before = host.app_process(MODEL);
    assert_eq!(host.text("/stop"), "stopping");
    wait_for_another(&host, before);
    assert_eq!(host.text("/"), "LegacyWebHost");
    host.stop();
}

#[test]
fn the_demo_shows_where_it_runs() {
    let host = DEMO.get();
    let page = host.get("/");
    assert_eq!(page.status, 200);
    assert!(page.header("Content-Type").unwrap().starts_with("text/html"), "{page:?}");
    let facts = host.json("/api/facts");
    assert_eq!(facts["hosting"], MODEL.name());
    let title = if MODEL.is_out_of_process() {
        "This app runs beside its host"
    } else {
        "This app runs inside its host"
    };
    assert!(page.text().contains(title), "{}", page.text());
    if !MODEL.is_out_of_process() {
        assert!(!facts["timing"].as_array().unwrap().is_empty(), "{facts}");
    }
    assert_eq!(host.json("/api/ping")["pid"], json!(host.app_process(MODEL)));
    for file in ["/base.css", "/mark.svg", "/js/site.js"] {
        assert_eq!(host.get(file).status, 200, "{file}");
    }
}

#[test]
fn the_demos_forms_notes_and_files() {
    let host = DEMO.get();
    let mut client = host.client();
    let form = |body: &str| {
        Request::post("/guestbook", body).header("Content-Type", "application/x-www-form-urlencoded")
    };
    let signed = client.request(&form("name=Ada&message=%3Cb%3Ehello%3C%2Fb%3E")).unwrap();
    assert_eq!((signed.status, signed.header("Location")), (303, Some("/#guestbook")));
    assert_eq!(client.request(&form("name=&message=x")).unwrap().status, 422);
    assert!(client.get("/").unwrap().text().contains("&lt;b&gt;hello&lt;/b&gt;"));

    let note = client.request(&json_post("/api/notes", &json!({ "text": "remember" }))).unwrap();
    assert_eq!(note.status, 201);
    let id = note.json()["id"].clone();
    assert!(client.get("/api/notes").unwrap().json().as_array().unwrap().iter().any(|note| note["id"] == id));
    assert_eq!(client.request(&Request::new("DELETE", &format!("/api/notes/{id}"))).unwrap().status, 204);

    let upload =
        client.request(&Request::post("/api/files?name=pattern.bin", pattern(0, 3_000_000))).unwrap();
    assert_eq!(upload.status, 201, "{upload:?}");
    let location = format!("/{}", upload.header("Location").unwrap());
    let download = client.get(&location).unwrap();
    assert!(download.body == pattern(0, 3_000_000), "{} bytes came back", download.body.len());
    assert!(download.header("Content-Disposition").unwrap().contains("pattern.bin"));
}

#[test]
fn the_demos_clock_and_chat() {
    let host = DEMO.get();
    let mut clock = host.client();
    clock.send(&Request::get("/api/clock").bytes()).unwrap();
    assert_eq!(clock.head("GET").unwrap().header("Content-Type"), Some("text/event-stream"));
    assert!(clock.until("\n\n").unwrap().starts_with("data: {\"time\":\""));

    let open = || {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, host.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        tungstenite::client(format!("ws://localhost:{}/api/chat", host.port()), stream).unwrap().0
    };
    let (mut one, mut two) = (open(), open());
    one.send(Message::text(json!({ "name": "Ada", "text": "hello everyone" }).to_string())).unwrap();
    let heard = wait::until("the line", PATIENCE, || {
        let text = two.read().unwrap().into_text().unwrap();
        text.contains("hello everyone").then_some(text)
    });
    assert!(heard.contains("Ada"), "{heard}");
}

#[test]
fn the_demo_comes_back_after_its_crash_button() {
    let host = TestHost::app("Demo").model(MODEL).any_log().start();
    assert_eq!(host.get("/").status, 200);
    let before = host.app_process(MODEL);
    let _ = host.client().request(&Request::post("/api/trouble/crash", ""));
    wait_for_another(&host, before);
    let after = host.get("/");
    assert_eq!(after.status, 200, "{}\n{}", after.text(), host.story());
    host.wait_log(0, "The visitor pressed the button that crashes this worker.");
    // Open clocks and chats do not hold the stop up.
    let mut clock = host.client();
    clock.send(&Request::get("/api/clock").bytes()).unwrap();
    clock.head("GET").unwrap();
    host.signal(Signal::TERM);
    host.ended(0);
}
