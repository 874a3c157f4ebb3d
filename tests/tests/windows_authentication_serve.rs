//! Users sign in to the applications of a `mews serve`: at addresses of their own, and at one that pools share, where a
//! connection changes from worker to worker and nobody is to be taken for somebody else on the way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{
    Client, HostBuilder, Mechanism, Model, Random, Realm, Request, Response, TestHost, Tokens, password_hash,
};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use Model::{InProcess, OutOfProcess};

const ALICE: &str = "MEWS\\alice Negotiate";
const BOB: &str = "MEWS\\bob Negotiate";
const NOBODY: &str = "nobody";

/// An application of a site, with further keys.
fn application(path: &str, folder: &str, pool: &str, model: Model, more: &str) -> String {
    let model = model.name();
    format!(
        "[[site.application]]\npath = '{path}'\nphysical_path = '{folder}'\npool = '{pool}'\nhosting_model = '{model}'\n{more}\n"
    )
}

/// The key `authentication` of a site or an application.
fn settings(realm: &Realm, more: &str) -> String {
    let keytab = realm.keytab().display().to_string();
    format!("authentication = {{ keytab = '{keytab}', realm = '{}'{more} }}", realm.name())
}

/// Puts the app into these folders, with Windows beside anonymous authentication.
fn with_apps(builder: HostBuilder, folders: &[&str], attributes: &str) -> HostBuilder {
    let security = format!(
        "<security><authentication><anonymousAuthentication enabled=\"true\" />\
         <windowsAuthentication enabled=\"true\" {attributes} /></authentication></security></system.webServer>"
    );
    folders.iter().fold(builder, |builder, folder| {
        let builder = builder.with_app(folder, "SignIn");
        builder.edit(&format!("{folder}/web.config"), |text| text.replace("</system.webServer>", &security))
    })
}

/// `/` and `/api` of `localhost`, and `other.test`, at one address; each has a pool of its own.
fn shared(realm: &Realm, models: [Model; 3], tls: &str) -> String {
    let scheme = if tls.is_empty() { "http" } else { "https" };
    let site = |name: &str, host: &str| {
        let all = settings(realm, "");
        format!(
            "[[site]]\nname = '{name}'\n{tls}bindings = [{{ url = '{scheme}://127.0.0.1:0', host = '{host}' }}]\n{all}\n"
        )
    };
    [
        site("a", "localhost"),
        application("/", "root", "root", models[0], ""),
        application("/api", "api", "api", models[1], &settings(realm, ", name_form = 'principal'")),
        site("b", "other.test"),
        application("/", "other", "other", models[2], ""),
        "[pool.root]\n[pool.api]\n[pool.other]\n".to_owned(),
    ]
    .concat()
}

fn serve(realm: &Realm, models: [Model; 3], attributes: &str) -> TestHost {
    let builder = realm.known_to(TestHost::configured(&shared(realm, models, "")));
    with_apps(builder, &["root", "api", "other"], attributes).any_log().serve()
}

/// A host and a path.
type Target = (&'static str, &'static str);

/// Asks for a target, with a token or without.
fn ask(client: &mut Client, (host, path): Target, authorization: Option<(&str, &str)>) -> Response {
    let mut request = Request::get(path).header("Host", host);
    if let Some((scheme, token)) = authorization {
        request = request.header("Authorization", &format!("{scheme} {token}"));
    }
    client.request(&request).unwrap()
}

const ROOT: Target = ("localhost", "/");
const API: Target = ("localhost", "/api/");
const OTHER: Target = ("other.test", "/");

/// Signs `NTLM\alice` in on a connection.
fn by_ntlm(client: &mut Client, target: Target, tokens: &mut Tokens) -> Response {
    tokens.begin("ntlm", Mechanism::Ntlm, "HTTP@localhost", None);
    let first = ask(client, target, Some(("NTLM", &tokens.step("ntlm", None))));
    assert_eq!(first.status, 401, "{first:?}");
    let answer = first.header("WWW-Authenticate").and_then(|value| value.strip_prefix("NTLM ")).unwrap();
    let last = tokens.step("ntlm", Some(answer));
    ask(client, target, Some(("NTLM", &last)))
}

