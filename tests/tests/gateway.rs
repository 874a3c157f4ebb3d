//! Sites and applications of several pools behind one address: the gateway hands each connection to its pool, and
//! requests for other pools on it are answered by those.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Client, Model, PATIENCE, Request, TestHost, wait};
use rustix::process::Signal;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};

/// `/` and `/api` of `a.test`, and `b.test`, at one address; each application has a pool of its own.
fn shared(root: Model, api: Model, other: Model) -> String {
    let application = |path: &str, pool: &str, model: Model| {
        let model = model.name();
        format!(
            "[[site.application]]\npath = '{path}'\nphysical_path = '{pool}'\npool = '{pool}'\nhosting_model = '{model}'\n"
        )
    };
    let site = |name: &str| {
        format!(
            "[[site]]\nname = '{name}'\nbindings = [{{ url = 'http://127.0.0.1:0', host = '{name}.test' }}]\n"
        )
    };
    [
        site("a"),
        application("/", "root", root),
        application("/api", "api", api),
        site("b"),
        application("/", "other", other),
        "[pool.root]\n[pool.api]\n[pool.other]\n".to_owned(),
    ]
    .concat()
}

fn serve(root: Model, api: Model, other: Model) -> TestHost {
    TestHost::configured(&shared(root, api, other))
        .with_app("root", "Minimal")
        .with_app("api", "Minimal")
        .with_app("other", "Minimal")
        .serve()
}

use Model::{InProcess, OutOfProcess};

fn ask(client: &mut Client, host: &str, target: &str) -> Value {
    let response = client.request(&Request::get(target).header("Host", host)).unwrap();
    assert_eq!(response.status, 200, "{host}{target}: {response:?}");
    response.json()
}

/// The folder of the application that answers.
fn who(client: &mut Client, host: &str, base: &str) -> String {
    let info = ask(client, host, &format!("{base}/info"));
    let root = info["contentRoot"].as_str().unwrap().trim_end_matches('/').to_owned();
    root.rsplit('/').next().unwrap().to_owned()
}

fn plays(root: Model, api: Model, other: Model) {
    let host = serve(root, api, other);
    // Nobody was asked for yet: there is only the gateway.
    host.wait_log(0, "sharing out connections");
    assert_eq!(host.workers().len(), 1, "{}", host.story());
    let mut client = host.client();
    assert_eq!(who(&mut client, "a.test", ""), "root");
    assert_eq!(host.workers().len(), 2);
    assert_eq!(who(&mut client, "a.test", "/api"), "api");
    // The same connection alternates between three applications, each in its own pool.
    for _ in 0..10 {
        assert_eq!(who(&mut client, "a.test", ""), "root");
        assert_eq!(who(&mut client, "a.test", "/api"), "api");
        assert_eq!(who(&mut client, "B.test:8080", ""), "other");
    }
    assert_eq!(who(&mut host.client(), "b.test", ""), "other");
    assert_eq!(who(&mut host.client(), "a.test", "/API"), "api");
    assert_eq!(host.workers().len(), 4, "{}", host.story());
    host.stop();
}

#[test]
fn in_process_applications_share_an_address() {
    plays(InProcess, InProcess, InProcess);
}

#[test]
fn out_of_process_applications_share_an_address() {
    plays(OutOfProcess, OutOfProcess, OutOfProcess);
}

#[test]
fn applications_of_both_models_share_an_address() {
    plays(InProcess, OutOfProcess, InProcess);
}

/// What the application sees of a request.
fn seen(client: &mut Client, host: &str, target: &str) -> (String, String, u64) {
    let seen = ask(client, host, target);
    let text = |name: &str| seen[name].as_str().unwrap_or_default().to_owned();
    (text("pathBase"), text("path"), seen["remotePort"].as_u64().unwrap())
}

