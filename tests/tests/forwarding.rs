//! Out-of-process hosting, what the app's own server is told of a request: names and addresses, fields of one connection only, targets, and over how many
//! connections. The app is a small server that says exactly what has reached it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use e2e::{Client, Request, Response, SharedHost, TestHost};
use serde_json::{Value, json};
use std::net::{Ipv6Addr, TcpListener, TcpStream};

static ECHO: SharedHost = SharedHost::new(|| TestHost::unruly("echo").start());

/// The values of a field of the request that reached the app.
fn values(seen: &Value, name: &str) -> Vec<String> {
    let pairs = seen["headers"].as_array().unwrap();
    let same = pairs.iter().filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name));
    same.map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

/// The names of all fields that reached the app, sorted, in lower case.
fn names(seen: &Value) -> Vec<String> {
    let pairs = seen["headers"].as_array().unwrap();
    let mut names: Vec<String> =
        pairs.iter().map(|pair| pair[0].as_str().unwrap().to_ascii_lowercase()).collect();
    names.sort();
    names
}

fn address(client: &Client) -> String {
    client.stream().local_addr().unwrap().to_string()
}

#[test]
fn a_request_arrives_with_what_belongs_to_it_and_nothing_else() {
    let host = ECHO.get();
    let mut client = host.client();
    let request = Request::post("/form?a=b", "FirstName=Ada")
        .header("Host", "www.example.org:81")
        .header("Cookie", "c=d");
    let seen = client.request(&request).unwrap().json();
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["target"], "/form?a=b");
    assert_eq!(seen["version"], "HTTP/1.1");
    assert_eq!(seen["body"], "FirstName=Ada");
    let expected =
        ["content-length", "cookie", "host", "ms-aspnetcore-token", "x-forwarded-for", "x-forwarded-proto"];
    assert_eq!(names(&seen), expected);
    assert_eq!(values(&seen, "Host"), ["www.example.org:81"]);
    assert_eq!(values(&seen, "X-Forwarded-For"), [address(&client)]);
    assert_eq!(values(&seen, "X-Forwarded-Proto"), ["http"]);
    let environment = client.get("/environment").unwrap().json();
    let token = environment["variables"]["ASPNETCORE_TOKEN"].as_str().unwrap();
    assert!(!token.is_empty());
    assert_eq!(values(&seen, "MS-ASPNETCORE-TOKEN"), [token]);
}

#[test]
fn fields_of_the_pairing_are_never_the_clients() {
    let host = ECHO.get();
    let token = values(&host.json("/"), "MS-ASPNETCORE-TOKEN");
    let long = format!("MS-ASPNETCORE-{}", "f".repeat(2_000));
    let spellings = [
        "MS-ASPNETCORE",
        "mS-ASPNETCORE",
        "MS-ASPNETCORE-",
        "MS-ASPNETCORE-f",
        "MS-ASPNETCORE-foo",
        &long,
        "MS-ASPNETCORE-TOKEN",
        "ms-aspnetcore-token",
        "MS-ASPNETCORE-CLIENTCERT",
        "MS-ASPNETCORE-WINAUTHTOKEN",
        "MS-ASPNETCORE-EVENT",
        "MS_ASPNETCORE_TOKEN",
    ];
    for name in spellings {
        let seen = host.send(&Request::get("/").header(name, "from the client")).json();
        assert_eq!(
            names(&seen),
            ["host", "ms-aspnetcore-token", "x-forwarded-for", "x-forwarded-proto"],
            "{name}"
        );
        assert_eq!(values(&seen, "MS-ASPNETCORE-TOKEN"), token, "{name}");
    }
    // Nor can a client have ours taken away, or bring them along behind its body.
    let request = Request::get("/")
        .header("Connection", "MS-ASPNETCORE-TOKEN, X-Forwarded-For, X-Forwarded-Proto, Host, keep-alive");
    let seen = host.send(&request).json();
    assert_eq!(names(&seen), ["host", "ms-aspnetcore-token", "x-forwarded-for", "x-forwarded-proto"]);
    let request = Request::new("POST", "/")
        .header("Transfer-Encoding", "chunked")
        .body("0\r\nMS-ASPNETCORE-TOKEN: mine\r\nX-Forwarded-For: 1.1.1.1\r\nX-Fine: yes\r\n\r\n");
    assert_eq!(host.send(&request).json()["trailers"], json!([["X-Fine", "yes"]]));
    // The message that ends the app is ours to send.
    let stop = Request::post("/iisintegration", "").header("MS-ASPNETCORE-EVENT", "shutdown");
    assert_eq!(host.send(&stop).json()["target"], "/iisintegration");
}

