//! Users who share connections under load, as behind a proxy that pools them: nobody is ever taken for somebody else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Client, Mechanism, Model, Random, Realm, Request, TestHost, Tokens};
use std::sync::Mutex;

const SIGN_IN: &str = "<security><authentication><anonymousAuthentication enabled=\"true\" />\
                       <windowsAuthentication enabled=\"true\" authPersistNonNTLM=\"PERSIST\" /></authentication></security>";

const CONNECTIONS: usize = 24;
const THREADS: u64 = 8;
const REQUESTS: usize = 150;

/// A connection, and whom the host must take its requests for that bring no token.
struct Shared {
    client: Client,
    owner: &'static str,
}

fn mix(model: Model, persist: bool) {
    let realm = Realm::start();
    let host = realm.host(TestHost::app("SignIn").model(model).edit("web.config", |text| {
        let sign_in = SIGN_IN.replace("PERSIST", &persist.to_string());
        text.replace("</system.webServer>", &(sign_in + "</system.webServer>"))
    }));
    let host = host.start();
    let users = ["alice", "bob"].map(|user| {
        let ticket = realm.sign_in(user, &[]);
        Mutex::new(Tokens::of(&realm, &ticket))
    });
    let expected = ["MEWS\\alice Negotiate", "MEWS\\bob Negotiate"];
    let pool: Mutex<Vec<Shared>> =
        Mutex::new((0..CONNECTIONS).map(|_| Shared { client: host.client(), owner: "nobody" }).collect());
    std::thread::scope(|scope| {
        for seed in 0..THREADS {
            let (pool, users) = (&pool, &users);
            scope.spawn(move || {
                let mut random = Random::new(seed + 1);
                for _ in 0..REQUESTS {
                    let mut shared = {
                        let mut pool = pool.lock().unwrap();
                        let at = random.below(pool.len() as u64) as usize;
                        pool.swap_remove(at)
                    };
                    let who = random.below(4) as usize;
                    let (request, due) = match users.get(who) {
                        Some(tokens) => {
                            let token = tokens.lock().unwrap().first(Mechanism::Spnego);
                            let value = format!("Negotiate {token}");
                            (Request::get("/").header("Authorization", &value), expected[who])
                        }
                        None => (Request::get("/"), shared.owner),
                    };
                    let answer = shared.client.request(&request).unwrap();
                    assert_eq!((answer.status, answer.text()), (200, due), "{model:?} persist={persist}");
                    if persist && who < users.len() {
                        shared.owner = expected[who];
                    }
                    pool.lock().unwrap().push(shared);
                }
            });
        }
    });
    drop(pool);
    host.stop();
}

#[test]
fn users_on_shared_connections_in_process() {
    mix(Model::InProcess, false);
    mix(Model::InProcess, true);
}

#[test]
fn users_on_shared_connections_out_of_process() {
    mix(Model::OutOfProcess, false);
    mix(Model::OutOfProcess, true);
}
