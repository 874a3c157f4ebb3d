//! Commands to a running `mews serve`: status, start, stop, recycle, reload.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, PATIENCE, TestHost, site, wait};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn two() -> String {
    let pools = "[pool.shop]\nstart = 'always'\n[pool.blog]\n";
    site("shop", 1, Model::InProcess) + &site("blog", 2, Model::InProcess) + pools
}

fn hosts_two() -> HostBuilder {
    TestHost::configured(&two()).with_app("shop", "Minimal").with_app("blog", "Minimal")
}

#[test]
fn status_tells_what_runs() {
    let host = hosts_two().start();
    assert_eq!(host.get_at(0, "/").status, 200);
    let shop = host.status("shop");
    assert_eq!(shop["state"], "running");
    assert_eq!(shop["model"], "in-process");
    assert_eq!(shop["pid"], host.workers()[0]);
    assert_eq!(shop["requests"], 1);
    assert_eq!(shop["applications"][0], "shop");
    assert!(shop["memory"].as_u64().unwrap() > 1 << 20, "{shop}");
    assert_eq!(host.state("blog"), "idle");
    let text = host.admin(&["status"]);
    let lines: Vec<&str> = text.stdout.lines().collect();
    assert!(lines[0].contains("mews.toml") && lines[2].starts_with("POOL"), "{text:?}");
    assert!(lines.iter().any(|line| line.starts_with("shop") && line.contains("running")), "{text:?}");
    assert!(lines.iter().any(|line| line.starts_with("blog") && line.contains("idle")), "{text:?}");
    let unknown = host.admin(&["status", "shopp"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("did you mean 'shop'?"), "{unknown:?}");
    host.stop();
}

#[test]
fn stop_answers_503_and_start_brings_the_app_back() {
    let host = hosts_two().start();
    let stopped = host.admin(&["stop", "shop"]);
    assert_eq!((stopped.code, stopped.stdout.as_str()), (Some(0), "shop: stopped\n"));
    let page = host.get_at(0, "/");
    assert_eq!(page.status, 503);
    assert!(page.text().contains("The application pool is stopped"), "{page:?}");
    assert_eq!(host.state("shop"), "stopped");
    let refused = host.admin(&["recycle", "shop"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let started = host.admin(&["start", "shop"]);
    assert!(started.stdout.starts_with("shop: running (pid "), "{started:?}");
    assert_eq!(host.get_at(0, "/").status, 200);
    host.stop();
}

#[test]
fn a_site_that_does_not_start_by_itself_is_started_by_its_name() {
    let site =
        site("shop", 1, Model::InProcess).replace("name = 'shop'\n", "name = 'Shop'\nauto_start = false\n");
    let host = TestHost::configured(&(site + "[pool.shop]\n")).with_app("shop", "Minimal").serve();
    assert_eq!(host.get_at(0, "/").status, 503);
    assert_eq!(host.admin(&["start", "Shop"]).code, Some(0));
    assert_eq!(host.get_at(0, "/").status, 200);
    host.stop();
}

#[test]
fn recycle_answers_once_another_worker_has_taken_over() {
    let host = hosts_two().start();
    let before = host.status("shop")["pid"].clone();
    let recycled = host.admin(&["recycle", "shop"]);
    assert_eq!(recycled.code, Some(0), "{recycled:?}");
    assert!(recycled.stdout.starts_with("shop: recycled in "), "{recycled:?}");
    let shop = host.status("shop");
    assert_ne!(shop["pid"], before);
    assert_eq!(shop["last_recycle"]["cause"], "a command asked for it");
    host.wait_log(0, "[5079] shop: recycling the app: a command asked for it");
    // The pool without a worker has nothing to replace.
    let idle = host.admin(&["recycle", "blog", "--json"]);
    assert_eq!(idle.code, Some(0), "{idle:?}");
    wait::until_true("the old worker's end", PATIENCE, || host.workers().len() == 1);
    host.stop();
}

#[test]
fn a_new_release_that_does_not_start_leaves_the_old_one_serving() {
    let host = hosts_two().any_log().start();
    let before = host.status("shop")["pid"].clone();
    host.put("shop/Minimal.dll", "no assembly");
    let failed = host.admin(&["recycle", "shop"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stdout.contains("the old worker goes on serving"), "{failed:?}");
    let shop = host.status("shop");
    assert_eq!((shop["state"].as_str(), &shop["pid"]), (Some("running"), &before));
    assert_eq!(host.get_at(0, "/json").status, 200);
    // Log, status and command say the same sentence.
    let why = shop["last_failure"]["cause"].as_str().unwrap();
    assert!(why.contains("not a .NET assembly") && failed.stdout.contains(why), "{why}: {failed:?}");
    host.wait_log(0, why);
    host.stop();
}

#[test]
fn reload_changes_what_has_changed_and_nothing_else() {
    let host = hosts_two().start();
    let addresses = host.addresses();
    let shop = host.status("shop")["pid"].clone();
    let unchanged = host.admin(&["reload"]);
    assert_eq!(unchanged.stdout, "shop: unchanged\nblog: unchanged\n", "{unchanged:?}");
    // Another pool, another limit, and one that is gone.
    let pools = "[pool.shop]\nstart = 'always'\nidle_timeout = '1h'\n[pool.wiki]\n";
    let wiki = site("wiki", 3, Model::InProcess).replace("physical_path = 'wiki'", "physical_path = 'blog'");
    host.put("mews.toml", &(site("shop", 1, Model::InProcess) + &wiki + pools));
    let reloaded = host.admin(&["reload"]);
    assert_eq!(
        reloaded.stdout, "shop: goes by the new settings\nwiki: added\nblog: removed\n",
        "{reloaded:?}"
    );
    assert_eq!(host.status("shop")["pid"], shop);
    let url = host.status("wiki")["urls"][0].as_str().unwrap().to_owned();
    let wiki = url.strip_prefix("http://").unwrap().parse().unwrap();
    assert_eq!(e2e::Client::connect_to(wiki).get("/").unwrap().status, 200);
    wait::until_true("the end of the old address", PATIENCE, || {
        std::net::TcpStream::connect_timeout(&addresses[1], Duration::from_secs(1)).is_err()
    });
    // What the app is told is another matter: its worker is replaced.
    let text = std::fs::read_to_string(host.folder().join("mews.toml")).unwrap();
    host.put("mews.toml", &text.replace("idle_timeout = '1h'", "environment = { A = 'b' }"));
    assert!(host.admin(&["reload"]).stdout.starts_with("shop: changed\n"));
    wait::until_true("another worker", PATIENCE, || {
        let status = host.status("shop");
        status["state"] == "running" && status["pid"] != shop
    });
    assert_eq!(host.get_at(0, "/env?name=A").text(), "b");
    assert_eq!(host.status("shop")["last_recycle"]["cause"], "the configuration has changed");
    host.stop();
}

#[test]
fn a_broken_file_is_refused_with_its_problems_and_changes_nothing() {
    let host = hosts_two().any_log().start();
    let good = two();
    let shop = host.status("shop")["pid"].clone();
    for (text, part) in [
        ("[[site]]\nname = 5\n", "mews.toml:2:8"),
        (&good.replace("127.0.0.2:0", "192.0.2.1:0"), "192.0.2.1"),
        (&good.replace("http://127.0.0.2:0", "https://127.0.0.2:0"), "certificate"),
    ] {
        host.put("mews.toml", text);
        let refused = host.admin(&["reload"]);
        assert_eq!(refused.code, Some(1), "{text}: {refused:?}");
        assert!(
            refused.stderr.contains(part) && refused.stderr.contains("nothing was changed"),
            "{refused:?}"
        );
        assert_eq!(host.status("shop")["pid"], shop);
        assert_eq!(host.get_at(1, "/").status, 200);
    }
    host.put("mews.toml", &good);
    assert_eq!(host.admin(&["reload"]).code, Some(0));
    host.stop();
}

#[test]
fn the_socket_is_the_owners_and_cannot_be_hung() {
    let host = hosts_two().start();
    let path = host.folder().join("control.sock");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let answer = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // What is refused early is not read to its end.
        let _ = stream.write_all(bytes);
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    };
    for nonsense in
        [&b"\n"[..], b"{}\n", b"{\"command\":\"dance\",\"name\":null}\n", b"\xff\xfe\n", &[b'x'; 100_000]]
    {
        let text = answer(nonsense);
        assert!(text.is_empty() || text.contains("refused"), "{text}");
    }
    // Clients that say nothing keep others waiting for a while at most, and are let go.
    let silent: Vec<UnixStream> = (0..40).map(|_| UnixStream::connect(&path).unwrap()).collect();
    assert_eq!(host.status("shop")["state"], "running");
    let gone = |mut stream: &UnixStream| {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_))
    };
    assert!(silent.iter().all(gone));
    assert_eq!(host.get_at(0, "/").status, 200);
    host.stop();
}

#[test]
fn a_command_to_nobody_says_so() {
    let host = hosts_two().serve();
    let socket = host.folder().join("control.sock");
    assert!(socket.exists());
    host.stop();
    assert!(!socket.exists());
    let gone = e2e::tool(&["status", "--control", socket.to_str().unwrap()]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains("is 'mews serve' running?"), "{gone:?}");
}
