//! How much memory patterns may take when they are compiled: a guess that is never far too small, so that a file
//! of a few kilobytes cannot fill the machine.

use crate::rewrite::{MatchType, PatternSyntax, RewriteConfig, Rule};

/// All patterns of a file together may take about this much, in bytes.
const MOST: u64 = 256 << 20;

/// A plain character, in both cases.
const CHARACTER: u64 = 100;
/// A class of characters that knows all scripts, as `\w`.
const CLASS: u64 = 50_000;
/// Any other class.
const SMALL_CLASS: u64 = 5000;
/// What every pattern takes.
const PATTERN: u64 = 10_000;

/// The index of the first rule with which the patterns are too large together.
pub(super) fn too_large(config: &RewriteConfig) -> Option<usize> {
    let mut sum = 0_u64;
    config.rules.iter().position(|rule| {
        if rule.enabled {
            sum = sum.saturating_add(cost(rule));
        }
        sum > MOST
    })
}

fn cost(rule: &Rule) -> u64 {
    let conditions = rule.conditions.items.iter();
    let patterns = conditions.filter(|item| item.match_type == MatchType::Pattern).map(|item| &item.pattern);
    let one = |pattern: &String| match rule.pattern_syntax {
        PatternSyntax::EcmaScript => PATTERN.saturating_add(expression(pattern)),
        PatternSyntax::Wildcard | PatternSyntax::ExactMatch => PATTERN + CHARACTER * pattern.len() as u64,
    };
    patterns.chain([&rule.match_url.pattern]).map(one).fold(0, u64::saturating_add)
}

/// A regular expression: what is in it, times how often it is repeated.
fn expression(pattern: &str) -> u64 {
    // The sums of the groups that are open, and what a repetition would repeat.
    let mut open = vec![0_u64];
    let mut last = 0_u64;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let before = match c {
            '\\' => match chars.next() {
                Some('w' | 'W' | 'p' | 'P' | 'b' | 'B') => CLASS,
                Some('d' | 'D' | 's' | 'S') => SMALL_CLASS,
                _ => CHARACTER,
            },
            '[' | '.' => SMALL_CLASS,
            '(' => {
                open.push(0);
                last = 0;
                continue;
            }
            ')' => {
                let group = open.pop().unwrap_or(0);
                if open.is_empty() {
                    open.push(0);
                }
                group
            }
            '{' => match repetition(chars.as_str()) {
                Some((count, rest)) => {
                    chars = rest.chars();
                    // Once is in the sum already.
                    let more = last.saturating_mul(count.saturating_sub(1));
                    last = last.saturating_add(more);
                    add(&mut open, more);
                    continue;
                }
                None => CHARACTER,
            },
            _ => CHARACTER,
        };
        last = before;
        add(&mut open, before);
    }
    open.into_iter().fold(0, u64::saturating_add)
}

fn add(open: &mut [u64], cost: u64) {
    if let Some(sum) = open.last_mut() {
        *sum = sum.saturating_add(cost);
    }
}

/// The larger number of `3}`, `3,}` or `3,5}`, and what follows it.
fn repetition(text: &str) -> Option<(u64, &str)> {
    const LONGEST: usize = 32;
    let end = text.bytes().take(LONGEST).position(|b| b == b'}')?;
    let (least, most) = text[..end].split_once(',').unwrap_or((&text[..end], ""));
    let least: u64 = least.parse().ok()?;
    Some((most.parse().unwrap_or(least).max(least), &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_counts_as_often() {
        assert_eq!(expression("abc"), 3 * CHARACTER);
        assert_eq!(expression("a{10}b"), 11 * CHARACTER);
        assert_eq!(expression("(ab){10}"), 20 * CHARACTER);
        assert_eq!(expression("a{2}{3}"), 6 * CHARACTER);
        assert!(expression("((((a{10}){10}){10}){10})") >= 10_000 * CHARACTER);
        assert!(expression(r"(\w{40}){4}") >= 160 * CLASS);
        assert!(expression(r"\w{1,60}") >= 60 * CLASS);
        assert_eq!(expression("(a{99999999999}){99999999999}"), u64::MAX);
        for odd in ["", ")", "(", "{", "a{", "a{x}", "a{,}", "\\", "))((", "[]{2}", "{3}"] {
            assert!(expression(odd) < 20_000, "{odd}");
        }
    }

    #[test]
    fn many_usual_rules_fit() {
        let mut config = RewriteConfig::default();
        for _ in 0..2000 {
            let mut rule = Rule::default();
            rule.match_url.pattern = r"^blog/(\d{4})/(\d{2})/([^/]+)/?$".to_owned();
            config.rules.push(rule);
        }
        assert_eq!(too_large(&config), None);
        config.rules[7].match_url.pattern = r"(\w{1000}){1000}".to_owned();
        assert_eq!(too_large(&config), Some(7));
        config.rules[7].enabled = false;
        assert_eq!(too_large(&config), None);
    }
}
