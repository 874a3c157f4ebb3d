//! The rules that `web.config` and the environment make for requests and for the host's own answers.

use std::path::Path;

use mews_model::environment::{Inherited, detailed_errors};
use mews_model::web_config::{ErrorMode, WebConfig};

use super::plan::environment_name;
use super::site::SiteOptions;
use crate::control::{AccessRules, AnswerRules, Audience, SiteRules};

/// Names a page with more help, for failure pages.
const LINK: &str = "ANCM_ADDITIONAL_ERROR_PAGE_LINK";

/// The rules of an app; `config` is its `web.config`, if it has one that can be read.
pub(super) fn site(
    config: Option<&WebConfig>,
    options: &SiteOptions,
    folder: &Path,
    inherited: &Inherited,
) -> SiteRules {
    let answers = answers(config, options, folder, inherited);
    let site = options.edge.compression.clone();
    let Some(config) = config else {
        return SiteRules { answers, compression: site, ..SiteRules::default() };
    };
    let access = AccessRules::of(config, options.sign_in.clone());
    SiteRules {
        filtering: config.request_filtering.clone(),
        rewrite: config.rewrite.clone(),
        access,
        answers,
        compression: match config.dynamic_compression {
            None => site,
            Some(true) => Some(site.unwrap_or_default()),
            Some(false) => None,
        },
    }
}

/// How the host answers for an app by itself.
pub(super) fn answers(
    config: Option<&WebConfig>,
    options: &SiteOptions,
    folder: &Path,
    inherited: &Inherited,
) -> AnswerRules {
    let module = config.and_then(|config| config.asp_net_core.as_ref());
    let configured = module.map_or(&[][..], |module| &module.environment_variables);
    let forced: Vec<_> = environment_name(options).into_iter().collect();
    let errors = config.and_then(|config| config.http_errors.clone());
    // Who asks for nothing gets what the environment says; behind a proxy every client would be a local one.
    let asked = errors.as_ref().filter(|errors| errors.mode_given).map(|errors| errors.mode);
    let details = match asked {
        Some(ErrorMode::Detailed) => Audience::Everybody,
        Some(ErrorMode::Custom) => Audience::Nobody,
        _ if detailed_errors(&inherited.clone().with(&forced), configured) => Audience::Everybody,
        Some(ErrorMode::DetailedLocalOnly) => Audience::Local,
        None => Audience::Nobody,
    };
    AnswerRules {
        headers: config.map_or_else(Vec::new, |config| config.custom_headers.clone()),
        errors,
        folder: folder.to_owned(),
        no_failure_page: module.is_some_and(|module| module.disable_start_up_error_page),
        details,
        link: inherited.get(LINK).filter(|link| is_link(link)).map(str::to_owned),
    }
}

/// Anything but a web address would be a script's way onto the page.
fn is_link(text: &str) -> bool {
    let web = ["http://", "https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)));
    web && !text.contains(char::is_control)
}
