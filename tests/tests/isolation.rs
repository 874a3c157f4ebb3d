//! What separates pools from each other and from the host: users, limits, private folders.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use e2e::{HostBuilder, Model, TestHost, kill, proc, site, tool, wait};
use rustix::process::{Signal, geteuid};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A user that every system has and that owns nothing.
const USER: &str = "nobody";

fn is_root(what: &str) -> bool {
    if !geteuid().is_root() {
        eprintln!("not root: {what} was not tested");
    }
    geteuid().is_root()
}

fn pool(settings: &str) -> String {
    format!("[pool.shop]\n{settings}\n")
}

fn confined(model: Model, settings: &str) -> HostBuilder {
    let toml = site("shop", 1, model) + &pool(&format!("user = '{USER}'\n{settings}"));
    TestHost::configured(&toml).with_app("shop", "Cookies").any_log()
}

/// What `/proc/self/status` says under this name.
fn status<'a>(process: &'a Value, name: &str) -> &'a str {
    let lines = process["status"].as_array().unwrap().iter().filter_map(Value::as_str);
    let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    values.next().unwrap().trim()
}

fn runs_as_its_user(model: Model) {
    if !is_root("a pool of another user") {
        return;
    }
    let host = confined(model, "open_files = 300").serve();
    let process = host.get_at(0, "/process").json();
    assert_eq!(process["user"], USER, "{process}");
    let uid = status(&process, "Uid").split('\t').collect::<Vec<_>>();
    assert!(uid.iter().all(|id| *id == uid[0] && *id != "0"), "{process}");
    assert_eq!(status(&process, "NoNewPrivs"), "1");
    assert_eq!(status(&process, "CapEff").trim_start_matches('0'), "");
    let limits: Vec<&str> = process["limits"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let files = limits.iter().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(4), Some("300"), "{files}");
    assert_eq!(process["directory"], host.folder().join("shop").canonicalize().unwrap().to_str().unwrap());
    // Its user has no home, so the pool's folder is one, and nobody else's.
    let home = PathBuf::from(process["home"].as_str().unwrap());
    assert_eq!(home, host.folder().parent().unwrap().join("state/pools/shop"));
    let about = fs::metadata(&home).unwrap();
    assert_eq!((about.uid().to_string().as_str(), about.mode() & 0o777), (uid[0], 0o700));
    // Every process that came of it is the user's.
    for worker in host.workers() {
        for pid in [vec![worker], proc::children(worker)].concat() {
            assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid().to_string(), uid[0]);
        }
    }
    // It is measured, ended and replaced like any other.
    let worker = host.workers()[0];
    kill(worker, Signal::KILL);
    wait::until_true("another worker", PATIENCE, || host.workers().iter().any(|pid| *pid != worker));
    assert_eq!(host.get_at(0, "/process").json()["user"], USER);
    host.stop();
}

#[test]
fn an_in_process_pool_runs_as_its_user() {
    runs_as_its_user(Model::InProcess);
}

#[test]
fn an_out_of_process_pool_runs_as_its_user() {
    runs_as_its_user(Model::OutOfProcess);
}

#[test]
fn the_stdout_log_is_written_with_the_users_rights() {
    if !is_root("the stdout log of a pool of another user") {
        return;
    }
    for model in [Model::InProcess, Model::OutOfProcess] {
        let builder = confined(model, "");
        let (shop, logs) = (builder.folder().join("shop"), builder.folder().join("shop/logs"));
        let config = fs::read_to_string(shop.join("web.config")).unwrap();
        fs::write(
            shop.join("web.config"),
            config.replace("stdoutLogEnabled=\"false\"", "stdoutLogEnabled=\"true\""),
        )
        .unwrap();
        // Where the user may not write there is no log: the host's own rights do not help it.
        let host = builder.serve();
        assert_eq!(host.get_at(0, "/").status, 200);
        host.wait_log(0, "the stdout log");
        assert!(!logs.exists());
        host.stop();

        let builder = confined(model, "");
        let (shop, logs) = (builder.folder().join("shop"), builder.folder().join("shop/logs"));
        fs::write(
            shop.join("web.config"),
            config.replace("stdoutLogEnabled=\"false\"", "stdoutLogEnabled=\"true\""),
        )
        .unwrap();
        fs::create_dir(&logs).unwrap();
        fs::set_permissions(&logs, fs::Permissions::from_mode(0o777)).unwrap();
        let host = builder.serve();
        assert_eq!(host.get_at(0, "/").status, 200);
        let entries = fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().metadata().unwrap().uid());
        let owners: Vec<u32> = entries.collect();
        assert!(owners.len() == 1 && owners[0] != 0, "{owners:?}\n{}", host.story());
        host.stop();
    }
}

