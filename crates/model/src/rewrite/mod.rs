//! URL rewriting: the inbound rules of the `rewrite` section and the engine that applies them.

mod config;

pub use config::{
    Action, Condition, Conditions, LogicalGrouping, MapEntry, MatchType, MatchUrl, PatternSyntax,
    RedirectType, RewriteConfig, RewriteMap, Rule, ServerVariable,
};
