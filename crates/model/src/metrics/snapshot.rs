//! Values at a moment, and how those of several processes become one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ALL, BUCKETS_SECONDS, Kind, Metric};

/// The values of metrics at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    samples: Vec<Sample>,
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The metric's name.
    pub metric: String,
    /// The values of its labels.
    pub labels: Vec<String>,
    /// The value.
    pub value: Value,
}

/// What a metric can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Of a counter.
    Count(u64),
    /// Of a gauge.
    Level(i64),
    /// Of a histogram.
    Durations {
        /// How many fell into each bucket alone; one more than [`BUCKETS_SECONDS`] has.
        buckets: Vec<u64>,
        /// Their sum in microseconds.
        sum_us: u64,
    },
}

impl Value {
    fn fits(&self, metric: &Metric) -> bool {
        match self {
            Self::Count(_) => metric.kind == Kind::Counter,
            Self::Level(_) => metric.kind == Kind::Gauge,
            Self::Durations { buckets, .. } => {
                metric.kind == Kind::Histogram && buckets.len() == BUCKETS_SECONDS.len() + 1
            }
        }
    }

    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Count(sum), Self::Count(more)) => *sum = sum.saturating_add(*more),
            (Self::Level(sum), Self::Level(more)) => *sum = sum.saturating_add(*more),
            (Self::Durations { buckets, sum_us }, Self::Durations { buckets: more, sum_us: more_us }) => {
                for (count, more) in buckets.iter_mut().zip(more) {
                    *count = count.saturating_add(*more);
                }
                *sum_us = sum_us.saturating_add(*more_us);
            }
            // A metric has one kind: see `Snapshot::add`.
            _ => {}
        }
    }
}

impl Snapshot {
    /// Adds a value. Labels are in the order of the table.
    pub fn push(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.samples.push(Sample { metric: metric.name.to_owned(), labels, value });
    }

    /// Adds a counter that has counted something, or has no labels.
    pub fn count(&mut self, metric: &'static Metric, labels: &[&str], count: u64) {
        if count > 0 || labels.is_empty() {
            self.push(metric, labels, Value::Count(count));
        }
    }

    /// Adds a gauge.
    pub fn level(&mut self, metric: &'static Metric, labels: &[&str], level: u64) {
        self.push(metric, labels, Value::Level(i64::try_from(level).unwrap_or(i64::MAX)));
    }

    /// The values.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The values of a metric, in the order of their labels.
    pub(super) fn of(&self, metric: &Metric) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.metric == metric.name)
    }

    /// Adds the values of another process to these. What is not in the table is left out.
    pub fn add(&mut self, other: &Self) {
        let mut sums: BTreeMap<(usize, Vec<String>), Value> = BTreeMap::new();
        for sample in self.samples.drain(..).chain(other.samples.iter().cloned()) {
            let known = ALL.iter().position(|metric| metric.name == sample.metric);
            let known =
                known.filter(|&at| sample.value.fits(ALL[at]) && sample.labels.len() == ALL[at].labels.len());
            let Some(at) = known else { continue };
            match sums.entry((at, sample.labels)) {
                std::collections::btree_map::Entry::Occupied(mut sum) => sum.get_mut().add(&sample.value),
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(sample.value);
                }
            }
        }
        let sample = |((at, labels), value): ((usize, Vec<String>), Value)| Sample {
            metric: ALL[at].name.to_owned(),
            labels,
            value,
        };
        self.samples = sums.into_iter().map(sample).collect();
    }

    /// What of this outlives the process that it was counted in: all but levels.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.samples.retain(|sample| !matches!(sample.value, Value::Level(_)));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::names;

    fn durations(of: u64) -> Value {
        Value::Durations { buckets: vec![of; BUCKETS_SECONDS.len() + 1], sum_us: of }
    }

    #[test]
    fn several_processes_become_one_and_the_ended_stay_counted() {
        let mut one = Snapshot::default();
        one.count(names::LIMIT_HITS, &["request_line"], 2);
        one.level(names::CONNECTIONS, &[], 5);
        one.push(names::REQUEST_DURATION, &["s", "/", "GET", "2xx"], durations(3));
        let mut other = Snapshot::default();
        other.count(names::LIMIT_HITS, &["request_line"], 3);
        other.count(names::LIMIT_HITS, &["header_count"], 1);
        other.level(names::CONNECTIONS, &[], 1);
        other.push(names::REQUEST_DURATION, &["s", "/", "GET", "2xx"], durations(4));
        // What is not ours is left out: another version's, or of another shape.
        other.samples.push(Sample { metric: "x".into(), labels: vec![], value: Value::Count(1) });
        other.push(names::CONNECTIONS, &["x"], Value::Level(1));
        other.push(names::CONNECTIONS, &[], Value::Count(1));
        let mut sum = one.clone().lasting();
        sum.add(&other);
        let shown: Vec<_> =
            sum.samples.iter().map(|s| (&*s.metric, s.labels.join(","), s.value.clone())).collect();
        assert_eq!(
            shown,
            [
                ("http_server_request_duration_seconds", "s,/,GET,2xx".to_owned(), durations(7)),
                ("mews_limit_hits_total", "header_count".to_owned(), Value::Count(1)),
                ("mews_limit_hits_total", "request_line".to_owned(), Value::Count(5)),
                ("mews_connections", String::new(), Value::Level(1)),
            ]
        );
    }
}
