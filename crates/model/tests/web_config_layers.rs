//! Several files that apply to one app: inheritance, `location`, locks.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use mews_model::diagnostic::Severity;
use mews_model::web_config::{Layer, LayerKind, WebConfig, read, read_layers};

fn server(inner: &str) -> String {
    format!("<system.webServer>{inner}</system.webServer>")
}

/// The site's file and that of its application `api/v2`.
fn merged(site: &str, app: &str) -> Result<(WebConfig, Vec<String>), String> {
    let files =
        [format!("<configuration>{site}</configuration>"), format!("<configuration>{app}</configuration>")];
    let kinds = [LayerKind::Parent { path: "api/v2" }, LayerKind::App];
    let layers: Vec<Layer<'_>> = files
        .iter()
        .zip(["site/web.config", "app/web.config"])
        .zip(kinds)
        .map(|((text, file), kind)| Layer { file, bytes: text.as_bytes(), kind })
        .collect();
    match read_layers(&layers) {
        Ok((config, warnings)) => Ok((config, warnings.iter().map(|w| w.one_line()).collect())),
        Err(problems) => Err(problems.render()),
    }
}

fn headers(config: &WebConfig) -> Vec<String> {
    config.custom_headers.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn custom_headers(items: &str) -> String {
    server(&format!("<httpProtocol><customHeaders>{items}</customHeaders></httpProtocol>"))
}

#[test]
fn what_the_app_says_counts_over_what_it_inherits() {
    let site = server(
        r#"<aspNetCore processPath="dotnet" arguments="site.dll" stdoutLogEnabled="true" startupTimeLimit="7">
             <environmentVariables>
               <environmentVariable name="A" value="site"/><environmentVariable name="B" value="site"/>
             </environmentVariables>
           </aspNetCore>
           <webSocket enabled="false"/>"#,
    );
    let app = server(
        r#"<aspNetCore arguments="app.dll" startupTimeLimit="9">
             <environmentVariables><environmentVariable name="a" value="app"/></environmentVariables>
           </aspNetCore>"#,
    );
    let (config, warnings) = merged(&site, &app).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let module = config.asp_net_core.unwrap();
    assert_eq!((module.process_path.as_str(), module.arguments.as_str()), ("dotnet", "app.dll"));
    assert_eq!(module.startup_time_limit.as_secs(), 9);
    assert!(module.stdout_log_enabled && !config.web_sockets);
    let pairs = [("a".to_owned(), "app".to_owned()), ("B".to_owned(), "site".to_owned())];
    assert_eq!(module.environment_variables, pairs);
}

#[test]
fn lists_are_added_to_removed_from_and_cleared() {
    let site = custom_headers("<add name='A' value='1'/><add name='B' value='1'/><add name='C' value='1'/>");
    for (app, expected) in [
        ("", vec!["A=1", "B=1", "C=1"]),
        ("<add name='D' value='2'/>", vec!["A=1", "B=1", "C=1", "D=2"]),
        ("<add name='b' value='2'/>", vec!["A=1", "b=2", "C=1"]),
        ("<remove name='a'/>", vec!["B=1", "C=1"]),
        ("<remove name='A'/><remove name='C'/><add name='A' value='2'/>", vec!["B=1", "A=2"]),
        ("<remove name='nothing'/>", vec!["A=1", "B=1", "C=1"]),
        ("<clear/><add name='A' value='2'/>", vec!["A=2"]),
        ("<add name='A' value='2'/><clear/>", vec![]),
    ] {
        let (config, warnings) = merged(&site, &custom_headers(app)).unwrap();
        assert_eq!(headers(&config), expected, "{app}");
        assert!(warnings.is_empty());
    }
}

#[test]
fn one_file_may_take_back_what_it_added() {
    let text = custom_headers("<add name='A' value='1'/><remove name='A'/><add name='A' value='2'/>");
    let (config, _) = read("f", format!("<configuration>{text}</configuration>").as_bytes()).unwrap();
    assert_eq!(headers(&config), ["A=2"]);
}

#[test]
fn which_locations_apply() {
    let inner = custom_headers("<add name='A' value='1'/>");
    for (attributes, inherited) in [
        ("", true),
        ("path='.'", true),
        ("path=''", true),
        ("path='.' inheritInChildApplications='true'", true),
        ("path='.' inheritInChildApplications='false'", false),
        ("inheritInChildApplications='False'", false),
        ("path='api'", true),
        ("path='API'", true),
        ("path='api' inheritInChildApplications='false'", false),
        ("path='api/v2'", true),
        ("path='Api/V2/'", true),
        ("path='api/v2' inheritInChildApplications='false'", true),
        ("path='api/v2/sub'", false),
        ("path='api/v'", false),
        ("path='ap'", false),
        ("path='other'", false),
    ] {
        let site = format!("<location {attributes}>{inner}</location>");
        let (config, warnings) = merged(&site, "").unwrap();
        assert_eq!(!config.custom_headers.is_empty(), inherited, "{attributes}");
        assert!(warnings.is_empty(), "{attributes}: {warnings:?}");
    }
}

#[test]
fn a_location_counts_over_the_rest_of_its_file() {
    let text = format!(
        "<configuration>{}<location path='.'>{}</location></configuration>",
        server("<webSocket enabled='true'/>"),
        server("<webSocket enabled='false'/>")
    );
    assert!(!read("f", text.as_bytes()).unwrap().0.web_sockets);
}

#[test]
fn a_part_of_the_app_cannot_be_configured() {
    let location =
        |inner: &str| format!("<configuration><location path='sub'>{inner}</location></configuration>");
    let (config, warnings) = read("f", location(&server("<webSocket enabled='false'/>")).as_bytes()).unwrap();
    assert!(config.web_sockets);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].message.contains("'sub' are not applied: webSocket"), "{warnings:?}");
    // What has no effect anyway is not worth a word, what is wrong is.
    assert!(
        read("f", location("<system.web><authorization/></system.web>").as_bytes()).unwrap().1.is_empty()
    );
    assert!(read("f", location(&server("<webSocket enabled='x'/>")).as_bytes()).is_err());
}

