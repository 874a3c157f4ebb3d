//! What is read of a `web.config`, and how its problems are told.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use std::time::Duration;

use mews_model::web_config::{AspNetCore, WebConfig, launcher, read};
use mews_model::{HostingModel, StatusCode};

const PUBLISHED: &str = include_str!("web_config/published.config");

fn good(text: &str) -> WebConfig {
    match read("web.config", text.as_bytes()) {
        Ok((config, warnings)) => {
            assert_eq!(warnings, []);
            config
        }
        Err(problems) => panic!("{}", problems.render()),
    }
}

fn module(text: &str) -> AspNetCore {
    good(text).asp_net_core.unwrap()
}

/// A file with this `aspNetCore` element.
fn around(element: &str) -> String {
    format!("<configuration>\n<system.webServer>\n{element}\n</system.webServer>\n</configuration>")
}

fn bad(text: &str) -> String {
    read("web.config", text.as_bytes()).unwrap_err().render()
}

#[test]
fn as_dotnet_publish_writes_it() {
    let config = good(PUBLISHED);
    assert_eq!(config.max_content_length, 30_000_000);
    assert!(config.web_sockets);
    let module = config.asp_net_core.unwrap();
    assert_eq!(module.process_path, "dotnet");
    assert_eq!(module.arguments, ".\\Shop.dll");
    assert_eq!(module.hosting_model, Some(HostingModel::InProcess));
    assert_eq!(module.startup_time_limit, Duration::from_secs(120));
    assert_eq!(module.shutdown_time_limit, Duration::from_secs(10));
    assert_eq!(module.request_timeout, Duration::from_secs(120));
    assert_eq!(module.rapid_fails_per_minute, 10);
    assert_eq!(module.processes_per_application, 1);
    assert!(!module.stdout_log_enabled && module.forward_windows_auth_token);
    assert_eq!(module.stdout_log_file, ".\\logs\\stdout");
}

#[test]
fn everything_that_can_be_said() {
    let text = r#"<?xml version="1.0" encoding="utf-8"?>
<configuration xmlns="http://schemas.microsoft.com/.NetConfiguration/v2.0">
  <runtime><anything here="is passed over"/></runtime>
  <location path="sub"><runtime /></location>
  <system.webServer>
    <aspNetCore processPath="./Shop" hostingModel="INPROCESS" startupTimeLimit="0" shutdownTimeLimit="600"
        rapidFailsPerMinute="100" requestTimeout="360:00:00" stdoutLogEnabled="TRUE" stdoutLogFile="x"
        processesPerApplication="100" forwardWindowsAuthToken="False" disableStartUpErrorPage="true" lockItem="true">
      <environmentVariables>
        <environmentVariable name="GONE" value="1" />
        <clear />
        <environmentVariable name="A" value="" />
        <environmentVariable name="B" value="%A% &amp; &quot;x&quot;" />
      </environmentVariables>
      <handlerSettings>
        <handlerSetting name="stackSize" value="2097152" />
        <handlerSetting name="STDOUTLOGMAXFILES" value="7" />
      </handlerSettings>
      <recycleOnFileChange><file path="x" /></recycleOnFileChange>
    </aspNetCore>
    <webSocket enabled="false" />
    <rewrite><rules /></rewrite>
    <security>
      <requestFiltering><requestLimits maxAllowedContentLength="4294967295" maxUrl="1" /></requestFiltering>
      <authentication>
        <anonymousAuthentication enabled="true" />
        <windowsAuthentication enabled="false" />
      </authentication>
    </security>
  </system.webServer>
</configuration>"#;
    let config = good(text);
    assert_eq!(config.max_content_length, 4_294_967_295);
    assert!(!config.web_sockets);
    assert_eq!(config.authentication.anonymous, Some(true));
    assert_eq!(config.authentication.windows, Some(false));
    assert_eq!(config.authentication.basic, None);
    let module = config.asp_net_core.unwrap();
    assert_eq!(module.process_path, "./Shop");
    assert_eq!(module.request_timeout, Duration::from_secs(360 * 3600));
    assert!(module.stdout_log_enabled && module.disable_start_up_error_page);
    assert!(!module.forward_windows_auth_token);
    let pairs = [("A".to_owned(), String::new()), ("B".to_owned(), "%A% & \"x\"".to_owned())];
    assert_eq!(module.environment_variables, pairs);
    assert_eq!(module.handler_setting("StackSize"), Some("2097152"));
    assert_eq!(module.handler_setting("other"), None);
}

#[test]
fn the_model_when_it_is_not_said() {
    assert_eq!(module(&around("<aspNetCore processPath='x' />")).hosting_model, None);
    assert_eq!(module(&around("<aspNetCore processPath='x' hostingModel='' />")).hosting_model, None);
    let said = module(&around("<aspNetCore processPath='x' hostingModel='OutOfProcess' />"));
    assert_eq!(said.hosting_model, Some(HostingModel::OutOfProcess));
}

#[test]
fn a_file_without_the_module_is_no_error_here() {
    assert_eq!(good("<configuration/>").asp_net_core, None);
}

