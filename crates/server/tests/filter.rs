//! Request filtering, URL rewriting and the fields of every response, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use common::{App, Client, Event, Fixture, Response};
use mews_model::filtering::{Listed, RequestFiltering, Verbs};
use mews_model::rewrite::{
    Action, Condition, FileKind, FileSystem, MatchUrl, RedirectType, RewriteConfig, Rule, ServerVariable,
    compile,
};
use mews_server::{
    Exchange, FilterHandler, FilterOptions, Handler, HeaderBlock, HeaderBlockRef, Limits, Listener, Page,
    PageHandler, RequestHead, ResponseHead, Server, ServerConfig,
};

/// Bytes whose order can be checked, as the application streams them.
fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251) as u8).collect()
}

struct Folder;

impl FileSystem for Folder {
    fn root(&self) -> &str {
        "/srv/app"
    }

    fn kind(&self, path: &str) -> Option<FileKind> {
        matches!(path, "/web.config" | "/logo.png").then_some(FileKind::File)
    }
}

fn filter(inner: Arc<dyn Handler>, filtering: RequestFiltering, rules: Vec<Rule>) -> Arc<FilterHandler> {
    let rules = compile(&RewriteConfig { rules, maps: Vec::new() }).unwrap();
    Arc::new(FilterHandler::new(
        inner,
        FilterOptions {
            filtering,
            rules,
            base: String::new(),
            files: Box::new(Folder),
            pages: Box::new(|rejection| {
                PageHandler::new(&Page {
                    status: rejection.code.number,
                    sub_status: rejection.code.sub_status,
                    title: "Refused".to_owned(),
                    cause: rejection.cause.clone(),
                    ..Page::default()
                })
            }),
        },
    ))
}

fn serve(handler: Arc<dyn Handler>, response_headers: &[(&str, &str)]) -> (Server, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let response_headers =
        response_headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let config = ServerConfig {
        io_threads: 2,
        limits: Limits::default(),
        response_headers,
        ..ServerConfig::default()
    };
    let server = Server::start(config, vec![Listener { socket, tls: None, number: 0 }], handler).unwrap();
    server.accept();
    (server, address)
}

/// Answers with what it has been shown: method and target, then the fields.
#[derive(Default)]
struct Echo {
    seen: Mutex<HashMap<u64, String>>,
}

impl Handler for Echo {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut seen = format!("{} {}\n", text(head.method), text(head.target));
        for field in head.headers {
            let _ = writeln!(seen, "{}: {}", text(field.name).to_lowercase(), text(field.value));
        }
        self.seen.lock().unwrap().insert(exchange.request_id(), seen);
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        let seen = self.seen.lock().unwrap().remove(&exchange.request_id()).expect("prepared before run");
        let mut headers = HeaderBlock::new();
        headers.push(b"X-Frame-Options", b"SAMEORIGIN");
        let head = ResponseHead {
            status: 200,
            reason: b"",
            headers: headers.as_ref(),
            content_length: None,
            close: false,
        };
        let _ = exchange.finish(Some(&head), seen.as_bytes(), HeaderBlockRef::EMPTY);
    }
}

fn ask(address: SocketAddr, request: &str) -> Response {
    let mut client = Client::connect(address);
    client.send(request);
    client.response_to(request.split(' ').next().unwrap())
}

fn get(address: SocketAddr, target: &str) -> Response {
    ask(address, &format!("GET {target} HTTP/1.1\r\nHost: shop.example\r\n\r\n"))
}

fn rule(pattern: &str, action: Action) -> Rule {
    Rule {
        name: pattern.to_owned(),
        match_url: MatchUrl { pattern: pattern.to_owned(), ..MatchUrl::default() },
        action,
        ..Rule::default()
    }
}

fn redirect(url: &str) -> Action {
    Action::Redirect {
        url: url.to_owned(),
        append_query_string: true,
        redirect_type: RedirectType::PermRedirect,
    }
}

