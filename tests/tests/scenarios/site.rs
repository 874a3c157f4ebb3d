//! The site that the hosting behaviours of IIS are tested with, endpoint by endpoint, on a root application over HTTP/1.1.

use crate::MODEL;

use e2e::{Closed, HostRef, Request, Response, SharedHost, TestHost};

// Several endpoints throw on purpose, and the app's own log tells of it on stdout only.
static SITE: SharedHost = SharedHost::new(|| TestHost::app("InProcessSite").model(MODEL).start());

fn post(host: &HostRef, target: &str, body: impl Into<Vec<u8>>) -> Response {
    let response = host.send(&Request::post(target, body));
    assert_eq!(response.status, 200, "POST {target}: {response:?}");
    response
}

#[test]
fn paths_are_unescaped_once_and_kept_otherwise() {
    let every: String =
        (0x20..=0x7e_u8).filter(|byte| *byte != b'+').map(|byte| format!("%{byte:02X}")).collect();
    // Dot segments cannot arise: the dots stand among other characters. The escaped slash stays as it is.
    let decoded: String = (0x20..=0x7e_u8)
        .filter(|byte| *byte != b'+')
        .map(|byte| if byte == b'/' { "%2F".to_owned() } else { char::from(byte).to_string() })
        .collect();
    let (every, decoded) = (format!("/RequestPath/{every}"), format!("/{decoded}"));
    SITE.get().assert_answers(&[
        (&every, 200, &decoded),
        ("/RequestPath", 200, ""),
        ("/RequestPath/", 200, "/"),
        ("/RequestPath/%2B", 200, "/+"),
        ("/RequestPath/a%2Fb%2fc", 200, "/a%2Fb%2fc"),
        ("/RequestPath//a/b//c", 200, "//a/b//c"),
        ("/RequestPath/a/b/../c", 200, "/a/c"),
        ("/RequestPath/a/b/./c", 200, "/a/b/c"),
        ("/RequestPath/a/b/%2E%2E/c", 200, "/a/c"),
        ("/RequestPath/a/b/%2e./c", 200, "/a/c"),
        ("/RequestPath/a/b/%2E/c", 200, "/a/b/c"),
        ("/RequestPath/a/b/..", 200, "/a/"),
        ("/RequestPath/a/b/.", 200, "/a/b/"),
        ("/RequestPath/a/...", 200, "/a/..."),
        ("/x/../RequestPath/y", 200, "/y"),
        ("/../../RequestPath/y", 200, "/y"),
        ("/RequestPath/%C3%A9%E2%82%AC", 200, "/é€"),
        // Escapes that make no UTF-8 stay as they are written.
        ("/RequestPath/%C3", 200, "/%C3"),
        ("/RequestPath/%FF", 200, "/%FF"),
        ("/RequestPath/%C0%AE", 200, "/%C0%AE"),
        ("/RequestPath/%ED%A0%80", 200, "/%ED%A0%80"),
        ("/RequestPath/%", 200, "/%"),
        ("/RequestPath/%4", 200, "/%4"),
        ("/RequestPath/%zz", 200, "/%zz"),
        ("/RequestPath/%2541", 200, "/%41"),
        ("/HelloWorld", 200, "Hello World"),
        ("/HelloWorld/Path%3F%3F?query", 200, "/Path??"),
        ("/HelloWorld/Query%3F%3F?query", 200, "?query"),
        ("/HelloWorld/Query%3FPath?query?", 200, "?query?"),
        ("/Path/%3F%3F?query", 200, "/??"),
        ("/Query/%3FPath?query?", 200, "?query?"),
        ("/Query?a=%20+%2F&b", 200, "?a=%20+%2F&b"),
        ("/Query?", 200, "?"),
        ("/PathAndPathBase/a/b", 200, "PathBase: /PathAndPathBase; Path: /a/b"),
        ("/pathANDpathbase", 200, "PathBase: /pathANDpathbase; Path: "),
        // A path that names no endpoint.
        ("/", 200, ""),
        ("/Wow!", 200, ""),
    ]);
}

#[test]
fn an_escaped_nul_is_refused() {
    let host = SITE.get();
    let response = host.get("/RequestPath/a%00b");
    assert!(matches!(response.status, 400 | 500), "{response:?}");
    assert_eq!(host.text("/HelloWorld"), "Hello World");
}

#[test]
fn options_star_has_neither_path_nor_base() {
    let host = SITE.get();
    let response = host.send(&Request::new("OPTIONS", "*"));
    assert_eq!((response.status, response.body.len()), (200, 0));
}

