//! What clients send that mean no good, or know no better: tokens that are cut, replayed, for somebody else or for another connection;
//! handshakes that end nowhere; a host without keys or library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{
    Client, HostBuilder, Mechanism, Model, PATIENCE, Realm, Request, Response, TestHost, Tokens, wait,
};
use std::time::{Duration, Instant};

const MODELS: [Model; 2] = [Model::InProcess, Model::OutOfProcess];

const SIGN_IN: &str = "<security><authentication><anonymousAuthentication enabled=\"true\" />\
                       <windowsAuthentication enabled=\"true\">MORE</windowsAuthentication></authentication></security>";

/// The app, with this in its `windowsAuthentication` element.
fn app(model: Model, more: &str) -> HostBuilder {
    TestHost::app("SignIn").model(model).edit("web.config", |text| {
        text.replace("</system.webServer>", &(SIGN_IN.replace("MORE", more) + "</system.webServer>"))
    })
}

fn with_token(scheme: &str, token: &str) -> Request {
    Request::get("/").header("Authorization", &format!("{scheme} {token}"))
}

fn ask(client: &mut Client, token: &str) -> Response {
    client.request(&with_token("Negotiate", token)).unwrap()
}

/// The server's part of a handshake that goes on.
fn challenge(response: &Response) -> String {
    assert_eq!(response.status, 401, "{response:?}");
    let offered = response.headers_named("WWW-Authenticate");
    let [only] = offered.as_slice() else { panic!("{offered:?}") };
    only.split_once(' ').unwrap_or_else(|| panic!("{only}: no token")).1.to_owned()
}

#[test]
fn bad_tokens_sign_nobody_in() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    realm.add_service("host/localhost", &realm.keytab());
    for model in MODELS {
        let host = realm.host(app(model, "")).any_log().start();
        let good = tokens.first(Mechanism::Spnego);
        let other_service = tokens.first_for(Mechanism::Spnego, "host@localhost", None);
        let half = good[..good.len() / 2 / 4 * 4].to_owned();
        let flipped = flip(&good);
        for (what, token) in [
            ("cut", half.as_str()),
            ("flipped", &flipped),
            ("no token", ""),
            ("no Base64", "!!!!"),
            ("something", "QUFBQQ=="),
            ("for another service", &other_service),
        ] {
            let refused = ask(&mut host.client(), token);
            assert_eq!(refused.status, 401, "{model:?} {what}: {refused:?}");
            assert!(refused.text().contains("401.1"), "{model:?} {what}: {refused:?}");
            assert_eq!(refused.headers_named("WWW-Authenticate")[0], "Negotiate", "{model:?} {what}");
        }
        // The same token once, and once more: somebody may have read it on its way.
        assert_eq!(ask(&mut host.client(), &good).text(), "MEWS\\alice Negotiate", "{model:?}");
        assert_eq!(ask(&mut host.client(), &good).status, 401, "{model:?}: a replayed token");
        host.wait_log(0, "was used before");
        // Two fields: which one counts?
        let both =
            with_token("Negotiate", &tokens.first(Mechanism::Spnego)).header("Authorization", "Basic YTpi");
        assert_eq!(host.client().request(&both).unwrap().status, 400, "{model:?}");
        // Larger than any head may be.
        let large = "A".repeat(200 * 1024);
        let answer = host.raw(with_token("Negotiate", &large).bytes());
        assert!(matches!(answer.status(), 400 | 431), "{model:?}: {}", answer.text());
        // Within the limits of the server, and still no token.
        assert_eq!(ask(&mut host.client(), &"A".repeat(20_000)).status, 401, "{model:?}");
        assert_eq!(host.text("/"), "nobody", "{model:?}");
        host.stop();
    }
}

