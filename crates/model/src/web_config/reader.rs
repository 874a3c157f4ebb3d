//! Reads the XML. Every problem is collected; none ends the reading but XML that is not well-formed.

use std::ops::Range;
use std::time::Duration;

use roxmltree::{Attribute as XmlAttribute, Document, Node, ParsingOptions};

use super::decode::decode;
use super::problems::Problems;
use super::schema::{ASP_NET_CORE, Attribute, CHILDREN, Kind, UNIVERSAL};
use super::values::{AspNetCore, Authentication, DEFAULT_CONTENT_LENGTH, WebConfig};
use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::hosting_model::HostingModel;
use crate::suggest::nearest;

/// Larger files are refused; IIS's own limit is 250 KB.
const MOST_BYTES: usize = 1 << 20;
const MOST_NODES: u32 = 50_000;

/// Reads a file's bytes; `file` is its name in messages. Answers warnings beside a usable file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(file: &str, bytes: &[u8]) -> Result<(WebConfig, Vec<Diagnostic>), Box<Problems>> {
    let refuse = |source: Source, diagnostic: Diagnostic| {
        Box::new(Problems { source, diagnostics: vec![diagnostic], violates_schema: true })
    };
    if bytes.len() > MOST_BYTES {
        let source = Source::new(file, "");
        let problem = source.error_in_file(format!("the file is larger than {MOST_BYTES} bytes"));
        return Err(refuse(source, problem));
    }
    let text = decode(file, bytes).map_err(|problem| refuse(problem.0, problem.1))?;
    let source = Source::new(file, text);
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = match Document::parse_with_options(&source.text, options) {
        Ok(document) => document,
        Err(error) => {
            let at = error.pos();
            let line = usize::try_from(at.row).unwrap_or(usize::MAX);
            let column = usize::try_from(at.col).unwrap_or(usize::MAX);
            let text = error.to_string();
            // The position is said already.
            let text = text.rsplit_once(" at ").map_or(text.as_str(), |(text, _)| text).to_owned();
            let problem = source
                .error_at(source.point(line, column), format!("the file is not well-formed XML: {text}"))
                .help("mend the XML here, or a little above");
            return Err(refuse(source, problem));
        }
    };
    let mut reader = Reader { source: &source, problems: Vec::new(), violates_schema: false };
    let config = reader.document(document.root_element());
    let Reader { mut problems, violates_schema, .. } = reader;
    problems.sort_by_key(|problem| problem.span.map(|span| (span.line, span.column)));
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        drop(document);
        return Err(Box::new(Problems { source, diagnostics: problems, violates_schema }));
    }
    Ok((config, problems))
}

struct Reader<'a> {
    source: &'a Source,
    problems: Vec<Diagnostic>,
    violates_schema: bool,
}

/// Elements below `node` with this name, whatever their namespace.
fn children<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

/// The `<name` of an element's start tag.
fn tag_range(node: Node<'_, '_>) -> Range<usize> {
    let start = node.range().start + 1;
    start..start + node.tag_name().name().len()
}