#[test]
fn the_keys_of_sites_and_of_applications_count() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    for model in [InProcess, OutOfProcess] {
        let site = |name: &str, n: u8, of_site: &str, of_application: &str| {
            format!("[[site]]\nname = '{name}'\nbindings = ['http://127.0.0.{n}:0']\n{of_site}\n")
                + &application("/", name, name, model, of_application)
        };
        let missing = realm.keytab().with_extension("none").display().to_string();
        let config = [
            site("site", 1, &settings(&realm, ""), ""),
            site(
                "own",
                2,
                &settings(&realm, ", domain = 'SHOP'"),
                &settings(&realm, ", name_form = 'principal'"),
            ),
            site("domain", 3, "", &settings(&realm, ", domain = 'SHOP', service_name = 'HTTP/localhost'")),
            // What an application says takes the place of all that its site says.
            site("nokeys", 4, &settings(&realm, ""), &format!("authentication = {{ keytab = '{missing}' }}")),
        ];
        let builder = realm.known_to(TestHost::configured(&config.concat()));
        let host = with_apps(builder, &["site", "own", "domain", "nokeys"], "").any_log().serve();
        let url = format!("http://localhost:{}/", host.addresses()[0].port());
        let answer = realm.curl(&alice, &["--negotiate", "-u", ":", &url]);
        assert_eq!(answer, ALICE, "{model:?}\n{}", host.story());
        for (index, due) in [ALICE, "alice@MEWS.TEST Negotiate", "SHOP\\alice Negotiate"].iter().enumerate() {
            assert_eq!(host.get_at(index, "/").text(), NOBODY, "{model:?}");
            let token = tokens.first(Mechanism::Spnego);
            let answer = ask(&mut host.client_at(index), ROOT, Some(("Negotiate", &token)));
            assert_eq!(answer.text(), *due, "{model:?}\n{}", host.story());
        }
        let refused =
            ask(&mut host.client_at(3), ROOT, Some(("Negotiate", &tokens.first(Mechanism::Spnego))));
        assert!(refused.status == 500 && refused.text().contains("500.19"), "{model:?}: {refused:?}");
        host.wait_log(0, &missing);
        host.stop();
    }
}

#[test]
fn passwords_are_taken_in_clear_only_where_mews_toml_says_so() {
    let site = |name: &str, n: u8, more: &str| {
        format!(
            "[[site]]\nname = '{name}'\nbindings = ['http://127.0.0.{n}:0']\n\
             authentication = {{ password_file = 'users'{more} }}\n"
        ) + &application("/", name, name, InProcess, "")
    };
    let config = site("tls", 1, "") + &site("clear", 2, ", allow_basic_without_tls = true, domain = 'SHOP'");
    let basic =
        "<security><authentication><basicAuthentication enabled=\"true\" /></authentication></security>";
    let users = format!("anna:{}\n", password_hash("annapw"));
    let mut builder = TestHost::configured(&config).file("users", &users);
    for folder in ["tls", "clear"] {
        builder = builder.with_app(folder, "SignIn").edit(&format!("{folder}/web.config"), |text| {
            text.replace("</system.webServer>", &format!("{basic}</system.webServer>"))
        });
    }
    let host = builder.any_log().serve();
    let right = Some(("Basic", "YW5uYTphbm5hcHc="));
    let refused = ask(&mut host.client_at(0), ROOT, right);
    assert!(refused.status == 403 && refused.text().contains("403.4"), "{refused:?}");
    assert_eq!(ask(&mut host.client_at(1), ROOT, right).text(), "SHOP\\anna Basic", "{}", host.story());
    assert_eq!(ask(&mut host.client_at(1), ROOT, Some(("Basic", "YW5uYTpvdGhlcg=="))).status, 401);
    host.stop();
}

