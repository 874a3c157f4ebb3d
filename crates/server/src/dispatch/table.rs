//! What a shard has learned of its endpoints: bounded, and forgetful when many share a place.

use std::sync::Mutex;

use super::policy::{Entry, Place};
use super::pool_run::Ran;
use crate::sync::lock;

const PLACES: usize = 1024;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Table {
    places: Mutex<Vec<(u64, Entry)>>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { places: Mutex::new(vec![(0, Entry::default()); PLACES]) }
    }

    /// Where the next run of `key` goes. An unknown key takes over the place it falls on.
    pub(crate) fn decide(&self, key: u64) -> Place {
        let mut places = lock(&self.places);
        let place = &mut places[index(key)];
        if place.0 != key {
            *place = (key, Entry::default());
        }
        place.1.decide()
    }

    /// Records what a pool run was like.
    pub(crate) fn pool_run(&self, key: u64, ran: Ran) {
        self.update(key, |entry| entry.pool_run(ran));
    }

    /// An inline run's thread has been replaced.
    pub(crate) fn stalled(&self, key: u64) {
        self.update(key, Entry::stalled);
    }

    /// Such a run has ended.
    pub(crate) fn recovered(&self, key: u64) {
        self.update(key, Entry::recovered);
    }

    fn update(&self, key: u64, change: impl FnOnce(&mut Entry)) {
        let mut places = lock(&self.places);
        let place = &mut places[index(key)];
        if place.0 == key {
            change(&mut place.1);
        }
    }
}

fn index(key: u64) -> usize {
    (key % PLACES as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_share_a_place_displace_each_other_and_never_mix() {
        let table = Table::new();
        let (one, other) = (5, 5 + PLACES as u64);
        assert_eq!(table.decide(one), Place::Pool);
        table.pool_run(one, Ran::Fast);
        table.pool_run(one, Ran::Fast);
        assert_eq!(table.decide(one), Place::Inline);
        table.pool_run(other, Ran::Fast);
        assert_eq!(table.decide(other), Place::Pool);
        for _ in 0..2 {
            table.stalled(one);
            table.recovered(one);
        }
        assert_eq!(table.decide(one), Place::Pool);
    }
}