impl Reader<'_> {
    fn violation(&mut self, diagnostic: Diagnostic) {
        self.violates_schema = true;
        self.problems.push(diagnostic);
    }

    fn document(&mut self, root: Node<'_, '_>) -> WebConfig {
        let mut config = WebConfig {
            asp_net_core: None,
            max_content_length: DEFAULT_CONTENT_LENGTH,
            web_sockets: true,
            authentication: Authentication::default(),
        };
        if root.tag_name().name() != "configuration" {
            let problem = self
                .source
                .error(tag_range(root), format!("the root element is '{}'", root.tag_name().name()))
                .expected("configuration")
                .help("the file must look as dotnet publish writes it");
            self.violation(problem);
            return config;
        }
        self.scope(root, &mut config);
        for location in children(root, "location") {
            // Other paths are for parts of the site below this app.
            if matches!(location.attribute("path"), None | Some("" | "." | "/")) {
                self.scope(location, &mut config);
            }
        }
        config
    }

    fn scope(&mut self, scope: Node<'_, '_>, config: &mut WebConfig) {
        self.wrong_case(scope, &["system.webServer", "location"]);
        for server in children(scope, "system.webServer") {
            self.wrong_case(server, &["aspNetCore", "security", "webSocket"]);
            for element in children(server, "aspNetCore") {
                let read = self.asp_net_core(element);
                if config.asp_net_core.is_some() {
                    let problem = self
                        .source
                        .error(tag_range(element), "aspNetCore is there twice")
                        .help("keep one of the two");
                    self.violation(problem);
                }
                config.asp_net_core = Some(read);
            }
            for element in children(server, "webSocket") {
                if let Some(enabled) = self.switch(element, "enabled") {
                    config.web_sockets = enabled;
                }
            }
            for security in children(server, "security") {
                self.security(security, config);
            }
        }
    }

    /// Names count by case. Other names are other sections, which are not looked at.
    fn wrong_case(&mut self, parent: Node<'_, '_>, names: &[&str]) {
        for child in parent.children().filter(Node::is_element) {
            let name = child.tag_name().name();
            let meant = names.iter().find(|known| known.eq_ignore_ascii_case(name) && **known != name);
            if let Some(meant) = meant {
                let problem = self
                    .source
                    .error(tag_range(child), format!("unknown element '{name}'"))
                    .help(format!("did you mean '{meant}'?"));
                self.violation(problem);
            }
        }
    }

    fn security(&mut self, security: Node<'_, '_>, config: &mut WebConfig) {
        for limits in children(security, "requestFiltering").flat_map(|node| {
            node.children().filter(|child| child.tag_name().name() == "requestLimits").collect::<Vec<_>>()
        }) {
            if let Some(attribute) = limits.attribute_node("maxAllowedContentLength") {
                let kind = Kind::Number { least: 0, most: u64::from(u32::MAX) };
                if let Some(bytes) = self.number(&attribute, kind) {
                    config.max_content_length = bytes;
                }
            }
        }
        for authentication in children(security, "authentication") {
            let flags = &mut config.authentication;
            for (name, flag) in [
                ("anonymousAuthentication", &mut flags.anonymous),
                ("windowsAuthentication", &mut flags.windows),
                ("basicAuthentication", &mut flags.basic),
            ] {
                for element in children(authentication, name) {
                    if let Some(enabled) = self.switch(element, "enabled") {
                        *flag = Some(enabled);
                    }
                }
            }
        }
    }

    fn switch(&mut self, element: Node<'_, '_>, name: &str) -> Option<bool> {
        let attribute = element.attribute_node(name)?;
        self.boolean(&attribute)
    }

    fn asp_net_core(&mut self, element: Node<'_, '_>) -> AspNetCore {
        let mut found: Vec<(&Attribute, XmlAttribute<'_, '_>)> = Vec::new();
        let mut misspelt = Vec::new();
        for attribute in element.attributes() {
            // Attributes with a namespace belong to transformations.
            if attribute.namespace().is_some() || UNIVERSAL.contains(&attribute.name()) {
                continue;
            }
            match ASP_NET_CORE.iter().find(|row| row.name == attribute.name()) {
                Some(row) => found.push((row, attribute)),
                None => {
                    let known = || ASP_NET_CORE.iter().map(|row| row.name);
                    misspelt.extend(nearest(attribute.name(), known()));
                    self.unknown_attribute("aspNetCore", &attribute, known());
                }
            }
        }
        for row in ASP_NET_CORE.iter().filter(|row| row.required) {
            if !found.iter().any(|(other, _)| other.name == row.name) && !misspelt.contains(&row.name) {
                let problem = self
                    .source
                    .error(tag_range(element), format!("the attribute '{}' is missing", row.name))
                    .help("write for instance processPath=\"dotnet\" arguments=\".\\Shop.dll\"");
                self.problems.push(problem);
            }
        }
        let mut get = Values { reader: self, found };
        let mut config = AspNetCore {
            process_path: get.text("processPath"),
            arguments: get.text("arguments"),
            hosting_model: get.hosting_model(),
            startup_time_limit: Duration::from_secs(get.number("startupTimeLimit")),
            shutdown_time_limit: Duration::from_secs(get.number("shutdownTimeLimit")),
            rapid_fails_per_minute: get.number("rapidFailsPerMinute"),
            request_timeout: Duration::from_secs(get.number("requestTimeout")),
            stdout_log_enabled: get.boolean("stdoutLogEnabled"),
            stdout_log_file: get.text("stdoutLogFile"),
            processes_per_application: get.number("processesPerApplication"),
            forward_windows_auth_token: get.boolean("forwardWindowsAuthToken"),
            disable_start_up_error_page: get.boolean("disableStartUpErrorPage"),
            environment_variables: Vec::new(),
            handler_settings: Vec::new(),
        };
        for child in element.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "environmentVariables" => {
                    let mut list = Vec::new();
                    self.pairs(child, "environmentVariable", true, &mut list);
                    config.environment_variables.extend(list);
                }
                "handlerSettings" => {
                    let mut list = Vec::new();
                    self.pairs(child, "handlerSetting", false, &mut list);
                    config.handler_settings.extend(list);
                }
                // Part of the schema, and never read by the module either.
                "recycleOnFileChange" => {}
                name => self.unknown_element("aspNetCore", child, name, CHILDREN),
            }
        }
        config
    }

    /// A collection of elements with `name` and `value`.
    fn pairs(&mut self, list: Node<'_, '_>, item: &str, unique: bool, out: &mut Vec<(String, String)>) {
        for child in list.children().filter(Node::is_element) {
            let tag = child.tag_name().name();
            if tag == "clear" {
                out.clear();
                continue;
            }
            if tag != item {
                self.unknown_element(list.tag_name().name(), child, tag, &[item, "clear"]);
                continue;
            }
            for attribute in child.attributes().filter(|a| a.namespace().is_none()) {
                if !matches!(attribute.name(), "name" | "value") && !UNIVERSAL.contains(&attribute.name()) {
                    self.unknown_attribute(item, &attribute, ["name", "value"]);
                }
            }
            let name = child.attribute("name").unwrap_or("");
            let bad_name = name.is_empty() || (unique && name.contains(['=', '\0']));
            let problem = if bad_name {
                let at = child.attribute_node("name").map_or(tag_range(child), |a| a.range());
                Some(
                    self.source
                        .error(at, format!("{item} has no usable name"))
                        .help("write name=\"NAME\" value=\"VALUE\"; a name is not empty and holds no '='"),
                )
            } else if child.attribute("value").is_none() {
                let message = format!("{item} '{name}' has no value");
                Some(self.source.error(tag_range(child), message).help("write value=\"…\"; it may be empty"))
            } else if unique && out.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                let message = format!("{item} '{name}' is there twice (case does not count)");
                Some(self.source.error(tag_range(child), message).help("keep one of the two"))
            } else {
                None
            };
            match problem {
                Some(problem) => self.violation(problem),
                None => out.push((name.to_owned(), child.attribute("value").unwrap_or("").to_owned())),
            }
        }
    }

    fn unknown_attribute<'k>(
        &mut self,
        element: &str,
        attribute: &XmlAttribute<'_, '_>,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let name = attribute.name();
        let mut problem =
            self.source.error(attribute.range_qname(), format!("unknown attribute '{name}' of '{element}'"));
        problem = match nearest(name, known) {
            Some(meant) => problem.help(format!("did you mean '{meant}'?")),
            None => problem.help("remove it"),
        };
        self.violation(problem);
    }

    fn unknown_element(&mut self, parent: &str, child: Node<'_, '_>, name: &str, known: &[&str]) {
        let problem = self.source.error(tag_range(child), format!("unknown element '{name}' in '{parent}'"));
        let problem = match nearest(name, known.iter().copied()) {
            Some(meant) => problem.help(format!("did you mean '{meant}'?")),
            None => problem.help(format!("known elements are {}", known.join(", "))),
        };
        self.violation(problem);
    }

    fn bad_value(&mut self, attribute: &XmlAttribute<'_, '_>, expected: String) {
        let message = format!("'{}' is no value for '{}'", attribute.value(), attribute.name());
        let problem = self.source.error(attribute.range_value(), message).expected(expected);
        self.violation(problem);
    }

    fn boolean(&mut self, attribute: &XmlAttribute<'_, '_>) -> Option<bool> {
        let value = attribute.value();
        if value.eq_ignore_ascii_case("true") {
            Some(true)
        } else if value.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            self.bad_value(attribute, "expected true or false".to_owned());
            None
        }
    }

    /// A number or a time span, as the kind says.
    fn number(&mut self, attribute: &XmlAttribute<'_, '_>, kind: Kind) -> Option<u64> {
        let value = attribute.value();
        let (read, expected) = match kind {
            Kind::Number { least, most } => {
                let read = plain_number(value).filter(|number| (least..=most).contains(number));
                (read, format!("expected a whole number from {least} to {most}"))
            }
            Kind::TimeSpan { most } => {
                let read = time_span(value).filter(|seconds| *seconds <= most);
                let (hours, minutes) = (most / 3600, most / 60 % 60);
                let expected = format!(
                    "expected hh:mm:ss up to {hours}:{minutes:02}:{:02}, minutes and seconds to 59",
                    most % 60
                );
                (read, expected)
            }
            _ => (None, "expected a number".to_owned()),
        };
        if read.is_none() {
            self.bad_value(attribute, expected);
        }
        read
    }
}