#[test]
fn users_sign_in_behind_the_gateway() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    for models in [
        [InProcess, InProcess, OutOfProcess],
        [InProcess, OutOfProcess, InProcess],
        [OutOfProcess, InProcess, InProcess],
        [OutOfProcess, OutOfProcess, OutOfProcess],
    ] {
        let host = serve(&realm, models, "");
        let url = |path: &str| format!("http://localhost:{}{path}", host.port());
        // Each in one connection: the second request is for another pool than the first.
        let sign_in = ["--negotiate", "-u", ":"];
        let both = realm.curl(&alice, &[&sign_in[..], &["-w", "|", &url("/"), &url("/api/")]].concat());
        assert_eq!(both, format!("{ALICE}|alice@MEWS.TEST Negotiate|"), "{models:?}\n{}", host.story());
        let challenged = realm.curl(&alice, &[&sign_in[..], &[&url("/api/restricted")]].concat());
        assert_eq!(challenged, "alice@MEWS.TEST Negotiate", "{models:?}");
        let posted = realm.curl(&alice, &[&sign_in[..], &["-d", "12345", &url("/api/")]].concat());
        assert_eq!(posted, "alice@MEWS.TEST Negotiate 5", "{models:?}");
        let mut client = host.client();
        for target in [ROOT, API, OTHER] {
            assert_eq!(ask(&mut client, target, None).text(), NOBODY, "{models:?}");
        }
        let refused = ask(&mut client, ("localhost", "/api/restricted"), None);
        assert_eq!(refused.status, 401, "{models:?}");
        assert_eq!(refused.headers_named("WWW-Authenticate")[0], "Negotiate", "{models:?}");
        host.stop();
    }
}

#[test]
fn each_application_has_its_own_user_of_a_connection() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    for models in [[InProcess, OutOfProcess, InProcess], [OutOfProcess, InProcess, OutOfProcess]] {
        let host = serve(&realm, models, "authPersistNonNTLM=\"true\"");
        let mut client = host.client();
        assert_eq!(by_ntlm(&mut client, ROOT, &mut tokens).text(), "NTLM\\alice NTLM", "{models:?}");
        for target in [API, OTHER] {
            assert_eq!(ask(&mut client, target, None).text(), NOBODY, "{models:?} {target:?}");
        }
        let token = tokens.first(Mechanism::Spnego);
        let signed_in = ask(&mut client, API, Some(("Negotiate", &token)));
        assert_eq!(signed_in.text(), "alice@MEWS.TEST Negotiate", "{models:?}");
        assert_eq!(signed_in.header("Persistent-Auth"), Some("true"), "{models:?}");
        for _ in 0..3 {
            assert_eq!(ask(&mut client, ROOT, None).text(), "NTLM\\alice NTLM", "{models:?}");
            assert_eq!(ask(&mut client, API, None).text(), "alice@MEWS.TEST Negotiate", "{models:?}");
            assert_eq!(ask(&mut client, OTHER, None).text(), NOBODY, "{models:?}");
        }
        // A handshake of several steps, by way of another worker, and one that is torn by a request for that one.
        assert_eq!(by_ntlm(&mut client, OTHER, &mut tokens).text(), "NTLM\\alice NTLM", "{models:?}");
        assert_eq!(ask(&mut client, OTHER, Some(("NTLM", "QUFBQQ=="))).status, 401, "{models:?}");
        assert_eq!(ask(&mut client, OTHER, None).text(), NOBODY, "{models:?}");
        assert_eq!(ask(&mut client, ROOT, None).text(), "NTLM\\alice NTLM", "{models:?}");
        for target in [ROOT, API, OTHER] {
            assert_eq!(
                ask(&mut host.client(), target, None).text(),
                NOBODY,
                "{models:?}: another connection"
            );
        }
        host.stop();
    }
}

