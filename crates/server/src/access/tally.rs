//! What is counted of an application's requests. Threads count in lanes of their own, as far as there are enough, so that
//! they do not wait for each other's cache lines.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};

use mews_model::compression::Coding;
use mews_model::metrics::{BUCKETS_SECONDS, METHODS, Snapshot, Value, names};

use super::Ending;

/// More threads than this share lanes.
const LANES: usize = 16;
/// Statuses up to here have a counter; others are counted as 0.
const STATUSES: usize = 600;
/// Classes of statuses: none, 1xx to 5xx.
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
const ABORTS: [Ending; 3] = [Ending::ClientGone, Ending::Aborted, Ending::TooSlow];

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Tally {
    /// Each made when first used: most programs have few threads.
    lanes: [OnceLock<Box<Lane>>; LANES],
}

#[repr(align(128))]
#[derive(Debug)]
struct Lane {
    /// Requests begun less requests ended, here.
    active: AtomicI64,
    received: AtomicU64,
    sent: AtomicU64,
    aborted: [AtomicU64; ABORTS.len()],
    /// In the order of [`Coding::ALL`].
    compressed: [Compressed; Coding::ALL.len()],
    statuses: [AtomicU64; STATUSES],
    durations: [[OnceLock<Box<Durations>>; CLASSES.len()]; METHODS.len()],
}

#[derive(Debug, Default)]
struct Durations {
    buckets: [AtomicU64; BUCKETS_SECONDS.len() + 1],
    sum_us: AtomicU64,
}

#[derive(Debug, Default)]
struct Compressed {
    responses: AtomicU64,
    before: AtomicU64,
    after: AtomicU64,
}

/// A request that is over, as it is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// Its place in [`METHODS`].
    pub(super) method: u8,
    pub(super) status: u16,
    pub(super) ending: Ending,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) duration_ns: i64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { lanes: [const { OnceLock::new() }; LANES] }
    }
}

impl Tally {
    fn lane(&self) -> &Lane {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        let mut mine = MINE.get();
        if mine == usize::MAX {
            mine = NEXT.fetch_add(1, Relaxed) % LANES;
            MINE.set(mine);
        }
        self.lanes[mine].get_or_init(Lane::new)
    }

    pub(super) fn begin(&self) {
        self.lane().active.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self, counted: &Counted) {
        let lane = self.lane();
        lane.active.fetch_sub(1, Relaxed);
        lane.received.fetch_add(counted.received, Relaxed);
        lane.sent.fetch_add(counted.sent, Relaxed);
        let status = usize::from(counted.status);
        lane.statuses[if status < STATUSES { status } else { 0 }].fetch_add(1, Relaxed);
        if let Some(at) = ABORTS.iter().position(|&ending| ending == counted.ending) {
            lane.aborted[at].fetch_add(1, Relaxed);
        }
        let class = if status < STATUSES { status / 100 } else { 0 };
        let method = usize::from(counted.method).min(METHODS.len() - 1);
        let durations = lane.durations[method][class].get_or_init(Box::default);
        let us = u64::try_from(counted.duration_ns / 1000).unwrap_or(0);
        durations.buckets[bucket(us)].fetch_add(1, Relaxed);
        durations.sum_us.fetch_add(us, Relaxed);
    }

    /// A response of so many bytes has become one of so many.
    pub(super) fn compressed(&self, coding: Coding, before: u64, after: u64) {
        let all = Coding::ALL.iter().zip(&self.lane().compressed);
        for (_, compressed) in all.filter(|(known, _)| **known == coding) {
            compressed.responses.fetch_add(1, Relaxed);
            compressed.before.fetch_add(before, Relaxed);
            compressed.after.fetch_add(after, Relaxed);
        }
    }

