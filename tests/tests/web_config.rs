//! `web.config` files as people have them: they load, and the app runs as they say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, Request, TestHost, dotnet_root, handler_settings, variables};
use std::fs;
use std::path::{Path, PathBuf};

const MODELS: [Model; 2] = [Model::InProcess, Model::OutOfProcess];

/// The files that `crates/model` collects: as `dotnet publish`, deployment tools and people have written them.
fn published() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/model/tests/corpus/published");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "config")).collect();
    files.sort();
    assert!(files.len() >= 20, "{files:?}");
    files
}

fn serve(model: Model) {
    for file in published() {
        // They name apps of their own; the variables name ours in their place.
        let builder = TestHost::app("Minimal").model(model).any_log();
        fs::copy(&file, builder.folder().join("web.config")).unwrap();
        let launched =
            builder.env("ANCM_LAUNCHER_PATH", "dotnet").env("ANCM_LAUNCHER_ARGS", r".\Minimal.dll");
        let host = launched.start();
        // Rules of some of them send the client elsewhere unless a proxy has seen to https and to the name.
        let request =
            Request::get("/").header("Host", "www.contoso.com").header("X-Forwarded-Proto", "https");
        let response = host.send(&request);
        // Some of them let nobody in who has not signed in, or not without TLS.
        let fine = matches!(response.status, 200 | 300..=399 | 401 | 403);
        assert!(fine, "{}: {response:?}\n{}", file.display(), host.story());
        assert_eq!(host.logged("panicked"), 0, "{}", host.story());
        host.stop();
    }
}

#[test]
fn published_files_serve_in_process() {
    serve(Model::InProcess);
}

#[test]
fn published_files_serve_out_of_process() {
    serve(Model::OutOfProcess);
}

#[test]
fn every_encoding_that_editors_write() {
    let utf16 = |text: &str, mark: bool, little: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    let text = |encoding: &str, builder: &HostBuilder| {
        let text = fs::read_to_string(builder.folder().join("web.config")).unwrap();
        let children = variables(&[("GREETING", "Grüße")]);
        let text = text.replace(
            "hostingModel=\"inprocess\" />",
            &format!("hostingModel=\"inprocess\">{children}</aspNetCore>"),
        );
        text.replace("utf-8", encoding)
    };
    type Encode = fn(&str, &dyn Fn(&str, bool, bool) -> Vec<u8>) -> Vec<u8>;
    let ways: [(&str, Encode); 5] = [
        ("utf-8", |text, _| format!("\u{feff}{text}").into_bytes()),
        ("utf-16", |text, utf16| utf16(text, true, true)),
        ("utf-16", |text, utf16| utf16(text, true, false)),
        ("iso-8859-1", |text, _| text.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect()),
        ("utf-8", |text, _| text.replace('\n', "\r\n").into_bytes()),
    ];
    for (name, encode) in ways {
        let builder = TestHost::app("Minimal");
        let bytes = encode(&text(name, &builder), &utf16);
        fs::write(builder.folder().join("web.config"), bytes).unwrap();
        let host = builder.start();
        assert_eq!(host.text("/env?name=GREETING"), "Grüße", "{name}\n{}", host.story());
        host.stop();
    }
}

#[test]
fn the_files_name_counts_in_any_case() {
    let builder = TestHost::app("Minimal");
    let folder = builder.folder().to_owned();
    fs::rename(folder.join("web.config"), folder.join("Web.Config")).unwrap();
    let host = builder.edit("Web.Config", |text| text.replace("Minimal.dll", "Minimal.dll read")).start();
    assert_eq!(host.json("/info")["args"], serde_json::json!(["read"]));
    host.stop();
}