#[test]
fn a_section_can_be_locked() {
    let inner = server("<webSocket enabled='false'/><httpErrors/>");
    for (attributes, locked) in [
        ("overrideMode='Deny'", true),
        ("overrideMode='deny' path='api'", true),
        ("allowOverride='false'", true),
        ("overrideMode='Allow'", false),
        ("overrideMode='Deny' path='other'", false),
    ] {
        let site = format!("<location {attributes}>{inner}</location>");
        let app = server("<webSocket enabled='true'/>");
        match merged(&site, &app) {
            Ok((config, _)) => assert!(!locked && config.web_sockets, "{attributes}"),
            Err(text) => {
                assert!(locked, "{attributes}: {text}");
                assert!(text.contains("webSocket is locked") && text.contains("app/web.config:1:"), "{text}");
                assert!(text.contains("overrideMode=\"Allow\" at site/web.config:1"), "{text}");
            }
        }
        assert!(merged(&site, &server("<httpProtocol/>")).is_ok());
    }
}

#[test]
fn problems_name_their_file_and_parents_are_not_warned_about_again() {
    let (_, warnings) = merged("<appSettings/>", "").unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let (_, warnings) = merged("", "<appSettings/>").unwrap();
    assert!(warnings.len() == 1 && warnings[0].starts_with("app/web.config:1:"), "{warnings:?}");
    let text = merged(&server("<webSocket enabled='1'/>"), &server("<webSocket enabled='2'/>")).unwrap_err();
    assert!(text.contains("--> site/web.config:1:") && text.contains("--> app/web.config:1:"), "{text}");
    // Each with its own line.
    assert!(text.contains("enabled='1'") && text.contains("enabled='2'"), "{text}");
    let text = merged("<broken", "").unwrap_err();
    assert!(text.contains("--> site/web.config:1:"), "{text}");
    assert!(merged("<configSections><section name='own'/></configSections>", "<own/>").is_ok());
}

#[test]
fn a_missing_process_path_may_be_inherited() {
    let text = merged("", &server("<aspNetCore arguments='x'/>")).unwrap_err();
    assert!(text.contains("'processPath' is missing") && text.contains("app/web.config"), "{text}");
    assert!(
        merged(&server("<aspNetCore processPath='dotnet'/>"), &server("<aspNetCore arguments='x'/>")).is_ok()
    );
}

#[test]
fn no_file_and_three_files() {
    let (config, warnings) = read_layers(&[]).unwrap();
    assert_eq!(config, WebConfig::default());
    assert!(warnings.is_empty());
    let texts = ["A", "B", "C"].map(|name| {
        let inner = custom_headers(&format!("<add name='{name}' value=''/>"));
        format!("<configuration>{inner}</configuration>")
    });
    let kinds = [LayerKind::Parent { path: "a/b" }, LayerKind::Parent { path: "b" }, LayerKind::App];
    let layers: Vec<Layer<'_>> = texts
        .iter()
        .zip(kinds)
        .map(|(text, kind)| Layer { file: "web.config", bytes: text.as_bytes(), kind })
        .collect();
    assert_eq!(headers(&read_layers(&layers).unwrap().0), ["A=", "B=", "C="]);
    let broken = Layer { file: "f", bytes: b"<x", kind: LayerKind::App };
    let problems = read_layers(&[layers[0], broken]).unwrap_err();
    assert!(problems.diagnostics.iter().all(|problem| problem.severity == Severity::Error));
    assert_eq!((problems.source.file.as_str(), problems.parents.len()), ("f", 1));
}