#[test]
fn the_application_sees_its_path_base_and_the_client_whatever_way_a_request_took() {
    for api in [InProcess, OutOfProcess] {
        let host = serve(InProcess, api, OutOfProcess);
        // Straight to the pool, and by way of another one.
        let mut straight = host.client();
        let mut stray = host.client();
        assert_eq!(who(&mut stray, "a.test", ""), "root");
        for client in [&mut straight, &mut stray] {
            let port = u64::from(client.stream().local_addr().unwrap().port());
            for (target, base, path) in [
                ("/api/request/x?q=1", "/api", "/request/x"),
                ("/API/request/x", "/API", "/request/x"),
                ("/api/request/a%2Fb", "/api", "/request/a%2Fb"),
                ("/other/../api/request/y", "/api", "/request/y"),
            ] {
                let expected = (base.to_owned(), path.to_owned(), port);
                assert_eq!(seen(client, "a.test", target), expected, "{api:?} {target}");
            }
            // These belong to the application above.
            for target in ["/request/api", "/request/../request/x", "/api/../request/z"] {
                assert_eq!(seen(client, "a.test", target).0, "", "{api:?} {target}");
            }
            for target in ["/apix/request/x", "/api%2F..%2Frequest"] {
                let answer = client.request(&Request::get(target).header("Host", "a.test")).unwrap();
                assert!(matches!(answer.status, 200 | 404), "{target}: {answer:?}");
            }
        }
        host.stop();
    }
}

#[test]
fn a_host_that_no_site_has_is_refused_without_starting_anything() {
    let host = serve(InProcess, InProcess, InProcess);
    host.wait_log(0, "sharing out connections");
    for name in ["c.test", "a.test.", "sub.a.test", "127.0.0.1", ""] {
        let response = host.client().request(&Request::get("/").header("Host", name)).unwrap();
        let known = name == "a.test.";
        assert_eq!(response.status == 400, !known, "{name}: {response:?}");
        if !known {
            assert!(response.text().contains("Invalid Hostname"), "{response:?}");
        }
    }
    assert_eq!(host.raw("GET / HTTP/1.1\r\n\r\n").status(), 400);
    assert_eq!(host.raw("GET / HTTP/9.0\r\nHost: a.test\r\n\r\n").status(), 505);
    // Later on a connection that belongs to a pool.
    let mut client = host.client();
    assert_eq!(who(&mut client, "a.test", ""), "root");
    assert_eq!(client.request(&Request::get("/").header("Host", "c.test")).unwrap().status, 400);
    host.stop();
}

#[test]
fn pipelined_requests_for_several_pools_are_answered_in_order() {
    let host = serve(InProcess, OutOfProcess, InProcess);
    let mut client = host.client();
    let mut all = Vec::new();
    let targets: Vec<(&str, String)> = (0..60)
        .map(|at| match at % 3 {
            0 => ("a.test", format!("/request/{at}")),
            1 => ("a.test", format!("/api/request/{at}")),
            _ => ("b.test", format!("/request/{at}")),
        })
        .collect();
    for (host, target) in &targets {
        all.extend(Request::get(target).header("Host", host).bytes());
    }
    client.send(&all).unwrap();
    for (at, (name, target)) in targets.iter().enumerate() {
        let answer = client.response("GET").unwrap().json();
        assert_eq!(answer["path"].as_str(), Some(format!("/request/{at}").as_str()), "{target}");
        assert_eq!(answer["host"].as_str(), Some(*name));
    }
    host.stop();
}

#[test]
fn large_bodies_pass_to_other_pools_both_ways() {
    for api in [InProcess, OutOfProcess] {
        let host = serve(InProcess, api, InProcess);
        let mut client = host.client();
        assert_eq!(who(&mut client, "a.test", ""), "root");
        let body = e2e::pattern(0, 3_000_000);
        let sent = client
            .request(&Request::post("/api/upload-hash", body.clone()).header("Host", "a.test"))
            .unwrap();
        assert_eq!(sent.json()["length"].as_u64(), Some(3_000_000));
        let large =
            client.request(&Request::get("/api/large?bytes=5000000").header("Host", "a.test")).unwrap();
        assert!(large.body == e2e::pattern(0, 5_000_000));
        let echoed =
            client.request(&Request::post("/api/echo", body.clone()).header("Host", "a.test")).unwrap();
        assert!(echoed.body == body);
        assert_eq!(who(&mut client, "a.test", ""), "root");
        host.stop();
    }
}