#[test]
fn refusals_are_answered_in_the_form_asked_for() {
    let mut filtering = RequestFiltering::element();
    filtering.limits.max_query_string = 10;
    filtering.verbs =
        Verbs { allow_unlisted: true, listed: vec![Listed { name: "TRACE".to_owned(), allowed: false }] };
    let (server, address) = serve(filter(Arc::new(Echo::default()), filtering, Vec::new()), &[]);
    let page = get(address, "/web.config");
    assert_eq!(page.status, 404);
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("404.8 Refused"), "{}", page.text());
    let json = ask(address, "GET /?12345678901 HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n");
    assert!(json.text().starts_with("{\"status\":404,\"subStatus\":15,"), "{}", json.text());
    let text = ask(address, "TRACE / HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8\r\n\r\n");
    assert!(text.text().starts_with("404.6 Refused"), "{}", text.text());
    let head = ask(address, "HEAD /web.config HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(head.status, 404);
    assert_eq!(head.header("Content-Length").unwrap().parse::<usize>().unwrap(), page.body.len());
    // It is said at once that a body is too much to be swallowed.
    for (length, due) in [(30_000_000, None), (30_000_001, Some("close"))] {
        let head = format!("POST /web.config HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(ask(address, &head).header("Connection"), due, "{length}");
    }
    assert_eq!(get(address, "/fine?1234567890").text().lines().next(), Some("GET /fine?1234567890"));
    drop(server);
}

#[test]
fn a_refused_body_is_not_taken_for_a_request() {
    let mut filtering = RequestFiltering::element();
    filtering.limits.max_content_length = 10;
    let (server, address) = serve(filter(Arc::new(Echo::default()), filtering, Vec::new()), &[]);
    let mut client = Client::connect(address);
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    client
        .send(format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len()));
    client.get("/next");
    let refused = client.response();
    assert_eq!(refused.status, 404);
    assert!(refused.text().contains("404.13"));
    assert_eq!(client.response().text().lines().next(), Some("GET /next"));
    // A client that waits for leave to send its body is told the verdict instead.
    let mut waiting = Client::connect(address);
    waiting.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
    assert_eq!(waiting.response().status, 404);
    drop(server);
}

#[test]
fn many_refusals_on_one_connection() {
    let (server, address) =
        serve(filter(Arc::new(Echo::default()), RequestFiltering::default(), Vec::new()), &[]);
    let mut client = Client::connect(address);
    let both = "GET /web.config HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n";
    client.send(both.repeat(100));
    for _ in 0..100 {
        assert_eq!(client.response().status, 404);
        assert_eq!(client.response().text().lines().next(), Some("GET /x"));
    }
    drop(server);
}

#[test]
fn the_app_sees_what_rules_made() {
    let mut rewrite = rule(
        "^article/([0-9]+)$",
        Action::Rewrite { url: "show?id={R:1}".to_owned(), append_query_string: true },
    );
    rewrite.server_variables = vec![
        ServerVariable { name: "HTTP_X_ARTICLE".to_owned(), value: "no. {R:1}".to_owned(), replace: true },
        ServerVariable { name: "HTTP_CONTENT_LENGTH".to_owned(), value: "7".to_owned(), replace: true },
    ];
    let (server, address) =
        serve(filter(Arc::new(Echo::default()), RequestFiltering::default(), vec![rewrite]), &[]);
    let request = "GET /article/42?x=%20 HTTP/1.1\r\nHost: h\r\nx-article: forged\r\nX-Other: kept\r\n\r\n";
    let seen = ask(address, request);
    let lines: Vec<&str> = seen.text().lines().collect();
    assert_eq!(lines[0], "GET /show?id=42&x=%20");
    for line in ["host: h", "x-other: kept", "x-article: no. 42", "x-original-url: /article/42?x=%20"] {
        assert_eq!(lines.iter().filter(|seen| **seen == line).count(), 1, "{line} in {lines:?}");
    }
    assert!(!seen.text().contains("forged") && !seen.text().contains("content-length"), "{}", seen.text());
    let other = get(address, "/article/x");
    assert_eq!(other.text(), "GET /article/x\nhost: shop.example\n");
    drop(server);
}