#[test]
fn variables_are_expanded() {
    for model in MODELS {
        let dotnet = dotnet_root().join("dotnet");
        let children = variables(&[("WHERE", "%SHOP_HOME%\\data;%UNSET_HERE%;100%"), ("EMPTY", "")]);
        let builder = TestHost::app("Minimal").model(model).asp_net_core("", &children).any_log();
        let builder = builder.process("%DotnetPath%", r".\Minimal.dll --at %SHOP_HOME%");
        let host = builder.env("DotnetPath", dotnet.to_str().unwrap()).env("SHOP_HOME", "/srv/shop").start();
        assert_eq!(host.text("/env?name=WHERE"), "/srv/shop\\data;%UNSET_HERE%;100%", "{}", host.story());
        assert_eq!(host.json("/info")["args"], serde_json::json!(["--at", "/srv/shop"]));
        host.stop();
    }
}

#[test]
fn long_values_arrive_whole() {
    let value = "v".repeat(402);
    for model in MODELS {
        let host =
            TestHost::app("Minimal").model(model).asp_net_core("", &variables(&[("LONG", &value)])).start();
        assert_eq!(host.text("/env?name=LONG"), value);
        host.stop();
    }
}

#[test]
fn the_file_comes_before_the_inherited_environment_unless_it_is_told_otherwise() {
    for model in MODELS {
        for (prefer, due) in
            [("", "Production"), ("0", "Production"), ("true", "Development"), ("1", "Development")]
        {
            let children = variables(&[("aspnetcore_environment", "Production"), ("ONLY_HERE", "x")]);
            let builder = TestHost::app("Minimal").model(model).asp_net_core("", &children).any_log();
            let builder = builder.env("ASPNETCORE_ENVIRONMENT", "Development");
            let host = builder.env("ANCM_PREFER_ENVIRONMENT_VARIABLES", prefer).start();
            assert_eq!(host.json("/info")["environment"], due, "{model:?} {prefer:?}\n{}", host.story());
            assert_eq!(host.text("/env?name=ONLY_HERE"), "x");
            host.stop();
        }
        // The command line has the last word.
        let children = variables(&[("ASPNETCORE_ENVIRONMENT", "Production")]);
        let builder = TestHost::app("Minimal").model(model).asp_net_core("", &children);
        let host = builder.flag("--environment").flag("Staging").start();
        assert_eq!(host.json("/info")["environment"], "Staging");
        host.stop();
    }
}

#[test]
fn what_the_host_computes_cannot_be_replaced() {
    for model in MODELS {
        let children =
            variables(&[("ASPNETCORE_IIS_PHYSICAL_PATH", "/elsewhere"), ("ASPNETCORE_TOKEN_NOT", "y")]);
        let host = TestHost::app("Minimal").model(model).asp_net_core("", &children).start();
        let path = host.text("/env?name=ASPNETCORE_IIS_PHYSICAL_PATH");
        assert_eq!(Path::new(&path), host.folder().canonicalize().unwrap());
        assert_eq!(host.text("/env?name=ASPNETCORE_TOKEN_NOT"), "y");
        host.stop();
    }
}

#[test]
fn the_launchers_variables_come_before_the_file() {
    for model in MODELS {
        let builder = TestHost::app("Minimal").model(model).any_log().process("dotnet", "nope");
        let host = builder.env("ANCM_LAUNCHER_ARGS", r".\Minimal.dll from-outside").start();
        assert_eq!(host.json("/info")["args"], serde_json::json!(["from-outside"]));
        host.stop();
    }
}

