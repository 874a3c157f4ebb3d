//! What separates a pool's processes from others: as whom they run, what they may use up, and where they keep what must
//! last.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `account` | the pool's user, and whether it can be had |
//! | `home` | the variables that belong to a user; a home for an app without one |
//! | `state` | the pool's private folder |
//! | `reach` | whether a user can get to the app's folder |
//! | `limits` | control groups and limits of descriptors |

mod account;
mod home;
mod limits;
mod reach;
mod state;

use std::path::Path;

use mews_model::Failure;
use mews_model::environment::Inherited;
use mews_model::server_config::Isolation;
use mews_process::confinement::Confinement;
use mews_process::identity::Identity;

pub(crate) use limits::PoolLimits;

/// The isolation of a pool on this machine, for one start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Isolated {
    /// For the worker; without the control group.
    pub(crate) confinement: Confinement,
    /// Variables that belong to the user, or to a home made up for the app.
    pub(crate) variables: Vec<(String, String)>,
    /// Variables that belong to another user.
    pub(crate) withheld: &'static [&'static str],
    /// To be logged.
    pub(crate) warnings: Vec<String>,
}

impl Isolated {
    /// Works it out. `inherited` is the environment of the worker before this, `pool` the pool's name.
    ///
    /// # Errors
    /// When the pool's user cannot be had.
    pub(crate) fn of(pool: &str, isolation: &Isolation, inherited: &Inherited) -> Result<Self, Box<Failure>> {
        let identity = account::find(isolation)?;
        let foreign = identity.as_ref().filter(|identity| !identity.is_own());
        let withheld = if foreign.is_some() { home::PERSONAL } else { &[] };
        let mut isolated = Self { withheld, ..Self::default() };
        isolated.confinement.open_files = limits::open_files(isolation, &mut isolated.warnings);
        let home = home::choose(pool, foreign, inherited);
        isolated.variables = home.variables;
        isolated.warnings.extend(home.warning);
        isolated.confinement.identity = identity;
        Ok(isolated)
    }

    /// Looks whether the pool's user can read the app's folder.
    ///
    /// # Errors
    /// With the part of the path that it cannot get past.
    pub(crate) fn reaches(&self, folder: &Path) -> Result<(), Box<Failure>> {
        self.identity().map_or(Ok(()), |identity| reach::check(identity, folder))
    }

    /// As whom the worker runs, if that is not us.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.confinement.identity.as_ref().filter(|identity| !identity.is_own())
    }
}

/// As whom a page is shown when the pool's own user cannot be had: nobody, so that no request meets a process with our
/// rights where it should not have met one.
pub(crate) fn stranger(isolation: &Isolation) -> Confinement {
    let wanted = isolation.user.is_some();
    let nobody = || Identity::find("nobody", None).ok().filter(|nobody| nobody.attainable().is_ok());
    Confinement { identity: wanted.then(nobody).flatten(), ..Confinement::default() }
}
