//! URL rewriting: the inbound rules of the `rewrite` section and the engine that applies them.
//!
//! Rules are compiled once ([`compile`]) and applied to every request ([`Compiled::apply`]). A rule sees the path
//! below the app, percent-decoded and without its leading slash; what it makes is encoded again.

mod compiled;
mod config;
mod engine;
pub(crate) mod path;
mod pattern;
mod request;
mod template;
#[cfg(test)]
mod tests;
mod variables;

pub use compiled::{Compiled, Place, RuleError, compile};
pub use config::{
    Action, Condition, Conditions, LogicalGrouping, MapEntry, MatchType, MatchUrl, PatternSyntax,
    RedirectType, RewriteConfig, RewriteMap, Rule, ServerVariable,
};
pub use engine::{Applied, Outcome};
pub use request::{Connection, FileKind, FileSystem, Request};
pub(crate) use variables::below;