#[test]
fn applications_of_one_pool_do_not_share_a_user() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    let all = settings(&realm, "");
    let config = format!("[[site]]\nname = 'a'\nbindings = ['http://127.0.0.1:0']\n{all}\n")
        + &application("/", "root", "both", OutOfProcess, "")
        + &application("/api", "api", "both", OutOfProcess, "")
        + "[pool.both]\n";
    let builder = realm.known_to(TestHost::configured(&config));
    let host = with_apps(builder, &["root", "api"], "").any_log().serve();
    let mut client = host.client();
    assert_eq!(by_ntlm(&mut client, ROOT, &mut tokens).text(), "NTLM\\alice NTLM");
    assert_eq!(ask(&mut client, ROOT, None).text(), "NTLM\\alice NTLM");
    assert_eq!(ask(&mut client, API, None).text(), NOBODY);
    // Whoever has left an application signs in again when they come back.
    assert_eq!(by_ntlm(&mut client, API, &mut tokens).text(), "NTLM\\alice NTLM");
    assert_eq!(ask(&mut client, ROOT, None).text(), NOBODY);
    host.stop();
}

/// A connection, and whom each of the applications must take its requests for that bring no token.
struct Shared {
    client: Client,
    owners: HashMap<Target, &'static str>,
}

/// Eight threads send requests of two users and of nobody to three applications, over connections that they share.
fn mix(models: [Model; 3], persist: bool, recycle: bool) {
    const CONNECTIONS: usize = 16;
    const THREADS: u64 = 8;
    const REQUESTS: usize = 100;
    let realm = Realm::start();
    let host = serve(&realm, models, &format!("authPersistNonNTLM=\"{persist}\""));
    let users = ["alice", "bob"].map(|user| Mutex::new(Tokens::of(&realm, &realm.sign_in(user, &[]))));
    let targets = [
        (ROOT, [ALICE, BOB]),
        (API, ["alice@MEWS.TEST Negotiate", "bob@MEWS.TEST Negotiate"]),
        (OTHER, [ALICE, BOB]),
    ];
    for (target, _) in targets {
        assert_eq!(ask(&mut host.client(), target, None).text(), NOBODY);
    }
    let connect = || Shared { client: host.client(), owners: HashMap::new() };
    let pool: Mutex<Vec<Shared>> = Mutex::new((0..CONNECTIONS).map(|_| connect()).collect());
    let over = AtomicBool::new(!recycle);
    std::thread::scope(|scope| {
        let load = |seed: u64| {
            let mut random = Random::new(seed + 1);
            for done in 0.. {
                if done >= REQUESTS && over.load(Ordering::Relaxed) {
                    break;
                }
                let mut shared = {
                    let mut pool = pool.lock().unwrap();
                    let at = random.below(pool.len() as u64) as usize;
                    pool.swap_remove(at)
                };
                if recycle && shared.client.was_closed() {
                    shared = connect();
                }
                let (target, names) = targets[random.below(3) as usize];
                let who = random.below(4) as usize;
                let owner = shared.owners.get(&target).copied().unwrap_or(NOBODY);
                let (answer, due) = match users.get(who) {
                    Some(tokens) => {
                        let token = tokens.lock().unwrap().first(Mechanism::Spnego);
                        (ask(&mut shared.client, target, Some(("Negotiate", &token))), names[who])
                    }
                    None => (ask(&mut shared.client, target, None), owner),
                };
                assert_eq!(
                    (answer.status, answer.text()),
                    (200, due),
                    "{models:?} persist={persist} {target:?}"
                );
                if persist && who < users.len() {
                    shared.owners.insert(target, names[who]);
                }
                let closes = answer.header("Connection").is_some_and(|value| value == "close");
                pool.lock().unwrap().push(if closes { connect() } else { shared });
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|seed| scope.spawn(move || load(seed))).collect();
        if recycle {
            for pool in ["root", "api", "other", "api"] {
                let recycled = host.admin(&["recycle", pool]);
                assert_eq!(recycled.code, Some(0), "{recycled:?}\n{}", host.story());
            }
            over.store(true, Ordering::Relaxed);
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
    drop(pool);
    host.stop();
}

#[test]
fn users_on_shared_connections_to_several_applications() {
    mix([InProcess, OutOfProcess, InProcess], false, false);
    mix([InProcess, OutOfProcess, InProcess], true, false);
}

#[test]
fn users_on_shared_connections_to_processes() {
    mix([OutOfProcess, InProcess, OutOfProcess], true, false);
}

#[test]
fn users_on_shared_connections_while_pools_are_recycled() {
    mix([InProcess, OutOfProcess, InProcess], false, true);
}

/// Writes a certificate that nobody has signed, and its key; answers the setting that names them.
fn certificate(folder: &Path) -> String {
    let names = ["localhost".to_owned(), "other.test".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (cert, key) = (folder.join("server.pem"), folder.join("server.key"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    format!("certificate = {{ cert = '{}', key = '{}' }}\n", cert.display(), key.display())
}

/// A proxy may send the requests of all its users side by side over one connection of HTTP/2, and those for another pool go
/// on over one of HTTP/1.1 that belongs to it.
#[test]
fn http2_keeps_no_user_on_the_way_to_another_worker() {
    let scratch = tempfile::tempdir().unwrap();
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    let tls = certificate(scratch.path());
    for models in [[InProcess, InProcess, InProcess], [OutOfProcess, OutOfProcess, OutOfProcess]] {
        let builder = realm.known_to(TestHost::configured(&shared(&realm, models, &tls)));
        let persists = "authPersistNonNTLM=\"true\"";
        let host = with_apps(builder, &["root", "api", "other"], persists).any_log().serve();
        let url = |path: &str| format!("https://localhost:{}{path}", host.port());
        let mut arguments = Vec::new();
        let mut next = |version: &str, path: &str, authorization: Option<String>| {
            let more = arguments.is_empty();
            arguments.extend((!more).then(|| "--next".to_owned()));
            arguments
                .extend(["-sk", version, "--max-time", "20", "-w", " %{num_connects}\n"].map(str::to_owned));
            arguments.extend(authorization.iter().flat_map(|value| ["-H".to_owned(), value.clone()]));
            arguments.push(url(path));
        };
        let signed_in = |tokens: &mut Tokens| {
            Some(format!("Authorization: Negotiate {}", tokens.first(Mechanism::Spnego)))
        };
        for version in ["--http2", "--http1.1"] {
            next(version, "/", None);
            next(version, "/api/", signed_in(&mut tokens));
            next(version, "/api/", None);
            next(version, "/", signed_in(&mut tokens));
            next(version, "/", None);
        }
        let done = Command::new("curl").args(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let long = "alice@MEWS.TEST Negotiate 0";
        let short = format!("{ALICE} 0");
        let due = [
            "nobody 1", long, "nobody 0", &short, "nobody 0", // HTTP/2
            "nobody 1", long, long, &short, &short, // HTTP/1.1, which is one client's own
        ];
        assert_eq!(said.lines().collect::<Vec<_>>(), due, "{models:?}\n{}", host.story());
        // What is offered says so too: nothing that takes several steps, wherever the request is answered.
        let offered = |version: &str| {
            let arguments = ["-sk", version, "--max-time", "20", "-D", "-", "-o", "/dev/null"];
            let warm = url("/");
            let done = Command::new("curl")
                .args(arguments)
                .args([&warm, "--next"])
                .args(arguments)
                .arg(url("/api/restricted"))
                .output()
                .unwrap();
            String::from_utf8_lossy(&done.stdout).to_ascii_lowercase()
        };
        let (shared, own) = (offered("--http2"), offered("--http1.1"));
        assert!(shared.contains("negotiate") && !shared.contains("ntlm"), "{models:?}: {shared}");
        assert!(own.contains("negotiate") && own.contains("ntlm"), "{models:?}: {own}");
        host.stop();
    }
}
