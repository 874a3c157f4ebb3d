//! The rules of `rewrite` and `httpRedirect` before real apps, in both hosting models.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Closed, HostBuilder, Model, Request, Response, SharedHost, TestHost, is_cut};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};

const MODELS: [Model; 2] = [Model::InProcess, Model::OutOfProcess];

/// Rules that sites have, each for a part of the paths of its own.
const RULES: &str = r#"
<rewrite>
  <rewriteMaps>
    <rewriteMap name="Old"><add key="/old/a" value="/request/new-a" /><add key="/old/b" value="/request/new-b?c=1" /></rewriteMap>
  </rewriteMaps>
  <rules>
    <rule name="https" stopProcessing="true">
      <match url="^(secure/.*)" />
      <conditions>
        <add input="{HTTPS}" pattern="^off$" />
        <add input="{HTTP_X_FORWARDED_PROTO}" pattern="^https$" negate="true" />
      </conditions>
      <action type="Redirect" url="https://{HTTP_HOST}/{R:1}" redirectType="Permanent" />
    </rule>
    <rule name="canonical host" stopProcessing="true">
      <match url="(.*)" />
      <conditions><add input="{HTTP_HOST}" pattern="^www\.(shop\.example)(:\d+)?$" /></conditions>
      <action type="Redirect" url="http://{C:1}{C:2}/{R:1}" redirectType="Found" />
    </rule>
    <rule name="maintenance" stopProcessing="true">
      <match url="^orders(/|$)" />
      <action type="CustomResponse" statusCode="503" subStatusCode="1" statusReason="Back Soon" statusDescription="The orders &lt;are&gt; closed." />
    </rule>
    <rule name="intruders" stopProcessing="true">
      <match url="\.php$" />
      <action type="AbortRequest" />
    </rule>
    <rule name="moved" stopProcessing="true">
      <match url=".*" />
      <conditions><add input="{Old:{REQUEST_URI}}" pattern="(.+)" /></conditions>
      <action type="Redirect" url="{C:1}" redirectType="Temporary" appendQueryString="false" />
    </rule>
    <rule name="first of a chain">
      <match url="^chain/(\w+)/(\w+)$" />
      <action type="Rewrite" url="link/{R:2}?first={R:1}" />
    </rule>
    <rule name="second of a chain" stopProcessing="true">
      <match url="^link/(.*)" />
      <serverVariables><set name="HTTP_X_CHAINED" value="{R:1} by {REQUEST_METHOD}" /></serverVariables>
      <action type="Rewrite" url="request/{R:1}" />
    </rule>
    <rule name="repeated word" stopProcessing="true">
      <match url="^twice/(\w+)-\1$" />
      <action type="Rewrite" url="request/{ToLower:{R:1}}/{UrlEncode:{QUERY_STRING}}" appendQueryString="false" />
    </rule>
    <rule name="spaces" stopProcessing="true">
      <match url="^spaced/(.*)" />
      <action type="Rewrite" url="request/{R:1}" />
    </rule>
    <rule name="fallback" stopProcessing="true">
      <match url="^ui/.*" />
      <conditions logicalGrouping="MatchAll">
        <add input="{REQUEST_FILENAME}" matchType="IsFile" negate="true" />
        <add input="{REQUEST_FILENAME}" matchType="IsDirectory" negate="true" />
      </conditions>
      <action type="Rewrite" url="/request/index.html" />
    </rule>
  </rules>
</rewrite>
<modules><remove name="WebDAVModule" /></modules>"#;

fn site(model: Model) -> HostBuilder {
    let builder = TestHost::app("Minimal").model(model).file("ui/app.js", "1").file("ui/img/x.png", "2");
    builder.edit("web.config", |text| {
        text.replace("</system.webServer>", &format!("{RULES}</system.webServer>"))
    })
}

static IN_PROCESS: SharedHost = SharedHost::new(|| site(Model::InProcess).start());
static OUT_OF_PROCESS: SharedHost = SharedHost::new(|| site(Model::OutOfProcess).start());

fn in_both(test: impl Fn(&TestHost)) {
    test(&IN_PROCESS.get());
    test(&OUT_OF_PROCESS.get());
}

