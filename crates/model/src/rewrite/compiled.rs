//! From rules as written to rules that can be applied, or to everything that is wrong with them.

use std::collections::HashMap;

use super::config::{Action, Condition, LogicalGrouping, MatchType, RewriteConfig, RewriteMap, Rule};
use super::path;
use super::pattern::Pattern;
use super::template::{Part, Template};

/// Where in the rules a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `match url`.
    Match,
    /// The `input` of the condition with this index.
    ConditionInput(usize),
    /// The `pattern` of the condition with this index.
    ConditionPattern(usize),
    /// The value of the server variable with this index.
    ServerVariable(usize),
    /// `action url`.
    Action,
}

/// Something in a rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// Index of the rule in [`RewriteConfig::rules`].
    pub rule: usize,
    /// Where in the rule.
    pub place: Place,
    /// One sentence without a full stop at its end.
    pub message: String,
}

/// Rules ready to be applied. Disabled ones are left out.
#[derive(Debug, Default)]
pub struct Compiled {
    pub(super) rules: Vec<CompiledRule>,
    pub(super) maps: Vec<CompiledMap>,
}

/// A map for lookups.
#[derive(Debug)]
pub(super) struct CompiledMap {
    ignore_case: bool,
    default: String,
    entries: HashMap<String, String>,
}

impl CompiledMap {
    fn new(map: &RewriteMap) -> Self {
        let mut entries = HashMap::with_capacity(map.entries.len());
        for entry in &map.entries {
            let key = if map.ignore_case { entry.key.to_lowercase() } else { entry.key.clone() };
            // Of equal keys the first counts.
            entries.entry(key).or_insert_with(|| entry.value.clone());
        }
        Self { ignore_case: map.ignore_case, default: map.default_value.clone(), entries }
    }

    pub(super) fn look_up(&self, key: &str) -> &str {
        let found =
            if self.ignore_case { self.entries.get(&key.to_lowercase()) } else { self.entries.get(key) };
        found.unwrap_or(&self.default)
    }
}

#[derive(Debug)]
pub(super) struct CompiledRule {
    pub(super) name: String,
    pub(super) stop_processing: bool,
    pub(super) pattern: Pattern,
    pub(super) negate: bool,
    pub(super) any: bool,
    pub(super) track_all: bool,
    pub(super) conditions: Vec<CompiledCondition>,
    pub(super) variables: Vec<CompiledVariable>,
    pub(super) action: CompiledAction,
}

#[derive(Debug)]
pub(super) struct CompiledCondition {
    pub(super) input: Template,
    pub(super) test: Test,
    pub(super) negate: bool,
}

#[derive(Debug)]
pub(super) enum Test {
    Pattern(Pattern),
    IsFile,
    IsDirectory,
}

#[derive(Debug)]
pub(super) struct CompiledVariable {
    pub(super) name: String,
    pub(super) value: Template,
    pub(super) replace: bool,
}

#[derive(Debug)]
pub(super) enum CompiledAction {
    None,
    Rewrite { url: Template, append_query: bool },
    Redirect { url: Template, append_query: bool, status: u16 },
    Respond { status: u16, sub_status: u16, reason: Template, description: Template },
    Abort,
}

impl Compiled {
    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// Compiles the enabled rules.
///
/// # Errors
/// Everything that is wrong with them, in their order.
pub fn compile(config: &RewriteConfig) -> Result<Compiled, Vec<RuleError>> {
    let mut errors = Vec::new();
    let maps = |name: &str| config.maps.iter().position(|map| map.name.eq_ignore_ascii_case(name));
    let mut rules = Vec::new();
    for (index, rule) in config.rules.iter().enumerate().filter(|(_, rule)| rule.enabled) {
        let mut compiler = Compiler { rule: index, maps: &maps, errors: &mut errors };
        rules.extend(compiler.rule(rule));
    }
    if errors.is_empty() {
        Ok(Compiled { rules, maps: config.maps.iter().map(CompiledMap::new).collect() })
    } else {
        Err(errors)
    }
}

struct Compiler<'a> {
    rule: usize,
    maps: &'a dyn Fn(&str) -> Option<usize>,
    errors: &'a mut Vec<RuleError>,
}

/// How high `{R:n}` and `{C:n}` may count.
#[derive(Clone, Copy)]
struct Bounds {
    rule: Option<usize>,
    condition: Option<usize>,
}

