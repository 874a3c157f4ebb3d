//! Signing in over https: tokens bound to their connection, passwords, client certificates, HTTP/2.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Mechanism, Model, Realm, TestHost, Tokens, password_hash};
use std::fs;
use std::path::Path;
use std::process::Command;

const MODELS: [Model; 2] = [Model::InProcess, Model::OutOfProcess];

/// A certificate of `localhost` with its key in a folder, as `server.pem` and `server.key`.
fn certificate(folder: &Path) -> rcgen::CertifiedKey<rcgen::KeyPair> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("server.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("server.key"), made.signing_key.serialize_pem()).unwrap();
    made
}

fn secure(model: Model, folder: &Path, security: &str) -> HostBuilder {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let app = TestHost::app("SignIn").model(model).urls("https://127.0.0.1:0").edit("web.config", |text| {
        text.replace("</system.webServer>", &format!("<security>{security}</security></system.webServer>"))
    });
    app.flag("--tls-cert").flag(&path("server.pem")).flag("--tls-key").flag(&path("server.key"))
}

fn windows(checking: &str) -> String {
    format!(
        "<authentication><anonymousAuthentication enabled=\"true\" /><windowsAuthentication enabled=\"true\">\
         <extendedProtection tokenChecking=\"{checking}\" /></windowsAuthentication></authentication>"
    )
}

fn url(host: &TestHost) -> String {
    format!("https://localhost:{}/", host.port())
}