#[test]
fn who_is_unknown_or_cannot_get_there_is_named() {
    if !is_root("a folder that another user cannot enter") {
        return;
    }
    let toml = site("shop", 1, Model::InProcess) + &pool("user = 'no-such-user'");
    let host = TestHost::configured(&toml).with_app("shop", "Cookies").any_log().serve();
    let page = host.get_at(0, "/");
    assert_eq!(page.status, 500);
    assert!(page.text().contains("no-such-user"), "{}", page.text());
    assert!(page.text().contains("useradd"), "{}", page.text());
    // Even that page is not shown by a process with our rights.
    let page_worker = host.workers()[0];
    assert_ne!(fs::metadata(format!("/proc/{page_worker}")).unwrap().uid(), 0);
    host.stop();

    let builder = confined(Model::InProcess, "");
    let shop = builder.folder().join("shop").canonicalize().unwrap();
    fs::set_permissions(&shop, fs::Permissions::from_mode(0o700)).unwrap();
    let checked = tool(&["check", builder.folder().join("mews.toml").to_str().unwrap()]);
    let text = format!("cannot enter {}", shop.display());
    assert!(checked.stdout.contains(&text) && checked.code == Some(1), "{checked:?}");
    let host = builder.serve();
    let page = host.get_at(0, "/");
    assert!(page.text().contains(&text) && page.text().contains("setfacl"), "{}", page.text());
    host.stop();
}

#[test]
fn limits_hold_or_a_warning_says_why_not() {
    let toml = site("shop", 1, Model::InProcess)
        + &pool("memory_limit = '700 MiB'\ncpu_limit = '150%'\ntasks_limit = 200");
    let host = TestHost::configured(&toml).with_app("shop", "Cookies").any_log().serve();
    assert_eq!(host.get_at(0, "/").status, 200);
    let worker = host.workers()[0];
    let group = fs::read_to_string(format!("/proc/{worker}/cgroup")).unwrap();
    match group.lines().find(|line| line.starts_with("0::") && line.contains("-pool-")) {
        Some(line) => {
            let limit = fs::read_to_string(format!("/sys/fs/cgroup{}/memory.max", &line["0::".len()..]));
            assert_eq!(limit.unwrap().trim(), (700 << 20).to_string());
        }
        None => {
            eprintln!(
                "no control group can be made here: that a limit holds was not seen, that the log says so was"
            );
            let line = host.wait_log(0, "its limits of memory, processor and tasks do not hold");
            assert!(line.contains("shop:") && line.contains("control group"), "{line}");
            assert_eq!(host.logged("do not hold"), 1);
        }
    }
    host.stop();
}

/// An app in a folder that outlives hosts, with its state beside it.
struct Lasting {
    scratch: tempfile::TempDir,
    toml: String,
}