/// What the app sees of the request.
fn seen(host: &TestHost, request: &Request) -> Value {
    let response = host.send(request);
    assert_eq!(response.status, 200, "{request:?}: {response:?}\n{}", host.story());
    response.json()
}

fn redirected(host: &TestHost, request: &Request) -> (u16, String) {
    let response = host.send(request);
    let location = response.header("Location").unwrap_or_default().to_owned();
    assert!(response.body.is_empty(), "{response:?}");
    (response.status, location)
}

#[test]
fn to_https_unless_a_proxy_has_seen_to_it() {
    in_both(|host| {
        let request = Request::get("/secure/a%20b?c=d").header("Host", "shop.example");
        assert_eq!(redirected(host, &request), (301, "https://shop.example/secure/a%20b?c=d".to_owned()));
        let forwarded = request.header("X-Forwarded-Proto", "https");
        assert_eq!(host.send(&forwarded).status, 404, "it comes to the app, which has no such page");
    });
}

#[test]
fn one_name_for_the_site() {
    in_both(|host| {
        let request = Request::get("/request/a?b=c").header("Host", "WWW.shop.example:8080");
        assert_eq!(redirected(host, &request), (302, "http://shop.example:8080/request/a?b=c".to_owned()));
        assert_eq!(
            seen(host, &Request::get("/request/a").header("Host", "shop.example"))["path"],
            "/request/a"
        );
    });
}

#[test]
fn no_request_chooses_where_a_redirect_leads() {
    in_both(|host| {
        for target in ["/secure//evil.example/", "/secure/%0d%0aSet-Cookie:x", "/secure/\\evil.example"] {
            let (status, location) = redirected(host, &Request::get(target).header("Host", "shop.example"));
            assert_eq!(status, 301, "{target}");
            assert!(location.starts_with("https://shop.example/secure/"), "{target}: {location}");
        }
    });
}

#[test]
fn an_answer_of_the_rules_own() {
    in_both(|host| {
        let ask = |accept: &str| -> Response {
            let response = host.send(&Request::post("/orders/7", "x").header("Accept", accept));
            assert_eq!((response.status, response.reason.as_str()), (503, "Back Soon"), "{response:?}");
            response
        };
        assert!(ask("text/plain").text().contains("The orders <are> closed."));
        let html = ask("text/html");
        assert!(
            html.text().contains("The orders &lt;are&gt; closed.") && html.text().contains("503.1"),
            "{}",
            html.text()
        );
        assert_eq!(host.send(&Request::get("/ordersheet")).status, 404, "it is the app's to answer");
    });
}