#[test]
fn forwarded_fields_continue_what_the_client_says() {
    let host = ECHO.get();
    let mut client = host.client();
    let request = Request::get("/")
        .header("X-Forwarded-For", "10.0.0.1")
        .header("x-forwarded-for", "10.0.0.2, 10.0.0.3")
        .header("X-Forwarded-Proto", "https");
    let seen = client.request(&request).unwrap().json();
    assert_eq!(
        values(&seen, "X-Forwarded-For"),
        [format!("10.0.0.1, 10.0.0.2, 10.0.0.3, {}", address(&client))]
    );
    assert_eq!(values(&seen, "X-Forwarded-Proto"), ["https, http"]);
}

#[test]
fn addresses_of_ipv6_are_bracketed() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("left out: this machine has no IPv6");
        return;
    }
    let host = TestHost::unruly("echo").urls("http://[::1]:0").start();
    let mut client = Client::over(TcpStream::connect((Ipv6Addr::LOCALHOST, host.port())).unwrap());
    let seen = client.get("/").unwrap().json();
    let port = client.stream().local_addr().unwrap().port();
    assert_eq!(values(&seen, "X-Forwarded-For"), [format!("[::1]:{port}")]);
    drop(client);
    host.stop();
}

#[test]
fn fields_of_one_connection_stay_there() {
    let host = ECHO.get();
    let request = Request::get("/")
        .header("Connection", "close, x-named")
        .header("X-Named", "1")
        .header("Keep-Alive", "timeout=5")
        .header("Proxy-Connection", "keep-alive")
        .header("TE", "trailers, gzip")
        .header("Upgrade", "h2c")
        .header("X-Other", "2");
    let seen = host.send(&request).json();
    assert_eq!(
        names(&seen),
        ["host", "ms-aspnetcore-token", "x-forwarded-for", "x-forwarded-proto", "x-other"]
    );

    let headers = [
        "Connection:X-Named",
        "X-Named:1",
        "Keep-Alive:timeout%3D5",
        "Proxy-Connection:keep-alive",
        "X-Other:2",
    ];
    let query: String = headers.iter().map(|header| format!("&header={header}")).collect();
    let response = host.get(&format!("/?{query}"));
    let mut names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Content-Length", "Content-Type", "Date", "Server", "X-Other"]);
}

#[test]
fn the_apps_connection_field_reaches_the_client_when_that_is_wanted() {
    let settings = "<handlerSettings><handlerSetting name=\"forwardResponseConnectionHeader\" value=\"true\" /></handlerSettings>";
    let host = TestHost::unruly("echo").asp_net_core("", settings).start();
    let mut client = host.client();
    let response = client.get("/?close").unwrap();
    assert_eq!(response.header("Connection"), Some("close"));
    assert_eq!(client.closed().unwrap(), e2e::Closed::Finished);
    host.stop();
}

#[test]
fn targets_arrive_as_they_were_sent() {
    let host = ECHO.get();
    let mut client = host.client();
    for target in [
        "/",
        "/?",
        "/a/b?c=d&e",
        "/a%2Fb%2f%5C%3F%3f%23",
        "//a//b//",
        "/a/../b/./c/..",
        "/%2e%2E/x",
        "/caf%C3%A9/%E2%82%AC/%FF/%C0%AE",
        "/%zz/%/%4",
        "/%2541",
        "/a?b=%2F&c=//../?d",
        "/a;b=c,d/(e)'f'*g!",
        "/[a]|{b}^`\"<c>\\d",
        "/a?x=[1]|{2}\"<3>",
    ] {
        assert_eq!(client.get(target).unwrap().json()["target"], target);
    }
    let long = format!("/{}?{}", "p".repeat(4_000), "q".repeat(3_900));
    assert_eq!(client.get(&long).unwrap().json()["target"], long);
    let absolute = client.get("http://example.org:82/a%2Fb?c").unwrap().json();
    assert_eq!(
        (&absolute["target"], values(&absolute, "Host")),
        (&json!("/a%2Fb?c"), vec!["example.org:82".to_owned()])
    );
    assert_eq!(client.request(&Request::new("OPTIONS", "*")).unwrap().json()["target"], "*");
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get", "M-SEARCH", "!#$%&'*+-.^_`|~"] {
        let seen = client.request(&Request::new(method, "/")).unwrap().json();
        assert_eq!(seen["method"], method);
    }
}

