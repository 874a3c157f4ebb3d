//! The program that plays an app's own process, alone: what other tests take for granted about it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Client, Closed, Request, is_cut, kill, pattern, proc, unruly, wait};
use rustix::process::Signal;
use serde_json::json;
use std::fs::{self, File};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running `unruly`; killed when dropped. Its output goes to files in its folder.
struct Unruly {
    child: Child,
    folder: Arc<tempfile::TempDir>,
}

impl Unruly {
    fn start(words: &[&str]) -> Self {
        Self::start_with(words, &[])
    }

    fn start_with(words: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_in(&Arc::new(tempfile::tempdir().unwrap()), words, environment)
    }

    fn start_in(folder: &Arc<tempfile::TempDir>, words: &[&str], environment: &[(&str, &str)]) -> Self {
        let output = |name| File::create(folder.path().join(name)).unwrap();
        let mut command = Command::new(unruly());
        command.args(words).current_dir(folder.path()).env_clear().envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(output("stdout")).stderr(output("stderr"));
        Self { child: command.spawn().unwrap(), folder: Arc::clone(folder) }
    }

    fn output(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// The line on stdout that begins so.
    fn line(&self, begin: &str) -> String {
        wait::until(&format!("a line {begin:?}"), PATIENCE, || {
            let text = self.output("stdout");
            let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            whole.map(str::to_owned).find(|line| line.starts_with(begin))
        })
    }

    fn port(&self) -> u16 {
        self.line("unruly: listening on ").rsplit(':').next().unwrap().parse().unwrap()
    }

    fn client(&self) -> Client {
        let address: SocketAddr =
            self.line("unruly: listening on ").rsplit(' ').next().unwrap().parse().unwrap();
        Client::connect_to(address)
    }

    fn exit(&mut self) -> ExitStatus {
        wait::until("the end of the program", PATIENCE, || self.child.try_wait().unwrap())
    }
}

impl Drop for Unruly {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shutdown(token: &str) -> Request {
    Request::post("/base/iisintegration", "")
        .header("MS-ASPNETCORE-EVENT", "shutdown")
        .header("MS-ASPNETCORE-TOKEN", token)
}

#[test]
fn the_site_tells_what_came() {
    let app = Unruly::start(&["echo"]);
    let mut client = app.client();
    let request =
        Request::new("REPORT", "/a%2Fb//c?x=%20&x").header("X-A", "1").header("x-a", "2").body("body");
    let answer = client.request(&request).unwrap();
    let echo = answer.json();
    assert_eq!(echo["method"], "REPORT");
    assert_eq!(echo["target"], "/a%2Fb//c?x=%20&x");
    assert_eq!(
        echo["headers"],
        json!([["Host", "localhost"], ["X-A", "1"], ["x-a", "2"], ["Content-Length", "4"]])
    );
    assert_eq!((&echo["body"], &echo["bodyLength"]), (&json!("body"), &json!(4)));
    assert_eq!((answer.header("Server"), answer.header("Connection")), (Some("unruly"), None));
    let answer = client.get("/?no-server&no-date&header=X-B:%20b&header=X-B:c&close").unwrap();
    assert_eq!((answer.header("Server"), answer.header("Date")), (None, None));
    assert_eq!(answer.headers_named("X-B"), ["b", "c"]);
    assert_eq!(answer.header("Connection"), Some("close"));
    assert_eq!(client.closed().unwrap(), Closed::Finished);
}

#[test]
fn bodies_of_every_framing() {
    let app = Unruly::start(&["echo"]);
    let mut client = app.client();
    assert_eq!(client.get("/bytes?n=1000&piece=7").unwrap().body, pattern(0, 1000));
    assert_eq!(client.get("/chunked?n=600&piece=251").unwrap().body, pattern(0, 600));
    let trailers = client.request(&Request::post("/trailers", "12345")).unwrap();
    assert_eq!(
        trailers.trailers,
        [("X-Length", "5"), ("X-Last", "yes")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    let odd = client.get("/status?code=299&reason=Odd+one").unwrap();
    assert_eq!((odd.status, odd.reason.as_str()), (299, "Odd one"));
    assert_eq!(client.get("/status?code=204").unwrap().status, 204);
    let hints = client.get("/early-hints?n=2").unwrap();
    assert_eq!((hints.status, &hints.interim[..]), (200, &[103, 103][..]));
    // A chunked request comes back while it is sent, and its trailers at the end.
    let head = "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    client.send(head.as_bytes()).unwrap();
    let mut answer = client.head("POST").unwrap();
    assert_eq!(client.until("abc").unwrap(), "abc");
    client.send(b"2\r\nde\r\n0\r\nX-End: 1\r\n\r\n").unwrap();
    client.rest(&mut answer).unwrap();
    assert_eq!((answer.body.as_slice(), answer.trailers.len()), (&b"de"[..], 1));
    assert_eq!(client.get("/close-delimited?n=300").unwrap().body, pattern(0, 300));
}

#[test]
fn expectations() {
    let app = Unruly::start(&["echo"]);
    let wait = |path: &str| {
        let mut client = app.client();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
        client.send(head.as_bytes()).unwrap();
        client
    };
    let mut client = wait("/");
    client.send(b"ok").unwrap();
    let answer = client.response("POST").unwrap();
    assert_eq!((answer.json()["body"].clone(), &answer.interim[..]), (json!("ok"), &[100][..]));
    let mut client = wait("/never-continue");
    client.send(b"ok").unwrap();
    assert!(client.response("POST").unwrap().interim.is_empty());
    assert_eq!(wait("/refuse-expect").response("POST").unwrap().status, 417);
    let early = wait("/early-answer").response("POST").unwrap();
    assert_eq!((early.text(), early.header("Connection")), ("early", Some("close")));
}

#[test]
fn an_upgrade_is_an_echo_of_bytes() {
    let app = Unruly::start(&["echo"]);
    let mut client = app.client();
    let head = "GET /upgrade?greet=hello&say-goodbye=bye HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: anything/1\r\n\r\n";
    client.send(head.as_bytes()).unwrap();
    let answer = client.head("GET").unwrap();
    assert_eq!((answer.status, answer.header("Upgrade")), (101, Some("anything/1")));
    client.send(b"\0\xff").unwrap();
    client.shutdown_write();
    let mut tunnel = client.buffered();
    std::io::Read::read_to_end(&mut client.stream(), &mut tunnel).unwrap();
    assert_eq!(tunnel, b"hello\0\xffbye");
    assert_eq!(app.client().get("/upgrade").unwrap().json()["target"], "/upgrade");
}

#[test]
fn a_client_that_leaves_is_noticed() {
    let app = Unruly::start(&["echo"]);
    let mut client = app.client();
    client.send(b"POST /hang?after=body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nunread").unwrap();
    client.head("POST").unwrap();
    client.until("pieces").unwrap();
    assert_eq!(app.client().get("/stats").unwrap().json()["gone"], 0);
    drop(client);
    app.line("unruly: client gone /hang");
    assert_eq!(app.client().get("/stats").unwrap().json()["gone"], 1);
}

#[test]
fn faults() {
    let app = Unruly::start(&["echo"]);
    let get = |path: &str| app.client().get(path);
    for path in ["/half", "/half-chunk", "/half-head", "/silence", "/garbage", "/garbage?kind=chunk-end"] {
        let answer = get(path);
        assert!(answer.is_err(), "{path}: {answer:?}");
    }
    assert_eq!(get("/garbage?kind=no-such-kind").unwrap().status, 200);
    let mut client = app.client();
    client.send(b"GET /reset HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(client.closed().unwrap(), Closed::Reset);
    let flood = get("/head-flood").unwrap_err();
    assert!(flood.to_string().contains("GET /head-flood"), "{flood:#}");
    assert_eq!(get("/").unwrap().status, 200);
}

#[test]
fn the_shutdown_message_needs_the_token() {
    let mut app = Unruly::start_with(&["echo"], &[("ASPNETCORE_TOKEN", "secret")]);
    assert_eq!(app.client().request(&shutdown("wrong")).unwrap().status, 200);
    // An open request holds the end back.
    let mut open = app.client();
    open.send(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let busy = || app.client().get("/stats").unwrap().json()["busy"].as_u64() == Some(2);
    wait::until_true("the open request", PATIENCE, busy);
    assert_eq!(app.client().request(&shutdown("secret")).unwrap().status, 202);
    assert!(app.child.try_wait().unwrap().is_none());
    drop(open);
    assert_eq!(app.exit().code(), Some(0));
}

#[test]
fn modes_that_do_not_stop_when_told() {
    let mut stubborn = Unruly::start(&["ignore-shutdown"]);
    assert_eq!(stubborn.client().request(&shutdown("")).unwrap().status, 202);
    kill(stubborn.child.id(), Signal::TERM);
    assert_eq!(stubborn.client().get("/").unwrap().status, 200);
    assert!(stubborn.child.try_wait().unwrap().is_none());
    let mut marked = Unruly::start(&["sigterm-only", "marker"]);
    assert_eq!(marked.client().request(&shutdown("")).unwrap().status, 404);
    kill(marked.child.id(), Signal::TERM);
    assert_eq!(marked.exit().code(), Some(0));
    assert!(marked.folder.path().join("marker").is_file());
}

#[test]
fn modes_that_do_not_serve() {
    let mut ended = Unruly::start(&["exit", "7", "some", "reason"]);
    assert_eq!(ended.exit().code(), Some(7));
    assert_eq!(ended.output("stderr"), "some reason\n");
    let mut wrong = Unruly::start(&["no-such-mode"]);
    assert_eq!(wrong.exit().code(), Some(64));
    let mut half = Unruly::start(&["half"]);
    assert!(half.client().get("/").is_err());
    assert_eq!(half.exit().code(), None);
    let closing = Unruly::start(&["close-after-accept"]);
    assert!(closing.client().closed().is_ok());
    let folder = Arc::new(tempfile::tempdir().unwrap());
    for _ in 0..2 {
        assert_eq!(Unruly::start_in(&folder, &["flaky", "2"], &[]).exit().code(), Some(3));
    }
    assert_eq!(Unruly::start_in(&folder, &["flaky", "2"], &[]).client().get("/").unwrap().status, 200);
}

#[test]
fn connections_end_at_random_but_never_a_response() {
    let app = Unruly::start(&["random-close", "5"]);
    let (mut announced, mut silent) = (0, 0);
    let mut client = app.client();
    let mut is_fresh = true;
    for _ in 0..200 {
        match client.get("/bytes?n=10") {
            Ok(answer) => {
                assert_eq!(answer.body, pattern(0, 10));
                is_fresh = answer.header("Connection").is_some();
                announced += u32::from(is_fresh);
            }
            Err(error) => {
                assert!(is_cut(&error) && !is_fresh, "{error:#}");
                is_fresh = true;
                silent += 1;
            }
        }
        if is_fresh {
            client = app.client();
        }
    }
    assert!(announced > 10 && silent > 10, "{announced} announced, {silent} not");
    let app = Unruly::start(&["only-first"]);
    let mut client = app.client();
    assert_eq!(client.get("/").unwrap().status, 200);
    assert!(client.get("/").is_err());
}

#[test]
fn ports() {
    let reserved = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let port = reserved.local_addr().unwrap().port().to_string();
    drop(reserved);
    let environment = [("ASPNETCORE_PORT", port.as_str())];
    assert_eq!(Unruly::start_with(&["echo"], &environment).port().to_string(), port);
    assert_ne!(Unruly::start_with(&["other-port"], &environment).port().to_string(), port);
    let app = Unruly::start_with(&["ipv6-only"], &environment);
    assert_eq!(app.port().to_string(), port);
    assert!(std::net::TcpStream::connect(("127.0.0.1", app.port())).is_err());
}

#[test]
fn descendants() {
    // A marker of its own finds every process, whoever its parent is by now.
    for (number, (words, alone)) in
        [(&["wrapper", "echo"][..], false), (&["wrapper-exit", "echo"], true), (&["daemon", "echo"], true)]
            .into_iter()
            .enumerate()
    {
        let id = format!("unruly-{}-{number}", std::process::id());
        let mut app = Unruly::start_with(words, &[(proc::MARKER, &id)]);
        let port = app.port();
        if alone {
            assert_eq!(app.exit().code(), Some(0));
        }
        let served = Client::connect(port).get("/stats").unwrap().json()["pid"].as_u64().unwrap();
        assert_ne!(served, u64::from(app.child.id()));
        assert!(proc::marked(&id).iter().any(|pid| u64::from(*pid) == served));
        kill(u32::try_from(served).unwrap(), Signal::KILL);
        wait::until_true("the end of the others", PATIENCE, || app.exit().code().is_some());
        wait::until_true("the last process", PATIENCE, || proc::marked(&id).is_empty());
    }
    let id = format!("unruly-{}-family", std::process::id());
    let app = Unruly::start_with(&["family"], &[(proc::MARKER, &id)]);
    app.port();
    wait::until_true("both descendants", PATIENCE, || proc::marked(&id).len() == 3);
    drop(app);
    let left = proc::marked(&id);
    assert_eq!(left.len(), 2, "they outlive the first");
    left.into_iter().for_each(|pid| kill(pid, Signal::KILL));
}
