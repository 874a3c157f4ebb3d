//! Users of a domain of Active Directory: its tickets say who they are and which groups they are in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Model, Realm, TestHost};

#[test]
fn groups_of_the_ticket_are_roles() {
    let domain = Realm::directory();
    let alice = domain.sign_in("alice", &[]);
    let (own, clerks) = (domain.sid("user", "alice"), domain.sid("group", "Clerks"));
    let security = format!(
        "<security><authentication><windowsAuthentication enabled=\"true\" /></authentication>\
         <authorization><remove users=\"*\" roles=\"\" verbs=\"\" />\
         <add accessType=\"Allow\" roles=\"{clerks}\" /></authorization></security></system.webServer>"
    );
    for model in [Model::InProcess, Model::OutOfProcess] {
        let app = TestHost::app("SignIn").model(model);
        let app = app.edit("web.config", |text| text.replace("</system.webServer>", &security));
        let host = domain.host(app).start();
        let get = |path: &str| {
            let url = format!("http://localhost:{}{path}", host.port());
            domain.curl(&alice, &["--negotiate", "-u", ":", &url])
        };
        assert_eq!(host.get("/").status, 401, "{model:?}");
        // The domain's short name is the ticket's: it is none of the realm's.
        assert_eq!(get("/"), "MEWSAD\\alice Negotiate", "{model:?}\n{}", host.story());
        assert_eq!(get(&format!("/in-role/{clerks}")), "True", "{model:?}");
        assert_eq!(get(&format!("/in-role/{own}")), "False", "{model:?}");
        let claims = get("/claims");
        let has =
            |kind: &str, value: &str| claims.lines().any(|line| line.ends_with(&format!("/{kind}={value}")));
        assert!(has("groupsid", &clerks) && has("primarysid", &own), "{model:?}: {claims}");
        // "Domain Users" is in every ticket.
        let users = format!("{}-513", own.rsplit_once('-').unwrap().0);
        assert!(has("groupsid", &users) && has("upn", "alice@AD.MEWS.TEST"), "{model:?}: {claims}");
        host.stop();
    }
}