impl Compiler<'_> {
    fn error(&mut self, place: Place, message: String) {
        self.errors.push(RuleError { rule: self.rule, place, message });
    }

    /// `None` after an error has been noted.
    fn rule(&mut self, rule: &Rule) -> Option<CompiledRule> {
        let matching = &rule.match_url;
        let pattern = Pattern::new(&matching.pattern, rule.pattern_syntax, matching.ignore_case)
            .map_err(|message| self.error(Place::Match, message))
            .ok();
        let own = pattern.as_ref().filter(|_| !matching.negate).map(Pattern::groups);
        // An error in the pattern is enough: its captures are not counted.
        let own = if pattern.is_none() { Some(usize::MAX) } else { own };
        let mut conditions = Vec::new();
        let mut captures = None;
        for (index, condition) in rule.conditions.items.iter().enumerate() {
            let bounds = Bounds { rule: own, condition: captures };
            let compiled = self.condition(rule, index, condition, bounds);
            if let Some(CompiledCondition { test: Test::Pattern(pattern), negate: false, .. }) = &compiled {
                let groups = pattern.groups();
                captures = Some(match captures {
                    Some(before) if rule.conditions.track_all_captures => before + groups,
                    Some(before) => before.max(groups),
                    None => groups,
                });
            } else if compiled.is_none() {
                captures = Some(usize::MAX / 2);
            }
            conditions.push(compiled);
        }
        let bounds = Bounds { rule: own, condition: captures };
        let variables: Vec<_> = rule
            .server_variables
            .iter()
            .enumerate()
            .map(|(index, variable)| {
                let value = self.template(&variable.value, Place::ServerVariable(index), bounds)?;
                let name = variable.name.to_ascii_uppercase().replace('-', "_");
                Some(CompiledVariable { name, value, replace: variable.replace })
            })
            .collect();
        let action = self.action(&rule.action, bounds);
        Some(CompiledRule {
            name: rule.name.clone(),
            stop_processing: rule.stop_processing,
            pattern: pattern?,
            negate: matching.negate,
            any: rule.conditions.logical_grouping == LogicalGrouping::MatchAny,
            track_all: rule.conditions.track_all_captures,
            conditions: conditions.into_iter().collect::<Option<_>>()?,
            variables: variables.into_iter().collect::<Option<_>>()?,
            action: action?,
        })
    }

    fn condition(
        &mut self,
        rule: &Rule,
        index: usize,
        condition: &Condition,
        bounds: Bounds,
    ) -> Option<CompiledCondition> {
        let input = self.template(&condition.input, Place::ConditionInput(index), bounds);
        let test = match condition.match_type {
            MatchType::IsFile => Some(Test::IsFile),
            MatchType::IsDirectory => Some(Test::IsDirectory),
            MatchType::Pattern => {
                match Pattern::new(&condition.pattern, rule.pattern_syntax, condition.ignore_case) {
                    Ok(pattern) => Some(Test::Pattern(pattern)),
                    Err(message) => {
                        self.error(Place::ConditionPattern(index), message);
                        None
                    }
                }
            }
        };
        Some(CompiledCondition { input: input?, test: test?, negate: condition.negate })
    }

    fn action(&mut self, action: &Action, bounds: Bounds) -> Option<CompiledAction> {
        Some(match action {
            Action::None => CompiledAction::None,
            Action::Rewrite { url, append_query_string } => {
                let url = self.template(url, Place::Action, bounds)?;
                if path::is_absolute(url.literal_start()) {
                    let message =
                        "a Rewrite to another server is a reverse proxy's work, which Mews does not do; \
                                   use a Redirect, or forward from the app"
                            .to_owned();
                    self.error(Place::Action, message);
                    return None;
                }
                CompiledAction::Rewrite { url, append_query: *append_query_string }
            }
            Action::Redirect { url, append_query_string, redirect_type } => CompiledAction::Redirect {
                url: self.template(url, Place::Action, bounds)?,
                append_query: *append_query_string,
                status: redirect_type.status(),
            },
            Action::CustomResponse { status, sub_status, reason, description } => {
                if !(200..=999).contains(status) {
                    self.error(
                        Place::Action,
                        format!("the status {status} cannot be sent; use one from 200 to 999"),
                    );
                    return None;
                }
                CompiledAction::Respond {
                    status: *status,
                    sub_status: *sub_status,
                    reason: self.words(reason, bounds),
                    description: self.words(description, bounds),
                }
            }
            Action::AbortRequest => CompiledAction::Abort,
        })
    }

    /// The words of a response. Braces in them that are no reference, as in JSON, stand for themselves.
    fn words(&self, text: &str, bounds: Bounds) -> Template {
        Template::parse(text, self.maps)
            .ok()
            .filter(|template| out_of_bounds(template, bounds).is_none())
            .unwrap_or_else(|| Template(vec![Part::Literal(text.to_owned())]))
    }

    fn template(&mut self, text: &str, place: Place, bounds: Bounds) -> Option<Template> {
        let checked =
            Template::parse(text, self.maps).and_then(|template| match out_of_bounds(&template, bounds) {
                Some(message) => Err(message),
                None => Ok(template),
            });
        checked.map_err(|message| self.error(place, message)).ok()
    }
}

/// What is wrong with the first reference to something that is not captured.
fn out_of_bounds(template: &Template, bounds: Bounds) -> Option<String> {
    let mut message = None;
    template.each(&mut |part| {
            let (letter, number, most, what) = match part {
                Part::Rule(number) => ('R', *number, bounds.rule, "the rule's pattern"),
                Part::Condition(number) => ('C', *number, bounds.condition, "the conditions before it"),
                _ => return,
            };
            if most.is_none_or(|most| number > most) && message.is_none() {
                message = Some(match most {
                    None => format!("{{{letter}:{number}}} refers to what {what} captured, but nothing is captured: a negated match has no captures"),
                    Some(0) => format!("{{{letter}:{number}}} refers to a group that {what} does not have; only {{{letter}:0}} is there"),
                    Some(most) => format!("{{{letter}:{number}}} refers to a group that {what} does not have; the highest is {{{letter}:{most}}}"),
                });
            }
        });
    message
}
