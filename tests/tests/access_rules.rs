//! Who may send requests, as the files of IIS say it: for the server, a site, an application, and paths inside one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, PATIENCE, Realm, Request, TestHost, wait};

const MODELS: [Model; 2] = [Model::InProcess, Model::OutOfProcess];

fn security(sections: &str) -> String {
    format!("<system.webServer><security>{sections}</security></system.webServer>")
}

fn location(path: &str, sections: &str) -> String {
    format!("<location path=\"{path}\">{}</location>", security(sections))
}

const WINDOWS: &str = "<authentication><windowsAuthentication enabled=\"true\" /></authentication>";
const NOT_ANONYMOUS: &str = "<authentication><anonymousAuthentication enabled=\"false\" /></authentication>";
const NOBODY_HERE: &str = "<ipSecurity allowUnlisted=\"false\" />";
const NOT_BOB: &str = "<authorization><add accessType=\"Deny\" users=\"MEWS\\bob\" /></authorization>";

/// What a signed-in user gets for a path: the status of the last answer.
fn status(realm: &Realm, ticket: &str, host: &TestHost, path: &str) -> String {
    let url = format!("http://localhost:{}{path}", host.port());
    let arguments = ["--path-as-is", "--negotiate", "-u", ":", "-o", "/dev/null", "-w", "%{http_code}", &url];
    realm.curl(ticket, &arguments)
}

/// The status, and the number on the host's page.
fn refused(host: &TestHost, path: &str, number: &str) {
    let answer = host.send(&Request::get(path).header("Host", "localhost"));
    let status = number.split('.').next().unwrap().parse::<u16>().unwrap();
    assert!(
        answer.status == status && answer.text().contains(number),
        "{path}: {answer:?}\n{}",
        host.story()
    );
}

fn passes(host: &TestHost, path: &str) {
    let answer = host.send(&Request::get(path).header("Host", "localhost"));
    assert!(matches!(answer.status, 200 | 404) && !answer.text().contains("Mews"), "{path}: {answer:?}");
}

#[test]
fn paths_inside_an_app_have_rules_of_their_own() {
    let realm = Realm::start();
    let (alice, bob) = (realm.sign_in("alice", &[]), realm.sign_in("bob", &[]));
    for model in MODELS {
        let parts = [
            location("claims", NOT_ANONYMOUS),
            location("in-role", NOT_BOB),
            location("headers", NOBODY_HERE),
            location("feature", "<access sslFlags=\"Ssl\" />"),
            location("headers/open", "<ipSecurity allowUnlisted=\"true\" />"),
            "</configuration>".to_owned(),
        ];
        let app = TestHost::app("SignIn").model(model).edit("web.config", |text| {
            let text = text.replace(
                "</system.webServer>",
                &format!("<security>{WINDOWS}</security></system.webServer>"),
            );
            text.replace("</configuration>", &parts.concat())
        });
        let host = realm.host(app).start();
        for path in ["/", "/schemes", "/claims-not", "/headersx", "/headers/open", "/headers/open/x"] {
            passes(&host, path);
        }
        refused(&host, "/claims", "401.2");
        refused(&host, "/Claims/?x", "401.2");
        assert_eq!(status(&realm, &alice, &host, "/claims"), "200", "{model:?}");
        // However a path is written.
        for path in [
            "/headers",
            "/HEADERS/x",
            "/%68eaders",
            "//headers",
            "/x/../headers",
            "/x%2F..%2Fheaders",
            "/headers/open/../y",
        ] {
            refused(&host, path, "403.6");
        }
        refused(&host, "/feature", "403.4");
        assert_eq!(status(&realm, &alice, &host, "/in-role/x"), "200", "{model:?}");
        assert_eq!(status(&realm, &bob, &host, "/in-role/x"), "401", "{model:?}");
        assert_eq!(status(&realm, &bob, &host, "/"), "200", "{model:?}");
        passes(&host, "/in-role/x");
        host.stop();
    }
}

