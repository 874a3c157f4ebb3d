//! The values of `rewrite` and `httpRedirect`: both become rules.

use crate::rewrite::{
    self, Action, Condition, Conditions, LogicalGrouping, MapEntry, MatchType, MatchUrl, PatternSyntax,
    RedirectType, RewriteConfig, RewriteMap, Rule, ServerVariable,
};
use crate::web_config::hints::shorten;
use crate::web_config::report::{Place, Report};
use crate::web_config::tree::Set;

pub(super) fn read(server: &Set, report: &mut Report<'_>) -> RewriteConfig {
    let mut config = RewriteConfig::default();
    let items = |path: &[&str]| server.find(path).map_or(&[][..], |list| list.items.as_slice());
    for item in items(&["rewrite", "rewriteMaps"]) {
        config.maps.push(map(item));
    }
    for item in items(&["rewrite", "rules"]) {
        config.rules.push(rule(item, report));
    }
    let redirect = server.find(&["httpRedirect"]);
    if let Some(redirect) = redirect {
        config.rules.extend(redirects(redirect, report));
    }
    let rule_at = |index: usize| items(&["rewrite", "rules"]).get(index);
    if let Some(index) = super::pattern_cost::too_large(&config) {
        let at = rule_at(index).map_or(server.at, |rule| rule.at);
        report.violation(at, "the patterns are too large together from this rule on", |problem| {
            problem.help("repeat less in them, and use a rewriteMap instead of many rules")
        });
        return config;
    }
    for error in rewrite::compile(&config).err().unwrap_or_default() {
        let rule = rule_at(error.rule);
        let Some(at) = rule.map(|rule| place(rule, error.place)).or(redirect.map(|set| set.at)) else {
            continue;
        };
        let message = error.message.as_str();
        let (message, cure) = match message.split_once("; ") {
            Some((what, cure)) => (what, Some(cure)),
            None if message.starts_with("not a regular") && !message.contains("Syntax") => {
                (message, Some(LITERALLY))
            }
            None => (message, None),
        };
        report.violation(at, message, |problem| match cure {
            Some(cure) => problem.help(cure),
            None => problem,
        });
    }
    config
}

/// What to do about most patterns that cannot be read.
const LITERALLY: &str =
    "write a \\ before a character that stands for itself, or patternSyntax=\"ExactMatch\" on the rule";

/// Where in the file a place of a rule is.
fn place(rule: &Set, place: rewrite::Place) -> Place {
    let child = |name: &str, attribute: &str| rule.find(&[name]).map(|set| set.place(attribute));
    let item = |list: &str, index: usize, attribute: &str| {
        rule.find(&[list]).and_then(|list| list.items.get(index)).map(|set| set.place(attribute))
    };
    let found = match place {
        rewrite::Place::Match => child("match", "url"),
        rewrite::Place::ConditionInput(index) => item("conditions", index, "input"),
        rewrite::Place::ConditionPattern(index) => item("conditions", index, "pattern"),
        rewrite::Place::ServerVariable(index) => item("serverVariables", index, "value"),
        rewrite::Place::Action => child("action", "url"),
    };
    found.unwrap_or(rule.at)
}

fn map(item: &Set) -> RewriteMap {
    let entry = |entry: &Set| MapEntry { key: entry.owned("key"), value: entry.owned("value") };
    RewriteMap {
        name: item.owned("name"),
        default_value: item.owned("defaultValue"),
        ignore_case: item.is("ignoreCase"),
        entries: item.items.iter().map(entry).collect(),
    }
}

fn rule(item: &Set, report: &mut Report<'_>) -> Rule {
    let name = item.text("name");
    let enabled = item.is("enabled");
    let url = item.find(&["match"]);
    if enabled && url.is_none_or(|url| url.given("url").is_none()) {
        let message = format!("the rule '{}' has no match with a url", shorten(name));
        report.violation(url.map_or(item.at, |url| url.at), message, |problem| {
            problem.help("write <match url=\".*\" /> for all paths")
        });
    }
    let conditions = item.find(&["conditions"]);
    let variables = item.find(&["serverVariables"]).map_or(&[][..], |list| list.items.as_slice());
    Rule {
        name: name.to_owned(),
        enabled,
        pattern_syntax: match item.text("patternSyntax") {
            syntax if syntax.eq_ignore_ascii_case("Wildcard") => PatternSyntax::Wildcard,
            syntax if syntax.eq_ignore_ascii_case("ExactMatch") => PatternSyntax::ExactMatch,
            _ => PatternSyntax::EcmaScript,
        },
        stop_processing: item.is("stopProcessing"),
        match_url: url.map_or_else(MatchUrl::default, |url| MatchUrl {
            pattern: url.owned("url"),
            ignore_case: url.is("ignoreCase"),
            negate: url.is("negate"),
        }),
        conditions: conditions.map_or_else(Conditions::default, |list| Conditions {
            logical_grouping: match list.text("logicalGrouping") {
                grouping if grouping.eq_ignore_ascii_case("MatchAny") => LogicalGrouping::MatchAny,
                _ => LogicalGrouping::MatchAll,
            },
            track_all_captures: list.is("trackAllCaptures"),
            items: list.items.iter().map(|item| condition(item, enabled, report)).collect(),
        }),
        server_variables: variables
            .iter()
            .map(|item| ServerVariable {
                name: item.owned("name"),
                value: item.owned("value"),
                replace: item.is("replace"),
            })
            .collect(),
        action: item.find(&["action"]).map_or(Action::None, |set| action(set, enabled, report)),
    }
}

