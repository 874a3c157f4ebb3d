//! What can be said about an app folder, whether it is to be run or looked at.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use mews_model::HostingModel;

/// What is said in place of `web.config` or the environment, as written.
#[derive(Clone, Debug, Args)]
pub(crate) struct FolderOptions {
    /// Addresses to listen on, separated by ';' [default: ASPNETCORE_URLS, or http://127.0.0.1:8080]
    ///
    /// As in 'http://127.0.0.1:8080;https://[::1]:8443'. http://*:80 is every address, port 0 any free
    /// port.
    #[arg(long, value_name = "URLS")]
    pub(crate) urls: Option<String>,

    /// InProcess or OutOfProcess; overrides web.config
    #[arg(long, value_name = "MODEL")]
    pub(crate) hosting_model: Option<HostingModel>,

    /// Sets ASPNETCORE_ENVIRONMENT for the app
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) environment: Option<String>,
}