/// A file of IIS with a site `Shop` and its application `/api`.
fn iis(sections: &str) -> String {
    let declared =
        |mode: &str, name: &str| format!("<section name=\"{name}\" overrideModeDefault=\"{mode}\" />");
    let authentication =
        ["anonymousAuthentication", "windowsAuthentication"].map(|name| declared("Deny", name));
    let application = |path: &str, folder: &str| {
        format!(
            "<application path=\"{path}\" applicationPool=\"{folder}\">\
             <virtualDirectory path=\"/\" physicalPath=\"{folder}\" /></application>"
        )
    };
    [
        "<configuration><configSections><sectionGroup name=\"system.webServer\"><sectionGroup name=\"security\">",
        "<sectionGroup name=\"authentication\">",
        &authentication.concat(),
        "</sectionGroup>",
        &declared("Deny", "ipSecurity"),
        &declared("Allow", "authorization"),
        "</sectionGroup></sectionGroup></configSections>",
        "<system.applicationHost><applicationPools><add name=\"root\" /><add name=\"api\" /></applicationPools>",
        "<sites><site name=\"Shop\" id=\"1\">",
        &application("/", "root"),
        &application("/api", "api"),
        "<bindings><binding protocol=\"http\" bindingInformation=\"127.0.0.1:0:\" /></bindings></site></sites>",
        "</system.applicationHost>",
        sections,
        "</configuration>",
    ]
    .concat()
}

/// Both applications, `/api` out-of-process, for whom the key of the service is the system's.
fn served(realm: &Realm, sections: &str) -> HostBuilder {
    let host = realm.known_to(TestHost::configured_by_iis(&iis(sections)));
    let host = host.env("KRB5_KTNAME", &realm.keytab().display().to_string());
    let host = host.with_app("root", "SignIn").with_app("api", "SignIn");
    host.edit("api/web.config", |text| {
        text.replace("hostingModel=\"InProcess\"", "").replace("hostingModel=\"inprocess\"", "")
    })
}

#[test]
fn the_file_of_iis_says_who_may_send_requests() {
    let realm = Realm::start();
    let (alice, bob) = (realm.sign_in("alice", &[]), realm.sign_in("bob", &[]));
    let sections = |headers: &str| {
        [
            security("<authentication><anonymousAuthentication enabled=\"true\" userName=\"IUSR\" /></authentication>"),
            location("Shop", WINDOWS),
            location("Shop/api", NOT_ANONYMOUS),
            location("shop/API/claims", NOT_BOB),
            location("Shop/headers", headers),
        ]
        .concat()
    };
    let host = served(&realm, &sections(NOBODY_HERE)).any_log().serve();
    passes(&host, "/");
    refused(&host, "/Headers/x", "403.6");
    refused(&host, "/api/", "401.2");
    assert_eq!(status(&realm, &alice, &host, "/api/claims"), "200", "{}", host.story());
    assert_eq!(status(&realm, &bob, &host, "/api/claims"), "401");
    assert_eq!(status(&realm, &bob, &host, "/api/headers"), "200");
    assert_eq!(status(&realm, &alice, &host, "/restricted"), "200");

    // Only the applications that it concerns are started anew, wherever in the file it stands.
    let open = "\n<!-- a remark -->\n".to_owned() + &sections("<ipSecurity allowUnlisted=\"true\" />");
    host.put("applicationHost.config", &iis(&open));
    let reloaded = host.admin(&["reload"]);
    assert_eq!(reloaded.code, Some(0), "{reloaded:?}");
    let says = |pool: &str, what: &str| {
        let mut lines = reloaded.stdout.lines();
        lines.any(|line| line.contains(pool) && line.contains(what))
    };
    assert!(says("root", "changed") && says("api", "unchanged"), "{reloaded:?}");
    // Until the next worker is there, the one before answers.
    wait::until_true("the new rules", PATIENCE, || {
        host.send(&Request::get("/headers").header("Host", "localhost")).status == 200
    });

    // What the server's file keeps to itself an application cannot say.
    let locked = format!("<security>{WINDOWS}</security></system.webServer>");
    let file = std::fs::read_to_string(host.folder().join("root/web.config")).unwrap();
    host.put("root/web.config", &file.replace("</system.webServer>", &locked));
    let checked = e2e::tool(&["check", host.folder().join("applicationHost.config").to_str().unwrap()]);
    assert!(checked.code != Some(0), "{checked:?}");
    assert!(checked.stdout.contains("windowsAuthentication is locked"), "{checked:?}");
    host.stop();
}

#[test]
fn an_app_without_a_file_of_its_own_is_closed_as_well() {
    let realm = Realm::start();
    let closed = security(NOBODY_HERE);
    let host = served(&realm, &closed).without("root/web.config").any_log().serve();
    refused(&host, "/", "403.6");
    refused(&host, "/api/", "403.6");
    host.stop();
}