/// What applies to `Shop/api/v2`: the server's file, that of the site, and its own.
fn served(host: &str, site: &str, app: &str) -> Result<WebConfig, String> {
    let files = [host, site, app].map(|text| format!("<configuration>{text}</configuration>"));
    let kinds =
        [LayerKind::Server { path: "Shop/api/v2" }, LayerKind::Parent { path: "api/v2" }, LayerKind::App];
    let names = ["host.config", "site/web.config", "app/web.config"];
    let layers: Vec<Layer<'_>> = files
        .iter()
        .zip(names)
        .zip(kinds)
        .map(|((text, file), kind)| Layer { file, bytes: text.as_bytes(), kind })
        .collect();
    read_layers(&layers).map(|(config, _)| config).map_err(|problems| problems.render())
}

fn location(attributes: &str, security: &str) -> String {
    format!("<location {attributes}>{}</location>", server(&format!("<security>{security}</security>")))
}

fn windows(enabled: bool) -> String {
    format!("<authentication><windowsAuthentication enabled='{enabled}'/></authentication>")
}

#[test]
fn the_servers_file_says_who_may_send_requests() {
    let on = windows(true);
    let enabled = |host: &str| served(host, "", "").unwrap().authentication.windows == Some(true);
    for (host, applies) in [
        (server(&format!("<security>{on}</security>")), true),
        (location("path=''", &on), true),
        (location("path='' inheritInChildApplications='false'", &on), true),
        (location("path='shop'", &on), true),
        (location("path='Shop/API/v2/'", &on), true),
        (location("path='Shop' inheritInChildApplications='false'", &on), false),
        (location("path='Shop/other'", &on), false),
        (location("path='Shop/api/v2/admin'", &on), false),
        (location("path='Other'", &on), false),
    ] {
        assert_eq!(enabled(&host), applies, "{host}");
    }
    // Other sections are the app's own to say.
    let config = served(&server("<webSocket enabled='false'/><httpErrors existingResponse='x'/>"), "", "");
    assert!(config.unwrap().web_sockets);
    let text = served(&location("path='Shop'", "<ipSecurity><add ipAddress='x'/></ipSecurity>"), "", "");
    assert!(text.unwrap_err().contains("--> host.config:1:"));
}

#[test]
fn folders_count_in_their_order_whatever_file_speaks_of_them() {
    let unlisted = |allow: bool| format!("<ipSecurity allowUnlisted='{allow}'/>");
    let own = |allow: bool| server(&format!("<security>{}</security>", unlisted(allow)));
    let of = |path: &str, allow: bool| location(&format!("path='{path}'"), &unlisted(allow));
    let allowed = |host: &str, site: &str, app: &str| {
        served(host, site, app).unwrap().security.addresses.allow_unlisted
    };
    // The administrator speaks of the application, the site's file of the site: the application is closed.
    assert!(!allowed(&of("Shop/api/v2", false), &own(true), ""));
    assert!(!allowed(&of("Shop/api/v2", false), &of("api", true), ""));
    assert!(allowed(&of("Shop/api", false), &of("api/v2", true), ""));
    // Both speak of the same folder: the inner file counts.
    assert!(allowed(&of("Shop", false), &own(true), ""));
    assert!(allowed(&of("Shop/api/v2", false), "", &own(true)));
    // Wherever in the file it stands.
    let deeper_first = of("Shop/api", false) + &of("Shop", true);
    assert!(!allowed(&deeper_first, "", ""));
}

