//! The router against a naive one, which makes canonical paths and compares texts.

use std::net::IpAddr;

use super::*;
use crate::rewrite::path::canonical;
use crate::server_config::{Application, Binding, HostName, Site};
use crate::url::parse_url;

fn site(name: &str, bindings: &[(&str, &str)], paths: &[&str]) -> Site {
    let bindings = bindings.iter().map(|(url, host)| Binding {
        listen: parse_url(url).unwrap(),
        host: match host.strip_prefix('*') {
            Some("") => HostName::Any,
            Some(end) => HostName::Below(end.to_owned()),
            None => HostName::Exact((*host).to_owned()),
        },
        http2: true,
    });
    let applications = paths.iter().map(|path| Application {
        path: (*path).to_owned(),
        physical_path: "/srv".into(),
        pool: "p".to_owned(),
        hosting_model: None,
        authentication: None,
        inherited: None,
    });
    Site {
        name: name.to_owned(),
        id: 1,
        auto_start: true,
        bindings: bindings.collect(),
        applications: applications.collect(),
        ..Site::default()
    }
}

fn router(sites: Vec<Site>) -> Router {
    Router::new(&ServerConfig { sites, ..ServerConfig::default() })
}

/// The application whose path is the longest that the canonical path begins with, repeated slashes counting as one.
fn naive(paths: &[&str], path: &str) -> usize {
    let path = path.split('?').next().unwrap();
    if !path.starts_with(['/', '\\']) {
        return paths.iter().position(|path| *path == "/").unwrap();
    }
    let mut plain = canonical(path).into_owned();
    while plain.contains("//") {
        plain = plain.replace("//", "/");
    }
    let plain = fold(&plain);
    let is_prefix = |prefix: &str| {
        let prefix = fold(prefix);
        prefix == "/" || plain == prefix || plain.starts_with(&format!("{prefix}/"))
    };
    let all = paths.iter().enumerate().filter(|(_, prefix)| is_prefix(prefix));
    all.max_by_key(|(_, prefix)| prefix.len()).map(|(at, _)| at).unwrap()
}

const PATHS: &[&str] = &["/", "/api", "/api/v2", "/a", "/a/b/c/d", "/Ärger/ß", "/api/v2/admin", "/x y"];

#[test]
fn a_path_leads_to_the_longest_prefix() {
    let router = router(vec![site("s", &[], PATHS)]);
    for (path, expected) in [
        ("/", "/"),
        ("", "/"),
        ("*", "/"),
        ("/api", "/api"),
        ("/API/", "/api"),
        ("/apis", "/"),
        ("/api?x=/api/v2", "/api"),
        ("/api/v2/x", "/api/v2"),
        ("/api/../a", "/a"),
        ("/api/%2e%2e/a/b", "/a"),
        ("/%2e%2e/%2E./api", "/api"),
        ("//api//v2", "/api/v2"),
        ("/api/v2//../admin", "/api/v2/admin"),
        ("/api%2fv2", "/api/v2"),
        ("/api%5Cv2", "/api/v2"),
        ("/api%2f..%2fa", "/a"),
        ("/api/v2/admin/%2e%2e%2F..", "/api"),
        ("/api%252fv2", "/"),
        ("/a/b/c", "/a"),
        ("/a/b/c/d", "/a/b/c/d"),
        ("/a/b/x/../c/d/e", "/a/b/c/d"),
        ("/a/b/c/d/../../../../api", "/api"),
        ("/%C3%A4rger/%C3%9f", "/Ärger/ß"),
        ("/%C3%A4rger", "/"),
        ("/x%20y/z", "/x y"),
        ("/x+y", "/"),
        ("/%61", "/a"),
        ("/a%00", "/"),
        ("/\u{130}pi", "/"),
    ] {
        assert_eq!(PATHS[router.application(0, path.as_bytes())], expected, "{path}");
        assert_eq!(PATHS[naive(PATHS, path)], expected, "naive {path}");
    }
    assert_eq!(router.application(0, b"/\xff/api"), 0);
    assert_eq!(router.application(7, b"/"), 0);
}