/// What `curl` prints, whatever comes of it.
fn curl(arguments: &[&str]) -> String {
    let done = Command::new("curl").args(["--max-time", "20"]).args(arguments).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for at in 0..4 {
            let index = (number >> (18 - 6 * at)) & 63;
            out.push(if at <= chunk.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    out
}

#[test]
fn tokens_are_bound_to_their_connection() {
    use sha2::Digest as _;
    let scratch = tempfile::tempdir().unwrap();
    let made = certificate(scratch.path());
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let mut tokens = Tokens::of(&realm, &alice);
    let mut right = b"tls-server-end-point:".to_vec();
    right.extend_from_slice(&sha2::Sha256::digest(made.cert.der()));
    let right = base64(&right);
    let wrong = base64(b"tls-server-end-point:somebody else's certificate.");
    for (checking, unbound, bound_wrong) in
        [("None", true, true), ("Allow", true, false), ("Require", false, false)]
    {
        let host = realm.host(secure(Model::InProcess, scratch.path(), &windows(checking))).any_log().start();
        for (binding, accepted) in [(None, unbound), (Some(&right), true), (Some(&wrong), bound_wrong)] {
            let token = tokens.first_for(Mechanism::Spnego, "HTTP@localhost", binding.map(String::as_str));
            let header = format!("Authorization: Negotiate {token}");
            let arguments = ["-k", "-w", "%{http_code}", "-o", "/dev/null", "-H", &header, &url(&host)];
            let status = realm.curl(&alice, &arguments);
            assert_eq!(status == "200", accepted, "{checking} {binding:?}: {status}\n{}", host.story());
        }
        host.stop();
    }
}

#[test]
fn http2_signs_single_requests_in() {
    let scratch = tempfile::tempdir().unwrap();
    certificate(scratch.path());
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    for model in MODELS {
        let host = realm.host(secure(model, scratch.path(), &windows("None"))).any_log().start();
        let answer = realm.curl(
            &alice,
            &["-k", "--http2", "-w", " %{http_version}", "--negotiate", "-u", ":", &url(&host)],
        );
        assert!(answer.starts_with("MEWS\\alice Negotiate"), "{model:?}: {answer}");
        // Two requests of one connection: the second brings no token.
        let both = realm.curl(
            &alice,
            &[
                "-k",
                "--http2",
                "-w",
                " %{http_version} ",
                "--negotiate",
                "-u",
                ":",
                &url(&host),
                "--next",
                "-k",
                "--http2",
                &url(&host),
            ],
        );
        assert!(both.ends_with("nobody"), "{model:?}: {both}");
        // NTLM cannot be had on a connection that is nobody's own.
        let mut tokens = Tokens::of(&realm, &alice);
        let header = format!("Authorization: NTLM {}", tokens.first(Mechanism::Ntlm));
        let done =
            curl(&["-sk", "--http2", "-o", "/dev/null", "-w", "%{http_code}", "-H", &header, &url(&host)]);
        assert!(!done.contains("200"), "{model:?}: {done}");
        host.stop();
    }
}

#[test]
fn users_side_by_side_on_one_connection_of_http2() {
    let scratch = tempfile::tempdir().unwrap();
    certificate(scratch.path());
    let realm = Realm::start();
    let mut users = ["alice", "bob"].map(|user| (user, Tokens::of(&realm, &realm.sign_in(user, &[]))));
    for model in MODELS {
        let host = realm.host(secure(model, scratch.path(), &windows("None"))).start();
        let mut arguments = vec!["-sS".to_owned(), "-Z".to_owned()];
        let mut due = Vec::new();
        for at in 0..30 {
            let name = match users.get_mut(at % 3) {
                Some((user, tokens)) => {
                    let token = tokens.first(Mechanism::Spnego);
                    arguments.extend(["-H".to_owned(), format!("Authorization: Negotiate {token}")]);
                    format!("MEWS\\{user} Negotiate")
                }
                None => "nobody".to_owned(),
            };
            let file = scratch.path().join(format!("answer-{at}"));
            arguments.extend(["-k", "--http2", "--max-time", "20", "-o"].map(str::to_owned));
            arguments.extend([file.display().to_string(), url(&host), "--next".to_owned()]);
            due.push((file, name));
        }
        arguments.pop();
        let done = Command::new("curl").args(&arguments).output().unwrap();
        assert!(done.status.success(), "{model:?}: {done:?}");
        for (file, name) in due {
            assert_eq!(fs::read_to_string(file).unwrap(), name, "{model:?}");
        }
        host.stop();
    }
}

#[test]
fn passwords_of_a_file_are_checked() {
    let scratch = tempfile::tempdir().unwrap();
    certificate(scratch.path());
    let basic = "<authentication><anonymousAuthentication enabled=\"false\" />\
                 <basicAuthentication enabled=\"true\" realm=\"the shop\" /></authentication>";
    let users = scratch.path().join("users");
    let (anna, otto, new) = (password_hash("annapw"), password_hash("ottopw"), password_hash("newpw"));
    for model in MODELS {
        fs::write(&users, format!("# the shop\nanna:{anna}:games,staff\notto:{otto}\n")).unwrap();
        let app = secure(model, scratch.path(), basic).flag("--password-file").flag(users.to_str().unwrap());
        let host = app.any_log().start();
        let ask =
            |user: &str, path: &str| curl(&["-sk", "-w", " %{http_code}", "-u", user, &(url(&host) + path)]);
        assert_eq!(ask("anna:annapw", ""), "anna Basic 200", "{model:?}\n{}", host.story());
        // Groups of the file are roles.
        assert_eq!(ask("anna:annapw", "staff"), "anna Basic 200", "{model:?}");
        assert!(ask("otto:ottopw", "staff").ends_with(" 403"), "{model:?}");
        for wrong in ["anna:ottopw", "anna:", "Anna:annapw", "nobody:x", ":annapw"] {
            assert!(ask(wrong, "").ends_with(" 401"), "{model:?} {wrong}");
        }
        // It is read anew when it has changed; a password that was right stays so for a while.
        fs::write(&users, format!("anna:{new}\n")).unwrap();
        assert_eq!(ask("anna:newpw", ""), "anna Basic 200", "{model:?}");
        assert_eq!(ask("otto:ottopw", ""), "otto Basic 200", "{model:?}");
        assert!(ask("otto:other", "").ends_with(" 401"), "{model:?}");
        fs::write(&users, "anna:plain\n").unwrap();
        assert!(ask("anna:other", "").ends_with(" 500"), "{model:?}");
        host.wait_log(0, "line 1: the hash of 'anna' is none of Argon2");
        host.stop();
    }
}

#[test]
fn passwords_are_checked_by_kerberos() {
    let scratch = tempfile::tempdir().unwrap();
    certificate(scratch.path());
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let basic = "<authentication><anonymousAuthentication enabled=\"false\" />\
                 <basicAuthentication enabled=\"true\" realm=\"the shop\" /></authentication>";
    for model in MODELS {
        let by_kerberos = realm.host(secure(model, scratch.path(), basic));
        let host = by_kerberos.flag("--service-name").flag("HTTP@localhost").any_log().start();
        let ask = |user: &str| realm.curl(&alice, &["-k", "-w", " %{http_code}", "-u", user, &url(&host)]);
        for _ in 0..2 {
            assert_eq!(ask("alice:alicepw"), "MEWS\\alice Basic 200", "{model:?}");
        }
        assert_eq!(ask("bob@MEWS.TEST:bobpw"), "MEWS\\bob Basic 200", "{model:?}");
        for wrong in ["alice:bobpw", "alice:", ":alicepw", "nobody:x", "HTTP/localhost:x"] {
            assert!(ask(wrong).ends_with(" 401"), "{model:?} {wrong}: {}", ask(wrong));
        }
        let offered = realm.curl(&alice, &["-k", "-i", "--http1.1", &url(&host)]);
        assert!(
            offered.contains("WWW-Authenticate: Basic realm=\"the shop\", charset=\"UTF-8\""),
            "{offered}"
        );
        host.stop();
    }
}

#[test]
fn passwords_are_not_taken_in_clear_unless_allowed() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let basic =
        "<security><authentication><basicAuthentication enabled=\"true\" /></authentication></security>";
    let app = || {
        TestHost::app("SignIn").model(Model::InProcess).edit("web.config", |text| {
            text.replace("</system.webServer>", &format!("{basic}</system.webServer>"))
        })
    };
    let ask = |host: &TestHost| {
        let url = format!("http://localhost:{}/", host.port());
        realm.curl(&alice, &["-w", " %{http_code}", "-u", "alice:alicepw", &url])
    };
    let host = realm.host(app()).flag("--service-name").flag("HTTP@localhost").start();
    let refused = ask(&host);
    assert!(refused.contains("403.4") && refused.ends_with(" 403"), "{refused}");
    assert!(host.get("/unauthorized").headers_named("WWW-Authenticate").is_empty());
    host.stop();
    let host = realm
        .host(app())
        .flag("--service-name")
        .flag("HTTP@localhost")
        .flag("--allow-basic-without-tls")
        .start();
    assert_eq!(ask(&host), "MEWS\\alice Basic 200");
    host.stop();
}

#[test]
fn certificates_stand_for_users() {
    let scratch = tempfile::tempdir().unwrap();
    certificate(scratch.path());
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Shop CA");
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let ca = scratch.path().join("ca.pem");
    fs::write(&ca, authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let client = |name: &str| {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let path = scratch.path().join(format!("{name}.pem"));
        fs::write(&path, params.signed_by(&key, &issuer).unwrap().pem() + &key.serialize_pem()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (anna, otto) = (client("anna"), client("otto"));
    let security = "<authentication><anonymousAuthentication enabled=\"false\" />\
                    <iisClientCertificateMappingAuthentication enabled=\"true\"><manyToOneMappings>\
                    <add name=\"staff\" userName=\"SHOP\\games\" password=\"x\"><rules>\
                    <add certificateField=\"Subject\" certificateSubField=\"CN\" matchCriteria=\"an*\" />\
                    </rules></add></manyToOneMappings></iisClientCertificateMappingAuthentication></authentication>";
    for model in MODELS {
        let asked = secure(model, scratch.path(), security).flag("--client-certificates").flag("allow");
        let host = asked.flag("--client-ca").flag(ca.to_str().unwrap()).start();
        let ask = |certificate: &str, path: &str| {
            let url = url(&host) + path;
            curl(&["-sk", "--cert", certificate, "-w", " %{http_code}", &url])
        };
        assert_eq!(ask(&anna, ""), "SHOP\\games SSL/PCT 200", "{model:?}");
        assert_eq!(ask(&anna, "staff"), "SHOP\\games SSL/PCT 200", "{model:?}: roles of the account");
        assert!(ask(&otto, "").ends_with(" 401"), "{model:?}");
        host.stop();
        // Where nobody checks them, anybody can have a certificate that says anything.
        let asked = secure(model, scratch.path(), security).flag("--client-certificates").flag("allow");
        let host = asked.any_log().start();
        let answer = curl(&["-sk", "--cert", &anna, "-w", " %{http_code}", &url(&host)]);
        assert!(answer.ends_with(" 401"), "{model:?}: {answer}");
        host.stop();
    }
}