fn condition(item: &Set, enabled: bool, report: &mut Report<'_>) -> Condition {
    let match_type = match item.text("matchType") {
        kind if kind.eq_ignore_ascii_case("IsFile") => MatchType::IsFile,
        kind if kind.eq_ignore_ascii_case("IsDirectory") => MatchType::IsDirectory,
        _ => MatchType::Pattern,
    };
    if enabled && item.text("input").is_empty() {
        report.violation(item.place("input"), "the condition has no input", |problem| {
            problem.help("write for instance input=\"{HTTPS}\"")
        });
    }
    if enabled && match_type == MatchType::Pattern && item.given("pattern").is_none() {
        report.violation(item.at, "the condition has no pattern", |problem| {
            problem.help("write pattern=\"…\", or a matchType of IsFile or IsDirectory")
        });
    }
    Condition {
        input: item.owned("input"),
        match_type,
        pattern: item.owned("pattern"),
        ignore_case: item.is("ignoreCase"),
        negate: item.is("negate"),
    }
}

fn action(set: &Set, enabled: bool, report: &mut Report<'_>) -> Action {
    let kind = set.text("type");
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    let needs_url = is("Rewrite") || is("Redirect");
    if enabled && needs_url && set.text("url").trim().is_empty() {
        report.violation(set.place("url"), format!("the {kind} action has no url"), |problem| {
            problem.help("write url=\"…\": where it leads")
        });
    }
    if enabled && is("CustomResponse") && set.given("statusCode").is_none() {
        report.violation(set.at, "the CustomResponse action has no statusCode", |problem| {
            problem.help("write for instance statusCode=\"403\"")
        });
    }
    let append_query_string = set.is("appendQueryString");
    if is("Rewrite") {
        Action::Rewrite { url: set.owned("url"), append_query_string }
    } else if is("Redirect") {
        let redirect_type = RedirectType::parse(set.text("redirectType")).unwrap_or_default();
        Action::Redirect { url: set.owned("url"), append_query_string, redirect_type }
    } else if is("CustomResponse") {
        Action::CustomResponse {
            status: set.number_u16("statusCode"),
            sub_status: set.number_u16("subStatusCode"),
            reason: set.owned("statusReason"),
            description: set.owned("statusDescription"),
        }
    } else if is("AbortRequest") {
        Action::AbortRequest
    } else {
        Action::None
    }
}

/// `httpRedirect` as rules.
fn redirects(set: &Set, report: &mut Report<'_>) -> Vec<Rule> {
    if !set.is("enabled") {
        return Vec::new();
    }
    let status = RedirectType::parse(set.text("httpResponseStatus")).unwrap_or(RedirectType::Found);
    let destination = set.text("destination");
    if destination.is_empty() && set.items.is_empty() {
        report.violation(
            set.place("destination"),
            "httpRedirect is enabled without a destination",
            |problem| problem.help("write destination=\"https://…\", or enabled=\"false\""),
        );
    }
    let some = set.items.iter().map(|item| (item.text("wildcard"), item.text("destination"), item.at));
    let mut rules = Vec::new();
    for (wildcard, to, at) in some {
        // A wildcard is about the whole path from the root, a rule about what is behind its first slash.
        let pattern = wildcard.strip_prefix('/').unwrap_or(wildcard);
        rules.push((PatternSyntax::Wildcard, pattern.to_owned(), target(to, true), at));
    }
    if !destination.is_empty() {
        let pattern = if set.is("childOnly") { "^([^/]*)$" } else { "^(.*)$" };
        let exact = set.is("exactDestination");
        let at = set.place("destination");
        // An exact destination is all there is: neither path nor query follows that it does not name.
        let url = target(destination, exact).map(|(url, own_query)| (url, own_query || exact));
        rules.push((PatternSyntax::EcmaScript, pattern.to_owned(), url, at));
    }
    let mut made = Vec::new();
    for (pattern_syntax, pattern, url, at) in rules {
        if url.is_none() {
            report.violation(at, "the destination holds a variable that is not known", |problem| {
                problem.help(
                    "$S is the path below the app, $V the whole path, $Q the query with its ?, $P without it, and \
                     $0 to $9 are what the wildcards stand for",
                )
            });
        }
        made.push(Rule {
            name: "httpRedirect".to_owned(),
            pattern_syntax,
            stop_processing: true,
            match_url: MatchUrl { pattern, ..MatchUrl::default() },
            action: Action::Redirect {
                append_query_string: !url.as_ref().is_some_and(|(_, query)| *query),
                url: url.map_or_else(String::new, |(url, _)| url),
                redirect_type: status,
            },
            ..Rule::default()
        });
    }
    made
}

/// A destination in the language of rules, and whether it names the query itself.
fn target(destination: &str, exact: bool) -> Option<(String, bool)> {
    let mut url = String::new();
    let mut own_query = false;
    let mut variables = false;
    let mut chars = destination.chars();
    while let Some(c) = chars.next() {
        if c != '$' {
            url.push(c);
            continue;
        }
        variables = true;
        match chars.next()? {
            '$' => url.push('$'),
            'S' | 's' => url.push_str("/{R:1}"),
            'V' | 'v' => url.push_str("{URL}"),
            'Q' | 'q' => {
                own_query = true;
                url.push_str("?{QUERY_STRING}");
            }
            'P' | 'p' => {
                own_query = true;
                url.push_str("{QUERY_STRING}");
            }
            digit if digit.is_ascii_digit() => {
                url.push_str(&format!("{{R:{}}}", digit.to_digit(10)? + 1));
            }
            _ => return None,
        }
    }
    if !exact && !variables {
        if !url.ends_with('/') {
            url.push('/');
        }
        url.push_str("{R:1}");
    }
    Some((url, own_query))
}