/// The two workers' process ids do not change while others come and go.
#[test]
fn the_gateway_is_replaced_when_it_is_killed_and_nothing_else_changes() {
    let host = TestHost::configured(&shared(InProcess, InProcess, OutOfProcess))
        .with_app("root", "Minimal")
        .with_app("api", "Minimal")
        .with_app("other", "Minimal")
        .expect_log("the gateway was killed by SIGKILL")
        .serve();
    let mut client = host.client();
    let pid = |client: &mut Client, base: &str| ask(client, "a.test", &format!("{base}/info"))["pid"].clone();
    let before = (pid(&mut client, ""), pid(&mut client, "/api"));
    let gateway = host.gateway();
    let lines = host.stderr().len();
    e2e::kill(gateway, Signal::KILL);
    // Those that were handed over go on meanwhile, and new ones wait.
    for _ in 0..20 {
        assert_eq!((pid(&mut client, ""), pid(&mut client, "/api")), before);
    }
    let mut next = host.client();
    assert_eq!((pid(&mut next, ""), pid(&mut next, "/api")), before);
    assert_eq!(who(&mut next, "b.test", ""), "other");
    host.wait_log(lines, "sharing out connections");
    assert_ne!(host.gateway(), gateway);
    host.wait_collected();
    host.stop();
}