#[test]
fn arguments_are_those_of_a_windows_command_line() {
    let odd = "π ≠ 3·14";
    for model in MODELS {
        for (arguments, due) in [
            (r".\Minimal.dll".to_owned(), serde_json::json!([])),
            (r#".\Minimal.dll "extra argument""#.to_owned(), serde_json::json!(["extra argument"])),
            (
                r#"exec "{folder}/Minimal.dll" extra arguments"#.to_owned(),
                serde_json::json!(["extra", "arguments"]),
            ),
            (
                r#".\Minimal.dll a\\b "c:\d\\" \"e\""#.to_owned(),
                serde_json::json!(["a\\\\b", "c:\\d\\", "\"e\""]),
            ),
            (format!(r#""{odd}\Minimal.dll" x"#), serde_json::json!(["x"])),
            // The path of a file that is there needs no quotes.
            (format!(r"{odd}\Minimal.dll"), serde_json::json!([])),
        ] {
            let builder = TestHost::app("Minimal").model(model);
            let folder = builder.folder().to_owned();
            let below = folder.join(odd);
            fs::create_dir(&below).unwrap();
            for entry in fs::read_dir(&folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.is_file())
            {
                fs::copy(&entry, below.join(entry.file_name().unwrap())).unwrap();
            }
            let host = builder.process("dotnet", &arguments).start();
            let info = host.json("/info");
            assert_eq!(info["args"], due, "{model:?}: {arguments}\n{}", host.story());
            assert_eq!(
                info["currentDirectory"],
                serde_json::json!(folder.canonicalize().unwrap()),
                "{arguments}"
            );
            host.stop();
        }
    }
}

#[test]
fn startup_hooks_of_the_users_run_beside_the_hosts() {
    for model in MODELS {
        let builder = TestHost::app("InProcessSite").model(model);
        let hook = builder.folder().join("InProcessSite.dll");
        let children = variables(&[("DOTNET_STARTUP_HOOKS", hook.to_str().unwrap())]);
        let host = builder.asp_net_core("", &children).start();
        assert_eq!(host.text("/StartupHook"), "True", "{model:?}");
        host.stop();
    }
}

#[test]
fn handler_settings_are_read_in_any_case_and_unknown_ones_are_told() {
    let settings =
        handler_settings(&[("STACKSIZE", "0x200000"), ("colour", "red"), ("SetCurrentDirectory", "maybe")]);
    for model in MODELS {
        let builder = TestHost::app("Minimal").model(model).asp_net_core("", &settings);
        let host = builder.any_log().start();
        assert_eq!(host.text("/"), "Hello World!");
        assert_eq!(host.logged("unknown handlerSetting 'colour'"), 1, "{}", host.story());
        host.stop();
        // In another case it is the same setting, and so as wrong.
        let builder = TestHost::app("Minimal").model(model);
        let builder = builder.asp_net_core("", &handler_settings(&[("STACKSIZE", "2 MB")]));
        assert_eq!(builder.finish().code, Some(78), "{model:?}");
    }
}

#[test]
fn what_means_nothing_here_is_warned_about_once_and_serves() {
    let sections = "<urlCompression doStaticCompression=\"true\" /><staticContent><mimeMap fileExtension=\".webp\" mimeType=\"image/webp\" /></staticContent>\
        <security><dynamicIpSecurity /></security>";
    for model in MODELS {
        let builder = TestHost::app("Minimal").model(model).any_log().edit("web.config", |text| {
            text.replace("</system.webServer>", &format!("{sections}</system.webServer>"))
        });
        let (code, checked) = builder.check_json();
        assert_eq!(code, Some(0), "{checked:#}");
        let host = builder.start();
        assert_eq!(host.text("/"), "Hello World!");
        assert_eq!(
            host.logged("dynamicIpSecurity"),
            1,
            "what is not enforced is said, and once\n{}",
            host.story()
        );
        host.stop();
    }
}

#[test]
fn an_app_that_is_closed_to_strangers_is_not_opened() {
    let sections = "<security><authentication><anonymousAuthentication enabled=\"false\" /><digestAuthentication enabled=\"true\" /></authentication></security>";
    let builder = TestHost::app("Minimal").edit("web.config", |text| {
        text.replace("</system.webServer>", &format!("{sections}</system.webServer>"))
    });
    let (code, checked) = builder.check_json();
    assert_eq!((code, checked["status"].as_str()), (Some(1), Some("500.19")), "{checked:#}");
    let refused = builder.finish();
    assert_eq!(refused.code, Some(78), "{refused:?}");
    assert!(refused.stderr.contains("anonymousAuthentication"), "{}", refused.stderr);
}
