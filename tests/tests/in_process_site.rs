//! The site that the hosting behaviours of IIS are tested with: what an app can ask of IIS's own server only, and so in-process only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{SharedHost, TestHost};

static SITE: SharedHost = SharedHost::new(|| TestHost::app("InProcessSite").start());

#[test]
fn identity_and_environment() {
    let host = SITE.get();
    let folder = host.folder().canonicalize().unwrap();
    let folder = folder.to_str().unwrap();
    let (with_slash, web_root) = (format!("{folder}/"), format!("{folder}/wwwroot"));
    host.assert_answers(&[
        ("/WebRootPath", 200, &web_root),
        ("/CurrentDirectory", 200, folder),
        ("/BaseDirectory", 200, &with_slash),
        ("/BasePath", 200, &with_slash),
        ("/ASPNETCORE_IIS_PHYSICAL_PATH", 200, &with_slash),
        ("/ProcessId", 200, &host.workers()[0].to_string()),
        ("/CommandLineArgs", 200, ""),
        ("/GetEnvironmentVariable?name=MEWS_NO_SUCH_VARIABLE", 200, ""),
        ("/ANCM_HTTPS_PORT", 200, "NOVALUE"),
        ("/HTTPS_PORT", 200, "NOVALUE"),
        ("/StartupHook", 200, "False"),
        ("/CheckProtocol", 200, "HTTP/1.1"),
        ("/HttpsHelloWorld", 200, "Scheme:http; Original:"),
        ("/GetClientCert", 200, "Disabled"),
        ("/BodyLimit", 200, "30000000"),
        ("/UpgradeFeatureDetection", 200, "Enabled"),
        ("/AuthenticationAnonymous", 200, "Anonymous?True"),
    ]);
    assert_eq!(host.text("/ContentRootPath").trim_end_matches('/'), folder);
    let addresses = host.text("/ServerAddresses");
    assert_eq!(addresses.trim_end_matches('/'), format!("http://127.0.0.1:{}", host.port()));
}

#[test]
fn the_environment_feature_and_its_configuration_agree() {
    let host = SITE.get();
    let feature = host.text("/IIISEnvironmentFeature");
    let lines: Vec<(&str, &str)> =
        feature.lines().map(|line| line.split_once(": ").unwrap_or((line, ""))).collect();
    let labels: Vec<&str> = lines.iter().map(|(label, _)| label.trim_end_matches(':')).collect();
    assert_eq!(
        labels,
        [
            "IIS Version",
            "ApplicationId",
            "Application Path",
            "Application Virtual Path",
            "Application Config Path",
            "AppPool ID",
            "AppPool Config File",
            "Site ID",
            "Site Name"
        ]
    );
    let value = |label: &str| lines.iter().find(|(other, _)| *other == label).unwrap().1;
    let folder = host.folder().canonicalize().unwrap();
    assert_eq!(value("Application Path").trim_end_matches('/'), folder.to_str().unwrap());
    assert_eq!(value("Application Virtual Path"), "/");
    assert!(value("Site ID").parse::<u32>().is_ok_and(|id| id > 0), "{feature}");
    for label in ["IIS Version", "ApplicationId", "Application Config Path", "AppPool ID", "Site Name"] {
        assert!(!value(label).is_empty(), "{label} in {feature}");
    }
    assert_eq!(host.text("/IIISEnvironmentFeatureConfig"), feature);
}

#[test]
fn feature_setters() {
    SITE.get().assert_answers(&[
        ("/FeatureCollectionSetRequestFeatures/path?query", 200, "Success"),
        ("/FeatureCollectionSetResponseFeatures/path?query", 200, "Success"),
        ("/FeatureCollectionSetConnectionFeatures", 200, "Success"),
        ("/TestRequestHeaders", 200, "Success"),
        ("/ResponseTrailers_HTTP1_TrailersNotAvailable", 200, ""),
        ("/Reset_Http1_NotSupported", 200, "Hello World"),
        ("/IncreaseRequestLimit", 200, ""),
    ]);
}

#[test]
fn server_variables() {
    let host = SITE.get();
    let port = format!("SERVER_PORT: {}", host.port());
    host.assert_answers(&[
        ("/ServerVariable?q=SERVER_PORT", 200, &port),
        ("/ServerVariable?q=QUERY_STRING", 200, "QUERY_STRING: q=QUERY_STRING"),
        ("/ServerVariable?q=THIS_VAR_IS_UNDEFINED", 200, "THIS_VAR_IS_UNDEFINED: (null)"),
        ("/ServerVariable?q=REQUEST_METHOD", 200, "REQUEST_METHOD: GET"),
        ("/ServerVariable?q=SERVER_PROTOCOL", 200, "SERVER_PROTOCOL: HTTP/1.1"),
        ("/ServerVariable?q=REMOTE_ADDR", 200, "REMOTE_ADDR: 127.0.0.1"),
        ("/ServerVariable?q=HTTP_HOST", 200, "HTTP_HOST: localhost"),
        ("/ServerVariable?q=MY_OWN&v=mine", 200, "MY_OWN: mine"),
        ("/ServerVariable?q=REMOTE_ADDR&v=10.0.0.1", 200, "REMOTE_ADDR: 10.0.0.1"),
        ("/ServerVariable?q=REMOTE_ADDR", 200, "REMOTE_ADDR: 127.0.0.1"),
    ]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = host.client();
                for _ in 0..3 {
                    let response = client.get("/GetServerVariableStress").unwrap();
                    let text = response.text();
                    assert!(
                        text.starts_with("Response Begin") && text.ends_with("Response End"),
                        "{}",
                        text.len()
                    );
                }
            });
        }
    });
}

#[test]
fn request_timing() {
    let host = SITE.get();
    let stamps = host.json("/HttpSysRequestTimingInfo");
    let stamps: Vec<i64> = stamps.as_array().unwrap().iter().map(|stamp| stamp.as_i64().unwrap()).collect();
    // Indexes of HttpSysRequestTimingType.
    let (connection, parse_start, parse_end, last) = (0, 15, 16, 29);
    assert!(stamps.len() > last, "{stamps:?}");
    assert!(stamps[connection] > 0 && stamps[parse_start] >= stamps[connection], "{stamps:?}");
    assert!(stamps[parse_end] > stamps[parse_start], "{stamps:?}");
}

#[test]
fn header_text_outside_ascii() {
    let host = SITE.get();
    // Without the Latin-1 switch a byte that is no UTF-8 becomes the replacement character.
    let mut client = host.client();
    client.send(b"GET /InvalidCharacter HTTP/1.1\r\nHost: localhost\r\nfoo: \xa3\r\n\r\n").unwrap();
    assert_eq!(client.response("GET").unwrap().status, 200);
    let latin = TestHost::app("InProcessSite").args(["AddLatin1"]).start();
    let mut client = latin.client();
    client.send(b"GET /Latin1 HTTP/1.1\r\nHost: localhost\r\nfoo: \xa3\r\n\r\n").unwrap();
    assert_eq!(client.response("GET").unwrap().status, 200);
    let answer = latin.raw(b"GET /Latin1 HTTP/1.1\r\nHost: localhost\r\nfoo: \xa3\0a\r\n\r\n");
    assert_eq!(answer.status(), 400);
    latin.stop();
}
