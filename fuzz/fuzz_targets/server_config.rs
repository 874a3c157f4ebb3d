//! Reading `mews.toml` and `applicationHost.config`: every problem can be shown, and what passes keeps its promises.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mews_model::routing::Router;
use mews_model::server_config::{Surroundings, read};

fuzz_target!(|data: &[u8]| {
    let variable = |name: &str| name.eq_ignore_ascii_case("APPS").then(|| "/srv".to_owned());
    for file in ["mews.toml", "applicationHost.config"] {
        let surroundings =
            Surroundings { file, folder: Path::new("/etc/mews"), variable: &variable, processors: 2 };
        match read(data, surroundings) {
            Ok(loaded) => {
                assert!(loaded.warnings.iter().all(|warning| !warning.one_line().contains('\n')));
                let config = &loaded.config;
                let router = Router::new(config);
                assert!(!router.listeners().is_empty());
                for (index, site) in config.sites.iter().enumerate() {
                    assert!(!site.name.is_empty() && !site.bindings.is_empty() && site.id > 0);
                    let is_root = |at: usize| site.applications.get(at).is_some_and(|app| app.path == "/");
                    assert!(is_root(router.application(index, b"/")));
                    for application in &site.applications {
                        assert!(config.pool(&application.pool).is_some());
                        assert!(application.physical_path.is_absolute());
                    }
                }
            }
            Err(problems) => assert!(!problems.render().is_empty()),
        }
    }
});