#[test]
fn what_the_server_locks_cannot_be_said_elsewhere() {
    let declared = "<configSections><sectionGroup name='system.webServer'><sectionGroup name='security'>\
         <sectionGroup name='authentication'>\
         <section name='windowsAuthentication' overrideModeDefault='Deny'/></sectionGroup>\
         <section name='authorization' overrideModeDefault='Allow'/></sectionGroup>\
         <section name='webSocket' overrideModeDefault='Deny'/></sectionGroup></configSections>";
    let own = server(&format!("<security>{}<authorization/></security><webSocket/>", windows(true)));
    let text = served(declared, "", &own).unwrap_err();
    assert!(text.contains("windowsAuthentication is locked") && text.contains("at host.config:1"), "{text}");
    assert_eq!(text.matches("is locked").count(), 1, "{text}");
    // The server's file itself may, and it may let others.
    let here = declared.to_owned() + &location("path='Shop/api/v2'", &windows(true));
    assert_eq!(served(&here, "", "").unwrap().authentication.windows, Some(true));
    for (attributes, open) in [
        ("path='Shop' overrideMode='Allow'", true),
        ("path='' overrideMode='Allow'", true),
        ("path='Other' overrideMode='Allow'", false),
        ("path='Shop/api/v2/admin' overrideMode='Allow'", false),
        ("path='Shop'", false),
    ] {
        let unlocked = declared.to_owned() + &location(attributes, &windows(false));
        let read = served(&unlocked, "", &own);
        assert_eq!(read.is_ok(), open, "{attributes}");
        assert!(read.is_err() || read.unwrap().authentication.windows == Some(true), "{attributes}");
    }
    // Nor can a file below unlock what it may not set.
    let own = location("path='.' overrideMode='Allow'", &windows(true));
    assert!(served(declared, &own, "").is_err() && served(declared, "", &own).is_err());
}

#[test]
fn paths_inside_the_app_differ_in_who_may_send_requests() {
    let deny = |user: &str| format!("<authorization><add accessType='Deny' users='{user}'/></authorization>");
    let users = |config: &WebConfig, path: &str| -> Vec<String> {
        let part = config.parts.iter().find(|part| part.path == path).unwrap();
        let denied = part.security.authorization.iter().filter(|rule| !rule.allow);
        denied.flat_map(|rule| rule.users.clone()).collect()
    };
    let host = location("path='Shop/api/v2/admin'", &(deny("host") + &windows(true)));
    let site = location("path='api/v2/Admin/Secret'", &deny("site"));
    let app = [
        server(&format!("<security>{}</security>", deny("everywhere"))),
        location("path='admin/secret/deep'", "<authorization><clear/></authorization>"),
        location("path='\\Admin\\'", &deny("app")),
        location("path='administration'", &windows(true)),
    ];
    let config = served(&host, &site, &app.concat()).unwrap();
    let paths: Vec<&str> = config.parts.iter().map(|part| part.path.as_str()).collect();
    assert_eq!(paths, ["admin", "admin/secret", "admin/secret/deep", "administration"]);
    assert_eq!(users(&config, "admin"), ["everywhere", "host", "app"]);
    assert_eq!(users(&config, "admin/secret"), ["everywhere", "host", "app", "site"]);
    assert_eq!(users(&config, "admin/secret/deep"), ["*"], "cleared, so nobody is allowed");
    assert_eq!(users(&config, "administration"), ["everywhere"]);
    assert_eq!(config.parts[2].authentication.windows, Some(true));
    assert_eq!(config.authentication.windows, None);
    // A lock for a path counts for that path.
    let locked = location("path='Shop/api/v2/admin' overrideMode='Deny'", &deny("host"));
    let own = |path: &str| location(&format!("path='{path}'"), &deny("app"));
    for (path, open) in [("admin", false), ("admin/x", false), ("other", true)] {
        assert_eq!(served(&locked, "", &own(path)).is_ok(), open, "{path}");
    }
}

#[test]
fn paths_that_close_nothing_are_refused() {
    let closed = "<authorization><clear/></authorization>";
    let one = |path: &str| {
        let text = format!("<configuration>{}</configuration>", location(&format!("path='{path}'"), closed));
        read("f", text.as_bytes()).map_err(|problems| problems.render())
    };
    for path in ["a*", "a?b", "a%20b", "a/../b", "a//b"] {
        let text = one(path).unwrap_err();
        assert!(text.contains("means no path of the app") && text.contains("f:1:"), "{path}: {text}");
    }
    let long = ["a/".repeat(40), "a".repeat(300)];
    assert!(long.iter().all(|path| one(path).unwrap_err().contains("longer than 255 bytes")));
    let many: String = (0..120).map(|n| location(&format!("path='p{n}'"), closed)).collect();
    let text = read("f", format!("<configuration>{many}</configuration>").as_bytes()).unwrap_err().render();
    assert!(text.contains("more than 100 paths") && text.matches("error:").count() == 1, "{text}");
    let wrong = location("path='a'", "<access sslFlags='x'/>") + &location("path='a/b'", closed);
    let text = read("f", format!("<configuration>{wrong}</configuration>").as_bytes()).unwrap_err().render();
    assert_eq!(text.matches("error:").count(), 1, "told once: {text}");
}
