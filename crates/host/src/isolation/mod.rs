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

use crate::app::SiteOptions;

pub(crate) use limits::ControlGroup;

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
    /// Works it out for a pool of this name. `inherited` is the environment of the worker before this.
    ///
    /// # Errors
    /// When the pool's user cannot be had.
    pub(crate) fn of(pool: &str, options: &SiteOptions, inherited: &Inherited) -> Result<Self, Box<Failure>> {
        let isolation = &options.isolation;
        let identity = account::find(isolation, options.looked_at)?;
        let foreign = identity.as_ref().filter(|identity| !identity.is_own());
        let withheld = if foreign.is_some() { home::PERSONAL } else { &[] };
        let mut isolated = Self { withheld, ..Self::default() };
        isolated.confinement.open_files = limits::open_files(isolation, &mut isolated.warnings);
        isolated.variables = home::account(foreign);
        let is_home_set = options.variables.iter().any(|(name, _)| name == "HOME");
        if !is_home_set && !options.looked_at {
            let home = home::choose(pool, foreign, inherited);
            isolated.variables.extend(home.home.map(|home| ("HOME".to_owned(), home)));
            isolated.warnings.extend(home.warning);
        }
        // What the pool's configuration says counts more, and a name must not come twice.
        isolated.variables.retain(|(name, _)| !options.variables.iter().any(|(set, _)| set == name));
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

/// As whom a pool's pages are shown: as its applications run, or as nobody when the pool's user cannot be had. Requests are
/// not to meet a process with our rights where none was wanted.
pub(crate) fn of_pages(isolation: &Isolation) -> Confinement {
    let identity = account::find(isolation, false).unwrap_or_else(|_| nobody());
    Confinement { identity, ..Confinement::default() }
}

/// As whom the gateway runs: as nobody where that can be had. It reads what clients send, and needs no right for what it does.
pub(crate) fn of_gateway() -> Confinement {
    Confinement { identity: nobody(), ..Confinement::default() }
}

fn nobody() -> Option<Identity> {
    Identity::find("nobody", None).ok().filter(|nobody| nobody.attainable().is_ok())
}
