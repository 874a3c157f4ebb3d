//! Having clients use https: redirects, and `Strict-Transport-Security`.

use crate::MODEL;

use e2e::{Request, TestHost};
use std::process::Command;

/// The head of the answer as curl shows it, in lower case.
fn head(arguments: &[&str]) -> String {
    let done = Command::new("curl")
        .args(["-sS", "--max-time", "20", "--insecure", "--include"])
        .args(arguments)
        .output()
        .expect("curl can be run");
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&done.stderr));
    let (head, _) = text.split_once("\r\n\r\n").expect("the head ends");
    format!("{}\r\n", head.to_ascii_lowercase())
}

#[test]
fn http_leads_to_https_and_https_says_that_it_is_to_stay() {
    let host = TestHost::app("Minimal")
        .model(MODEL)
        .urls("http://127.0.0.1:0;https://127.0.0.1:0")
        .flag("--https-redirect")
        .flag("--hsts")
        .flag("365")
        .allow_log("SELF-SIGNED")
        .start();
    let is_plain =
        |port: &&u16| e2e::Client::connect(**port).get("/").is_ok_and(|answer| answer.status == 307);
    let (plain, secure): (Vec<&u16>, Vec<&u16>) = host.ports().iter().partition(is_plain);
    let (plain, secure) = (plain[0], secure[0]);
    for (target, expected) in [("/a%20b?c=d", "/a%20b?c=d"), ("http://shop.example/x", "/x"), ("*", "/")] {
        let method = if target == "*" { "OPTIONS" } else { "POST" };
        let request = Request::new(method, target).header("Host", "shop.example:80").body("left");
        let answer = e2e::Client::connect(*plain).request(&request).unwrap();
        let location = format!("https://shop.example:{secure}{expected}");
        assert_eq!((answer.status, answer.header("Location")), (307, Some(location.as_str())), "{target}");
        assert_eq!(answer.header("Strict-Transport-Security"), None, "{target}");
    }
    let resolve = format!("shop.example:{secure}:127.0.0.1");
    let url = format!("https://shop.example:{secure}/");
    for version in ["--http1.1", "--http2"] {
        let named = head(&[version, "--resolve", &resolve, &url]);
        assert!(named.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{named}");
        // Browsers keep nothing about addresses, and this machine is to stay what it is.
        for name in ["localhost", "127.0.0.1"] {
            let local = head(&[version, &format!("https://{name}:{secure}/")]);
            assert!(local.contains(" 200") && !local.contains("strict-transport-security"), "{local}");
        }
    }
    host.stop();
}

/// What is shown in place of an app that does not start is reached as the app would be.
#[test]
fn failures_are_told_over_https_only() {
    let host = TestHost::app("Broken")
        .args(["ThrowsInMain"])
        .model(MODEL)
        .urls("http://127.0.0.1:0;https://127.0.0.1:0")
        .flag("--https-redirect")
        .flag("--hsts")
        .any_log()
        .launch();
    let named = |port: u16| format!("shop.example:{port}:127.0.0.1");
    let ports = host.ports();
    let answers: Vec<(u16, String)> = ports
        .iter()
        .map(|&port| {
            let plain =
                e2e::Client::connect(port).request(&Request::get("/x").header("Host", "shop.example"));
            (
                port,
                plain.ok().and_then(|answer| Some(answer.header("Location")?.to_owned())).unwrap_or_default(),
            )
        })
        .collect();
    let (secure, plain): (Vec<_>, Vec<_>) = answers.iter().partition(|(_, location)| location.is_empty());
    assert_eq!((secure.len(), plain.len()), (1, 1), "{answers:?}\n{}", host.story());
    let port = secure[0].0;
    assert_eq!(plain[0].1, format!("https://shop.example:{port}/x"), "{}", host.story());
    let url = format!("https://shop.example:{port}/x");
    let failed = if MODEL.is_out_of_process() { " 502" } else { " 500" };
    for version in ["--http1.1", "--http2"] {
        let head = head(&[version, "--resolve", &named(port), &url]);
        assert!(head.lines().next().is_some_and(|line| line.contains(failed)), "{head}\n{}", host.story());
        assert!(head.contains("\r\nstrict-transport-security: max-age=2592000\r\n"), "{head}");
    }
    host.stop();
}

#[test]
fn an_app_that_is_offline_is_reached_over_https_only() {
    let (start, rest) = {
        let site = e2e::site("shop", 1, MODEL);
        let (start, rest) = site.split_once('\n').expect("a site has several lines");
        (start.to_owned(), rest.to_owned())
    };
    let text = format!("{start}\nhttps_redirect = 'temporary'\nhttps_port = 443\n{rest}");
    let host = TestHost::configured(&text).with_app("shop", "Minimal").any_log().serve();
    let ask = || host.client_at(0).request(&Request::get("/x").header("Host", "shop.example")).unwrap();
    assert_eq!(ask().status, 307);
    host.put("shop/app_offline.htm", "away");
    host.wait_log(0, "app_offline.htm");
    for _ in 0..20 {
        let answer = ask();
        assert_eq!((answer.status, answer.header("Location")), (307, Some("https://shop.example/x")));
    }
    host.stop();
}

#[test]
fn sites_say_it_in_their_own_words() {
    let (start, rest) = {
        let site = e2e::site("shop", 1, MODEL);
        let (start, rest) = site.split_once('\n').expect("a site has several lines");
        (start.to_owned(), rest.to_owned())
    };
    let text = format!("{start}\nhttps_redirect = 'permanent'\nhttps_port = 443\n{rest}");
    let host = TestHost::configured(&text).with_app("shop", "Minimal").serve();
    let answer = host.client_at(0).request(&Request::get("/x?y").header("Host", "[::1]:8080")).unwrap();
    assert_eq!((answer.status, answer.header("Location")), (308, Some("https://[::1]/x?y")));
    host.stop();
}

#[test]
fn without_https_there_is_nowhere_to_be_sent() {
    let refused = TestHost::app("Minimal").model(MODEL).flag("--https-redirect").finish();
    assert_eq!(refused.code, Some(78), "{refused:?}");
    assert!(refused.stderr.contains("--https-redirect: no URL of the list is https"), "{}", refused.stderr);
}
