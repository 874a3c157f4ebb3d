//! What an app gets of a request.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::sync::Arc;

use super::ForwardOptions;
use super::request::{Shape, is_forwardable_trailer, write};
use crate::handler::{Client, ConnectionInfo, HeaderRef, RequestHead};
use crate::headers::known;
use crate::tls::TlsInfo;

fn info(remote: Option<&str>, tls: Option<TlsInfo>) -> ConnectionInfo {
    let remote = remote.map(|remote| remote.parse().unwrap());
    ConnectionInfo::new(1, 0, Client { remote, tls: tls.map(Arc::new), ..Client::default() })
}

/// Writes the head of `text`, parsed as the server would.
fn forward(text: &str, web_sockets: bool) -> (String, Shape) {
    let info = info(Some("10.1.2.3:456"), None);
    forward_from(text, web_sockets, &info)
}

fn forward_from(text: &str, web_sockets: bool, info: &ConnectionInfo) -> (String, Shape) {
    forward_to(text, info, &ForwardOptions { web_sockets, ..ForwardOptions::default() })
}

fn forward_to(text: &str, info: &ConnectionInfo, to: &ForwardOptions) -> (String, Shape) {
    let mut raw = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut raw);
    assert!(request.parse(text.as_bytes()).unwrap().is_complete());
    let headers: Vec<HeaderRef<'_>> = request
        .headers
        .iter()
        .map(|header| HeaderRef {
            name: header.name.as_bytes(),
            value: header.value,
            known: known::number(header.name.as_bytes()),
        })
        .collect();
    let value = |number| headers.iter().find(|header| header.known == number).map(|header| header.value);
    let length = value(known::CONTENT_LENGTH).map(|text| std::str::from_utf8(text).unwrap().parse().unwrap());
    let chunked = value(known::TRANSFER_ENCODING).is_some();
    let has_body = chunked || length.is_some_and(|length: u64| length > 0);
    let version = 10 + request.version.unwrap();
    let head = RequestHead {
        method: request.method.unwrap().as_bytes(),
        target: request.path.unwrap().as_bytes(),
        version,
        headers: &headers,
        content_length: length,
        has_body,
        chunked,
        expect_continue: version == 11 && has_body && value(known::EXPECT).is_some(),
        trailers_allowed: value(known::TE) == Some(b"trailers"),
        upgradable: version == 11 && !has_body,
        extended_connect: false,
        request_id: 1,
        parse_start_ns: 0,
        parse_end_ns: 0,
    };
    let mut out = Vec::new();
    let shape = write(&mut out, &head, info, to);
    (String::from_utf8(out).unwrap(), shape)
}

const ADDED: &str = "X-Forwarded-For: 10.1.2.3:456\r\nX-Forwarded-Proto: http\r\n";

#[track_caller]
fn assert_forwards(from: &str, to: &str) {
    assert_eq!(forward(from, false).0, format!("{to}{ADDED}"));
}

#[test]
fn the_target_goes_on_as_sent() {
    for target in ["/", "/a%2Fb%3Fc//d?e=%20&f=%zz", "//x", "/..//./", "/?", "/#x"] {
        assert_forwards(
            &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"),
            &format!("GET {target} HTTP/1.1\r\nHost: x\r\n"),
        );
    }
    assert_forwards("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n");
}

#[test]
fn absolute_form_becomes_origin_form() {
    for (from, method, host, to) in [
        ("http://a:8/b?c", "GET", "a:8", "/b?c"),
        ("HTTPS://a?c", "GET", "a", "/?c"),
        ("http://[::1]:8", "GET", "[::1]:8", "/"),
        ("http://a", "OPTIONS", "a", "*"),
        ("http://a/", "OPTIONS", "a", "/"),
    ] {
        assert_forwards(
            &format!("{method} {from} HTTP/1.1\r\nA: 1\r\nHost: other\r\nB: 2\r\n\r\n"),
            &format!("{method} {to} HTTP/1.1\r\nHost: {host}\r\nA: 1\r\nB: 2\r\n"),
        );
    }
}

#[test]
fn http_1_0_without_host_gets_an_empty_one() {
    assert_forwards("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: \r\n");
}

