//! Applications of a worker that go offline one by one, each by the file in its own folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mews_server::Application;

use super::backend::Processes;
use super::inbox::Message;
use crate::worker::sites::Sites;
use crate::worker::{Control, pages};

/// An application that can be switched off and on.
pub(super) struct Switch {
    on: Application,
    processes: Arc<Processes>,
}

impl Switch {
    /// It is on.
    pub(super) fn new(on: &Application, processes: &Arc<Processes>) -> Self {
        Self { on: on.clone(), processes: Arc::clone(processes) }
    }

    /// What answers from now on: the app, or its file, which is read anew.
    fn turn(&self, file: Option<&Path>) -> Application {
        self.processes.tell(Message::Offline(file.is_some()));
        match file {
            None => self.on.clone(),
            Some(file) => self.on.with_handler(Arc::new(pages::offline(file))),
        }
    }
}

/// Has the supervisor switch these applications, which are those that `sites` shows; those that cannot be hosted have no
/// switch. Some are off from the beginning.
pub(super) fn follow(
    switches: Vec<Option<Switch>>,
    mut shown: Vec<Application>,
    off: &[(usize, PathBuf)],
    sites: Arc<Sites>,
    control: &Control,
) {
    let mut turn = move |number: usize, file: Option<&Path>| {
        if let (Some(Some(switch)), Some(place)) = (switches.get(number), shown.get_mut(number)) {
            *place = switch.turn(file);
            sites.replace(shown.clone());
        }
    };
    for (number, file) in off {
        turn(*number, Some(file));
    }
    control.on_offline(move |number, file| turn(number, file.as_deref()));
}