/// Changes a byte near the end, where the ticket's encrypted part is.
fn flip(token: &str) -> String {
    let at = token.len() - 40;
    let other = if &token[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

#[test]
fn other_realms_and_other_keys_are_refused() {
    let realm = Realm::start();
    let other = Realm::start();
    let strange = Realm::named("OTHER.TEST");
    strange.add_user("alice");
    strange.add_service("HTTP/localhost", &strange.keytab());
    let mut tokens = Tokens::of(&realm, &realm.sign_in("alice", &[]));
    let early: Vec<String> = (0..2).map(|_| tokens.first(Mechanism::Spnego)).collect();
    let host = realm.host(app(Model::InProcess, "")).any_log().start();
    assert_eq!(ask(&mut host.client(), &early[0]).text(), "MEWS\\alice Negotiate");
    // One of the same name has other keys, too.
    for stranger in [&other, &strange] {
        let lines = host.stderr().len();
        let foreign = Tokens::of(stranger, &stranger.sign_in("alice", &[])).first(Mechanism::Spnego);
        assert_eq!(ask(&mut host.client(), &foreign).status, 401, "{}", stranger.name());
        host.wait_log(lines, "another service, or encrypted with a key");
    }
    // The service's key changes.
    realm.change_key("HTTP/localhost");
    let renewed = realm.sign_in("bob", &[]);
    let unknown = Tokens::of(&realm, &renewed).first(Mechanism::Spnego);
    assert_eq!(ask(&mut host.client(), &unknown).status, 401);
    assert_eq!(ask(&mut host.client(), &early[1]).status, 200, "the old key is still in the file");
    host.stop();
}

#[test]
fn tickets_that_have_expired_are_refused() {
    let realm = Realm::start();
    let short = realm.sign_in_for("alice", 3);
    let mut tokens = Tokens::of(&realm, &short);
    // Usually tickets are taken for five minutes longer than they last.
    let usual = realm.host(app(Model::InProcess, "")).start();
    let strict = realm.strict().display().to_string();
    for model in MODELS {
        let host = realm.host(app(model, "")).env("KRB5_CONFIG", &strict).any_log().start();
        wait::until_true("the end of a ticket", PATIENCE, || {
            let answer = ask(&mut host.client(), &tokens.first(Mechanism::Spnego));
            assert!(matches!(answer.status, 200 | 401), "{model:?}: {answer:?}");
            answer.status == 401
        });
        host.wait_log(0, "is not valid now (Ticket expired)");
        assert_eq!(host.text("/"), "nobody", "{model:?}");
        host.stop();
    }
    assert_eq!(ask(&mut usual.client(), &tokens.first(Mechanism::Spnego)).text(), "MEWS\\alice Negotiate");
    usual.stop();
}

#[test]
fn clocks_that_differ_are_named() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let host = realm.host(app(Model::InProcess, "")).any_log().start();
    realm.set_back_clock(&alice, 240);
    let tolerated = Tokens::of(&realm, &alice).first(Mechanism::Spnego);
    assert_eq!(ask(&mut host.client(), &tolerated).text(), "MEWS\\alice Negotiate");
    realm.set_back_clock(&alice, 360);
    let late = Tokens::of(&realm, &alice).first(Mechanism::Spnego);
    let refused = ask(&mut host.client(), &late);
    assert!(refused.status == 401 && refused.text().contains("401.1"), "{refused:?}");
    host.wait_log(0, "the clocks of the client and of this machine differ too much");
    host.stop();
}

#[test]
fn handshakes_belong_to_their_connections() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    let host = realm.host(app(Model::InProcess, "")).any_log().start();
    let (mut one, mut two) = (host.client(), host.client());
    tokens.begin("one", Mechanism::Ntlm, "HTTP@localhost", None);
    tokens.begin("two", Mechanism::Ntlm, "HTTP@localhost", None);
    let ntlm = |client: &mut Client, token: &str| client.request(&with_token("NTLM", token)).unwrap();
    let first = challenge(&ntlm(&mut one, &tokens.step("one", None)));
    let second = challenge(&ntlm(&mut two, &tokens.step("two", None)));
    let (last_one, last_two) = (tokens.step("one", Some(&first)), tokens.step("two", Some(&second)));
    // Each goes on on the other's connection, and on a third one: nobody is signed in.
    assert_eq!(ntlm(&mut one, &last_two).status, 401);
    assert_eq!(ntlm(&mut two, &last_one).status, 401);
    assert_eq!(ntlm(&mut host.client(), &last_one).status, 401);

    // In order it works, and the connection keeps its user; no other one has it.
    let mut mine = host.client();
    tokens.begin("three", Mechanism::Ntlm, "HTTP@localhost", None);
    let answer = challenge(&ntlm(&mut mine, &tokens.step("three", None)));
    let done = ntlm(&mut mine, &tokens.step("three", Some(&answer)));
    assert_eq!((done.status, done.text()), (200, "NTLM\\alice NTLM"), "{done:?}\n{}", host.story());
    assert_eq!(done.header("Persistent-Auth"), Some("true"));
    assert_eq!(mine.get("/").unwrap().text(), "NTLM\\alice NTLM");
    assert_eq!(one.get("/").unwrap().text(), "nobody");
    // A request in between ends a handshake.
    tokens.begin("four", Mechanism::Ntlm, "HTTP@localhost", None);
    let answer = challenge(&ntlm(&mut two, &tokens.step("four", None)));
    assert_eq!(two.get("/").unwrap().text(), "nobody");
    assert_eq!(ntlm(&mut two, &tokens.step("four", Some(&answer))).status, 401);
    // Who fails is not who they were.
    assert_eq!(ntlm(&mut mine, "QUFBQQ==").status, 401);
    assert_eq!(mine.get("/").unwrap().text(), "nobody");
    host.stop();
}

