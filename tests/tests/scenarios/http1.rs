//! HTTP/1.1 as it is meant: connections that are kept, bodies of every framing, interim responses, targets of every form.

use crate::MODEL;

use e2e::{Closed, Request, SharedHost, TestHost, is_cut, pattern, sha256_hex};
use std::io::Write as _;

static MINIMAL: SharedHost = SharedHost::new(|| TestHost::app("Minimal").model(MODEL).start());

#[test]
fn a_connection_is_kept_for_many_requests() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let first = client.get("/request/0").unwrap().json()["connectionId"].clone();
    for i in 1..300 {
        let request = client.get(&format!("/request/{i}")).unwrap().json();
        assert_eq!(request["path"], format!("/request/{i}"));
        // Which of its connections an app with a process of its own sees depends on who asks at the same time.
        if !MODEL.is_out_of_process() {
            assert_eq!(request["connectionId"], first);
        }
    }
}

#[test]
fn connection_close_is_obeyed() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let response = client.request(&Request::get("/json").header("Connection", "close")).unwrap();
    assert_eq!(response.header("Connection"), Some("close"));
    assert_eq!(client.closed().unwrap(), Closed::Finished);
}

#[test]
fn every_response_has_one_date_and_no_server_but_the_apps() {
    let host = MINIMAL.get();
    for target in ["/", "/json", "/large?bytes=100000", "/status?code=204", "/nowhere"] {
        let response = host.get(target);
        let date = response.header("Date").unwrap_or_else(|| panic!("no Date: {response:?}"));
        assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
        // Kestrel is a server of the app's own, and names itself.
        assert_eq!(response.header("Server"), MODEL.is_out_of_process().then_some("Kestrel"));
    }
}

#[test]
fn head_answers_as_get_does_without_a_body() {
    let host = MINIMAL.get();
    let mut client = host.client();
    // Routing answers 405 to HEAD where only GET is mapped; /request takes every method.
    let got = client.get("/request/x").unwrap();
    let head = client.request(&Request::new("HEAD", "/request/x")).unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("Content-Type"), got.header("Content-Type"));
    assert_eq!(client.get("/").unwrap().text(), "Hello World!");
}

#[test]
fn statuses_without_a_body_have_no_framing() {
    let host = MINIMAL.get();
    let mut client = host.client();
    for code in [204, 304] {
        let response = client.get(&format!("/status?code={code}")).unwrap();
        assert_eq!(response.status, code);
        assert_eq!(response.header("Transfer-Encoding"), None);
        assert_eq!(response.header("Content-Length"), None, "{response:?}");
    }
    let response = client.get("/status?code=205").unwrap();
    assert_eq!((response.status, response.body.len()), (205, 0));
    assert_eq!(client.get("/").unwrap().status, 200);
}

#[test]
fn reason_phrases_are_the_apps_or_the_standard_ones() {
    let host = MINIMAL.get();
    for (target, status, reason) in [
        ("/status?code=404", 404, "Not Found"),
        ("/status?code=418&reason=short+and+stout", 418, "short and stout"),
        ("/status?code=999", 999, ""),
    ] {
        let response = host.get(target);
        assert_eq!((response.status, response.reason.as_str()), (status, reason));
    }
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let targets = ["/block?ms=300", "/", "/slow?ms=300", "/json", "/yield", "/drip?n=3&ms=20", "/"];
    let bytes: Vec<u8> = targets.iter().flat_map(|target| Request::get(target).bytes()).collect();
    client.send(&bytes).unwrap();
    let bodies: Vec<String> =
        targets.iter().map(|_| client.response("GET").unwrap().text().to_owned()).collect();
    assert_eq!(
        bodies,
        [
            "blocked 300",
            "Hello World!",
            "waited 300",
            "{\"message\":\"Hello, World!\"}",
            "yielded",
            "line 0\nline 1\nline 2\n",
            "Hello World!"
        ]
    );
}

#[test]
fn hundreds_of_pipelined_requests_are_answered() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let mut writer = client.writer();
    let count = 500;
    let bytes: Vec<u8> = (0..count).flat_map(|i| Request::get(&format!("/request/{i}")).bytes()).collect();
    std::thread::scope(|scope| {
        scope.spawn(move || writer.write_all(&bytes).unwrap());
        for i in 0..count {
            assert_eq!(client.response("GET").unwrap().json()["path"], format!("/request/{i}"));
        }
    });
}