#[test]
fn what_belongs_to_the_connection_stays() {
    assert_forwards(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close, x-secret ,Host, Content-Length\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n\
         Proxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: a\r\nUpgrade: h2c\r\nx-other: 2\r\nExpect: 100-continue\r\n\
         Connection: Cookie\r\nCookie: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nx-other: 2\r\n",
    );
}

#[test]
fn pairing_fields_of_the_client_stay_in_any_spelling() {
    assert_forwards(
        "GET / HTTP/1.1\r\nHost: x\r\nMS-ASPNETCORE-TOKEN: a\r\nms-aspnetcore-clientcert: b\r\nMs_AspNetCore_WinAuthToken: c\r\n\
         MS-ASPNETCORE: d\r\nMS-ASPNETCOREX: e\r\nMS_ASPNETCORE-TOKEN: f\r\nMS-ASPNET: kept\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nMS-ASPNET: kept\r\n",
    );
    assert!(!is_forwardable_trailer(b"ms-aspnetcore_token"));
    assert!(!is_forwardable_trailer(b"X-Forwarded-For"));
    assert!(is_forwardable_trailer(b"X-Sum"));
}

#[test]
fn forwarded_fields_are_continued() {
    let (head, _) = forward(
        "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3\r\n\r\n",
        false,
    );
    assert_eq!(
        head,
        "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.1.2.3:456\r\nX-Forwarded-Proto: https, http\r\n"
    );
    for (remote, shown) in [
        ("[2001:db8::1]:9", "[2001:db8::1]:9"),
        ("[::ffff:192.0.2.255]:9", "192.0.2.255:9"),
        ("192.0.2.10:65535", "192.0.2.10:65535"),
    ] {
        let info = info(Some(remote), Some(TlsInfo::default()));
        let (head, _) = forward_from("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For:\r\n\r\n", false, &info);
        assert!(
            head.ends_with(&format!("X-Forwarded-For: {shown}\r\nX-Forwarded-Proto: https\r\n")),
            "{head}"
        );
    }
}

#[test]
fn a_client_certificate_goes_on_in_base64_and_only_the_real_one() {
    let tls =
        TlsInfo { client_certificate: Some(Box::from(&[0xfb_u8, 0xff, 0xfe, 1][..])), ..TlsInfo::default() };
    let info = info(None, Some(tls));
    let request = "GET / HTTP/1.1\r\nHost: x\r\nMS-ASPNETCORE-CLIENTCERT: forged\r\n\r\n";
    let (head, _) = forward_from(request, false, &info);
    assert!(head.ends_with("X-Forwarded-Proto: https\r\nMS-ASPNETCORE-CLIENTCERT: +//+AQ==\r\n"), "{head}");
    assert!(!head.contains("forged"), "{head}");
}

#[test]
fn between_workers_a_request_goes_on_as_it_was_sent() {
    let private = ForwardOptions { as_proxy: false, ..ForwardOptions::default() };
    for (from, to) in [
        (
            "GET http://a:8/b?c HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\nMS-ASPNETCORE-TOKEN: a\r\n\r\n",
            "GET http://a:8/b?c HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\nMS-ASPNETCORE-TOKEN: a\r\n",
        ),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close, cookie\r\nCookie: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nCookie: 1\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        ),
    ] {
        assert_eq!(forward_to(from, &info(Some("10.1.2.3:456"), None), &private).0, to);
    }
}

#[test]
fn bodies_keep_their_framing() {
    assert_forwards(
        "POST / HTTP/1.1\r\nContent-Length: 007\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 7\r\n",
    );
    assert_forwards(
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, Chunked\r\nTrailer: X-Sum\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTrailer: X-Sum\r\nTransfer-Encoding: gzip, chunked\r\n",
    );
    assert_forwards(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n",
    );
    assert_forwards(
        "POST / HTTP/1.0\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n",
    );
}

#[test]
fn an_upgrade_goes_on_only_when_it_may() {
    let asks = "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: y\r\n\r\n";
    let (head, shape) = forward(asks, true);
    assert!(shape.upgrade);
    assert_eq!(
        head,
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: y\r\nConnection: Upgrade\r\n{ADDED}"
        )
    );
    let (head, shape) = forward(asks, false);
    assert!(!shape.upgrade && !head.contains("Upgrade"));
    for other in [
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n",
    ] {
        let (head, shape) = forward(other, true);
        assert!(!shape.upgrade && !head.contains("Upgrade"), "{head}");
    }
}
