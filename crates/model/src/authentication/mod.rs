//! Who sends a request, and whether they may: the schemes of `web.config`, the handshakes of connections, and the rules
//! about addresses, TLS and users. Pure; tokens and passwords are judged elsewhere.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `access` | what is asked of a request before anybody looks for a user: `ipSecurity`, `access` |
//! | `credentials` | what an `Authorization` field says |
//! | `schemes` | which schemes an app has, and the fields that offer them |
//! | `handshake` | a connection's machine: what a request may do with what the connection has proved |
//! | `identity` | a user as the app sees it, and how it crosses to managed code |
//! | `name` | the forms of a user's name |
//! | `logon_info` | what Active Directory says of a user in a ticket |
//! | `certificates` | users for client certificates |
//! | `policy` | what counts for an app, and what for paths inside it |
//! | `settings` | keys and names, as the host's administrator has them |
//! | `authorization` | the rules about users and roles |

mod access;
mod authorization;
mod certificates;
mod credentials;
mod handshake;
mod identity;
mod logon_info;
mod name;
mod policy;
mod schemes;
mod settings;
#[cfg(test)]
mod storm;

pub use access::{Client, Denial, Gate};
pub use authorization::{Verdict, authorize};
pub use certificates::{Certificate, NamePart, mapped};
pub use credentials::{Credentials, NotBase64, WindowsScheme};
pub use handshake::{HANDSHAKE_LIMIT, Handshakes, Outcome, Proved, Step};
pub use identity::{Group, Identity, Scheme};
pub use logon_info::LogonInfo;
pub use name::{NameForm, Names};
pub use policy::{Parts, Policy};
pub use schemes::{Offer, Schemes, Windows};
pub use settings::{DEFAULT_SERVICE, SignInSettings};
