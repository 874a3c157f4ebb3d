//! Applications below others: in one pool, where all of them run out-of-process, and with a `web.config` of their own that
//! goes by those above it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Model, PATIENCE, Request, Response, TestHost, wait};
use std::time::{Duration, Instant};

use Model::{InProcess, OutOfProcess};

/// One site whose applications are all in one pool; each has a folder of its own.
fn one_pool(applications: &[(&str, &str, Model)]) -> String {
    let mut text = "[[site]]\nname = 'shop'\nbindings = ['http://127.0.0.1:0']\n[pool.shared]\n".to_owned();
    for (path, folder, model) in applications {
        let model = model.name();
        text += &format!(
            "[[site.application]]\npath = '{path}'\nphysical_path = '{folder}'\npool = 'shared'\nhosting_model = '{model}'\n"
        );
    }
    text
}

fn seen(host: &TestHost, target: &str) -> (u64, String, String) {
    let info = host.json(&target.replace("request/x", "info"));
    let request = host.json(target);
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    (info["pid"].as_u64().unwrap(), text("pathBase"), text("path"))
}

#[test]
fn out_of_process_applications_share_a_worker_and_have_their_own_processes() {
    let config = one_pool(&[
        ("/", "root", OutOfProcess),
        ("/api", "api", OutOfProcess),
        ("/api/v2", "v2", OutOfProcess),
    ]);
    let host = TestHost::configured(&config)
        .with_app("root", "Minimal")
        .with_app("api", "Minimal")
        .with_app("v2", "Minimal")
        .allow_log("reset the connection before its answer was complete")
        .allow_log("closed the connection before it answered")
        .allow_log("nothing listens on its port")
        .expect_log("ended unexpectedly: it was killed by SIGKILL")
        .serve();
    let all: Vec<_> =
        ["/request/x", "/api/request/x", "/api/v2/request/x"].map(|target| seen(&host, target)).to_vec();
    let bases: Vec<&str> = all.iter().map(|(_, base, _)| base.as_str()).collect();
    assert_eq!(bases, ["", "/api", "/api/v2"]);
    assert!(all.iter().all(|(_, _, path)| path == "/request/x"), "{all:?}");
    let mut pids: Vec<u64> = all.iter().map(|(pid, ..)| *pid).collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 3, "{all:?}");
    assert_eq!((host.workers().len(), host.programs().len()), (1, 3), "{}", host.story());
    // One that dies is started again; the others do not notice.
    let api = u32::try_from(all[1].0).unwrap();
    e2e::kill(api, rustix::process::Signal::KILL);
    wait::until_true("another process of the application", PATIENCE, || {
        let response = host.get("/api/info");
        response.status == 200 && response.json()["pid"].as_u64() != Some(u64::from(api))
    });
    assert_eq!(seen(&host, "/request/x").0, all[0].0);
    host.wait_collected();
    host.stop();
}

fn page(host: &TestHost, target: &str) -> Response {
    let request = Request::get(target).header("Accept", "text/html");
    host.send(&request)
}

#[test]
fn what_cannot_share_a_pool_says_so_and_the_first_is_served() {
    for (first, second, code) in [
        (InProcess, InProcess, "500.35"),
        (InProcess, OutOfProcess, "500.34"),
        (OutOfProcess, InProcess, "500.34"),
    ] {
        let host = TestHost::configured(&one_pool(&[("/", "root", first), ("/api", "api", second)]))
            .with_app("root", "Minimal")
            .with_app("api", "Minimal")
            .any_log()
            .serve();
        assert_eq!(host.get("/").status, 200);
        let page = page(&host, "/api/info");
        assert_eq!(page.status, 500, "{page:?}");
        assert!(page.text().contains(code), "{first:?} {second:?}: {page:?}");
        host.stop();
    }
}

#[test]
fn an_application_with_a_broken_file_keeps_no_other_from_being_served() {
    let config = one_pool(&[("/", "root", OutOfProcess), ("/api", "api", OutOfProcess)]);
    let host = TestHost::configured(&config)
        .with_app("root", "Minimal")
        .with_app("api", "Minimal")
        .file("api/web.config", "<configuration><broken>")
        .any_log()
        .serve();
    assert_eq!(host.get("/").status, 200);
    assert_eq!(page(&host, "/api/").status, 500);
    host.stop();
}

