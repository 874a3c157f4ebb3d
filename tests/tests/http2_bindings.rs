//! Where HTTP/2 is spoken: what a site says, and what its bindings say instead, as curl finds it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, TestHost};
use std::net::SocketAddr;
use std::process::Command;

/// What `curl` prints: the body, the status and the version of HTTP; nothing if the server does not speak as it does.
fn curl(arguments: &[&str]) -> String {
    let done = Command::new("curl")
        .args(["-sS", "--insecure", "--max-time", "20", "-w", " %{http_code} %{http_version}\n"])
        .args(arguments)
        .output()
        .expect("curl can be run");
    String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
}

/// Over TLS, for a host name.
fn secure(address: SocketAddr, name: &str) -> String {
    curl(&["--resolve", &format!("{name}:{}:127.0.0.1", address.port()), &url(address, name)])
}

fn url(address: SocketAddr, name: &str) -> String {
    format!("https://{name}:{}/", address.port())
}

/// Without TLS, by a client that begins with HTTP/2.
fn plain(address: SocketAddr) -> String {
    curl(&["--http2-prior-knowledge", &format!("http://{address}/")])
}

/// With a certificate for `*.test`.
fn serve(mews_toml: &str) -> HostBuilder {
    let made = rcgen::generate_simple_self_signed(["*.test".to_owned()]).unwrap();
    let both = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
    TestHost::configured(mews_toml).file("server.pem", &both)
}

fn application(path: &str, folder: &str, model: Model) -> String {
    format!(
        "[[site.application]]\npath = '{path}'\nphysical_path = '{folder}'\npool = '{folder}'\nhosting_model = '{}'\n",
        model.name()
    )
}

const HTTP2: &str = "Hello World! 200 2";
const HTTP1: &str = "Hello World! 200 1.1";

#[test]
fn sites_say_where_it_is_spoken() {
    let site = e2e::site("shop", 1, Model::InProcess);
    let (start, rest) = site.split_once('\n').unwrap();
    for (how, expected) in [("always", HTTP2), ("tls", "")] {
        let text = format!("{start}\nhttp2 = '{how}'\n{rest}");
        let host = TestHost::configured(&text).with_app("shop", "Minimal").serve();
        let seen = plain(host.addresses()[0]);
        if expected.is_empty() {
            assert!(!seen.contains("200"), "{how}: {seen}");
        } else {
            assert_eq!(seen, expected, "{how}");
        }
        host.stop();
    }
}

/// Bindings of one site: two of one address that are told apart by the name in the ClientHello, and two without TLS.
#[test]
fn bindings_say_otherwise_than_their_site() {
    for model in [Model::InProcess, Model::OutOfProcess] {
        let text = [
            "[[site]]\nname = 'shop'\ncertificate = 'server.pem'\nbindings = [\n\
             { url = 'https://127.0.0.1:0', host = 'new.test' },\n\
             { url = 'https://127.0.0.1:0', host = 'old.test', http2 = false },\n\
             { url = 'http://127.0.0.1:0', http2 = true },\n'http://127.0.0.2:0',\n]\n",
            &application("/", "shop", model),
            "[pool.shop]\n",
        ]
        .concat();
        let host = serve(&text).with_app("shop", "Minimal").serve();
        let [tls, with, without] = host.addresses()[..] else { panic!("{}", host.story()) };
        assert_eq!(secure(tls, "new.test"), HTTP2, "{model:?}: {}", host.story());
        assert_eq!(secure(tls, "old.test"), HTTP1, "{model:?}");
        // Who names a host that there is none of gets what the first binding says.
        assert!(secure(tls, "other.test").ends_with("400 2"), "{model:?}");
        // A connection that was made for one name, and is used for the other: "make another".
        let misdirected = curl(&[
            "--resolve",
            &format!("new.test:{}:127.0.0.1", tls.port()),
            "-H",
            "Host: old.test",
            "-o",
            "/dev/null",
            &url(tls, "new.test"),
        ]);
        assert_eq!(misdirected, " 421 2", "{model:?}");
        assert_eq!(plain(with), HTTP2, "{model:?}");
        assert!(!plain(without).contains("200"), "{model:?}");
        assert_eq!(curl(&[&format!("http://{without}/")]), HTTP1, "{model:?}");
        host.stop();
    }
}

/// Two pools behind one address: the gateway hands connections to them, and each says what it speaks.
#[test]
fn sites_that_share_an_address_differ() {
    let site = |name: &str, http2: &str| {
        format!(
            "[[site]]\nname = '{name}'\ncertificate = 'server.pem'\nhttp2 = '{http2}'\n\
             bindings = [{{ url = 'https://127.0.0.1:0', host = '{name}.test' }}]\n"
        )
    };
    let text = [
        site("new", "tls"),
        application("/", "new", Model::InProcess),
        site("old", "off"),
        application("/", "old", Model::OutOfProcess),
        "[pool.new]\n[pool.old]\n".to_owned(),
    ]
    .concat();
    let host = serve(&text).with_app("new", "Minimal").with_app("old", "Minimal").serve();
    let address = host.addresses()[0];
    assert_eq!(secure(address, "new.test"), HTTP2, "{}", host.story());
    assert_eq!(secure(address, "old.test"), HTTP1, "{}", host.story());
    host.stop();
}

/// A change of the file counts for the next connections.
#[test]
fn a_reload_changes_it() {
    let text = |http2: bool| {
        [
            &format!(
                "[[site]]\nname = 'shop'\ncertificate = 'server.pem'\n\
                 bindings = [{{ url = 'https://127.0.0.1:0', host = 'shop.test', http2 = {http2} }}]\n"
            ),
            &*application("/", "shop", Model::OutOfProcess),
            "[pool.shop]\n",
        ]
        .concat()
    };
    let host = serve(&text(true)).with_app("shop", "Minimal").serve();
    let address = host.addresses()[0];
    assert_eq!(secure(address, "shop.test"), HTTP2, "{}", host.story());
    host.put("mews.toml", &text(false));
    assert_eq!(host.admin(&["reload"]).code, Some(0), "{}", host.story());
    e2e::wait::until_true("new connections speak HTTP/1", e2e::PATIENCE, || {
        secure(address, "shop.test") == HTTP1
    });
    host.stop();
}