/// The attributes of one element that the table knows.
struct Values<'r, 's, 'a, 'i> {
    reader: &'r mut Reader<'s>,
    found: Vec<(&'static Attribute, XmlAttribute<'a, 'i>)>,
}

impl<'a, 'i> Values<'_, '_, 'a, 'i> {
    fn given(&self, name: &str) -> Option<XmlAttribute<'a, 'i>> {
        self.found.iter().find(|(row, _)| row.name == name).map(|(_, attribute)| *attribute)
    }

    fn row(name: &str) -> Option<&'static Attribute> {
        ASP_NET_CORE.iter().find(|row| row.name == name)
    }

    fn default(name: &str) -> &'static str {
        Self::row(name).and_then(|row| row.default).unwrap_or("")
    }

    fn text(&mut self, name: &str) -> String {
        let Some(attribute) = self.given(name) else { return Self::default(name).to_owned() };
        if attribute.value().is_empty() && Self::row(name).is_some_and(|row| row.kind == Kind::NonEmpty) {
            let problem = self.reader.source.error(attribute.range(), format!("'{name}' is empty"));
            // The module refuses this itself, unlike values that violate the schema.
            self.reader
                .problems
                .push(problem.help("write what to start, or leave an optional attribute out"));
        }
        attribute.value().to_owned()
    }

    fn boolean(&mut self, name: &str) -> bool {
        let default = Self::default(name) == "true";
        self.given(name).and_then(|attribute| self.reader.boolean(&attribute)).unwrap_or(default)
    }

    fn number(&mut self, name: &str) -> u64 {
        let default = Self::default(name);
        let default = plain_number(default).or_else(|| time_span(default)).unwrap_or(0);
        let Some((attribute, row)) = self.given(name).zip(Self::row(name)) else { return default };
        self.reader.number(&attribute, row.kind).unwrap_or(default)
    }

    fn hosting_model(&mut self) -> Option<HostingModel> {
        let attribute = self.given("hostingModel")?;
        if attribute.value().is_empty() {
            return None;
        }
        match attribute.value().parse() {
            Ok(model) => Some(model),
            Err(_) => {
                let message = format!("'{}' is no value for 'hostingModel'", attribute.value());
                let problem = self.reader.source.error(attribute.range_value(), message);
                self.reader.problems.push(problem.expected("expected InProcess or OutOfProcess"));
                None
            }
        }
    }
}

fn plain_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// `hh:mm:ss` in seconds; hours may have more digits.
fn time_span(text: &str) -> Option<u64> {
    let parts: Vec<u64> = text.split(':').map(plain_number).collect::<Option<_>>()?;
    match parts.as_slice() {
        [hours, minutes @ 0..60, seconds @ 0..60] => {
            hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)
        }
        _ => None,
    }
}