#[test]
fn a_sub_application_inherits_what_the_one_above_does_not_keep_for_itself() {
    let header = |name: &str, inherit: bool| {
        format!(
            "<location path=\".\" inheritInChildApplications=\"{inherit}\"><system.webServer><httpProtocol><customHeaders>\
             <add name=\"{name}\" value=\"root\"/></customHeaders></httpProtocol></system.webServer></location>"
        )
    };
    for model in [InProcess, OutOfProcess] {
        let config = "[[site]]\nname = 'shop'\nbindings = ['http://127.0.0.1:0']\n".to_owned()
            + &["root", "api"]
                .map(|name| {
                    let path = if name == "root" { "/" } else { "/api" };
                    let model = model.name();
                    format!(
                        "[[site.application]]\npath = '{path}'\nphysical_path = '{name}'\npool = '{name}'\nhosting_model = '{model}'\n[pool.{name}]\n"
                    )
                })
                .concat();
        let host = TestHost::configured(&config)
            .with_app("root", "Minimal")
            .with_app("api", "Minimal")
            .edit("root/web.config", |text| {
                let (before, after) = text.rsplit_once("</configuration>").unwrap();
                let more = header("X-Kept", false) + &header("X-Inherited", true);
                format!("{before}{more}</configuration>{after}")
            })
            .serve();
        let root = host.get("/");
        assert_eq!(
            (root.header("X-Kept"), root.header("X-Inherited")),
            (Some("root"), Some("root")),
            "{root:?}"
        );
        let api = host.get("/api/");
        assert_eq!((api.header("X-Kept"), api.header("X-Inherited")), (None, Some("root")), "{api:?}");
        host.stop();
    }
}

#[test]
fn each_of_several_applications_goes_offline_by_itself() {
    let host = TestHost::configured(&one_pool(&[("/", "root", OutOfProcess), ("/api", "api", OutOfProcess)]))
        .with_app("root", "Minimal")
        .with_app("api", "Minimal")
        .file("root/app_offline.htm", "root is away")
        // The socket is open as long as it may be.
        .allow_log("did not end within")
        .serve();
    // One that is offline from the beginning is not started for the other's sake.
    assert_eq!(host.get("/api/").status, 200);
    assert_eq!(host.programs().len(), 1);
    let offline = |target: &str, text: &str| {
        let page = host.get(target);
        page.status == 503 && page.text() == text
    };
    assert!(offline("/", "root is away"));
    let worker = host.workers();
    host.put("root/app_offline.htm", "root is still away");
    wait::until_true("the other text", PATIENCE, || offline("/", "root is still away"));
    std::fs::remove_file(host.folder().join("root/app_offline.htm")).unwrap();
    wait::until_true("the first application", PATIENCE, || host.get("/").status == 200);

    let mut socket = host.client();
    let upgrade = Request::web_socket("/api/ws");
    socket.send(&upgrade.bytes()).unwrap();
    assert_eq!(socket.head("GET").unwrap().status, 101);
    let root = seen(&host, "/request/x").0;
    for round in 0..3 {
        let began = Instant::now();
        host.put("api/app_offline.htm", "api is away");
        wait::until_true("the file", PATIENCE, || offline("/api/", "api is away"));
        assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
        // In the last round it is back before its process has ended.
        if round < 2 {
            wait::until_true("the end of its process", PATIENCE, || host.programs().len() == 1);
            let status = host.status("shared");
            assert_eq!((&status["state"], &status["offline"][0]), (&"running".into(), &"shop/api".into()));
        }
        assert_eq!(seen(&host, "/request/x").0, root);
        std::fs::remove_file(host.folder().join("api/app_offline.htm")).unwrap();
        wait::until_true("the application", PATIENCE, || host.get("/api/").status == 200);
    }
    assert_eq!(host.workers(), worker);
    assert_eq!(host.status("shared")["offline"], serde_json::json!([]));
    host.stop();
}

#[test]
fn a_changed_file_replaces_the_applications_that_inherit_from_it() {
    let pools = |start: &str| format!("[pool.root]\nstart = '{start}'\n[pool.api]\nstart = '{start}'\n");
    let config = "[[site]]\nname = 'shop'\nbindings = ['http://127.0.0.1:0']\n".to_owned()
        + &[("/", "root"), ("/api", "api")]
            .map(|(path, name)| {
                format!("[[site.application]]\npath = '{path}'\nphysical_path = '{name}'\npool = '{name}'\n")
            })
            .concat()
        + &pools("always");
    let host = TestHost::configured(&config).with_app("root", "Minimal").with_app("api", "Minimal").start();
    for pool in ["root", "api"] {
        host.wait_state(pool, "running");
    }
    assert_eq!(host.get("/api/").header("X-Inherited"), None);
    let text = std::fs::read_to_string(host.folder().join("root/web.config")).unwrap();
    let (before, after) = text.rsplit_once("</configuration>").unwrap();
    let more = "<system.webServer><httpProtocol><customHeaders><add name=\"X-Inherited\" value=\"root\"/></customHeaders>\
                </httpProtocol></system.webServer>";
    host.put("root/web.config", &format!("{before}{more}</configuration>{after}"));
    wait::until_true("what is inherited", PATIENCE, || {
        host.get("/api/").header("X-Inherited") == Some("root")
    });
    assert_eq!(host.status("api")["last_recycle"]["cause"], "its web.config has changed");
    host.stop();
}
