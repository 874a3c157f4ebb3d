//! What `web.config` says about requests before the app sees them, and about the host's own answers.

use std::path::PathBuf;

use mews_model::authentication::{Policy, SignInSettings};
use mews_model::compression::Compression;
use mews_model::filtering::RequestFiltering;
use mews_model::rewrite::RewriteConfig;
use mews_model::server_config::{Hsts, HttpsRedirect};
use mews_model::web_config::{HttpErrors, Part, WebConfig};
use mews_server::HttpsPorts;
use serde::{Deserialize, Serialize};

/// The rules of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SiteRules {
    /// `requestFiltering`.
    pub(crate) filtering: RequestFiltering,
    /// `rewrite` and `httpRedirect`.
    pub(crate) rewrite: RewriteConfig,
    /// Who may send requests.
    pub(crate) access: AccessRules,
    /// The host's own answers.
    pub(crate) answers: AnswerRules,
    /// How responses are compressed.
    pub(crate) compression: Option<Compression>,
}

/// Having clients use https.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HttpsRules {
    /// `Strict-Transport-Security`, if it is sent.
    pub(crate) hsts: Option<Hsts>,
    /// What http requests are answered with, if they are sent to https.
    pub(crate) redirect: Option<HttpsRedirect>,
    /// Where https is spoken for which names; 0 is the port that an https listener has got.
    pub(crate) ports: HttpsPorts,
}

/// Who may send requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessRules {
    /// To all of the app.
    pub(crate) policy: Policy,
    /// To paths inside it, without slashes at their ends, in place of that.
    pub(crate) parts: Vec<(String, Policy)>,
    /// Where the keys are and how names look.
    pub(crate) settings: SignInSettings,
}

impl AccessRules {
    /// What a file asks for.
    pub(crate) fn of(config: &WebConfig, settings: SignInSettings) -> Self {
        let part = |part: &Part| (part.path.clone(), Policy::of(&part.authentication, &part.security));
        Self {
            policy: Policy::of(&config.authentication, &config.security),
            parts: config.parts.iter().map(part).collect(),
            settings,
        }
    }

    /// That of the app and those of the paths inside it.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &Policy> {
        std::iter::once(&self.policy).chain(self.parts.iter().map(|(_, policy)| policy))
    }

    /// Whether requests must be looked at.
    pub(crate) fn is_needed(&self) -> bool {
        self.policies().any(Policy::is_needed)
    }
}

/// How the host's own answers look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnswerRules {
    /// `customHeaders`, which the app's answers get too.
    pub(crate) headers: Vec<(String, String)>,
    /// `httpErrors`.
    pub(crate) errors: Option<HttpErrors>,
    /// Where its files are: the app's folder. Absolute.
    pub(crate) folder: PathBuf,
    /// Whether start failures are answered without a page (`disableStartUpErrorPage`).
    pub(crate) no_failure_page: bool,
    /// Who sees what the app itself said of a failure.
    pub(crate) details: Audience,
    /// The address of a page with more help (`ANCM_ADDITIONAL_ERROR_PAGE_LINK`).
    pub(crate) link: Option<String>,
}

/// Who may see something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Audience {
    /// Only readers of the log.
    #[default]
    Nobody,
    /// Clients on this machine.
    Local,
    /// Every client.
    Everybody,
}