#[test]
fn reading_a_request_body() {
    let host = SITE.get();
    assert_eq!(post(&host, "/ReadRequestBody", vec![b'a'; 2_000]).body, b"");
    assert_eq!(post(&host, "/ReadRequestBodyLarger", vec![b'a'; 100_000]).body, b"");
    assert_eq!(post(&host, "/ReadFullBody", vec![b'a'; 2_000]).text(), "Completed");
    assert_eq!(post(&host, "/ReadAndWriteEcho", vec![b'a'; 100_000]).body, vec![b'a'; 100_000]);
    assert_eq!(post(&host, "/ReadAndFlushEcho", vec![b'a'; 100_000]).body, vec![b'a'; 100_000]);
    assert_eq!(post(&host, "/ReadAndWriteCopyToAsync", vec![b'a'; 100_000]).body, vec![b'a'; 100_000]);
    assert_eq!(post(&host, "/TestReadOffsetWorks", "Hello World").text(), "Hello World");
    let response = post(&host, "/SetHeaderFromBody", "Body text");
    assert_eq!(response.header("BodyAsString"), Some("Body text"));
    assert_eq!(response.text(), "Body text");
    let twice = post(&host, "/ReadAndWriteEchoTwice", "abc").body;
    assert_eq!(twice, b"abcabc");
    assert_eq!(post(&host, "/ReadAndWriteEchoTwice", vec![b'a'; 10_000]).body.len(), 20_000);
}

#[test]
fn reading_and_writing_at_once() {
    let host = SITE.get();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let response = post(&host, "/ReadAndWriteSynchronously", vec![b'a'; 100_000]);
                    assert_eq!(response.body, "hello world".repeat(10_000).as_bytes());
                }
            });
        }
    });
    assert_eq!(post(&host, "/ReadAndWriteSlowConnection", vec![b'a'; 1_000]).body.len(), 1_100);
}

#[test]
fn lines_are_echoed_while_both_bodies_are_open() {
    let host = SITE.get();
    for endpoint in ["ReadAndWriteEchoLines", "ReadAndWriteEchoLinesNoBuffering"] {
        let mut client = host.client();
        client
            .send(format!("POST /{endpoint} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nResponse-Content-Type: text/event-stream\r\n\r\n").as_bytes())
            .unwrap();
        let response = client.head("POST").unwrap();
        assert_eq!(response.header("Content-Type"), Some("text/event-stream"));
        for i in 0..99 {
            let line = format!("line {i}\n");
            client.send(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).unwrap();
            assert_eq!(client.until("\n").unwrap(), line, "{endpoint}");
        }
        client.send(b"0\r\n\r\n").unwrap();
        assert_eq!(client.piece().unwrap(), None);
        assert_eq!(client.get("/HelloWorld").unwrap().status, 200);
    }
}

#[test]
fn a_partly_read_body_ends_the_connection_when_the_client_wants_that() {
    let host = SITE.get();
    let answer = host.raw(
        "POST /ReadPartialBody HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nConnection: close\r\n\r\nHello",
    );
    assert_eq!((answer.status(), answer.closed), (200, Closed::Finished));
    assert!(answer.text().contains("Hello"), "{}", answer.text());
}

#[test]
fn what_is_written_reaches_the_client_before_it_has_sent_its_body() {
    let host = SITE.get();
    let mut client = host.client();
    client
        .send(b"POST /ReadAndCountRequestBody HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n")
        .unwrap();
    let mut response = client.head("POST").unwrap();
    assert_eq!(client.until("1").unwrap(), "1");
    client.send(b"x").unwrap();
    client.rest(&mut response).unwrap();
    assert_eq!(response.body, b"done");
}

#[test]
fn stream_arguments_are_checked() {
    let bad = [
        "InvalidOffsetSmall",
        "InvalidOffsetLarge",
        "InvalidCountSmall",
        "InvalidCountLarge",
        "InvalidCountWithOffset",
    ];
    let mut cases: Vec<(String, u16, &str)> = Vec::new();
    for name in bad {
        cases.push((format!("/TestInvalidReadOperations/{name}"), 200, "Success"));
        cases.push((format!("/TestInvalidWriteOperations/{name}"), 200, "Success"));
    }
    cases.push(("/TestInvalidReadOperations/NullBuffer".to_owned(), 200, "Success"));
    for name in ["NullBuffer", "InvalidCountZeroRead"] {
        cases.push((format!("/TestValidReadOperations/{name}"), 200, "Success"));
    }
    cases.push(("/TestValidWriteOperations/NullBuffer".to_owned(), 200, "Success"));
    let cases: Vec<(&str, u16, &str)> =
        cases.iter().map(|(target, status, body)| (target.as_str(), *status, *body)).collect();
    let host = SITE.get();
    host.assert_answers(&cases);
    for target in [
        "/TestValidReadOperations/NullBufferPost",
        "/TestValidReadOperations/InvalidCountZeroReadPost",
        "/TestValidWriteOperations/NullBufferPost",
    ] {
        assert_eq!(post(&host, target, "hello").text(), "Success", "{target}");
    }
}

#[test]
fn transfer_codings_are_shown_to_the_app() {
    let host = SITE.get();
    let request = Request::new("POST", "/TransferEncodingHeadersWithMultipleValues")
        .header("Transfer-Encoding", "gzip, chunked")
        .body("3\r\nabc\r\n0\r\n\r\n");
    let response = host.send(&request);
    assert_eq!((response.status, response.body.len()), (200, 0), "{response:?}");
}
