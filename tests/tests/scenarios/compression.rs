//! Compressed responses, as curl decodes them; that nothing waits in an encoder is in the server's own tests, and here for what an app flushes.

use crate::MODEL;

use e2e::{Client, Request, SharedHost, TestHost, pattern};
use std::process::Command;

static COMPRESSING: SharedHost =
    SharedHost::new(|| TestHost::app("Minimal").model(MODEL).flag("--compression").start());

/// The head as curl shows it, and the body as it decodes it.
fn curl(host: &TestHost, target: &str, accepted: &str) -> (String, Vec<u8>) {
    let done = Command::new("curl")
        .args(["-sS", "--max-time", "20", "--compressed", "--include", "-H"])
        .arg(format!("Accept-Encoding: {accepted}"))
        .arg(format!("http://127.0.0.1:{}{target}", host.port()))
        .output()
        .expect("curl can be run");
    assert!(done.status.success(), "{target}: {}", String::from_utf8_lossy(&done.stderr));
    let end = done.stdout.windows(4).position(|part| part == b"\r\n\r\n").expect("the head ends");
    let head = String::from_utf8(done.stdout[..end].to_vec()).expect("the head is text").to_ascii_lowercase();
    (format!("{head}\r\n"), done.stdout[end + 4..].to_vec())
}

#[test]
fn text_is_compressed_as_clients_like_it() {
    let host = COMPRESSING.get();
    for coding in ["zstd", "br", "gzip"] {
        for target in [
            "/large?bytes=300000&type=text/plain",
            "/large?bytes=300000&type=text/plain&length=true",
            "/file?bytes=300000&type=application/json",
        ] {
            let (head, body) = curl(&host, target, coding);
            assert!(head.contains(&format!("content-encoding: {coding}\r\n")), "{target}: {head}");
            assert!(
                head.contains("vary: accept-encoding\r\n") && !head.contains("content-length"),
                "{target}: {head}"
            );
            assert!(body == pattern(0, 300_000), "{target} {coding}");
        }
    }
    for (target, accepted) in [
        ("/large?bytes=300000&type=text/plain", "identity"),
        ("/large?bytes=300000&type=text/plain", "gzip;q=0"),
        ("/large?bytes=300000", "gzip"),
        ("/large?bytes=1000&length=true&type=text/plain", "gzip"),
    ] {
        let (head, body) = curl(&host, target, accepted);
        assert!(!head.contains("content-encoding"), "{target} {accepted}: {head}");
        assert!(body == pattern(0, body.len()) && body.len() >= 1000, "{target} {accepted}");
    }
    let (head, body) = curl(&host, "/large?bytes=300000&type=text/plain&direct=true", "gzip");
    // A process of its own has no way to tell.
    assert_eq!(head.contains("content-encoding"), MODEL.is_out_of_process(), "{head}");
    assert!(body == pattern(0, 300_000));
    let (head, _) =
        curl(&TestHost::app("Minimal").model(MODEL).start(), "/large?bytes=300000&type=text/plain", "gzip");
    assert!(!head.contains("content-encoding") && !head.contains("vary"), "{head}");
}

#[test]
fn what_the_app_flushes_is_not_held() {
    let host = COMPRESSING.get();
    let mut client = Client::connect(host.port());
    client
        .send(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nAccept-Encoding: gzip\r\n\
              Transfer-Encoding: chunked\r\n\r\n",
        )
        .unwrap();
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for round in 0..20_u32 {
        let line = format!("line {round} of the conversation\n");
        client.send(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).unwrap();
        sent.extend_from_slice(line.as_bytes());
        if round == 0 {
            let head = client.head("POST").unwrap();
            assert_eq!(head.header("Content-Encoding"), Some("gzip"), "{head:?}");
        }
        // The next line is sent when this one has come back.
        while decoded(&received) != sent {
            received.extend_from_slice(&client.piece().unwrap().expect("the response goes on"));
        }
    }
    client.send(b"0\r\n\r\n").unwrap();
    while let Some(piece) = client.piece().unwrap() {
        received.extend_from_slice(&piece);
    }
    assert_eq!(decoded(&received), sent);
}

/// What can be decoded so far.
fn decoded(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    // The end may be missing.
    let _ = std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut text);
    text
}

#[test]
fn files_are_found_again_by_their_weak_tags() {
    let host = TestHost::app("Demo").model(MODEL).flag("--compression").flag("gzip").start();
    let request = || Request::get("/parts.css").header("Accept-Encoding", "gzip, br");
    let first = host.send(&request());
    assert_eq!((first.status, first.header("Content-Encoding")), (200, Some("gzip")));
    let tag = first.header("ETag").expect("static files have tags").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let again = host.send(&request().header("If-None-Match", &tag));
    assert_eq!((again.status, again.header("ETag")), (304, Some(tag.as_str())), "{again:?}");
    let part = host.send(&request().header("Range", "bytes=10-19"));
    assert_eq!((part.status, part.body.len(), part.header("Content-Encoding")), (206, 10, None));
    host.stop();
}

#[test]
fn web_config_counts_before_the_site() {
    let target = "/large?bytes=300000&type=text/plain";
    for (asked, flag, expected) in [("true", false, true), ("false", true, false)] {
        let section = format!("<urlCompression doDynamicCompression=\"{asked}\" /></system.webServer>");
        let mut host = TestHost::app("Minimal")
            .model(MODEL)
            .edit("web.config", |text| text.replace("</system.webServer>", &section));
        if flag {
            host = host.flag("--compression");
        }
        let host = host.start();
        let (head, body) = curl(&host, target, "gzip");
        assert_eq!(head.contains("content-encoding: gzip"), expected, "{head}");
        assert!(body == pattern(0, 300_000));
        host.stop();
    }
}

#[test]
fn sites_have_their_own() {
    let (a, b) = (e2e::site("a", 1, MODEL), e2e::site("b", 2, MODEL));
    let (start, rest) = b.split_once('\n').expect("a site has several lines");
    let b = format!("{start}\ncompression = 'br'\n{rest}");
    let host =
        TestHost::configured(&format!("{a}{b}")).with_app("a", "Minimal").with_app("b", "Minimal").serve();
    let request = Request::get("/large?bytes=300000&type=text/plain").header("Accept-Encoding", "gzip, br");
    let coding = |index| {
        let response = host.client_at(index).request(&request).unwrap();
        assert_eq!(response.status, 200);
        response.header("Content-Encoding").map(str::to_owned)
    };
    assert_eq!((coding(0), coding(1)), (None, Some("br".to_owned())));
    host.stop();
}

/// What `customHeaders` say every response varies by stays true of compressed ones.
#[test]
fn a_custom_vary_stays_beside_that_of_compression() {
    let host = TestHost::app("Minimal")
        .model(MODEL)
        .flag("--compression")
        .edit("web.config", |text| {
            text.replace(
                "</system.webServer>",
                "<httpProtocol><customHeaders><add name=\"Vary\" value=\"Origin\" /></customHeaders></httpProtocol>\
                 </system.webServer>",
            )
        })
        .start();
    for (target, accepted, varies) in [
        ("/large?bytes=300000&type=text/plain", "gzip", true),
        ("/large?bytes=300000&type=text/plain", "identity", true),
        ("/large?bytes=300000", "gzip", false),
    ] {
        let (head, _) = curl(&host, target, accepted);
        assert!(head.contains("vary: origin\r\n"), "{target} {accepted}: {head}");
        assert_eq!(head.contains("vary: accept-encoding\r\n"), varies, "{target} {accepted}: {head}");
    }
    host.stop();
}
