//! Reading `web.config`: every problem has a sentence that can be shown, and what passes can be used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mews_model::rewrite;
use mews_model::web_config::{self, Layer, LayerKind};

fuzz_target!(|data: &[u8]| {
    match web_config::read("web.config", data) {
        Ok((config, warnings)) => {
            assert!(rewrite::compile(&config.rewrite).is_ok(), "a rule passed that cannot be used");
            assert!(warnings.iter().all(|warning| !warning.one_line().contains('\n')));
            if let Some(module) = &config.asp_net_core {
                assert!(!module.process_path.is_empty());
            }
        }
        Err(problems) => {
            assert!(!problems.diagnostics.is_empty());
            assert!(!problems.render().is_empty());
            let failure = problems.failure();
            assert!(!failure.cause.contains('\n'), "{:?}", failure.cause);
        }
    }
    // The same file as that of an application above, and below itself.
    let server = Layer { file: "server", bytes: data, kind: LayerKind::Server { path: "shop/api" } };
    let parent = Layer { file: "parent", bytes: data, kind: LayerKind::Parent { path: "api" } };
    let own = Layer { file: "web.config", bytes: data, kind: LayerKind::App };
    let _ = web_config::read_layers(&[server, parent, own]);
});