#[test]
fn rules_answer_themselves() {
    let mut https = rule("^secure", redirect("https://{HTTP_HOST}/{R:0}"));
    https.conditions.items.push(Condition {
        input: "{HTTPS}".to_owned(),
        pattern: "off".to_owned(),
        ..Condition::default()
    });
    let gone = Action::CustomResponse {
        status: 410,
        sub_status: 0,
        reason: "Gone fishing".to_owned(),
        description: "Back <soon>".to_owned(),
    };
    let grow = "{R:0}".repeat(300);
    let rules = vec![
        https,
        rule("^gone$", gone),
        rule("^drop$", Action::AbortRequest),
        rule("^grow.*", Action::Rewrite { url: grow, append_query_string: true }),
        rule("^split([\\s\\S]*)$", redirect("/x{R:1}")),
    ];
    let (server, address) = serve(filter(Arc::new(Echo::default()), RequestFiltering::default(), rules), &[]);
    let moved = get(address, "/secure?a=b");
    assert_eq!((moved.status, moved.header("Location")), (308, Some("https://shop.example/secure?a=b")));
    let gone = get(address, "/gone");
    assert!(gone.head.starts_with("HTTP/1.1 410 Gone fishing\n"), "{}", gone.head);
    assert!(gone.text().contains("Back &lt;soon&gt;"), "{}", gone.text());
    let split = get(address, "/split%0D%0ASet-Cookie:%20a=b");
    assert_eq!(split.header("Location"), Some("/x%0D%0ASet-Cookie:%20a=b"));
    assert_eq!(split.header("Set-Cookie"), None);
    assert_eq!(get(address, &format!("/grow{}", "x".repeat(100))).status, 500);
    let mut dropped = Client::connect(address);
    dropped.get("/drop");
    let error = dropped.stream.read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    // A client that had a request answered can go on.
    let mut client = Client::connect(address);
    client.get("/gone");
    assert_eq!(client.response().status, 410);
    client.get("/x");
    assert_eq!(client.response().status, 200);
    drop(server);
}

/// Bodies, streams, aborts and upgrades reach the app as if there were no filter.
#[test]
fn what_passes_is_untouched() {
    let app = Arc::new(App::default());
    let rules = vec![rule("^never$", Action::AbortRequest)];
    let (server, address) = serve(filter(app.clone(), RequestFiltering::default(), rules), &[]);
    let fixture = Fixture { server: Some(server), address, app };
    let body = pattern(300_000);
    let mut client = fixture.connect();
    let mut sender = client.stream.try_clone().unwrap();
    let sent = body.clone();
    let writing = thread::spawn(move || {
        let head = format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", sent.len());
        sender.write_all(head.as_bytes()).unwrap();
        sender.write_all(&sent).unwrap();
    });
    assert_eq!(client.response().body, body);
    writing.join().unwrap();
    assert_eq!(fixture.get("/stream?n=500000").body, pattern(500_000));
    assert_eq!(fixture.app.event(), Event::Wrote(Ok(500_000)));
    let mut leaving = fixture.connect();
    leaving.get("/keep");
    common::eventually("the request is kept", || fixture.app.kept() == 1);
    drop(leaving);
    assert_eq!(fixture.app.event(), Event::Aborted("/keep".to_owned()));
    let mut raw = fixture.connect();
    raw.send("GET /upgrade HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(raw.head().0, 101);
    raw.send("ping");
    assert_eq!(raw.take(4), b"ping");
    raw.finish_sending();
    assert_eq!(raw.take(3), b"bye");
}

#[test]
fn every_response_has_the_sites_fields() {
    let rules = vec![rule("^moved$", redirect("/x"))];
    let handler = filter(Arc::new(Echo::default()), RequestFiltering::default(), rules);
    let own = [
        ("X-Content-Type-Options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("X-Site", "a"),
        ("X-Site", "b"),
    ];
    let (server, address) = serve(handler, &own);
    let count = |response: &Response, name: &str| {
        let lines = response.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).count()
    };
    let app = get(address, "/");
    assert_eq!(app.header("X-Content-Type-Options"), Some("nosniff"));
    // What the app says itself counts.
    assert_eq!((app.header("X-Frame-Options"), count(&app, "X-Frame-Options")), (Some("SAMEORIGIN"), 1));
    assert_eq!(count(&app, "X-Site"), 2);
    for (target, status) in [("/web.config", 404), ("/moved", 308)] {
        let response = get(address, target);
        assert_eq!((response.status, response.header("X-Frame-Options")), (status, Some("DENY")), "{target}");
        assert_eq!(count(&response, "X-Content-Type-Options"), 1, "{target}");
    }
    server.set_handler(Arc::new(PageHandler::new(&Page { status: 503, ..Page::default() })));
    common::eventually("the failure page is served", || get(address, "/").status == 503);
    assert_eq!(get(address, "/").header("X-Site"), Some("a"));
}
