//! Which pools there are: those that are written, and those that applications ask for.

use std::collections::HashMap;

use super::super::draft::{Placed, PoolDraft};
use super::super::{Format, Pool};
use super::name;
use crate::suggest::nearest;
use crate::web_config::hints::shorten;
use crate::web_config::report::{Place, Report};

/// With more pools than these, what was meant is not looked for among the rest.
const MOST_GUESSES: usize = 200;

/// The pools so far.
pub(super) struct Pools {
    pools: Vec<Pool>,
    /// Where a name, in small letters, is among them.
    index: HashMap<String, usize>,
    /// Of the written ones: where, and whether an application uses it.
    written: Vec<(Place, bool)>,
    format: Format,
}

impl Pools {
    pub(super) fn new(drafts: Vec<PoolDraft>, format: Format, report: &mut Report<'_>) -> Self {
        let mut names = name::Names::new();
        let mut pools = Self { pools: Vec::new(), index: HashMap::new(), written: Vec::new(), format };
        for PoolDraft { at, pool } in drafts {
            let name = Placed { value: pool.name.clone(), at };
            name::check("pool", &name, report);
            name::unique("pool", &name, &mut names, report);
            pools.push(pool);
            pools.written.push((at, false));
        }
        pools
    }

    /// The pool that an application names.
    pub(super) fn named(&mut self, name: &Placed<String>, report: &mut Report<'_>) -> String {
        if let Some(found) = self.find(&name.value) {
            return found;
        }
        name::check("pool", name, report);
        let written = self.pools.iter().take(self.written.len()).map(|pool| pool.name.as_str());
        let written = written.take(if report.is_full() { 0 } else { MOST_GUESSES });
        let Some(meant) = nearest(&name.value, written).map(str::to_owned) else {
            return self.add(name.value.clone());
        };
        let message = format!("there is no pool '{}'", shorten(&name.value));
        report.violation(name.at, message, |problem| {
            problem.help(format!("did you mean '{meant}'? If it is to be another one, write it down too"))
        });
        // So that it is not said of that one that nobody uses it.
        self.own(meant)
    }

    /// The pool of an application that names none.
    pub(super) fn own(&mut self, name: String) -> String {
        self.find(&name).unwrap_or_else(|| self.add(name))
    }

    fn find(&mut self, name: &str) -> Option<String> {
        let at = *self.index.get(&name.to_ascii_lowercase())?;
        if let Some((_, used)) = self.written.get_mut(at) {
            *used = true;
        }
        self.pools.get(at).map(|pool| pool.name.clone())
    }

    fn add(&mut self, name: String) -> String {
        self.push(Pool::new(name.clone()));
        name
    }

    fn push(&mut self, pool: Pool) {
        self.index.entry(pool.name.to_ascii_lowercase()).or_insert(self.pools.len());
        self.pools.push(pool);
    }

    /// All of them.
    pub(super) fn finish(self, report: &mut Report<'_>) -> Vec<Pool> {
        let unwritten = self.pools.iter().skip(self.written.len()).map(|pool| pool.name.as_str());
        let unwritten = unwritten.take(MOST_GUESSES);
        // Servers of IIS have pools that nobody uses from their beginning.
        let telling = !report.violates_schema && self.format == Format::MewsToml;
        for (pool, (at, is_used)) in self.pools.iter().zip(&self.written) {
            if !is_used && telling && !report.is_full() {
                let message = format!("no application uses the pool '{}'", shorten(&pool.name));
                let meant = nearest(&pool.name, unwritten.clone());
                report.warning(*at, message, |problem| match meant {
                    Some(meant) => {
                        problem.help(format!("did you mean '{meant}', which is used and not written?"))
                    }
                    None => problem.help("name it as the pool of an application, or remove it"),
                });
            }
        }
        self.pools
    }
}
