//! `mews serve`: sites and pools of a configuration file, each with an address of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Model, PATIENCE, TestHost, site, wait};

/// Two sites, in-process and out-of-process, that start with their first requests.
fn two() -> String {
    let pools = "[pool.shop]\nenvironment = { GREETING = 'from the pool' }\n[pool.blog]\n";
    site("shop", 1, Model::InProcess) + &site("blog", 2, Model::OutOfProcess) + pools
}

#[test]
fn the_first_request_starts_the_pool_and_only_that() {
    let host = TestHost::configured(&two()).with_app("shop", "Minimal").with_app("blog", "Minimal").serve();
    assert!(host.workers().is_empty(), "{}", host.story());
    let info = host.get_at(0, "/info").json();
    assert_eq!(host.workers().len(), 1);
    let worker = info["pid"].as_u64().unwrap();
    assert_eq!(host.workers(), [u32::try_from(worker).unwrap()]);
    assert_eq!(host.get_at(1, "/").status, 200);
    assert_eq!(host.workers().len(), 2);
    // What the pool says reaches the app.
    let environment = std::fs::read(format!("/proc/{worker}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(environment.contains("GREETING=from the pool"), "{environment}");
    assert!(environment.contains("ASPNETCORE_IIS_SITE_NAME=shop"), "{environment}");
    assert!(environment.contains("ASPNETCORE_IIS_APP_POOL_ID=shop"), "{environment}");
    host.stop();
}

#[test]
fn a_worker_of_one_pool_that_dies_is_none_of_the_others_business() {
    let host = TestHost::configured(&two())
        .with_app("shop", "Minimal")
        .with_app("blog", "Minimal")
        .any_log()
        .serve();
    let blog = |host: &TestHost| host.get_at(1, "/info").json()["pid"].clone();
    let before = blog(&host);
    assert_eq!(host.get_at(0, "/").status, 200);
    let _ = host.client_at(0).get("/failfast");
    host.wait_log(0, "shop: the app ended unexpectedly");
    assert_eq!(host.get_at(0, "/").status, 200);
    assert_eq!(blog(&host), before);
    host.wait_collected();
    host.stop();
}

#[test]
fn a_folder_that_is_not_there_is_a_failure_page_and_not_the_end() {
    let host = TestHost::configured(&two()).with_app("blog", "Minimal").any_log().serve();
    let page = host.get_at(0, "/");
    assert_eq!(page.status, 500, "{page:?}");
    assert!(page.text().contains("There is no"), "{page:?}");
    assert_eq!(host.get_at(1, "/").status, 200);
    // It is looked for again, and found once it is there.
    let shop = TestHost::app("Minimal");
    std::fs::rename(shop.folder(), host.folder().join("shop")).unwrap();
    wait::until_true("the app", PATIENCE, || host.get_at(0, "/").status == 200);
    host.stop();
}

#[test]
fn a_broken_file_is_told_with_its_line_and_nothing_is_served() {
    let finished = TestHost::configured("[[site]]\nname = 5\n").finish();
    assert_eq!(finished.code, Some(78), "{finished:?}");
    assert!(finished.stderr.contains("mews.toml:2:8"), "{finished:?}");
}

#[test]
fn sites_of_one_pool_share_its_worker_and_not_their_logs() {
    let logged = |name: &str, n: u8| {
        let log = format!("name = '{name}'\naccess_log = {{ file = '{name}.log' }}\n");
        let site = site(name, n, Model::OutOfProcess).replace(&format!("name = '{name}'\n"), &log);
        site.replace(&format!("pool = '{name}'"), "pool = 'both'")
    };
    let host = TestHost::configured(&(logged("shop", 1) + &logged("blog", 2) + "[pool.both]\n"))
        .with_app("shop", "Minimal")
        .with_app("blog", "Minimal")
        .serve();
    for (index, target) in [(0, "/request/shop"), (1, "/request/blog")] {
        assert_eq!(host.get_at(index, target).status, 200);
    }
    assert_eq!(host.workers().len(), 1);
    let log = |name: &str| std::fs::read_to_string(host.folder().join(name)).unwrap_or_default();
    for (own, other) in [("shop", "blog"), ("blog", "shop")] {
        let (own_line, other_line) = (format!("/request/{own}"), format!("/request/{other}"));
        wait::until_true("a line of the log", PATIENCE, || log(&format!("{own}.log")).contains(&own_line));
        assert!(!log(&format!("{own}.log")).contains(&other_line));
    }
    host.stop();
}
