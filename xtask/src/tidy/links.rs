//! Rules about documentation: every link to a file or heading of this repository leads somewhere.

use super::{Finding, TextFile};
use std::path::Path;

/// All broken links in one Markdown file.
pub(super) fn check(file: &TextFile, root: &Path) -> Vec<Finding> {
    if file.extension() != "md" {
        return Vec::new();
    }
    let folder = root.join(&file.path).parent().map(Path::to_path_buf).unwrap_or_default();
    let mut findings = Vec::new();
    for (line, target) in links(&file.text) {
        let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let linked =
            if let Some(rooted) = path.strip_prefix('/') { root.join(rooted) } else { folder.join(path) };
        let rule = if path.is_empty() {
            missing_heading(&file.text, anchor)
        } else if !linked.exists() {
            Some(format!("the link {target:?} leads nowhere: there is no {path}"))
        } else if path.ends_with(".md") && !anchor.is_empty() {
            std::fs::read_to_string(&linked).ok().and_then(|text| missing_heading(&text, anchor))
        } else {
            None
        };
        findings.extend(rule.map(|rule| Finding { file: file.path.clone(), line, rule }));
    }
    findings
}

fn missing_heading(text: &str, anchor: &str) -> Option<String> {
    let found =
        prose(text).any(|(_, line)| line.starts_with('#') && slug(line.trim_start_matches('#')) == anchor);
    (!found).then(|| format!("the link to #{anchor} leads nowhere: there is no such heading"))
}

/// A heading's anchor as code hosts make it.
fn slug(heading: &str) -> String {
    let lower = heading.trim().to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Lines outside fenced code, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((number + 1, line))
    })
}

/// The local targets of `[text](target)` and `[name]: target`, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        let mut rest = line.as_str();
        while let Some(start) = rest.find("](") {
            rest = &rest[start + 2..];
            let end = rest.find([')', ' ']).unwrap_or(rest.len());
            found.push((number, rest[..end].to_owned()));
        }
        if line.starts_with('[')
            && let Some((_, target)) = line.split_once("]: ")
        {
            found.push((number, target.split_whitespace().next().unwrap_or_default().to_owned()));
        }
    }
    let is_local = |target: &str| {
        !target.is_empty()
            && !target.contains("://")
            && !target.starts_with("mailto:")
            && !target.starts_with('<')
    };
    found.into_iter().filter(|(_, target)| is_local(target)).collect()
}

/// A line without its inline code.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("docs")).unwrap();
        std::fs::write(dir.path().join("docs/b.md"), "# The b, really\n").unwrap();
        let text = "# A\n[ok](b.md) [ok](b.md#the-b-really) [ok](#a) [ok](/docs/b.md) [ok](https://x.example/y)\n\
                    [bad](c.md)\n```\n[not](d.md)\n```\n[bad](b.md#nope) `[not](e.md)`\n[bad]: ../f.md\n";
        let found = check(&file("docs/a.md", text), dir.path());
        let lines: Vec<usize> = found.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [3, 7, 8], "{found:?}");
        assert!(found[0].rule.contains("there is no c.md"), "{found:?}");
    }

    #[test]
    fn only_markdown_is_read() {
        assert!(check(&file("a.rs", "[x](y)"), Path::new("/")).is_empty());
    }
}
