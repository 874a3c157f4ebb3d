//! The groups of an account, as the system's name service has them. May block: the service can be one in the network.

use std::ffi::CString;

use nix::unistd::{Group, User, getgrouplist};

/// The names of an account's groups; none for an account that the system does not know.
pub fn groups(account: &str) -> Vec<String> {
    let Ok(name) = CString::new(account) else { return Vec::new() };
    let Ok(Some(user)) = User::from_name(account) else { return Vec::new() };
    let ids = getgrouplist(&name, user.gid).unwrap_or_default();
    ids.into_iter().filter_map(|id| Group::from_gid(id).ok().flatten()).map(|group| group.name).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_superuser_has_a_group() {
        assert!(super::groups("root").iter().any(|group| group == "root"));
        assert!(super::groups("no such account").is_empty() && super::groups("a\0b").is_empty());
    }
}
