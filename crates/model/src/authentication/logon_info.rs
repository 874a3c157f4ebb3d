//! What Active Directory says of a user in a ticket: `KERB_VALIDATION_INFO` (MS-PAC 2.5) in the encoding of MS-RPCE.
//!
//! The bytes come from a ticket whose signature was checked; they are read as carefully as any others all the same.

/// What is used of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogonInfo {
    /// The account's name, as `alice`.
    pub user: String,
    /// The domain's short name, as `SHOP`.
    pub domain: String,
    /// The user's security identifier.
    pub sid: String,
    /// Those of the groups that the user is in, each once.
    pub groups: Vec<String>,
}

/// Bytes before the structure: two headers and the pointer to it.
const HEADERS: usize = 20;
/// The group counts (`SE_GROUP_ENABLED`).
const ENABLED: u32 = 4;
/// It counts only for what is denied (`SE_GROUP_USE_FOR_DENY_ONLY`).
const DENY_ONLY: u32 = 0x10;

impl LogonInfo {
    /// Reads it; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        // Version 1, little-endian, eight bytes of header.
        if bytes.get(..4)? != [1, 0x10, 8, 0] {
            return None;
        }
        let mut at = Reader { bytes, at: HEADERS };
        at.skip(6 * 8)?;
        let effective_name = at.text()?;
        let others: [Text; 5] = [at.text()?, at.text()?, at.text()?, at.text()?, at.text()?];
        at.skip(4)?;
        let (user_id, primary_group, group_count, groups) = (at.u32()?, at.u32()?, at.u32()?, at.u32()?);
        at.skip(4 + 16)?;
        let (server, domain, domain_id) = (at.text()?, at.text()?, at.u32()?);
        at.skip(2 * 4 + 4 + 4 + 2 * 8 + 2 * 4)?;
        let (sid_count, extra_sids) = (at.u32()?, at.u32()?);
        let (resource_domain, resource_count, resource_groups) = (at.u32()?, at.u32()?, at.u32()?);
        // What the pointers point to follows in their order.
        let user = effective_name.read(&mut at)?;
        for other in others {
            other.read(&mut at)?;
        }
        let members = at.memberships(groups, group_count)?;
        server.read(&mut at)?;
        let domain = domain.read(&mut at)?;
        let domain_sid = if domain_id == 0 { None } else { Some(at.sid()?) };
        let mut all = Vec::new();
        if let Some(domain_sid) = &domain_sid {
            all.push(format!("{domain_sid}-{primary_group}"));
            all.extend(members.iter().map(|member| format!("{domain_sid}-{member}")));
        }
        if extra_sids != 0 {
            let held = at.counted(sid_count, 8)?;
            let mut attributes = Vec::new();
            for _ in 0..held {
                attributes.push((at.u32()?, at.u32()?));
            }
            for (pointer, flags) in attributes {
                if pointer != 0 {
                    let sid = at.sid()?;
                    if counts(flags) {
                        all.push(sid);
                    }
                }
            }
        }
        if resource_domain != 0 {
            let resource = at.sid()?;
            let members = at.memberships(resource_groups, resource_count)?;
            all.extend(members.iter().map(|member| format!("{resource}-{member}")));
        }
        let mut groups: Vec<String> = Vec::with_capacity(all.len());
        let mut seen = std::collections::HashSet::new();
        groups.extend(all.into_iter().filter(|sid| seen.insert(sid.clone())));
        let sid = domain_sid.map_or_else(String::new, |domain| format!("{domain}-{user_id}"));
        Some(Self { user, domain, sid, groups })
    }
}

fn counts(attributes: u32) -> bool {
    attributes & ENABLED != 0 && attributes & DENY_ONLY == 0
}

/// `RPC_UNICODE_STRING`: whether there is one; the characters come later.
struct Text(bool);

