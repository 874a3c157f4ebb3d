//! Users sign in at the host with Kerberos, and the app knows them: with a real key server, `curl`, and an app for each thing that can
//! be set, in both hosting models.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, Realm, Request, TestHost};

const MODELS: [Model; 2] = [Model::InProcess, Model::OutOfProcess];

/// The published `web.config` with this in `system.webServer/security`.
fn secured(builder: HostBuilder, security: &str) -> HostBuilder {
    builder.edit("web.config", |text| {
        text.replace("</system.webServer>", &format!("<security>{security}</security></system.webServer>"))
    })
}

fn schemes(anonymous: bool, more: &str) -> String {
    format!(
        "<authentication><anonymousAuthentication enabled=\"{anonymous}\" />\
         <windowsAuthentication enabled=\"true\" />{more}</authentication>"
    )
}

fn url(host: &TestHost, path: &str) -> String {
    format!("http://localhost:{}{path}", host.port())
}

/// What a signed-in user gets for a path: the status, and the body.
fn get(realm: &Realm, ticket: &str, host: &TestHost, path: &str) -> (u16, String) {
    let out = realm.curl(ticket, &["--negotiate", "-u", ":", "-w", "\n%{http_code}", &url(host, path)]);
    let (body, status) = out.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

#[test]
fn anonymous_until_the_app_asks() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    for model in MODELS {
        let host = realm.host(secured(TestHost::app("SignIn").model(model), &schemes(true, ""))).start();
        assert_eq!(host.text("/"), "nobody", "{model:?}");
        for path in ["/restricted", "/challenge", "/unauthorized"] {
            let refused = host.get(path);
            assert_eq!(refused.status, 401, "{model:?} {path}");
            assert_eq!(refused.headers_named("WWW-Authenticate")[0], "Negotiate", "{model:?} {path}");
        }
        let own = host.get("/own-challenge");
        let offered = own.headers_named("WWW-Authenticate");
        assert!(offered.contains(&"Custom realm=\"app\"") && offered.contains(&"Negotiate"), "{offered:?}");
        assert_eq!(host.get("/forbid").status, 403, "{model:?}");
        assert!(host.get("/forbid").headers_named("WWW-Authenticate").is_empty());

        for path in ["/", "/restricted", "/feature", "/authenticate"] {
            let answer = get(&realm, &alice, &host, path);
            assert_eq!(answer, (200, "MEWS\\alice Negotiate".to_owned()), "{model:?} {path}");
        }
        assert_eq!(get(&realm, &alice, &host, "/forbid").0, 403, "{model:?}");
        assert_eq!(get(&realm, &alice, &host, "/bosses").0, 403, "{model:?}");
        assert_eq!(host.text("/schemes"), "Windows=The domain", "{model:?}");
        assert_eq!(host.text("/environment"), "none", "{model:?}: children of the app inherit our hook");
        host.stop();
    }
}

#[test]
fn nobody_without_signing_in() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    for model in MODELS {
        let host = realm.host(secured(TestHost::app("SignIn").model(model), &schemes(false, ""))).start();
        let refused = host.get("/");
        assert_eq!(refused.status, 401, "{model:?}");
        assert!(refused.text().contains("401.2"), "{model:?}: {refused:?}");
        assert_eq!(refused.headers_named("WWW-Authenticate")[0], "Negotiate", "{model:?}");
        assert_eq!(get(&realm, &alice, &host, "/"), (200, "MEWS\\alice Negotiate".to_owned()), "{model:?}");
        // The first answer proves the host to the client.
        let verbose = realm.curl(&alice, &["--negotiate", "-u", ":", "-i", &url(&host, "/")]);
        assert!(verbose.contains("WWW-Authenticate: Negotiate oY"), "{model:?}: {verbose}");
        let posted = realm.curl(&alice, &["--negotiate", "-u", ":", "-d", "12345", &url(&host, "/")]);
        assert_eq!(posted, "MEWS\\alice Negotiate 5", "{model:?}");
        host.stop();
    }
}

#[test]
fn groups_of_the_name_service_are_roles() {
    let realm = Realm::start();
    // An account that every system has, with a group of the same name.
    let (games, bob) = (realm.sign_in("games", &[]), realm.sign_in("bob", &[]));
    for model in MODELS {
        let host = realm.host(secured(TestHost::app("SignIn").model(model), &schemes(true, ""))).start();
        assert_eq!(
            get(&realm, &games, &host, "/staff"),
            (200, "MEWS\\games Negotiate".to_owned()),
            "{model:?}"
        );
        assert_eq!(get(&realm, &bob, &host, "/staff").0, 403, "{model:?}");
        assert_eq!(get(&realm, &games, &host, "/in-role/GAMES").1, "False", "roles are compared with case");
        host.stop();
    }
}

#[test]
fn names_have_the_form_that_is_asked_for() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    for (flags, expected) in [
        (&["--name-form", "principal"][..], "alice@MEWS.TEST Negotiate"),
        (&["--domain", "SHOP"], "SHOP\\alice Negotiate"),
    ] {
        let app = secured(TestHost::app("SignIn").model(Model::InProcess), &schemes(true, ""));
        let host = flags.iter().fold(realm.host(app), |app, flag| app.flag(flag)).start();
        assert_eq!(get(&realm, &alice, &host, "/").1, expected);
        assert!(get(&realm, &alice, &host, "/claims").1.contains("upn=alice@MEWS.TEST"));
        host.stop();
    }
}

