//! Host names: which site takes which.

use std::collections::HashMap;

use crate::server_config::HostName;

/// Longer names exist nowhere: DNS allows 253 bytes.
const LONGEST: usize = 255;

/// The names that sites take at one address, and what belongs to each.
#[derive(Clone, Debug)]
pub(super) struct Names<T> {
    exact: HashMap<Box<[u8]>, T>,
    /// Ends of names, with their leading dot.
    below: HashMap<Box<[u8]>, T>,
    any: Option<T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), below: HashMap::new(), any: None }
    }
}

impl<T: Copy> Names<T> {
    /// A name that is there already stays.
    pub(super) fn add(&mut self, name: &HostName, value: T) {
        match name {
            HostName::Any => {
                self.any.get_or_insert(value);
            }
            HostName::Exact(name) => {
                self.exact.entry(name.as_bytes().into()).or_insert(value);
            }
            HostName::Below(end) => {
                self.below.entry(end.as_bytes().into()).or_insert(value);
            }
        }
    }

    pub(super) fn find(&self, host: &[u8]) -> Option<T> {
        if self.exact.is_empty() && self.below.is_empty() {
            return self.any;
        }
        let name = named_by(host);
        let mut buffer = [0; LONGEST];
        let Some(lower) = buffer.get_mut(..name.len()) else { return self.any };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        let lower = &*lower;
        if let Some(value) = self.exact.get(lower) {
            return Some(*value);
        }
        if !self.below.is_empty() {
            // From the left: the longest end comes first. Something must stand before its dot.
            let dots = lower.iter().enumerate().filter(|(at, byte)| **byte == b'.' && *at > 0);
            let mut ends = dots.filter_map(|(at, _)| lower.get(at..));
            if let Some(value) = ends.find_map(|end| self.below.get(end)) {
                return Some(*value);
            }
        }
        self.any
    }
}

/// The name without its port, and without the dot of the root behind it.
pub fn named_by(host: &[u8]) -> &[u8] {
    let end = match host.iter().rposition(|byte| *byte == b']') {
        // An IPv6 address.
        Some(bracket) => bracket + 1,
        None => host.iter().position(|byte| *byte == b':').unwrap_or(host.len()),
    };
    let name = host.get(..end).unwrap_or(host);
    name.strip_suffix(b".").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_wins() {
        let mut names = Names::default();
        assert_eq!(names.find(b"shop.example"), None);
        for (at, name) in
            [HostName::Any, HostName::Exact("shop.example".into()), HostName::Below(".example".into())]
                .iter()
                .enumerate()
        {
            names.add(name, at);
        }
        names.add(&HostName::Below(".shop.example".into()), 3);
        names.add(&HostName::Any, 9);
        for (host, site) in [
            ("shop.example", 1),
            ("SHOP.Example:8080", 1),
            ("shop.example.", 1),
            ("shop.example.:80", 1),
            ("a.shop.example", 3),
            ("a.b.shop.example:1", 3),
            ("other.example", 2),
            (".shop.example", 2),
            (".example", 0),
            ("example", 0),
            ("", 0),
            ("[::1]:80", 0),
            ("127.0.0.1", 0),
            ("shop.example..", 0),
        ] {
            assert_eq!(names.find(host.as_bytes()), Some(site), "{host}");
        }
        assert_eq!(names.find(&[b'x'; 100_000]), Some(0));
    }
}