#[test]
fn kerberos_signs_single_requests_in_unless_connections_keep_it() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    for (more, after, persistent) in [("", "nobody", "false"), ("PERSIST", "MEWS\\alice Negotiate", "true")] {
        let mut builder = app(Model::InProcess, "");
        if !more.is_empty() {
            builder = builder.edit("web.config", |text| {
                text.replace(
                    "<windowsAuthentication enabled",
                    "<windowsAuthentication authPersistNonNTLM=\"true\" enabled",
                )
            });
        }
        let host = realm.host(builder).start();
        let mut client = host.client();
        // Pipelined: the second and third are under way before the first is answered.
        let mut requests = with_token("Negotiate", &tokens.first(Mechanism::Spnego)).bytes();
        requests.extend(Request::get("/").bytes());
        requests.extend(Request::get("/").bytes());
        client.send(&requests).unwrap();
        let answers: Vec<Response> = (0..3).map(|_| client.response("GET").unwrap()).collect();
        assert_eq!(answers[0].text(), "MEWS\\alice Negotiate");
        assert_eq!(answers[0].header("Persistent-Auth"), Some(persistent));
        assert_eq!([answers[1].text(), answers[2].text()], [after, after], "{more}");
        assert_eq!(host.text("/"), "nobody", "another connection");
        host.stop();
    }
}

#[test]
fn a_thousand_half_done_handshakes_cost_little() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    let host = realm.host(app(Model::InProcess, "")).any_log().start();
    tokens.begin("all", Mechanism::Ntlm, "HTTP@localhost", None);
    let first = tokens.step("all", None);
    let before = host.resident_mib();
    let began = Instant::now();
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..1000 {
        let mut client = host.client();
        let answer = client.request(&with_token("NTLM", &first)).unwrap();
        challenge(&answer);
        clients.push(client);
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let grown = host.resident_mib().saturating_sub(before);
    assert!(grown < 64, "{grown} MiB for a thousand handshakes");
    // Others get their turn, with either mechanism.
    let spnego = tokens.first(Mechanism::Spnego);
    assert_eq!(ask(&mut host.client(), &spnego).text(), "MEWS\\alice Negotiate");
    tokens.begin("mine", Mechanism::Ntlm, "HTTP@localhost", None);
    let mut client = host.client();
    let answer = challenge(&client.request(&with_token("NTLM", &tokens.step("mine", None))).unwrap());
    let done = client.request(&with_token("NTLM", &tokens.step("mine", Some(&answer)))).unwrap();
    assert_eq!(done.text(), "NTLM\\alice NTLM");
    drop(clients);
    host.stop();
}

#[test]
fn providers_decide_about_ntlm() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    let only = "<providers><clear /><add value=\"Negotiate:Kerberos\" /></providers>";
    let host = realm.host(app(Model::InProcess, only)).any_log().start();
    assert_eq!(host.get("/challenge").headers_named("WWW-Authenticate"), ["Negotiate"]);
    tokens.begin("one", Mechanism::Ntlm, "HTTP@localhost", None);
    let first = tokens.step("one", None);
    // The word is not offered, so it is the app's: for it the client is anonymous.
    assert_eq!(host.client().request(&with_token("NTLM", &first)).unwrap().text(), "nobody");
    let mut client = host.client();
    let answer = challenge(&ask(&mut client, &first));
    let last = tokens.step("one", Some(&answer));
    assert_eq!(ask(&mut client, &last).status, 401);
    host.wait_log(0, "NTLM is not among the providers");
    assert_eq!(ask(&mut host.client(), &tokens.first(Mechanism::Spnego)).text(), "MEWS\\alice Negotiate");
    host.stop();
}

#[test]
fn a_host_that_cannot_sign_anybody_in_says_why() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    let missing = realm.keytab().with_extension("missing");
    for (builder, problem) in [
        (realm.host_with(app(Model::InProcess, ""), &missing), "the file cannot be read"),
        (
            realm.host(app(Model::InProcess, "")).env("MEWS_GSSAPI_LIBRARY", "libnone.so.1"),
            "libnone.so.1 cannot be used",
        ),
        (
            realm.host(app(Model::InProcess, "")).flag("--service-name").flag("HTTP/other@MEWS.TEST"),
            "the keys of HTTP/other@MEWS.TEST",
        ),
    ] {
        let host = builder.any_log().start();
        host.wait_log(0, problem);
        assert_eq!(host.text("/"), "nobody", "the app serves anonymous clients all the same");
        let refused = ask(&mut host.client(), &tokens.first(Mechanism::Spnego));
        assert_eq!(refused.status, 500, "{problem}: {refused:?}");
        assert!(refused.text().contains("500.19") && refused.headers_named("WWW-Authenticate").is_empty());
        host.stop();
    }
}