impl Lasting {
    fn new(model: Model, settings: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let app = TestHost::app("Cookies");
        fs::rename(app.folder(), scratch.path().join("app")).unwrap();
        let toml = site("shop", 1, model).replace(
            "physical_path = 'shop'",
            &format!("physical_path = '{}'", scratch.path().join("app").display()),
        );
        Self { scratch, toml: toml + &pool(settings) }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn serve(&self, home: Option<&Path>) -> TestHost {
        let host = TestHost::configured(&self.toml)
            .env("STATE_DIRECTORY", self.at("state").to_str().unwrap())
            .any_log();
        match home {
            Some(home) => host.env("HOME", home.to_str().unwrap()),
            None => host.no_env("HOME"),
        }
        .serve()
    }
}

fn sign_in(host: &TestHost) -> String {
    let response = host.get_at(0, "/sign-in?name=ada");
    let cookie =
        response.header("set-cookie").unwrap_or_else(|| panic!("{}\n{}", response.text(), host.story()));
    cookie.split(';').next().unwrap().to_owned()
}

fn who(host: &TestHost, cookie: &str) -> String {
    let request = e2e::Request::get("/who").header("Cookie", cookie);
    let response = host.client_at(0).request(&request).unwrap();
    format!("{} {}", response.status, response.text())
}

fn cookies_stay_valid(model: Model, settings: &str) {
    let lasting = Lasting::new(model, settings);
    let mut host = lasting.serve(None);
    let cookie = sign_in(&host);
    assert_eq!(who(&host, &cookie), "200 ada");
    for round in 1..=10 {
        if round % 5 == 0 {
            host.stop();
            host = lasting.serve(None);
        } else {
            // A changed web.config: another worker, or another process, takes over.
            let before = host.get_at(0, "/").text().to_owned();
            let config = lasting.at("app/web.config");
            let text = fs::read_to_string(&config).unwrap();
            fs::write(&config, format!("{text}<!-- {round} -->")).unwrap();
            wait::until_true("a recycle", PATIENCE, || host.get_at(0, "/").text() != before);
        }
        assert_eq!(who(&host, &cookie), "200 ada", "after {round}\n{}", host.story());
    }
    assert_eq!(host.get_at(0, "/keys").text(), "1");
    assert!(lasting.at("state/pools/shop/.aspnet/DataProtection-Keys").is_dir());
    host.stop();
}

#[test]
fn cookies_of_an_in_process_app_outlive_ten_recycles() {
    cookies_stay_valid(Model::InProcess, "");
}

#[test]
fn cookies_of_an_out_of_process_app_outlive_ten_recycles() {
    cookies_stay_valid(Model::OutOfProcess, "");
}

#[test]
fn cookies_outlive_a_new_release_behind_a_link() {
    let lasting = Lasting::new(Model::InProcess, "");
    let (app, releases) = (lasting.at("app"), lasting.at("releases"));
    let host = lasting.serve(None);
    let cookie = sign_in(&host);
    // The folder becomes a link, and the link leads to another release.
    fs::create_dir(&releases).unwrap();
    fs::rename(&app, releases.join("1")).unwrap();
    let files: Vec<PathBuf> =
        fs::read_dir(releases.join("1")).unwrap().map(|file| file.unwrap().path()).collect();
    fs::create_dir(releases.join("2")).unwrap();
    for file in files.iter().filter(|file| file.is_file()) {
        fs::copy(file, releases.join("2").join(file.file_name().unwrap())).unwrap();
    }
    for release in ["1", "2", "1"] {
        let next = lasting.at("next");
        std::os::unix::fs::symlink(releases.join(release), &next).unwrap();
        fs::rename(&next, &app).unwrap();
        let recycled = host.admin(&["recycle", "shop"]);
        assert_eq!(recycled.code, Some(0), "{recycled:?}");
        // Mews notices the switch by itself as well, so there may be a recycle too many.
        let due = releases.join(release).canonicalize().unwrap();
        wait::until_true("the release", PATIENCE, || {
            host.get_at(0, "/process").json()["directory"] == due.to_str().unwrap()
        });
        assert_eq!(who(&host, &cookie), "200 ada", "release {release}\n{}", host.story());
    }
    host.stop();
}

#[test]
fn cookies_of_a_pool_with_a_user_outlive_ten_recycles() {
    if is_root("cookies of a pool of another user") {
        cookies_stay_valid(Model::InProcess, &format!("user = '{USER}'"));
    }
}

#[test]
fn a_home_that_works_keeps_the_keys() {
    let lasting = Lasting::new(Model::InProcess, "");
    let home = lasting.at("home");
    fs::create_dir(&home).unwrap();
    let host = lasting.serve(Some(&home));
    let cookie = sign_in(&host);
    host.stop();
    assert_eq!(fs::read_dir(home.join(".aspnet/DataProtection-Keys")).unwrap().count(), 1);
    assert!(!lasting.at("state").exists());
    let host = lasting.serve(Some(&home));
    assert_eq!(who(&host, &cookie), "200 ada");
    host.stop();
}

#[test]
fn mews_run_without_a_home_keeps_keys_too() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path().join("state");
    let start =
        || TestHost::app("Cookies").no_env("HOME").env("STATE_DIRECTORY", state.to_str().unwrap()).start();
    let host = start();
    assert_eq!(host.get("/sign-in?name=ada").status, 200);
    host.stop();
    assert_eq!(fs::read_dir(state.join("pools/cookies/.aspnet/DataProtection-Keys")).unwrap().count(), 1);
}