#[test]
fn pipelined_bodies_stay_apart() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let chunked =
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n";
    let mut bytes = Request::post("/echo", "one").bytes();
    bytes.extend(chunked);
    bytes.extend(Request::post("/echo", "three").bytes());
    bytes.extend(Request::post("/echo", "").bytes());
    client.send(&bytes).unwrap();
    let bodies: Vec<String> = (0..4).map(|_| client.response("POST").unwrap().text().to_owned()).collect();
    assert_eq!(bodies, ["one", "two", "three", ""]);
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let host = MINIMAL.get();
    let mut client = host.client();
    for byte in Request::get("/request/slowly").header("X-A", "1").bytes() {
        client.send(&[byte]).unwrap();
    }
    assert_eq!(client.response("GET").unwrap().json()["path"], "/request/slowly");
}

#[test]
fn a_chunked_body_may_come_byte_by_byte_with_extensions_and_trailers() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let head = "POST /upload-hash HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
    let body = "5;name=value;other=\"quoted\"\r\nhello\r\n0001\r\n \r\nA\r\n0123456789\r\n0\r\nX-Sum: 42\r\nX-More: yes\r\n\r\n";
    client.send(head.as_bytes()).unwrap();
    for byte in body.bytes() {
        client.send(&[byte]).unwrap();
    }
    let answer = client.response("POST").unwrap().json();
    assert_eq!(answer["length"], 16);
    assert_eq!(answer["sha256"], sha256_hex(b"hello 0123456789"));
    assert_eq!(answer["trailers"]["X-Sum"], "42");
    assert_eq!(answer["trailers"]["X-More"], "yes");
    assert_eq!(client.get("/").unwrap().status, 200);
}

#[test]
fn framing_fields_in_trailers_never_reach_the_app() {
    let host = MINIMAL.get();
    let bytes = "POST /upload-hash HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
        0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: other\r\nX-Fine: 1\r\n\r\n";
    let answer = host.raw(bytes);
    assert!(matches!(answer.status(), 200 | 400), "{}", answer.text());
    for name in ["Content-Length\":", "Transfer-Encoding\":", "Host\":"] {
        assert!(!answer.text().contains(name), "{}", answer.text());
    }
}

#[test]
fn a_coding_before_chunked_is_the_apps_to_undo() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let head = "POST /headers HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    client.send(format!("{head}3\r\nabc\r\n0\r\n\r\n").as_bytes()).unwrap();
    let headers = client.response("POST").unwrap().json();
    assert_eq!(headers["Transfer-Encoding"], serde_json::json!(["gzip, chunked"]));
    assert_eq!(client.get("/").unwrap().status, 200);
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let host = MINIMAL.get();
    let answer = host.raw("GET / HTTP/1.0\r\n\r\n");
    assert!(answer.text().ends_with("\r\n\r\nHello World!"), "{}", answer.text());
    assert_eq!((answer.status(), answer.closed), (200, Closed::Finished));
    // A body of unknown length ends with the connection.
    let answer = host.raw("GET /large?bytes=100000 HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert!(!answer.text().contains("Transfer-Encoding"), "{}", &answer.text()[..400]);
    assert!(answer.bytes.ends_with(&pattern(0, 100_000)));
    assert_eq!(answer.closed, Closed::Finished);
}

#[test]
fn http_1_0_keep_alive_is_all_or_nothing() {
    let host = MINIMAL.get();
    let mut client = host.client();
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
    let response = client.response("GET").unwrap();
    assert_eq!(response.text(), "Hello World!");
    match response.header("Connection") {
        Some("keep-alive") => assert_eq!(client.get("/").unwrap().status, 200),
        _ => assert_eq!(client.closed().unwrap(), Closed::Finished),
    }
}

#[test]
fn targets_of_every_form() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let request = client.get("http://localhost/request/absolute?q=1").unwrap().json();
    assert_eq!(request["path"], "/request/absolute");
    assert_eq!(request["query"], "?q=1");
    // A server behind a proxy gets the origin form.
    let raw = if MODEL.is_out_of_process() {
        "/request/absolute?q=1"
    } else {
        "http://localhost/request/absolute?q=1"
    };
    assert_eq!(request["rawTarget"], raw);
    // No route takes OPTIONS: the app says so, and the connection goes on.
    let options = client.request(&Request::new("OPTIONS", "*")).unwrap();
    assert!(matches!(options.status, 404 | 405), "{options:?}");
    assert_eq!(client.request(&Request::new("CUSTOM", "/request/x")).unwrap().json()["method"], "CUSTOM");
    assert_eq!(client.request(&Request::new("get", "/request/x")).unwrap().json()["method"], "get");
    let host_header = client.request(&Request::get("/request/x").header("Host", "[::1]:8080")).unwrap();
    assert_eq!(host_header.json()["host"], "[::1]:8080");
    // Escapes are undone once.
    let escaped = client.get("/request/%2541%252F%25").unwrap().json();
    assert_eq!(
        (escaped["path"].as_str(), escaped["rawTarget"].as_str()),
        (Some("/request/%41%2F%"), Some("/request/%2541%252F%25"))
    );
    let long = format!("/request/{}", "a".repeat(7_000));
    assert_eq!(client.get(&long).unwrap().json()["path"], long);
}

