//! Chromium signs in at the host with its user's ticket, as Edge and Chrome do in a company's network.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::Model::{InProcess, OutOfProcess};
use e2e::{Browser, Realm, TestHost};
use serde_json::json;

const SECURITY: &str = "<security><authentication><anonymousAuthentication enabled=\"false\" />\
                        <windowsAuthentication enabled=\"true\" /></authentication></security>";

#[test]
fn chromium_signs_in_with_its_users_ticket() {
    let realm = Realm::start();
    let alice = realm.sign_in("alice", &[]);
    let browser = Browser::signing_in(&realm, &alice);
    // Over https it comes with HTTP/2, and is told to sign in with HTTP/1.1.
    for (model, scheme) in
        [(InProcess, "http"), (InProcess, "https"), (OutOfProcess, "http"), (OutOfProcess, "https")]
    {
        let builder = TestHost::app("SignIn").model(model).urls(&format!("{scheme}://127.0.0.1:0"));
        let builder = builder.edit("web.config", |text| {
            text.replace("</system.webServer>", &format!("{SECURITY}</system.webServer>"))
        });
        let host = realm.host(builder).allow_log("SELF-SIGNED").start();
        let tab = browser.tab();
        tab.open(&format!("{scheme}://localhost:{}/restricted", host.port()));
        assert_eq!(
            tab.text("body").unwrap(),
            "MEWS\\alice Negotiate",
            "{model:?} {scheme}\n{}",
            host.story()
        );
        // It sends all of this twice: unread with the question, and again with the ticket on the same connection.
        let post = "fetch('/', { method: 'POST', body: 'x'.repeat(5000000) }).then(answer => answer.text())";
        assert_eq!(tab.value(post).unwrap(), json!("MEWS\\alice Negotiate 5000000"), "{model:?} {scheme}");
        drop(tab);
        host.stop();
    }
    browser.stop();
}