#[test]
fn clients_of_http_1_0_are_spoken_to_as_such() {
    let host = ECHO.get();
    let answer = host.raw("GET /old HTTP/1.0\r\n\r\n");
    assert!(answer.text().contains("\"version\":\"HTTP/1.1\""), "{}", answer.text());
    assert_eq!((answer.status(), answer.closed), (200, e2e::Closed::Finished));
    let answer = host.raw("GET /chunked?n=1000 HTTP/1.0\r\n\r\n");
    assert!(answer.bytes.ends_with(&e2e::pattern(0, 1_000)));
    assert!(!answer.text().to_ascii_lowercase().contains("transfer-encoding"));
    let answer = host.raw("GET /early-hints HTTP/1.0\r\n\r\n");
    assert_eq!(answer.statuses(), [200], "interim answers are for HTTP/1.1");
}

#[test]
fn fields_keep_their_values_and_order() {
    let host = ECHO.get();
    let mut client = host.client();
    client
        .send(b"GET /a HTTP/1.1\r\nHost: x\r\nx-b: 1\r\nX-Utf8: \xc3\xa9\r\nX-Latin: \xe9\r\nX-B: 2\r\nX-Tab: a\tb\r\nX-Empty:\r\n\r\n")
        .unwrap();
    let seen = client.response("GET").unwrap().json();
    assert_eq!(values(&seen, "X-B"), ["1", "2"]);
    // The app shows bytes as Latin-1.
    assert_eq!(values(&seen, "X-Utf8"), ["\u{c3}\u{a9}"]);
    assert_eq!(values(&seen, "X-Latin"), ["\u{e9}"]);
    assert_eq!(values(&seen, "X-Tab"), ["a\tb"]);
    assert_eq!(values(&seen, "X-Empty"), [""]);
    let response = client
        .get("/?header=Set-Cookie:a%3D1;%20Path%3D/&header=X-A:1&header=Set-Cookie:b%3D2&header=x-a:2&header=Vary:a&header=Vary:b&header=WWW-Authenticate:Basic&header=WWW-Authenticate:Bearer&header=Location:http://other/x")
        .unwrap();
    assert_eq!(response.headers_named("Set-Cookie"), ["a=1; Path=/", "b=2"]);
    assert_eq!(response.headers_named("X-A"), ["1", "2"]);
    assert_eq!(response.headers_named("Vary"), ["a", "b"]);
    assert_eq!(response.headers_named("WWW-Authenticate"), ["Basic", "Bearer"]);
    assert_eq!(response.header("Location"), Some("http://other/x"));
}

#[test]
fn one_connection_to_the_app_serves_many_requests() {
    let host = TestHost::unruly("echo").start();
    let mut client = host.client();
    let before = client.get("/stats").unwrap().json()["accepted"].as_u64().unwrap();
    for i in 0..200 {
        let body = if i % 3 == 0 { "x".repeat(i) } else { String::new() };
        assert_eq!(client.request(&Request::post("/", body)).unwrap().status, 200);
    }
    let after = client.get("/stats").unwrap().json()["accepted"].as_u64().unwrap();
    assert_eq!(after, before, "connections were made for sequential requests");
    // A pipelining client's requests go one after the other, too.
    let bytes: Vec<u8> = (0..50).flat_map(|i| Request::get(&format!("/{i}")).bytes()).collect();
    client.send(&bytes).unwrap();
    for i in 0..50 {
        assert_eq!(client.response("GET").unwrap().json()["target"], format!("/{i}"));
    }
    assert_eq!(client.get("/stats").unwrap().json()["accepted"], before);
    drop(client);
    host.stop();
}

/// Sequential requests from several clients to an app that closes connections at random; answers how many were lost.
fn load(host: &TestHost) -> usize {
    let one = |client: &mut Client, mine: &str, i: usize| -> Response {
        let body = e2e::pattern(i as u64, i * 37 % 5_000);
        let response = client.request(&Request::post(&format!("/{mine}/{i}"), body.clone())).unwrap();
        if response.status == 200 {
            let seen = response.json();
            assert!(seen["target"].as_str().unwrap().starts_with(&format!("/{mine}/{i}")), "{seen}");
            assert_eq!(seen["bodyLength"], body.len());
        }
        response
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|thread| {
                let (host, one) = (&host, &one);
                scope.spawn(move || {
                    let mut client = host.client();
                    let mine = format!("t{thread}");
                    (0..150).filter(|i| one(&mut client, &mine, *i).status != 200).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

#[test]
fn no_request_is_lost_to_connections_that_the_app_closes_between() {
    // A server that closes without a word may close while the next request is under way, which nobody can tell from a crash; it is
    // lost to such a race only.
    let host = TestHost::unruly("random-close 7").any_log().start();
    let lost = load(&host);
    eprintln!("{lost} of 900 requests met a connection that was being closed");
    assert!(lost <= 45, "{lost} of 900 requests were lost");
    host.stop();
}