#[test]
fn what_is_tolerated() {
    let host = MINIMAL.get();
    let mut client = host.client();
    client.send(b"\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(client.response("GET").unwrap().status, 200);
    // A tab, bytes outside ASCII and blanks around a value.
    client.send(b"GET /headers HTTP/1.1\r\nHost:localhost\r\nX-Tab: a\tb\r\nX-Blank:  \t padded \t \r\nX-Utf8: \xc3\xa9\r\nX-Empty:\r\n\r\n").unwrap();
    let headers = client.response("GET").unwrap().json();
    assert_eq!(headers["X-Tab"], serde_json::json!(["a\tb"]));
    assert_eq!(headers["X-Blank"], serde_json::json!(["padded"]));
    assert_eq!(headers["X-Utf8"], serde_json::json!(["é"]));
    assert_eq!(headers["X-Empty"], serde_json::json!([""]));
    // Kestrel takes a hundred too, of which three are ours.
    let more = if MODEL.is_out_of_process() { 96 } else { 99 };
    let hundred: String = (0..more).map(|i| format!("X-{i}: {i}\r\n")).collect();
    client.send(format!("GET /headers HTTP/1.1\r\nHost: localhost\r\n{hundred}\r\n").as_bytes()).unwrap();
    assert_eq!(client.response("GET").unwrap().json()["X-95"], serde_json::json!(["95"]));
}

#[test]
fn repeated_headers_keep_their_values() {
    let host = MINIMAL.get();
    let request = Request::get("/headers")
        .header("X-A", "1")
        .header("x-a", "2")
        .header("Accept", "a")
        .header("Accept", "b");
    let headers = host.send(&request).json();
    let values = |name: &str| {
        let all: Vec<String> = headers[name]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value.as_str().unwrap().to_owned())
            .collect();
        all.join(", ")
    };
    assert_eq!(values("X-A"), "1, 2");
    assert_eq!(values("Accept"), "a, b");
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_answer() {
    let host = MINIMAL.get();
    for target in ["/", "/block?ms=200", "/large?bytes=200000&length=true"] {
        let mut client = host.client();
        client.send(&Request::get(target).bytes()).unwrap();
        client.shutdown_write();
        let response = client.response("GET");
        if MODEL.is_out_of_process() {
            // To Kestrel a client that ends its side has left, and so it has to the worker.
            assert!(response.as_ref().map_or_else(is_cut, |response| response.status == 200), "{response:?}");
            continue;
        }
        assert_eq!(response.unwrap_or_else(|error| panic!("{target}: {error:#}")).status, 200, "{target}");
        assert_eq!(client.closed().unwrap(), Closed::Finished, "{target}");
    }
    assert_eq!(host.text("/"), "Hello World!");
}

#[test]
fn the_end_of_a_client_is_no_reason_to_drop_the_very_first_answer() {
    if MODEL.is_out_of_process() {
        // See above.
        return;
    }
    // The app compiles its code at the first request, so that the end of the client's side comes while the handler runs.
    let host = TestHost::app("Minimal").model(MODEL).start();
    let mut client = host.client();
    client.send(&Request::get("/json").bytes()).unwrap();
    client.shutdown_write();
    assert_eq!(client.response("GET").unwrap().status, 200);
    host.stop();
}

#[test]
fn half_a_request_is_never_run() {
    let host = MINIMAL.get();
    for bytes in [&b"GET /failfast HTTP/1.1\r\nHost: localhost\r\n"[..], b"G", b"\r\n", b""] {
        let mut client = host.client();
        client.send(bytes).unwrap();
        client.shutdown_write();
        let mut answer = Vec::new();
        std::io::Read::read_to_end(&mut client.writer(), &mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert_eq!(host.text("/"), "Hello World!");
}

#[test]
fn response_trailers_are_sent_to_those_who_ask() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let response = client.request(&Request::get("/trailers").header("TE", "trailers")).unwrap();
    if MODEL.is_out_of_process() {
        // Kestrel has none in HTTP/1.1; a server that has is in the tests of forwarding.
        assert_eq!(response.text(), "trailers are not supported\n");
        return;
    }
    assert_eq!(response.text(), "body before trailers\n");
    assert_eq!(response.header("Trailer"), Some("x-checksum"));
    assert_eq!(response.trailers_named("x-checksum"), ["2152"]);
    assert_eq!(response.trailers_named("x-several"), ["one", "two"]);
    let response = client.get("/trailers").unwrap();
    assert_eq!(response.text(), "trailers are not supported\n");
    assert!(response.trailers.is_empty());
}
