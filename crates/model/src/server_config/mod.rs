//! Sites, bindings, applications and application pools: one model, whatever file it was written in.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `site` | a site: bindings, certificates, applications |
//! | `binding` | where a site listens, and for which host names |
//! | `pool` | an application pool: when it starts, idles, recycles and gives up |
//! | `identity` | as whom a pool runs and what it may use up |
//! | `inherited` | what IIS's file says about who may send requests |
//! | `access_log` | a site's access log |
//! | `limits` | what clients of a site may ask of its connections |
//! | `hosting` | which applications can run in one pool |
//! | `read` | a file's bytes: which format it is |
//! | `mews_toml` | the reader of `mews.toml`; new settings are lines of its table |
//! | `application_host` | the reader of IIS's file |
//! | `draft` | what a file says, with its places |
//! | `validate` | holds the parts against each other |

mod access_log;
mod application_host;
mod binding;
mod draft;
mod hosting;
mod http2;
mod https;
mod identity;
mod inherited;
mod limits;
mod mews_toml;
mod pool;
mod problems;
mod read;
mod site;
mod validate;

use std::net::SocketAddr;

pub use access_log::{AccessLog, AccessLogFormat, Period};
pub use binding::{Binding, HostName};
pub use hosting::pool_conflict;
pub use http2::Http2;
pub use https::{Hsts, HttpsRedirect};
pub use identity::Isolation;
pub use inherited::Inherited;
pub use limits::ConnectionLimits;
pub(crate) use mews_toml::limits as limit_defaults;
pub use mews_toml::reference as mews_toml_reference;
pub use pool::{Ping, Pool, RapidFailProtection, Recycle, StartMode, TimeOfDay};
pub use problems::{Loaded, Problems};
pub use read::{Format, Surroundings, read};
pub use site::{Application, CertificateFiles, ClientCertificates, Site};

/// Everything that `mews serve` hosts. Valid: names are unique (as IIS compares them, without regard to case), every
/// application names a pool of `pools`, every site has the application `/`, and no two sites have the same binding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerConfig {
    /// The sites, in the order of the file.
    pub sites: Vec<Site>,
    /// The application pools, in the order of the file. Pools that no application uses are among them.
    pub pools: Vec<Pool>,
    /// Where metrics can be asked for.
    pub admin: Option<SocketAddr>,
}

impl ServerConfig {
    /// The pool of that name.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name.eq_ignore_ascii_case(name))
    }
}
