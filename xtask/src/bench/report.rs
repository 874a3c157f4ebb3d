//! A benchmark's result: a Markdown table for people and JSON with every round for those who doubt it.

use crate::command::Step;
use crate::dotnet::Dotnet;
use crate::paths;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

use super::plot::Plot;

/// One benchmark's result.
pub(crate) struct Report {
    /// Names the files.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Tables after the first.
    pub(crate) more: Vec<Table>,
    /// The table as a picture.
    pub(crate) plot: Option<Plot>,
    /// What the reader must know to trust the table or not.
    pub(crate) notes: Vec<String>,
    /// Every round.
    pub(crate) raw: Value,
}

/// One more table of a report.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Report {
    /// Prints the table, and writes it, its picture and the raw numbers to `folder`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn write(&self, dotnet: &Dotnet, folder: &Path) -> Result<()> {
        let machine = machine(dotnet);
        let mut text = self.markdown(&machine);
        print!("{text}");
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let data =
            json!({ "bench": self.name, "machine": machine, "notes": self.notes, "results": self.raw });
        let plot = self.plot.as_ref().map(Plot::svg);
        if plot.is_some() {
            let _ = write!(text, "\n![{}]({}.svg)\n", self.title, self.name);
        }
        let files = [("md", Some(text)), ("json", Some(format!("{data:#}\n"))), ("svg", plot)];
        for (extension, content) in files {
            let Some(content) = content else { continue };
            let file = folder.join(format!("{}.{extension}", self.name));
            std::fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
            eprintln!("xtask: wrote {}", paths::shown(&file));
        }
        Ok(())
    }

    fn markdown(&self, machine: &Value) -> String {
        let mut text = format!("## {}\n\n", self.title);
        let word = |key: &str| machine[key].as_str().unwrap_or("unknown").to_owned();
        let processors = machine["processors"].as_u64().unwrap_or(0);
        let _ = writeln!(
            text,
            "{processors} × {}, Linux {}, ASP.NET Core {}, commit {}\n",
            word("processor"),
            word("kernel"),
            word("aspnet"),
            word("commit")
        );
        table(&mut text, &self.header, &self.rows);
        for Table { title, header, rows } in &self.more {
            let _ = write!(text, "\n### {title}\n\n");
            table(&mut text, header, rows);
        }
        for note in &self.notes {
            let _ = write!(text, "\n- {note}");
        }
        text.push('\n');
        text
    }
}

fn table(text: &mut String, header: &[String], rows: &[Vec<String>]) {
    let mut line = |cells: &[String]| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(header);
    line(&vec!["---".to_owned(); header.len()]);
    rows.iter().for_each(|row| line(row));
}

/// Where the numbers come from.
fn machine(dotnet: &Dotnet) -> Value {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let commit = Step::new("git").args(["describe", "--always", "--dirty"]).capture_any();
    let commit =
        commit.ok().filter(|output| output.status.success()).map(|output| output.stdout.trim().to_owned());
    json!({
        "processor": model.map(|(_, name)| name),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": kernel.trim(),
        "aspnet": dotnet.aspnet,
        "commit": commit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let cells = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let report = Report {
            name: "x",
            title: "X".to_owned(),
            header: cells(&["a", "b"]),
            rows: vec![cells(&["1", "2"])],
            plot: None,
            more: vec![Table { title: "Y".to_owned(), header: cells(&["c"]), rows: vec![cells(&["3"])] }],
            notes: vec!["so so".to_owned()],
            raw: Value::Null,
        };
        let text = report.markdown(&json!({ "processors": 2, "kernel": "6.1" }));
        assert!(
            text.contains(
                "| a | b |\n| --- | --- |\n| 1 | 2 |\n\n### Y\n\n| c |\n| --- |\n| 3 |\n\n- so so\n"
            ),
            "{text}"
        );
        assert!(text.contains("Linux 6.1"), "{text}");
    }
}
