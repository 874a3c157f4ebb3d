//! Rewrite rules made of any patterns and texts, applied to any request: what comes out can be sent, and comes soon.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mews_model::rewrite::{
    Action, Condition, Conditions, Connection, FileKind, FileSystem, LogicalGrouping, MapEntry, MatchType,
    MatchUrl, Outcome, PatternSyntax, RedirectType, Request, RewriteConfig, RewriteMap, Rule, ServerVariable,
    compile,
};

struct Folder;

impl FileSystem for Folder {
    fn root(&self) -> &str {
        "/srv/shop"
    }

    fn kind(&self, path: &str) -> Option<FileKind> {
        assert!(path.starts_with('/') && !path.contains('\0'), "{path:?}");
        assert!(path.split('/').all(|segment| segment != ".." && segment != "."), "{path:?}");
        (path.len() % 2 == 0).then_some(FileKind::File)
    }
}

// Lines: bits, pattern, condition's input, condition's pattern, URL of the action, value of a header, target, Host.
fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let bits = next().bytes().fold(0u32, |bits, byte| bits.wrapping_mul(31).wrapping_add(byte.into()));
    let bit = |number: u32| bits >> number & 1 != 0;
    let syntax = match bits % 3 {
        0 => PatternSyntax::EcmaScript,
        1 => PatternSyntax::Wildcard,
        _ => PatternSyntax::ExactMatch,
    };
    let match_url = MatchUrl { pattern: next(), ignore_case: bit(3), negate: bit(4) };
    let condition = Condition {
        input: next(),
        match_type: if bit(5) { MatchType::Pattern } else { MatchType::IsFile },
        pattern: next(),
        ignore_case: bit(6),
        negate: bit(7),
    };
    let conditions = Conditions {
        logical_grouping: if bit(8) { LogicalGrouping::MatchAll } else { LogicalGrouping::MatchAny },
        track_all_captures: bit(9),
        items: if condition.input.is_empty() { Vec::new() } else { vec![condition.clone(), condition] },
    };
    let (url, value) = (next(), next());
    let action = match bits >> 10 & 3 {
        0 => Action::Rewrite { url: url.clone(), append_query_string: bit(12) },
        1 => Action::Redirect { url, append_query_string: bit(12), redirect_type: RedirectType::Found },
        2 => Action::CustomResponse { status: 503, sub_status: 0, reason: url.clone(), description: url },
        _ => Action::Rewrite { url: url.clone(), append_query_string: bit(12) },
    };
    let rule = |name: &str, action| Rule {
        name: name.to_owned(),
        pattern_syntax: syntax,
        match_url: match_url.clone(),
        conditions: conditions.clone(),
        server_variables: vec![ServerVariable {
            name: "HTTP_X_VALUE".to_owned(),
            value: value.clone(),
            replace: bit(13),
        }],
        action,
        ..Rule::default()
    };
    let first = Action::Rewrite { url: "{R:0}{C:1}".to_owned(), append_query_string: true };
    let map = RewriteMap {
        name: "map".to_owned(),
        entries: vec![MapEntry { key: "a".to_owned(), value: "b".to_owned() }],
        ..RewriteMap::default()
    };
    let config = RewriteConfig { rules: vec![rule("first", first), rule("second", action)], maps: vec![map] };
    let Ok(compiled) = compile(&config) else { return };
    let (target, host) = (next(), next());
    // The server has looked at both before: what is not printable has been refused.
    if !target.bytes().all(|byte| byte.is_ascii_graphic())
        || !host.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return;
    }
    let header = |name: &str| name.eq_ignore_ascii_case("host").then(|| host.clone());
    let applied = compiled.apply(&Request {
        method: "GET",
        target: &target,
        base: if bit(14) { "" } else { "/app" },
        protocol: "HTTP/1.1",
        header: &header,
        connection: Connection { https: bit(15), ..Connection::default() },
        files: &Folder,
    });
    let sendable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    match applied.outcome {
        Outcome::Continue { target: made, headers } => {
            if let Some(made) = made {
                assert!(made.starts_with('/') && sendable(&made), "{made:?}");
            }
            for (name, value) in headers {
                assert!(sendable(&name) && !value.contains(char::is_control), "{name:?}: {value:?}");
            }
        }
        Outcome::Redirect { location, .. } => {
            assert!(!location.is_empty() && sendable(&location), "{location:?}")
        }
        Outcome::Respond { reason, .. } => assert!(!reason.contains(char::is_control), "{reason:?}"),
        Outcome::Abort | Outcome::Broken { .. } => {}
    }
});
