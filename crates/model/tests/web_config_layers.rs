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