#[test]
fn claims_are_transformed_as_documented() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let transformed = |model, words: &[&str], path: &str| {
        let app =
            secured(TestHost::app("SignIn").model(model), &schemes(true, "")).args(words.iter().copied());
        let host = realm.host(app).start();
        assert_eq!(host.get("/restricted").status, 401, "{model:?} {words:?}");
        let body = get(&realm, &alice, &host, path).1;
        host.stop();
        body
    };
    // In-process only for an app that has called AddAuthentication; out-of-process always, and once.
    let asked = ["transform", "add-authentication"];
    assert_eq!(transformed(Model::InProcess, &["transform"], "/in-role/transformed"), "False");
    assert_eq!(transformed(Model::InProcess, &asked, "/in-role/transformed"), "True");
    assert_eq!(transformed(Model::OutOfProcess, &["transform"], "/in-role/transformed"), "True");
    assert!(transformed(Model::OutOfProcess, &["transform"], "/claims").contains("transformations=1"));
    assert!(transformed(Model::OutOfProcess, &asked, "/claims").contains("transformations=1"));
}

#[test]
fn the_user_is_not_set_unless_the_app_wants_it() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    for model in MODELS {
        let app = secured(TestHost::app("SignIn").model(model), &schemes(true, "")).args(["manual"]);
        let host = realm.host(app).start();
        if model == Model::InProcess {
            assert_eq!(get(&realm, &alice, &host, "/").1, "nobody", "{model:?}");
        }
        assert_eq!(get(&realm, &alice, &host, "/authenticate").1, "MEWS\\alice Negotiate", "{model:?}");
        host.stop();
    }
}

#[test]
fn rules_about_users_and_addresses_are_enforced() {
    let realm = Realm::start();
    let (alice, bob) = (realm.sign_in("alice", &[]), realm.sign_in("bob", &[]));
    let rules = "<authorization><clear /><add accessType=\"Allow\" users=\"MEWS\\Alice\" />\
                 <add accessType=\"Allow\" roles=\"games\" verbs=\"GET\" /></authorization>";
    for model in MODELS {
        let security = schemes(true, "") + rules;
        let host = realm.host(secured(TestHost::app("SignIn").model(model), &security)).start();
        assert_eq!(host.get("/").status, 401, "{model:?}");
        assert_eq!(get(&realm, &alice, &host, "/"), (200, "MEWS\\alice Negotiate".to_owned()), "{model:?}");
        // As on IIS, whoever is known and not allowed may sign in as somebody else.
        let refused = realm.curl(&bob, &["--negotiate", "-u", ":", "-i", &url(&host, "/")]);
        let last = refused.rsplit("HTTP/1.1 ").next().unwrap_or_default();
        assert!(last.starts_with("401") && last.contains("Not authorized"), "{model:?}: {refused}");
        assert!(last.contains("WWW-Authenticate: Negotiate\r\n"), "{model:?}: {refused}");
        host.stop();

        let denied = "<ipSecurity allowUnlisted=\"true\" denyAction=\"Forbidden\"><add ipAddress=\"127.0.0.1\" /></ipSecurity>";
        let host = secured(TestHost::app("SignIn").model(model), denied).start();
        let refused = host.get("/");
        assert!(refused.status == 403 && refused.text().contains("403.6"), "{model:?}: {refused:?}");
        host.stop();

        let encrypted = secured(TestHost::app("SignIn").model(model), "<access sslFlags=\"Ssl\" />").start();
        let refused = encrypted.get("/");
        assert!(refused.status == 403 && refused.text().contains("403.4"), "{model:?}: {refused:?}");
        encrypted.stop();
    }
}

#[test]
fn no_client_and_no_other_process_can_forge_a_user() {
    let realm = Realm::start();
    let security = schemes(true, "");
    let host = realm.host(secured(TestHost::app("SignIn").model(Model::OutOfProcess), &security)).start();
    // `X\y` by Negotiate, as the host would write it.
    let forged = "AQkAAABOZWdvdGlhdGUCAwAAAFhceQ==";
    for name in ["MS-ASPNETCORE-USER", "ms-aspnetcore-user", "MS_ASPNETCORE_USER"] {
        let answer = host.send(&Request::get("/").header(name, forged).header("MS-ASPNETCORE-TOKEN", "x"));
        assert_eq!((answer.status, answer.text()), (200, "nobody"), "{name}");
    }
    // The app's own port, without the token and with a wrong one.
    let process = host.programs()[0];
    let app = *e2e::proc::listening_ports(process).first().unwrap();
    for token in [None, Some("00000000-0000-0000-0000-000000000000")] {
        let mut request = Request::get("/").header("MS-ASPNETCORE-USER", forged);
        if let Some(token) = token {
            request = request.header("MS-ASPNETCORE-TOKEN", token);
        }
        let answer = e2e::Client::connect(app).request(&request).unwrap();
        assert_eq!(answer.status, 400, "{token:?}: {answer:?}");
    }
    host.stop();
}