impl Text {
    fn read(&self, at: &mut Reader<'_>) -> Option<String> {
        if !self.0 {
            return Some(String::new());
        }
        at.align()?;
        at.skip(8)?;
        let count = at.u32()? as usize;
        let bytes = at.take(count.checked_mul(2)?)?;
        let units: Vec<u16> =
            bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        Some(String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned())
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    fn align(&mut self) -> Option<()> {
        self.skip(self.at.next_multiple_of(4) - self.at)
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn text(&mut self) -> Option<Text> {
        self.skip(4)?;
        Some(Text(self.u32()? != 0))
    }

    /// The count of an array whose entries take `size` bytes, as it says itself; it must be the one announced.
    fn counted(&mut self, announced: u32, size: usize) -> Option<usize> {
        self.align()?;
        let count = self.u32()?;
        let fits = (count as usize).checked_mul(size)? <= self.bytes.len().saturating_sub(self.at);
        (count == announced && fits).then_some(count as usize)
    }

    /// `GROUP_MEMBERSHIP`s: the relative identifiers of those that count.
    fn memberships(&mut self, pointer: u32, announced: u32) -> Option<Vec<u32>> {
        if pointer == 0 {
            return Some(Vec::new());
        }
        let mut members = Vec::new();
        for _ in 0..self.counted(announced, 8)? {
            let (relative, attributes) = (self.u32()?, self.u32()?);
            if counts(attributes) {
                members.push(relative);
            }
        }
        Some(members)
    }

    /// `RPC_SID`.
    fn sid(&mut self) -> Option<String> {
        self.align()?;
        let count = self.u32()?;
        let head = self.take(8)?;
        if u32::from(head[1]) != count || count > 15 {
            return None;
        }
        let authority = head[2..].iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let mut text = format!("S-{}-{authority}", head[0]);
        for _ in 0..count {
            text.push_str(&format!("-{}", self.u32()?));
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lays the structure down as a key server does.
    struct Writer(Vec<u8>);

    impl Writer {
        fn u32(&mut self, value: u32) -> &mut Self {
            self.0.extend_from_slice(&value.to_le_bytes());
            self
        }

        fn zeros(&mut self, count: usize) -> &mut Self {
            self.0.resize(self.0.len() + count, 0);
            self
        }

        fn string(&mut self, text: &str) -> &mut Self {
            let length = text.len() as u32 * 2;
            self.u32(length | length << 16).u32(if text.is_empty() { 0 } else { 0x2_0004 })
        }

        fn characters(&mut self, text: &str) -> &mut Self {
            if !text.is_empty() {
                let count = text.len() as u32;
                self.u32(count).u32(0).u32(count);
                for unit in text.encode_utf16() {
                    self.0.extend_from_slice(&unit.to_le_bytes());
                }
                self.zeros(self.0.len().next_multiple_of(4) - self.0.len());
            }
            self
        }

        fn sid(&mut self, parts: &[u32]) -> &mut Self {
            self.u32(parts.len() as u32);
            self.0.extend_from_slice(&[1, parts.len() as u8, 0, 0, 0, 0, 0, 5]);
            for part in parts {
                self.u32(*part);
            }
            self
        }
    }

    fn example() -> Vec<u8> {
        let mut out = Writer(vec![1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc]);
        out.zeros(8).u32(0x2_0000).zeros(48);
        out.string("alice").string("Alice A").string("").string("").string("").string("").u32(0);
        out.u32(1104).u32(513).u32(3).u32(0x2_0008).u32(0x20).zeros(16);
        out.string("DC").string("SHOP").u32(0x2_000c).zeros(40);
        out.u32(2).u32(0x2_0010).u32(0x2_0014).u32(1).u32(0x2_0018);
        out.characters("alice").characters("Alice A");
        out.u32(3).u32(513).u32(7).u32(1200).u32(7).u32(1201).u32(0x17);
        out.characters("DC").characters("SHOP").sid(&[21, 1, 2, 3]);
        out.u32(2).u32(0x2_001c).u32(7).u32(0x2_0020).u32(0x10).sid(&[32, 544]).sid(&[32, 545]);
        out.sid(&[21, 9, 9, 9]).u32(1).u32(1300).u32(0x2000_0007);
        out.0
    }

    #[test]
    fn user_domain_and_groups_are_read() {
        let info = LogonInfo::read(&example()).unwrap();
        assert_eq!((info.user.as_str(), info.domain.as_str()), ("alice", "SHOP"));
        assert_eq!(info.sid, "S-1-5-21-1-2-3-1104");
        let expected = ["S-1-5-21-1-2-3-513", "S-1-5-21-1-2-3-1200", "S-1-5-32-544", "S-1-5-21-9-9-9-1300"];
        assert_eq!(info.groups, expected, "groups that only deny are left out");
    }

    #[test]
    fn cut_and_changed_bytes_do_no_harm() {
        let whole = example();
        for end in 0..whole.len() {
            assert_eq!(LogonInfo::read(&whole[..end]), None, "{end}");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[at] = value;
                let _ = LogonInfo::read(&changed);
            }
        }
    }
}