#[test]
fn a_connection_can_be_reset() {
    in_both(|host| {
        for target in ["/wp-login.php", "/a/b/index.PHP?x"] {
            let answer = host.raw(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert!(answer.bytes.is_empty(), "{answer:?}");
            assert_ne!(answer.closed, Closed::Open, "{answer:?}");
        }
        let mut client = host.client();
        let error = client.get("/x.php").unwrap_err();
        assert!(is_cut(&error), "{error:#}");
        assert_eq!(host.text("/"), "Hello World!");
    });
}

#[test]
fn maps() {
    in_both(|host| {
        assert_eq!(redirected(host, &Request::get("/old/a")), (307, "/request/new-a".to_owned()));
        assert_eq!(redirected(host, &Request::get("/OLD/b")), (307, "/request/new-b?c=1".to_owned()));
        assert_eq!(host.send(&Request::get("/old/c")).status, 404);
    });
}

#[test]
fn a_chain_of_rules() {
    in_both(|host| {
        let request = seen(host, &Request::get("/chain/one/two?x=%20y"));
        assert_eq!(request["path"], "/request/two", "{request:#}");
        assert_eq!(request["query"], "?first=one&x=%20y", "{request:#}");
        assert_eq!(request["rawTarget"], "/request/two?first=one&x=%20y", "{request:#}");
    });
    // What rules set arrives as headers, and clients cannot set them in their place.
    in_both(|host| {
        let spoof = Request::get("/link/../headers").header("X-Chained", "spoofed");
        assert_eq!(
            host.send(&spoof).json()["X-Chained"],
            serde_json::json!(["spoofed"]),
            "no rule is about this path"
        );
    });
}

#[test]
fn headers_that_rules_set() {
    let rules = "<rewrite><allowedServerVariables /><rules><rule name=\"tell\"><match url=\"^tell/(.*)\" />\
        <serverVariables><set name=\"HTTP_X_TOLD\" value=\"{R:1}\" /><set name=\"HTTP_X_KEPT\" value=\"new\" replace=\"false\" /></serverVariables>\
        <action type=\"Rewrite\" url=\"headers\" /></rule></rules></rewrite>";
    for model in MODELS {
        let builder = TestHost::app("Minimal").model(model).any_log().edit("web.config", |text| {
            let rules = rules.replace("<allowedServerVariables />", "");
            text.replace("</system.webServer>", &format!("{rules}</system.webServer>"))
        });
        let host = builder.start();
        let request = Request::get("/tell/it%0d%0aX-Evil:1?q")
            .header("X-Told", "spoofed")
            .header("x_told", "too")
            .header("X-Kept", "old");
        let headers = host.send(&request).json();
        assert_eq!(headers["X-TOLD"], serde_json::json!(["it"]), "{headers:#}");
        assert_eq!(headers["X-Kept"], serde_json::json!(["old"]), "{headers:#}");
        assert_eq!(headers["X-ORIGINAL-URL"], serde_json::json!(["/tell/it%0d%0aX-Evil:1?q"]), "{headers:#}");
        assert!(headers.get("x_told").is_none() && headers.get("X-Evil").is_none(), "{headers:#}");
        host.stop();
    }
}

#[test]
fn references_and_functions() {
    in_both(|host| {
        let request = seen(host, &Request::get("/twice/AbC-abc?a=b%26c"));
        assert_eq!(request["path"], "/request/abc/a=b%26c", "{request:#}");
        assert_eq!(request["query"], "", "{request:#}");
        assert_eq!(host.send(&Request::get("/twice/abc-abd")).status, 404);
    });
}

#[test]
fn what_was_decoded_is_encoded_again() {
    in_both(|host| {
        let request = seen(host, &Request::get("/spaced/a%20b/%C3%A9%3F%23%25/c?d=%20"));
        assert_eq!(request["path"], "/request/a b/é?#%/c", "{request:#}");
        assert_eq!(request["query"], "?d=%20", "{request:#}");
    });
}

#[test]
fn pages_of_a_single_page_app() {
    in_both(|host| {
        assert_eq!(seen(host, &Request::get("/ui/orders/7?tab=2"))["path"], "/request/index.html");
        assert_eq!(host.send(&Request::get("/ui/")).status, 404, "the folder is there");
    });
}

#[test]
fn files_and_folders_that_are_there_are_left_alone() {
    in_both(|host| {
        for target in ["/ui/app.js", "/ui/APP.js", "/ui/img", "/ui/img/x.png"] {
            assert_eq!(host.send(&Request::get(target)).status, 404, "{target}: it is the app's to answer");
        }
        // Out of the folder there is nothing that a rule could find.
        for target in ["/ui/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "/ui/%2e%2e/%2e%2e/%2e%2e/etc/passwd"] {
            assert_eq!(host.send(&Request::get(target)).status, 404, "{target}");
        }
    });
}

#[test]
fn the_site_is_elsewhere() {
    for model in MODELS {
        for (attributes, target, due) in [
            (
                "enabled=\"true\" destination=\"https://new.example/shop\"",
                "/a?b=c",
                (302, "https://new.example/shop/a?b=c"),
            ),
            (
                "enabled=\"true\" destination=\"https://new.example/\" exactDestination=\"true\" httpResponseStatus=\"Permanent\"",
                "/a?b=c",
                (301, "https://new.example/"),
            ),
        ] {
            let builder = TestHost::app("Minimal").model(model).edit("web.config", |text| {
                text.replace(
                    "</system.webServer>",
                    &format!("<httpRedirect {attributes} /></system.webServer>"),
                )
            });
            let host = builder.start();
            let (status, location) = redirected(&host, &Request::get(target));
            assert_eq!((status, location.as_str()), due, "{attributes}");
            host.stop();
        }
    }
}

#[test]
fn a_pattern_that_cannot_be_used_is_placed() {
    for (pattern, part) in [("^(orders", "orders"), ("[z-a]", "z-a"), ("*x", "*x")] {
        let builder = TestHost::app("Minimal").edit("web.config", |text| {
            let rule = format!(
                "<rewrite><rules><rule name=\"r\"><match url=\"{pattern}\" /><action type=\"None\" /></rule></rules></rewrite>"
            );
            text.replace("</system.webServer>", &format!("{rule}\n</system.webServer>"))
        });
        let (code, checked) = builder.check_json();
        assert_eq!((code, checked["status"].as_str()), (Some(1), Some("500.19")), "{checked:#}");
        let problem = &checked["problems"][0];
        assert!(
            problem["line"].is_u64() && problem["message"].as_str().unwrap().contains("regular expression"),
            "{problem:#}"
        );
        assert!(
            problem["help"].is_string() || problem["message"].as_str().unwrap().contains("Wildcard"),
            "{problem:#}"
        );
        let refused = builder.finish();
        assert_eq!(refused.code, Some(78), "{refused:?}");
        assert!(refused.stderr.contains(part) && refused.stderr.contains('^'), "{}", refused.stderr);
    }
}

#[test]
fn a_pattern_under_attack_stops_nobody() {
    // The reference back keeps it from being matched in linear time.
    let rule = "<rewrite><rules><rule name=\"slow\"><match url=\"^(?:(a+)\\1?)+b$\" /><action type=\"CustomResponse\" statusCode=\"403\" /></rule></rules></rewrite>";
    for model in MODELS {
        let builder = TestHost::app("Minimal").model(model).any_log();
        let builder = builder.edit("web.config", |text| {
            text.replace("</system.webServer>", &format!("{rule}</system.webServer>"))
        });
        let host = builder.flag("--io-threads").flag("2").start();
        let attack = format!("/{}", "a".repeat(400));
        let over = AtomicBool::new(false);
        let attacked = std::thread::scope(|scope| {
            let attackers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let (mut client, mut count) = (host.client(), 0);
                        while !over.load(Ordering::Relaxed) {
                            assert_eq!(client.get(&attack).unwrap().status, 404, "taken for not matching");
                            count += 1;
                        }
                        count
                    })
                })
                .collect();
            let mut client = host.client();
            for _ in 0..40 {
                assert_eq!(client.get("/").unwrap().text(), "Hello World!");
            }
            over.store(true, Ordering::Relaxed);
            attackers.into_iter().map(|attacker| attacker.join().unwrap()).sum::<usize>()
        });
        host.wait_log(0, "took too many steps");
        let told = host.logged("took too many steps");
        assert!(attacked > 4 && told < attacked / 2, "{told} lines for {attacked} requests");
        host.stop();
    }
}

#[test]
fn a_rule_that_makes_no_url_is_an_error_of_the_site() {
    for model in MODELS {
        let rule = "<rewrite><rules><rule name=\"proxy\"><match url=\"^api/(.*)\" /><action type=\"Rewrite\" url=\"{HTTP_X_BASE}/{R:1}\" /></rule></rules></rewrite>";
        let builder = TestHost::app("Minimal").model(model).any_log();
        let host = builder
            .edit("web.config", |text| {
                text.replace("</system.webServer>", &format!("{rule}</system.webServer>"))
            })
            .start();
        let request =
            Request::get("/api/x").header("X-Base", "http://10.0.0.1").header("Accept", "text/plain");
        let response = host.send(&request);
        assert_eq!(response.status, 500, "{response:?}");
        assert!(response.text().starts_with("500.0 "), "{}", response.text());
        assert!(!response.text().contains("10.0.0.1"), "{}", response.text());
        host.wait_log(0, "the rewrite rule 'proxy' cannot be applied");
        assert_eq!(host.text("/"), "Hello World!");
        host.stop();
    }
}
