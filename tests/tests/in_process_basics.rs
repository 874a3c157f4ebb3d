//! What only the in-process model has: the features of IIS's own server, its environment, and being the default of a folder without `web.config`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{SharedHost, TestHost};
use serde_json::json;

static MINIMAL: SharedHost = SharedHost::new(|| TestHost::app("Minimal").start());

#[test]
fn the_environment_tells_the_app_what_iis_tells() {
    let host = MINIMAL.get();
    let folder = host.folder().canonicalize().unwrap();
    assert_eq!(
        host.text("/env?name=ASPNETCORE_IIS_PHYSICAL_PATH").trim_end_matches('/'),
        folder.to_str().unwrap()
    );
    assert_eq!(host.text("/env?name=ASPNETCORE_IIS_APPLICATION_VIRTUAL_PATH"), "/");
    assert!(!host.text("/env?name=ASPNETCORE_IIS_HTTPAUTH").is_empty());
    for name in ["VERSION", "APP_POOL_ID", "SITE_NAME", "SITE_ID", "APP_CONFIG_PATH", "APPLICATION_ID"] {
        assert!(!host.text(&format!("/env?name=ASPNETCORE_IIS_{name}")).is_empty(), "{name}");
    }
}

#[test]
fn the_features_of_the_server_are_there() {
    let host = MINIMAL.get();
    let features = host.json("/features");
    let has = |name: &str| {
        features.as_array().unwrap().iter().any(|feature| feature.as_str().unwrap().ends_with(name))
    };
    for name in [
        "IHttpRequestFeature",
        "IHttpResponseFeature",
        "IHttpResponseBodyFeature",
        "IHttpConnectionFeature",
        "IHttpRequestLifetimeFeature",
        "IHttpRequestIdentifierFeature",
        "IHttpRequestBodyDetectionFeature",
        "IHttpUpgradeFeature",
        "IHttpBodyControlFeature",
        "IHttpMaxRequestBodySizeFeature",
        "IServerVariablesFeature",
        "IHttpSysRequestTimingFeature",
        "ITlsConnectionFeature",
    ] {
        assert!(has(name), "{name} in {features:#}");
    }
    for name in ["IHttpResetFeature", "ITlsHandshakeFeature", "IHttpMinRequestBodyDataRateFeature"] {
        assert!(!has(name), "{name} in {features:#}");
    }
}

#[test]
fn a_folder_without_web_config_is_run_in_process() {
    let host = TestHost::app("Minimal").without("web.config").start();
    assert_eq!(host.json("/info")["pid"], json!(host.workers()[0]));
    host.stop();
}

#[test]
fn the_hosting_model_may_be_written_in_any_case() {
    let host = TestHost::app("Minimal").flag("--hosting-model").flag("inprocess").start();
    assert_eq!(host.json("/info")["pid"], json!(host.workers()[0]));
    host.stop();
}