#[test]
fn the_launcher() {
    let config = module(&around("<aspNetCore processPath='%ROOT%/dotnet' arguments='%APP% %NOPE%' />"));
    let made = launcher(&config, |name| match name {
        "ROOT" => Some("/opt".to_owned()),
        "APP" => Some("%ROOT%/a.dll".to_owned()),
        "ANCM_LAUNCHER_PATH" => Some(String::new()),
        _ => None,
    });
    assert_eq!((made.process_path.as_str(), made.arguments.as_str()), ("/opt/dotnet", "/opt/a.dll %NOPE%"));
    let made = launcher(&config, |name| name.strip_prefix("ANCM_LAUNCHER_").map(|part| format!("<{part}>")));
    assert_eq!((made.process_path.as_str(), made.arguments.as_str()), ("<PATH>", "<ARGS>"));
}

#[test]
fn all_problems_at_once() {
    let text = include_str!("web_config/all_problems.config");
    let problems = read("web.config", text.as_bytes()).unwrap_err();
    assert_eq!(problems.render(), include_str!("web_config/all_problems.txt").trim_end());
    let failure = problems.failure();
    assert_eq!(failure.code, StatusCode::BAD_CONFIGURATION);
    assert!(failure.cause.starts_with("web.config:3:17: unknown attribute"), "{}", failure.cause);
    assert!(failure.cause.ends_with("(and 10 more problems)."), "{}", failure.cause);
}

#[test]
fn what_the_module_refuses_itself_is_another_status() {
    for element in [
        "<aspNetCore />",
        "<aspNetCore processPath='' />",
        "<aspNetCore processPath='x' hostingModel='foo' />",
    ] {
        let problems = read("web.config", around(element).as_bytes()).unwrap_err();
        assert_eq!(problems.failure().code, StatusCode::CANNOT_RESOLVE, "{element}");
    }
}

#[test]
fn values_out_of_range() {
    for (attribute, part) in [
        ("startupTimeLimit='3601'", "from 0 to 3600"),
        ("startupTimeLimit='-1'", "from 0 to 3600"),
        ("shutdownTimeLimit='601'", "from 0 to 600"),
        ("processesPerApplication='0'", "from 1 to 100"),
        ("rapidFailsPerMinute='99999999999999999999'", "from 0 to 100"),
        ("requestTimeout='360:00:01'", "up to 360:00:00"),
        ("requestTimeout='00:00:60'", "hh:mm:ss"),
        ("requestTimeout='120'", "hh:mm:ss"),
        ("stdoutLogEnabled=''", "true or false"),
        ("stdoutLogFile=''", "'stdoutLogFile' of 'aspNetCore' is empty"),
        ("processpath='x'", "did you mean 'processPath'?"),
    ] {
        let text = bad(&around(&format!("<aspNetCore processPath='x' {attribute} />")));
        assert!(text.contains(part) && text.contains("--> web.config:3:"), "{attribute}: {text}");
    }
}

#[test]
fn places_where_something_is_wrong() {
    for (text, part) in [
        ("<configuration>", "not well-formed"),
        ("<configuration><a></b></configuration>", "not well-formed"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><configuration/>", "not well-formed"),
        ("<config/>", "root element is 'config'"),
        ("<configuration><system.webserver/></configuration>", "did you mean 'system.webServer'?"),
        (
            "<configuration><system.webServer><aspnetcore/></system.webServer></configuration>",
            "'aspNetCore'?",
        ),
        (
            "<configuration><system.webServer><aspNetCore processPath='a'/><aspNetCore processPath='b'/>\
             </system.webServer></configuration>",
            "there twice",
        ),
        (
            "<configuration><location path='.'><system.webServer><security><requestFiltering>\
             <requestLimits maxAllowedContentLength='x'/></requestFiltering></security></system.webServer>\
             </location></configuration>",
            "'maxAllowedContentLength'",
        ),
    ] {
        let shown = bad(text);
        assert!(shown.contains(part) && shown.contains("--> web.config:1:"), "{text}: {shown}");
    }
    assert!(bad("").contains("the file is empty"));
    assert!(bad(&" ".repeat(2 << 20)).contains("larger than"));
}

#[test]
fn the_encoding_does_not_matter() {
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(PUBLISHED.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let from_utf16 = read("web.config", &utf16).unwrap().0;
    assert_eq!(from_utf16, good(PUBLISHED));
    let marked = [b"\xef\xbb\xbf", PUBLISHED.as_bytes()].concat();
    assert_eq!(read("web.config", &marked).unwrap().0, from_utf16);
    assert!(bad("<configuration a='\u{0}'/>").contains("web.config:1:"));
}

/// Whatever a file holds, reading it ends with a value or with problems.
#[test]
fn damaged_files_never_panic() {
    let bytes = PUBLISHED.as_bytes();
    for at in 0..bytes.len() {
        for change in [0u8, b'<', b'"', 0xff] {
            let mut damaged = bytes.to_vec();
            damaged[at] = change;
            if let Err(problems) = read("web.config", &damaged) {
                assert!(!problems.render().is_empty());
            }
        }
        if let Err(problems) = read("web.config", &bytes[..at]) {
            assert!(!problems.failure().cause.is_empty());
        }
    }
}
