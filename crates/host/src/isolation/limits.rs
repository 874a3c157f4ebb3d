//! What a pool's processes may use up.

use std::sync::Arc;

use mews_model::server_config::Isolation;
use mews_process::cgroup::{Limits, PoolGroup};
use mews_process::confinement::most_open_files;
use mews_process::identity::Identity;

/// The control group of a pool, made by the first start that asks for it.
#[derive(Debug, Default)]
pub(crate) struct ControlGroup {
    tried: bool,
    group: Option<Arc<PoolGroup>>,
}

impl ControlGroup {
    /// The group; `None` if nothing is limited, or nothing can be. The warning that says so comes once.
    pub(crate) fn get(
        &mut self,
        pool: &str,
        isolation: &Isolation,
        owner: Option<&Identity>,
    ) -> (Option<Arc<PoolGroup>>, Option<String>) {
        let limits =
            Limits { memory: isolation.memory_limit, cpu: isolation.cpu_limit, tasks: isolation.tasks_limit };
        if self.tried || limits.is_none() {
            return (self.group.clone(), None);
        }
        self.tried = true;
        match PoolGroup::create(pool, &limits, owner) {
            Ok(group) => {
                self.group = Some(Arc::new(group));
                (self.group.clone(), None)
            }
            Err(reason) => {
                let warning = format!("its limits of memory, processor and tasks do not hold: {reason}");
                (None, Some(warning))
            }
        }
    }
}

/// The limit of open descriptors, as far as it can be given.
pub(super) fn open_files(isolation: &Isolation, warnings: &mut Vec<String>) -> Option<u64> {
    let wanted = isolation.open_files?;
    let Some(most) = most_open_files(wanted) else { return Some(wanted) };
    warnings.push(format!(
        "its limit of {wanted} open files cannot be had, since mews itself may open {most} only: {most} it is; raise \
         LimitNOFILE= of the service (or ulimit -n)"
    ));
    Some(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_limited_is_said_once() {
        let mut group = ControlGroup::default();
        assert_eq!(group.get("p", &Isolation::default(), None).1, None);
        let isolation = Isolation { memory_limit: Some(1 << 30), ..Isolation::default() };
        match group.get("p", &isolation, None) {
            (Some(group), None) => assert!(group.folder().exists()),
            (None, Some(warning)) => {
                assert!(warning.contains("control group"), "{warning}");
                assert_eq!(group.get("p", &isolation, None).1, None);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_limit_of_open_files_is_what_can_be_had() {
        let mut warnings = Vec::new();
        let asked = |most| Isolation { open_files: Some(most), ..Isolation::default() };
        assert_eq!(open_files(&Isolation::default(), &mut warnings), None);
        assert_eq!(open_files(&asked(100), &mut warnings), Some(100));
        assert!(warnings.is_empty());
        let had = open_files(&asked(u64::MAX / 2), &mut warnings).unwrap();
        assert_eq!(had == u64::MAX / 2, warnings.is_empty());
    }
}