#[test]
fn any_path_leads_where_the_naive_router_says() {
    const PIECES: &[&str] = &[
        "/",
        "/",
        "//",
        "\\",
        "%2f",
        "%5C",
        "..",
        "%2e%2E",
        ".",
        "%2e",
        "api",
        "API",
        "a%50i",
        "v2",
        "v%32",
        "admin",
        "a",
        "b",
        "c",
        "d",
        "%",
        "%2",
        "%25",
        "%252e",
        "?",
        "*",
        "x",
        "ä",
        "%C3%84rger",
        "%c3",
        "\u{df}",
        "x%20y",
        "%00",
    ];
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |most: usize| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        usize::try_from(noise % u64::try_from(most).unwrap()).unwrap()
    };
    for _ in 0..20 {
        // Some of the applications, in any order; `/` is always among them.
        let mut paths: Vec<&str> = PATHS.iter().skip(1).filter(|_| random(3) > 0).copied().collect();
        paths.insert(random(paths.len() + 1), "/");
        let router = router(vec![site("s", &[], &paths)]);
        for _ in 0..5000 {
            let mut path = if random(20) == 0 { String::new() } else { "/".to_owned() };
            for _ in 0..random(14) {
                path.push_str(PIECES[random(PIECES.len())]);
            }
            assert_eq!(router.application(0, path.as_bytes()), naive(&paths, &path), "{path} in {paths:?}");
        }
    }
}

#[test]
fn sites_are_found_by_address_and_name() {
    let router = router(vec![
        site("every", &[("http://*:80", "*"), ("http://*:80", "shop.example")], &["/"]),
        site("local", &[("http://127.0.0.1:80", "*"), ("http://localhost:80", "*.shop.example")], &["/"]),
        site("named", &[("http://127.0.0.1:80", "shop.example"), ("https://*:443", "*")], &["/", "/api"]),
        site("other", &[("http://127.0.0.1:8080", "only.example"), ("https://[::]:0", "*")], &["/"]),
    ]);
    let urls: Vec<String> = router.listeners().iter().map(|listener| listener.url().to_string()).collect();
    assert_eq!(urls, ["http://*:80", "https://*:443", "http://127.0.0.1:8080", "https://[::]:0"]);
    assert_eq!(router.listeners()[0].sites(), [0, 1, 2]);
    assert_eq!(router.listeners()[2].sites(), [3]);
    let at = |listener: usize, local: &str, host: &str| {
        let local: IpAddr = local.parse().unwrap();
        router.listeners()[listener].endpoint(local).site(host.as_bytes())
    };
    assert_eq!(at(0, "192.0.2.1", "x"), Some(0));
    assert_eq!(at(0, "192.0.2.1", "shop.example"), Some(0));
    assert_eq!(at(0, "192.0.2.1", "a.shop.example"), Some(0));
    assert_eq!(at(0, "127.0.0.1", "x"), Some(1));
    assert_eq!(at(0, "::ffff:127.0.0.1", "x"), Some(1));
    assert_eq!(at(0, "127.0.0.1", "Shop.example:80"), Some(2));
    assert_eq!(at(0, "127.0.0.1", "a.shop.example"), Some(1));
    assert_eq!(at(0, "::1", "a.shop.example"), Some(1));
    assert_eq!(at(0, "::1", "x"), Some(0));
    assert_eq!(at(1, "::1", ""), Some(2));
    assert_eq!(at(2, "127.0.0.1", "x"), None);
    let local: IpAddr = "127.0.0.1".parse().unwrap();
    let endpoint = router.listeners()[1].endpoint(local);
    assert_eq!(router.route(endpoint, b"x", b"/api/1"), Some(Route { site: 2, application: 1 }));
    assert_eq!(router.route(router.listeners()[2].endpoint(local), b"x", b"/"), None);
}