    /// Adds what was counted for an application of a site.
    pub(super) fn fill(&self, snapshot: &mut Snapshot, site: &str, application: &str) {
        let lanes: Vec<&Lane> = self.lanes.iter().filter_map(|lane| lane.get().map(|lane| &**lane)).collect();
        let sum =
            |of: &dyn Fn(&Lane) -> &AtomicU64| lanes.iter().map(|lane| of(lane).load(Relaxed)).sum::<u64>();
        for (at, method) in METHODS.iter().enumerate() {
            for (class, name) in CLASSES.iter().enumerate() {
                let mut value = (vec![0; BUCKETS_SECONDS.len() + 1], 0);
                for durations in lanes.iter().filter_map(|lane| lane.durations[at][class].get()) {
                    for (sum, bucket) in value.0.iter_mut().zip(&durations.buckets) {
                        *sum += bucket.load(Relaxed);
                    }
                    value.1 += durations.sum_us.load(Relaxed);
                }
                let (buckets, sum_us) = value;
                if buckets.iter().any(|&count| count > 0) {
                    let labels = [site, application, method, name];
                    snapshot.push(names::REQUEST_DURATION, &labels, Value::Durations { buckets, sum_us });
                }
            }
        }
        for status in 0..STATUSES {
            let count = sum(&|lane| &lane.statuses[status]);
            snapshot.count(names::RESPONSES, &[site, application, &status.to_string()], count);
        }
        for (at, ending) in ABORTS.iter().enumerate() {
            let count = sum(&|lane| &lane.aborted[at]);
            snapshot.count(names::ABORTED, &[site, application, ending.reason()], count);
        }
        for (at, coding) in Coding::ALL.iter().enumerate() {
            let labels = [site, application, coding.name()];
            snapshot.count(names::COMPRESSED, &labels, sum(&|lane| &lane.compressed[at].responses));
            snapshot.count(names::COMPRESSED_BEFORE, &labels, sum(&|lane| &lane.compressed[at].before));
            snapshot.count(names::COMPRESSED_AFTER, &labels, sum(&|lane| &lane.compressed[at].after));
        }
        let active: i64 = lanes.iter().map(|lane| lane.active.load(Relaxed)).sum();
        snapshot.push(names::ACTIVE_REQUESTS, &[site, application], Value::Level(active.max(0)));
        snapshot.count(names::RECEIVED, &[site, application], sum(&|lane| &lane.received));
        snapshot.count(names::SENT, &[site, application], sum(&|lane| &lane.sent));
    }
}

impl Lane {
    fn new() -> Box<Self> {
        Box::new(Self {
            active: AtomicI64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            aborted: [const { AtomicU64::new(0) }; ABORTS.len()],
            compressed: std::array::from_fn(|_| Compressed::default()),
            statuses: [const { AtomicU64::new(0) }; STATUSES],
            durations: [const { [const { OnceLock::new() }; CLASSES.len()] }; METHODS.len()],
        })
    }
}

/// The place of a method in [`METHODS`].
pub(super) fn method(method: &[u8]) -> u8 {
    let known = METHODS.iter().position(|known| known.as_bytes() == method);
    u8::try_from(known.unwrap_or(METHODS.len() - 1)).unwrap_or(0)
}

fn bucket(us: u64) -> usize {
    const ENDS_US: [u64; BUCKETS_SECONDS.len()] = {
        let mut ends = [0; BUCKETS_SECONDS.len()];
        let mut at = 0;
        while at < ends.len() {
            ends[at] = (BUCKETS_SECONDS[at] * 1e6 + 0.5) as u64;
            at += 1;
        }
        ends
    };
    ENDS_US.iter().position(|&end| us <= end).unwrap_or(ENDS_US.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_their_upper_ends() {
        assert_eq!([0, 5_000, 5_001, 10_000_000, 10_000_001].map(bucket), [0, 0, 1, 13, 14]);
    }

    #[test]
    fn several_threads_count_together() {
        let tally = Tally::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for at in 0..1000_u16 {
                        tally.begin();
                        if at == 999 {
                            continue;
                        }
                        tally.end(&Counted {
                            method: method(if at % 2 == 0 { b"GET" } else { b"BREW" }),
                            status: [200, 404, 999][usize::from(at) % 3],
                            ending: Ending::Complete,
                            sent: 10,
                            received: 1,
                            duration_ns: 1_000_000,
                        });
                    }
                });
            }
        });
        let mut snapshot = Snapshot::default();
        tally.fill(&mut snapshot, "s", "/");
        let text = snapshot.text();
        for line in [
            "http_server_active_requests{site=\"s\",application=\"/\"} 20",
            "mews_http_sent_bytes_total{site=\"s\",application=\"/\"} 199800",
            "mews_http_received_bytes_total{site=\"s\",application=\"/\"} 19980",
            "mews_http_responses_total{site=\"s\",application=\"/\",http_response_status_code=\"404\"} 6660",
            "mews_http_responses_total{site=\"s\",application=\"/\",http_response_status_code=\"0\"} 6660",
            "http_server_request_duration_seconds_count{site=\"s\",application=\"/\",http_request_method=\"_OTHER\",http_response_status_class=\"2xx\"} 3320",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
