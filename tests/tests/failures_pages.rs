//! What clients see of a failure, and who sees how much of it: `httpErrors`, `disableStartUpErrorPage`, detailed errors, the link to more help.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, Request, Response, TestHost, variables};

const MODELS: [Model; 2] = [Model::InProcess, Model::OutOfProcess];
const OFF: &str = "disableStartUpErrorPage=\"true\"";

/// An app whose `Main` throws, in this model.
fn broken(model: Model) -> HostBuilder {
    TestHost::app("Broken").args(["ThrowsInMain"]).model(model).any_log()
}

/// The status of a start that fails.
fn number(model: Model) -> &'static str {
    if model.is_out_of_process() { "502.5" } else { "500.30" }
}

fn status(model: Model) -> u16 {
    number(model)[..3].parse().unwrap()
}

/// Adds sections beside `aspNetCore`.
fn with_sections(builder: HostBuilder, sections: &str) -> HostBuilder {
    builder.edit("web.config", |text| {
        text.replace("</system.webServer>", &format!("{sections}</system.webServer>"))
    })
}

fn text(host: &TestHost) -> Response {
    host.send(&Request::get("/a?b").header("Accept", "text/plain"))
}

fn html(host: &TestHost) -> Response {
    host.send(&Request::get("/a?b").header("Accept", "text/html"))
}

#[test]
fn without_a_page_there_is_only_the_status() {
    for model in MODELS {
        let host = broken(model).asp_net_core(OFF, "").launch();
        let response = html(&host);
        // The module does without the page of 502.5 by answering a plain 502.
        assert_eq!(
            (response.status, response.body.len()),
            (status(model), 0),
            "{response:?}\n{}",
            host.story()
        );
        assert_eq!(response.header("Content-Type"), None);
        host.wait_log(0, &format!("({})", number(model)));
        host.stop();
    }
}

#[test]
fn without_a_page_the_sites_own_is_shown() {
    for model in MODELS {
        let sections = format!(
            "<httpErrors errorMode=\"Custom\"><clear /><error statusCode=\"{}\" path=\"errors\\sorry.htm\" responseMode=\"File\" /></httpErrors>",
            status(model)
        );
        let builder = broken(model).asp_net_core(OFF, "").file("errors/sorry.htm", "<p>Sorry.</p>");
        let host = with_sections(builder, &sections).launch();
        let response = text(&host);
        assert_eq!((response.status, response.text()), (status(model), "<p>Sorry.</p>"), "{}", host.story());
        assert!(response.header("Content-Type").unwrap().starts_with("text/html"), "{response:?}");
        assert_eq!(response.header("Cache-Control"), Some("no-store"));
        host.stop();
    }
}

#[test]
fn with_a_page_the_sites_own_is_not_asked_for() {
    let sections = "<httpErrors errorMode=\"Custom\"><error statusCode=\"500\" path=\"sorry.htm\" responseMode=\"File\" /></httpErrors>";
    let host = with_sections(broken(Model::InProcess).file("sorry.htm", "Sorry."), sections).launch();
    let response = text(&host);
    assert!(response.text().contains("500.30"), "{}", response.text());
    host.stop();
}

#[test]
fn an_error_page_that_cannot_be_used_is_told_of_and_done_without() {
    for path in ["gone.htm", "..\\outside.htm"] {
        let sections = format!(
            "<httpErrors errorMode=\"Custom\"><error statusCode=\"500\" path=\"{path}\" responseMode=\"File\" /></httpErrors>"
        );
        let host = with_sections(broken(Model::InProcess).asp_net_core(OFF, ""), &sections).launch();
        let response = text(&host);
        assert_eq!((response.status, response.body.len()), (500, 0), "{response:?}");
        host.wait_log(0, &format!("the error page '{path}' of httpErrors"));
        host.stop();
    }
}

#[test]
fn an_error_page_can_be_elsewhere() {
    let sections = "<httpErrors errorMode=\"Custom\"><error statusCode=\"500\" path=\"https://status.example/shop\" responseMode=\"Redirect\" /></httpErrors>";
    let host = with_sections(broken(Model::InProcess).asp_net_core(OFF, ""), sections).launch();
    let response = text(&host);
    assert_eq!((response.status, response.header("Location")), (302, Some("https://status.example/shop")));
    host.stop();
}