#[test]
fn slow_clients_keep_nobody_from_being_served() {
    let host = serve(InProcess, InProcess, InProcess);
    let slow: Vec<Client> = (0..200)
        .map(|at| {
            let mut client = host.client();
            if at % 2 == 0 {
                client.send(b"GET / HTTP/1.1\r\nHost: a.te").unwrap();
            }
            client
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(who(&mut host.client(), "a.test", ""), "root");
    }
    drop(slow);
    host.stop();
}

#[test]
fn a_worker_that_is_killed_takes_only_its_own_requests_with_it() {
    let host = TestHost::configured(&shared(InProcess, InProcess, InProcess))
        .with_app("root", "Minimal")
        .with_app("api", "Minimal")
        .with_app("other", "Minimal")
        .any_log()
        .serve();
    let mut client = host.client();
    assert_eq!(who(&mut client, "a.test", ""), "root");
    let api = ask(&mut client, "a.test", "/api/info")["pid"].as_u64().unwrap();
    e2e::kill(u32::try_from(api).unwrap(), Signal::KILL);
    // The way there is made anew: to the next worker of the pool.
    wait::until_true("another worker of the pool", PATIENCE, || {
        let mut next = host.client();
        next.request(&Request::get("/api/info").header("Host", "a.test"))
            .is_ok_and(|response| response.status == 200 && response.json()["pid"].as_u64() != Some(api))
    });
    assert_eq!(who(&mut client, "a.test", ""), "root");
    assert_eq!(who(&mut client, "a.test", "/api"), "api");
    host.stop();
}

#[test]
fn a_web_socket_to_another_pool_is_a_tunnel() {
    for api in [InProcess, OutOfProcess] {
        let host = serve(InProcess, api, InProcess);
        let mut client = host.client();
        assert_eq!(who(&mut client, "a.test", ""), "root");
        let upgrade = Request::web_socket("/api/ws").header("Host", "a.test");
        client.send(&upgrade.bytes()).unwrap();
        let head = client.head("GET").unwrap();
        assert_eq!(head.status, 101, "{head:?}");
        // A masked text frame comes back unmasked; a mask of zeros changes nothing.
        let mut stream = client.writer();
        let mut received = client.buffered();
        for text in ["one", "two"] {
            let frame =
                [&[0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0], text.as_bytes()].concat();
            client.send(&frame).unwrap();
            let expected = [&[0x81, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            while received.len() < expected.len() {
                let mut piece = [0; 100];
                let count = std::io::Read::read(&mut stream, &mut piece).unwrap();
                assert!(count > 0, "the tunnel was closed\n{}", host.story());
                received.extend_from_slice(&piece[..count]);
            }
            assert_eq!(received, expected);
            received.clear();
        }
        client.shutdown_write();
        drop(client);
        host.stop();
    }
}

#[test]
fn no_request_is_lost_while_pools_behind_the_gateway_are_recycled_and_the_gateway_is_killed() {
    let host = TestHost::configured(&shared(InProcess, OutOfProcess, InProcess))
        .with_app("root", "Minimal")
        .with_app("api", "Minimal")
        .with_app("other", "Minimal")
        .any_log()
        .serve();
    for (name, target) in [("a.test", "/"), ("a.test", "/api/"), ("b.test", "/")] {
        assert_eq!(host.send(&Request::get(target).header("Host", name)).status, 200);
    }
    let stop = AtomicBool::new(false);
    let port = host.port();
    let load = |kept: bool, target: &'static str| {
        let mut done = 0_u64;
        let mut client: Option<Client> = None;
        while !stop.load(Ordering::Relaxed) {
            let mut next = client.take().unwrap_or_else(|| Client::connect(port));
            let answer = next.request(&Request::get(target).header("Host", "a.test"));
            let answer = answer.unwrap_or_else(|error| panic!("{target}, request {done}: {error:#}"));
            assert_eq!(answer.status, 200, "{target}, request {done}: {answer:?}");
            done += 1;
            let closes = answer.header("Connection").is_some_and(|value| value == "close");
            client = Some(next).filter(|_| kept && !closes);
        }
        done
    };
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = [(true, "/"), (true, "/api/"), (false, "/"), (false, "/api/")]
            .into_iter()
            .map(|(kept, target)| scope.spawn(move || load(kept, target)))
            .collect();
        for round in 0..3 {
            for pool in ["root", "api"] {
                let recycled = host.admin(&["recycle", pool]);
                assert_eq!(recycled.code, Some(0), "{recycled:?}\n{}", host.story());
            }
            assert!(host.status("root")["recycles"].as_u64() > Some(round));
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(counts.iter().all(|count| *count > 3), "{counts:?}");
    // With the gateway gone, connections wait in the kernel; none is refused.
    let gateway = host.gateway();
    e2e::kill(gateway, Signal::KILL);
    let waiting: Vec<Client> = (0..50).map(|_| host.client()).collect();
    for mut client in waiting {
        assert_eq!(who(&mut client, "a.test", ""), "root");
    }
    host.stop();
}

/// Writes a certificate for `name` that nobody has signed, and its key; answers the setting that names them.
fn certificate(folder: &std::path::Path, name: &str) -> String {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (cert, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    format!("certificate = {{ cert = '{}', key = '{}' }}\n", cert.display(), key.display())
}

#[test]
fn sites_of_several_pools_share_an_https_port_each_with_its_certificate() {
    let certificates = tempfile::tempdir().unwrap();
    let config = shared(InProcess, OutOfProcess, InProcess).replace("http://", "https://");
    let config = ["a", "b"].iter().fold(config, |config, name| {
        let setting = certificate(certificates.path(), &format!("{name}.test"));
        config.replace(&format!("name = '{name}'\n"), &format!("name = '{name}'\n{setting}"))
    });
    let host = TestHost::configured(&config)
        .with_app("root", "Minimal")
        .with_app("api", "Minimal")
        .with_app("other", "Minimal")
        .serve();
    let port = host.port();
    // Every client trusts only the certificate of the site that it asks for.
    let curl = |name: &str, arguments: &[&str], targets: &[&str]| {
        let mut command = std::process::Command::new("curl");
        command.args(["-sS", "--max-time", "60", "--resolve", &format!("{name}:{port}:127.0.0.1")]);
        command.arg("--cacert").arg(certificates.path().join(format!("{name}.pem"))).args(arguments);
        command.args(["-w", "\n%{http_code}\n"]);
        for target in targets {
            command.arg(format!("https://{name}:{port}{target}"));
        }
        let done = command.output().expect("curl can be run");
        assert!(done.status.success(), "{}\n{}", String::from_utf8_lossy(&done.stderr), host.story());
        String::from_utf8(done.stdout).unwrap()
    };
    for version in ["--http1.1", "--http2"] {
        let seen = curl("a.test", &[version], &["/request/x", "/api/request/x", "/request/y"]);
        let requests: Vec<Value> = seen.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let requests: Vec<&Value> = requests.iter().filter(|request| request.is_object()).collect();
        let bases: Vec<&str> = requests.iter().filter_map(|request| request["pathBase"].as_str()).collect();
        assert_eq!(bases, ["", "/api", ""], "{version}: {seen}");
        assert!(requests.iter().all(|request| request["scheme"] == "https"), "{version}: {seen}");
        // One connection, whoever answered.
        assert!(requests.iter().all(|request| request["remotePort"] == requests[0]["remotePort"]), "{seen}");
        let other = curl("b.test", &[version], &["/info"]);
        assert!(other.contains("/other"), "{version}: {other}");
        // The certificate says nothing of the other site.
        let misdirected = curl("a.test", &[version, "-H", "Host: b.test"], &["/"]);
        assert!(misdirected.ends_with("\n421\n"), "{version}: {misdirected}");
    }
    assert_eq!(host.raw("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status(), 400);
    host.stop();
}
