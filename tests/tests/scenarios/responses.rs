//! The site's endpoints that shape responses, and those that use the process: consoles, stacks, callbacks after the response.

use crate::MODEL;

use e2e::{Closed, Request, SharedHost, TestHost};

static SITE: SharedHost = SharedHost::new(|| TestHost::app("InProcessSite").model(MODEL).start());

#[test]
fn responses_of_every_shape() {
    let host = SITE.get();
    let response = host.get("/ResponseHeaders");
    assert_eq!(response.text(), "Request Complete");
    assert_eq!(response.header("UnknownHeader"), Some("test123=foo"));
    assert_eq!(response.header("Content-Type"), Some("text/plain"));
    assert_eq!(response.headers_named("MultiHeader"), ["1", "2"]);
    let response = host.get("/ResponseEmptyHeaders");
    assert_eq!(response.text(), "EmptyHeaderShouldBeSkipped");
    // IIS drops it, Kestrel does not.
    assert_eq!(response.header("EmptyHeader"), MODEL.is_out_of_process().then_some(""));
    assert_eq!(host.get("/OverrideServer").header("Server"), Some("MyServer/7.8"));
    for endpoint in ["/ConnectionClose", "/Goaway", "/ConnectionRequestClose"] {
        let mut client = host.client();
        let response = client.get(endpoint).unwrap();
        if MODEL.is_out_of_process() {
            // The app speaks of the connection between it and the worker.
            assert_eq!((response.status, response.header("Connection")), (200, None), "{endpoint}");
            assert_eq!(client.get("/HelloWorld").unwrap().status, 200, "{endpoint}");
            continue;
        }
        assert_eq!((response.status, response.header("Connection")), (200, Some("close")), "{endpoint}");
        assert_eq!(client.closed().unwrap(), Closed::Finished);
    }
    for (length, expected) in [("65000", 65_000), ("1000000", 1_000_000), ("10000000", 10_000_000)] {
        let body = host.get(&format!("/LargeResponseBody?length={length}")).body;
        assert_eq!(body.len(), expected);
        assert!(body.iter().all(|byte| *byte == b'a'));
    }
    assert_eq!(host.get("/WriteManyTimesToResponseBody").body, "hello world".repeat(10_000).as_bytes());
    host.assert_answers(&[
        ("/UnflushedResponsePipe", 200, &"p".repeat(10)),
        ("/FlushedPipeAndThenUnflushedPipe", 200, &"p".repeat(20)),
        (
            "/ResponseInvalidOrdering/SetStatusCodeAfterWrite",
            200,
            "Started_SetStatusCodeAfterWriteThrew_Finished",
        ),
        ("/ResponseInvalidOrdering/SetHeaderAfterWrite", 200, "Started_SetHeaderAfterWriteThrew_Finished"),
        ("/WriteResponseBodyAFewTimes", 200, &"hello world".repeat(100)),
        ("/Throw", 500, ""),
        ("/AppException_BeforeResponseHeaders_500", 500, ""),
    ]);
}

#[test]
fn statuses_and_reasons_are_the_apps() {
    let host = SITE.get();
    for (code, reason, expected) in [
        // A proxy has its own phrase for 200.
        (200, "custom", if MODEL.is_out_of_process() { "OK" } else { "custom" }),
        (200, "", "OK"),
        (500, "", "Internal Server Error"),
        (404, "Gone Fishing", "Gone Fishing"),
        (400, "custom", "custom"),
        (999, "", ""),
    ] {
        for (write, body) in [("False", ""), ("True", "custom body"), ("True", "")] {
            let reason = reason.replace(' ', "+");
            let body_query = body.replace(' ', "+");
            let target =
                format!("/SetCustomErorCode?code={code}&reason={reason}&writeBody={write}&body={body_query}");
            let response = host.get(&target);
            assert_eq!(
                (response.status, response.reason.as_str(), response.text()),
                (code, expected, body),
                "{target}"
            );
        }
    }
    // A body where there can be none is dropped; Kestrel refuses it, and ends its connection without a word.
    let written = if MODEL.is_out_of_process() { "False" } else { "True" };
    for code in [204, 304] {
        let response = host.get(&format!("/SetCustomErorCode?code={code}&writeBody={written}&body=dropped"));
        assert_eq!(
            (response.status, response.header("Transfer-Encoding"), response.body.len()),
            (code, None, 0)
        );
    }
}

#[test]
fn compressed_responses_pass_unchanged() {
    let host = SITE.get();
    let response = host.send(&Request::get("/CompressedData").header("Accept-Encoding", "gzip"));
    assert_eq!(response.header("Content-Encoding"), Some("gzip"));
    assert!(response.body.starts_with(&[0x1f, 0x8b]), "{response:?}");
    assert_eq!(host.get("/CompressedData").body, [0; 100]);
}

#[test]
fn completion_is_seen_before_the_handler_ends() {
    if MODEL.is_out_of_process() {
        // Kestrel begins nothing new on a connection before the handler has ended, and the worker uses the connection again.
        return;
    }
    let host = SITE.get();
    let mut client = host.client();
    let response = client.get("/CompleteAsync").unwrap();
    assert_eq!((response.status, response.body.len()), (200, 0));
    assert_eq!(host.get("/CompleteAsync_Completed").status, 200);
}

#[test]
fn callbacks_after_the_response() {
    if MODEL.is_out_of_process() {
        // Kestrel begins nothing new on a connection before the handler has ended, and the worker uses the connection again.
        return;
    }
    let host = SITE.get();
    assert_eq!(host.text("/OnCompletedHttpContext"), "SlowOnCompleted");
    assert_eq!(host.get("/OnCompletedHttpContext_Completed").status, 200);
    assert_eq!(host.get("/OnCompletedThrows").status, 200);
    assert_eq!(host.text("/HelloWorld"), "Hello World");
}

#[test]
fn consoles_are_relayed() {
    let host = SITE.get();
    assert_eq!(host.text("/ConsoleWrite"), "Hello World");
    let patience = std::time::Duration::from_secs(20);
    assert!(host.stdout().wait_for(patience, |line| line == "TEST MESSAGE").is_some(), "{}", host.story());
    assert_eq!(host.text("/ConsoleErrorWrite"), "Hello World");
    assert!(
        host.stderr().wait_for(patience, |line| line.ends_with("TEST MESSAGE")).is_some(),
        "{}",
        host.story()
    );
}

#[test]
fn deep_stacks_are_had() {
    let host = SITE.get();
    // Several at once, so that every kind of thread which runs requests is met.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = host.client();
                for _ in 0..5 {
                    assert_eq!(client.get("/StackSize").unwrap().text(), "Hello World");
                    assert_eq!(client.get("/StackSizeLarge").unwrap().text(), "Hello World");
                }
            });
        }
    });
}
