//! Several applications behind one server: each request has its own application's handler, limits and header fields.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::sync::Arc;

use common::{App, Client, start};
use mews_server::{Application, ConnectionInfo, Limits, Page, PageHandler, RequestHead, Router};

/// By the query.
struct ByQuery {
    page: Application,
    small: Application,
    large: Application,
}

impl Router for ByQuery {
    fn route(&self, head: &RequestHead<'_>, _: &ConnectionInfo) -> &Application {
        match head.target {
            target if target.ends_with(b"?small") => &self.small,
            target if target.ends_with(b"?large") => &self.large,
            _ => &self.page,
        }
    }

    fn http2(&self, _: &mews_server::Client, _: Option<&str>) -> Option<bool> {
        Some(false)
    }
}

fn named(application: Application, name: &str) -> Application {
    application.with_response_headers(&[("X-App".to_owned(), name.to_owned())])
}

fn router() -> Arc<ByQuery> {
    let page = Page { status: 404, title: "Nothing".to_owned(), ..Page::default() };
    Arc::new(ByQuery {
        page: Application::new(Arc::new(PageHandler::new(&page))),
        small: named(Application::new(Arc::new(App::default())).with_max_request_body(Some(8)), "small"),
        large: named(
            Application::new(Arc::new(App::default())).with_max_request_body(Some(1 << 20)),
            "large",
        ),
    })
}

#[test]
fn each_request_goes_to_its_own_application() {
    let (server, address) = start(Limits::default(), 2, Arc::new(PageHandler::bare(503)));
    server.set_router(router());
    server.accept();
    let mut client = Client::connect(address);
    for _ in 0..3 {
        for (target, status, app) in [
            ("/hello?small", 200, Some("small")),
            ("/hello?large", 200, Some("large")),
            ("/hello", 404, None),
        ] {
            client.get(target);
            let response = client.response();
            assert_eq!((response.status, response.header("X-App")), (status, app), "{target}");
        }
    }
    let pipelined = ["/hello?small", "/other", "/hello?large", "/later?small"];
    client.send(pipelined.map(|target| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).concat());
    let seen = pipelined.map(|_| client.response().header("X-App").map(str::to_owned));
    assert_eq!(seen, [Some("small".to_owned()), None, Some("large".to_owned()), Some("small".to_owned())]);
}

#[test]
fn bodies_have_the_limit_of_their_application() {
    let (server, address) = start(Limits::default(), 2, Arc::new(PageHandler::bare(503)));
    server.set_router(router());
    server.accept();
    let post = |query: &str| {
        let mut client = Client::connect(address);
        client.send(format!("POST /read?{query} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
        client.send("c\r\nhello, world\r\n0\r\n\r\n");
        client.response()
    };
    assert_eq!(post("large").text(), "Ok(12)");
    assert_eq!(post("small").text(), "Err(TooLarge)");
}

#[test]
fn a_router_can_take_the_place_of_a_handler_and_the_other_way_round() {
    let (server, address) = start(Limits::default(), 1, Arc::new(PageHandler::bare(503)));
    server.accept();
    let mut client = Client::connect(address);
    let status = |client: &mut Client| {
        client.get("/hello?small");
        client.response().status
    };
    assert_eq!(status(&mut client), 503);
    server.set_router(router());
    assert_eq!(status(&mut client), 200);
    server.set_handler(Arc::new(PageHandler::bare(410)));
    assert_eq!(status(&mut client), 410);
}
