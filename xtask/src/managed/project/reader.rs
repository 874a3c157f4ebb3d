//! Reading the elements of project files: properties, items, simple conditions. Looks at no other file.

use super::Using;
use anyhow::{Result, bail};
use roxmltree::Node;
use std::collections::BTreeMap;
use std::path::Path;

/// A file item with a pattern.
pub(super) struct Item {
    pub(super) kind: String,
    pub(super) action: Action,
    pub(super) pattern: String,
    /// Whether the file goes into the publish folder, when said.
    pub(super) copied: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Include,
    Update,
    Remove,
}

/// Collects what the project file and the files it stands on say.
pub(super) struct Reader {
    pub(super) properties: BTreeMap<String, String>,
    pub(super) project_references: Vec<(String, bool)>,
    pub(super) framework_references: Vec<String>,
    pub(super) usings: Vec<Using>,
    pub(super) internals_visible_to: Vec<String>,
    pub(super) items: Vec<Item>,
    pub(super) beyond_private: Vec<String>,
}

impl Reader {
    pub(super) fn new(name: &str, folder: &Path) -> Self {
        let known = [
            ("msbuildprojectname", name.to_owned()),
            ("msbuildprojectdirectory", folder.display().to_string()),
            ("configuration", "Release".to_owned()),
            ("platform", "AnyCPU".to_owned()),
        ];
        Self {
            properties: known.map(|(name, value)| (name.to_owned(), value)).into(),
            project_references: Vec::new(),
            framework_references: Vec::new(),
            usings: Vec::new(),
            internals_visible_to: Vec::new(),
            items: Vec::new(),
            beyond_private: Vec::new(),
        }
    }

    /// Takes in one file's root element.
    pub(super) fn project(&mut self, root: Node<'_, '_>) -> Result<()> {
        for group in root.children().filter(Node::is_element) {
            if !self.condition(group)? {
                continue;
            }
            match group.tag_name().name() {
                "PropertyGroup" => {
                    for property in group.children().filter(Node::is_element) {
                        if !self.condition(property)? {
                            continue;
                        }
                        let value = self.substitute(property.text().unwrap_or_default().trim())?;
                        self.properties.insert(property.tag_name().name().to_ascii_lowercase(), value);
                    }
                }
                "ItemGroup" => {
                    for item in group.children().filter(Node::is_element) {
                        if self.condition(item)? {
                            self.item(item)?;
                        }
                    }
                }
                other => self.beyond_private.push(format!("<{other}>")),
            }
        }
        Ok(())
    }

    /// Whether an element counts. Only comparisons of two quoted texts are understood.
    fn condition(&mut self, node: Node<'_, '_>) -> Result<bool> {
        let Some(condition) = node.attribute("Condition") else { return Ok(true) };
        let text = self.substitute(condition)?;
        for (operator, wanted) in [("==", true), ("!=", false)] {
            if let Some((left, right)) = text.split_once(operator)
                && let (Some(left), Some(right)) = (quoted(left), quoted(right))
            {
                return Ok(left.eq_ignore_ascii_case(right) == wanted);
            }
        }
        self.beyond_private.push(format!("<{} Condition={condition:?}>", node.tag_name().name()));
        Ok(true)
    }

    fn item(&mut self, node: Node<'_, '_>) -> Result<()> {
        let kind = node.tag_name().name();
        let named = [("Include", Action::Include), ("Update", Action::Update), ("Remove", Action::Remove)];
        let Some((action, text)) =
            named.iter().find_map(|(name, action)| Some((*action, node.attribute(*name)?)))
        else {
            bail!("<{kind}> has neither Include nor Update nor Remove");
        };
        let text = self.substitute(text)?;
        let values = text.split(';').map(str::trim).filter(|value| !value.is_empty());
        match kind {
            "ProjectReference" => {
                if metadata(node, "ReferenceOutputAssembly")
                    .is_some_and(|value| value.eq_ignore_ascii_case("false"))
                {
                    return Ok(());
                }
                let copied =
                    !metadata(node, "Private").is_some_and(|value| value.eq_ignore_ascii_case("false"));
                self.project_references.extend(values.map(|value| (value.to_owned(), copied)));
            }
            "FrameworkReference" => self.framework_references.extend(values.map(str::to_owned)),
            "InternalsVisibleTo" => self.internals_visible_to.extend(values.map(str::to_owned)),
            "Using" if action == Action::Include => {
                let is_static =
                    metadata(node, "Static").is_some_and(|value| value.eq_ignore_ascii_case("true"));
                let alias = metadata(node, "Alias");
                self.usings.extend(values.map(|value| Using {
                    namespace: value.to_owned(),
                    is_static,
                    alias: alias.clone(),
                }));
            }
            "Compile" | "Content" | "None" => {
                let copy = metadata(node, "CopyToPublishDirectory")
                    .or_else(|| metadata(node, "CopyToOutputDirectory"));
                let copied = copy.map(|value| !value.eq_ignore_ascii_case("never"));
                let items = values.map(|value| Item {
                    kind: kind.to_owned(),
                    action,
                    pattern: value.to_owned(),
                    copied,
                });
                self.items.extend(items);
            }
            _ => self.beyond_private.push(format!("<{kind} ...={text:?}>")),
        }
        Ok(())
    }

    /// Replaces `$(Name)` by properties set so far; one that is not set is empty, as in MSBuild.
    fn substitute(&mut self, text: &str) -> Result<String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("$(") {
            let Some(length) = rest[start..].find(')') else { bail!("{text:?} has `$(` without `)`") };
            let name = &rest[start + 2..start + length];
            result.push_str(&rest[..start]);
            match self.properties.get(&name.to_ascii_lowercase()) {
                Some(value) => result.push_str(value),
                None if name.to_ascii_lowercase().starts_with("msbuild")
                    || name.contains(['.', '(', ':']) =>
                {
                    self.beyond_private.push(format!("$({name}), whose value only MSBuild knows"));
                }
                None => {}
            }
            rest = &rest[start + length + 1..];
        }
        result.push_str(rest);
        Ok(result)
    }
}

/// The text inside single quotes, which hold no further quote.
fn quoted(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner).filter(|inner| !inner.contains('\''))
}

/// An item's metadata, which may be an attribute or a child element.
fn metadata(node: Node<'_, '_>, name: &str) -> Option<String> {
    let child = || node.children().find(|child| child.has_tag_name(name)).and_then(|child| child.text());
    node.attribute(name).or_else(child).map(|value| value.trim().to_owned())
}