#[test]
fn details_are_for_those_whom_the_site_names() {
    // The tests' own client is on this machine. What httpErrors says comes before what the environment says.
    for (mode, variable, shown) in [
        ("errorMode=\"DetailedLocalOnly\"", None, true),
        ("errorMode=\"Detailed\"", None, true),
        ("errorMode=\"Custom\"", None, false),
        ("errorMode=\"Custom\"", Some("1"), false),
        ("", None, false),
        ("", Some("TRUE"), true),
    ] {
        let mut builder = with_sections(broken(Model::InProcess), &format!("<httpErrors {mode} />"));
        if let Some(value) = variable {
            builder = builder.env("ASPNETCORE_DETAILEDERRORS", value);
        }
        let host = builder.launch();
        let page = text(&host);
        let parts = ["System.InvalidOperationException", "thrown by Main", "   at Program."];
        for part in parts {
            let found = page.text().contains(part);
            assert_eq!(
                found,
                shown,
                "'{part}' with {mode} and {variable:?}:\n{}\n{}",
                page.text(),
                host.story()
            );
        }
        let json = host.send(&Request::get("/").header("Accept", "application/json")).json();
        assert_eq!(json["detail"].as_str().unwrap().contains("   at Program."), shown, "{json:#}");
        host.stop();
    }
}

#[test]
fn details_of_an_apps_own_process() {
    for (value, shown) in [("true", true), ("", false)] {
        let host = broken(Model::OutOfProcess).env("ASPNETCORE_DETAILEDERRORS", value).launch();
        let page = text(&host);
        assert!(page.text().starts_with("502.5 "), "{}\n{}", page.text(), host.story());
        for part in ["System.InvalidOperationException", "thrown by Main"] {
            assert_eq!(
                page.text().contains(part),
                shown,
                "'{part}', {value}:\n{}\n{}",
                page.text(),
                host.story()
            );
        }
        // The log has it for the operator, whoever else may see it.
        host.wait_log(0, "(502.5)");
        host.stop();
    }
}

#[test]
fn variables_of_the_file_allow_details_too() {
    for (name, value) in [("ASPNETCORE_DETAILEDERRORS", "1"), ("DOTNET_ENVIRONMENT", "deVelopment")] {
        let host = broken(Model::InProcess).asp_net_core("", &variables(&[(name, value)])).launch();
        assert!(text(&host).text().contains("thrown by Main"), "{name}\n{}", host.story());
        host.stop();
    }
}

#[test]
fn a_link_to_more_help() {
    const LINK: &str = "https://help.example/shop?a=1&b=\"2\"";
    for model in MODELS {
        let host = broken(model).env("ANCM_ADDITIONAL_ERROR_PAGE_LINK", LINK).launch();
        let page = html(&host);
        let escaped = "https://help.example/shop?a=1&amp;b=&quot;2&quot;";
        let anchor = format!("<a href=\"{escaped}\"><cite>{escaped}</cite></a>");
        assert!(page.text().contains(&anchor), "{}\n{}", page.text(), host.story());
        assert!(page.text().ends_with("</html>\n"), "{}", page.text());
        assert!(text(&host).text().contains(LINK));
        host.stop();
    }
    // Anything else would be a script's way onto the page.
    let host =
        broken(Model::InProcess).env("ANCM_ADDITIONAL_ERROR_PAGE_LINK", "javascript:alert(1)").launch();
    assert!(!html(&host).text().contains("javascript"), "{}", html(&host).text());
    host.stop();
}

#[test]
fn the_link_is_on_every_failure_of_the_module() {
    let builder = TestHost::app("Minimal").process("doesnot", "start").any_log();
    let host = builder.env("ANCM_ADDITIONAL_ERROR_PAGE_LINK", "http://example").launch();
    let page = html(&host);
    assert!(
        page.text().contains("500.0") && page.text().contains("<cite>http://example</cite>"),
        "{}",
        page.text()
    );
    host.stop();
}

#[test]
fn custom_headers_are_on_the_hosts_own_answers() {
    let sections = "<httpProtocol><customHeaders><remove name=\"X-Powered-By\" /><add name=\"X-Frame-Options\" value=\"DENY\" /></customHeaders></httpProtocol>\
        <security><requestFiltering><denyUrlSequences><add sequence=\"secret\" /></denyUrlSequences></requestFiltering></security>";
    for model in MODELS {
        let host = with_sections(broken(model), sections).launch();
        let response = text(&host);
        assert_eq!(response.header("X-Frame-Options"), Some("DENY"), "{response:?}\n{}", host.story());
        assert_eq!(response.header("X-Powered-By"), None);
        host.stop();
        let host = with_sections(TestHost::app("Minimal").model(model), sections).start();
        let mut client = host.client();
        for (target, due) in [("/", 200), ("/nothing", 404), ("/status?code=418", 418), ("/secret", 404)] {
            let response = client.get(target).unwrap();
            assert_eq!(
                (response.status, response.header("X-Frame-Options")),
                (due, Some("DENY")),
                "{target}"
            );
        }
        drop(client);
        host.stop();
    }
}

#[test]
fn what_the_app_answers_stays_its_own() {
    let sections = "<httpErrors errorMode=\"Custom\" existingResponse=\"Auto\"><clear />\
        <error statusCode=\"404\" path=\"sorry.htm\" responseMode=\"File\" />\
        <error statusCode=\"418\" path=\"sorry.htm\" responseMode=\"File\" />\
        <error statusCode=\"500\" path=\"sorry.htm\" responseMode=\"File\" /></httpErrors>";
    for model in MODELS {
        let builder = TestHost::app("Minimal").model(model).file("sorry.htm", "Sorry.").any_log();
        let host = with_sections(builder, sections).start();
        let mut client = host.client();
        for (target, due) in
            [("/nothing", 404), ("/status?code=418", 418), ("/status?code=503", 503), ("/throw", 500)]
        {
            let response = client.get(target).unwrap();
            assert_eq!(response.status, due, "{target}: {response:?}");
            assert!(!response.text().contains("Sorry."), "{target}: {}", response.text());
        }
        // The app's files are not the app's answers.
        let refused = client.get("/web.config").unwrap();
        assert_eq!((refused.status, refused.text()), (404, "Sorry."));
        drop(client);
        host.stop();
    }
}

#[test]
fn a_page_is_for_every_method() {
    for model in MODELS {
        let host = broken(model).launch();
        let mut client = host.client();
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
            let response = client.request(&Request::new(method, "/a")).unwrap();
            assert_eq!(response.status, status(model), "{method}: {response:?}");
        }
        let head = client.request(&Request::new("HEAD", "/a")).unwrap();
        assert!(
            head.body.is_empty() && head.header("Content-Length").is_some_and(|length| length != "0"),
            "{head:?}"
        );
        drop(client);
        host.stop();
    }
}

/// Sites of one pool whose first application cannot be started: each is reached over https as it wants to be.
#[test]
fn a_page_for_several_sites_leads_to_https_where_the_site_does() {
    let site = |name: &str, more: &str| {
        format!(
            "[[site]]\nname = '{name}'\nbindings = [{{ url = 'http://127.0.0.1:0', host = '{name}.test' }}]\n{more}\
             [[site.application]]\npath = '/'\nphysical_path = '{name}'\npool = 'both'\nhosting_model = 'OutOfProcess'\n"
        )
    };
    let text = [
        site("a", "https_redirect = 'permanent'\nhttps_port = 443\n"),
        site("b", ""),
        "[pool.both]\n".to_owned(),
    ]
    .concat();
    let host = TestHost::configured(&text)
        .with_app("a", "Minimal")
        .with_app("b", "Minimal")
        .file("a/web.config", "<configuration><system.webServer><aspNetCore /></configuration>")
        .any_log()
        .serve();
    let ask = |name: &str| host.client_at(0).request(&Request::get("/x").header("Host", name)).unwrap();
    let led = ask("a.test");
    assert_eq!((led.status, led.header("Location")), (308, Some("https://a.test/x")), "{}", host.story());
    let shown = ask("b.test");
    assert_eq!((shown.status, shown.header("Location")), (500, None), "{shown:?}\n{}", host.story());
    host.stop();
}
