//! What a pool's folders tell: that an application goes offline or is back, that its files have changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use mews_model::HostingModel;
use mews_model::lifecycle::{Event, Level, Phase, RecycleCause, WorkerId};

use super::Supervisor;
use super::pool::Pool;
use super::worker::Kind;
use crate::app::{News, Site, Watch};
use crate::control::SupervisorMessage;

impl Supervisor {
    /// Has the kernel tell of the folders of pools that run, if these have become others.
    pub(super) fn watch_files(&mut self) {
        let mut changed = false;
        for pool in self.pools.values_mut() {
            changed |= pool.take_watches_anew();
        }
        if changed {
            let running = self.pools.values().filter(|pool| !pool.workers.is_empty());
            let folders: BTreeSet<&Path> = running.flat_map(Pool::watches).flat_map(Watch::folders).collect();
            self.notices.watch(&folders);
        }
    }

    /// The kernel tells of some change.
    pub(super) fn files_changed(&mut self) {
        if self.notices.take(Instant::now()) {
            self.pools.values_mut().filter(|pool| !pool.workers.is_empty()).for_each(Pool::look_early);
        }
    }
}

impl Pool {
    /// Looks before it is time to. What may still be changing has to stay as it is for a while all the same.
    fn look_early(&mut self) {
        if self.is_settling() {
            self.look_for_offline_files();
        } else {
            self.look();
            self.next_look = None;
        }
    }

    pub(super) fn is_settling(&self) -> bool {
        self.watches().any(Watch::is_settling)
    }

    fn watches(&self) -> impl Iterator<Item = &Watch> {
        std::iter::once(&self.watch).chain(&self.watch_more)
    }

    /// Looks at every folder.
    pub(super) fn look(&mut self) {
        self.look_for_offline_files();
        if self.machine.watches_files() {
            if self.watch.changed() {
                self.events.push_back(Event::FilesChanged);
            }
        } else if self.machine.serving().is_some()
            && let Some(news) = self.watch.news().or_else(|| self.watch_more.iter_mut().find_map(Watch::news))
        {
            let cause = match news {
                News::WebConfig => RecycleCause::WebConfig,
                News::Release => RecycleCause::Release,
            };
            if !(self.keeps_running && cause == RecycleCause::WebConfig) {
                self.events.push_back(Event::Recycle(cause));
            }
        }
    }

    /// Whether the pool as a whole is offline with its first application. Of several out-of-process applications each
    /// is for itself.
    fn goes_as_one(&self) -> bool {
        self.spec.more.is_empty()
            || self.model == Some(HostingModel::InProcess)
            || self.machine.phase() == Phase::Offline
    }

    pub(super) fn look_for_offline_files(&mut self) {
        let first = self.watch.offline();
        if self.goes_as_one() {
            self.events.extend(first.map(Event::Offline));
            return;
        }
        let more = self.watch_more.iter_mut().map(Watch::offline);
        let news: Vec<Option<bool>> = std::iter::once(first).chain(more).collect();
        for (number, there) in news.into_iter().enumerate() {
            if let Some(there) = there {
                self.switch(number, there);
            }
        }
    }

    /// The first application is in-process, which was not known before: what was said of it holds for the pool.
    pub(super) fn goes_as_one_now(&mut self) {
        if self.goes_as_one() && self.offline.remove(&0) {
            self.events.push_back(Event::Offline(true));
        }
    }

    /// The applications are others now, or have other numbers.
    pub(super) fn watch_anew(&mut self) {
        self.watch_more = self.spec.more.iter().map(Site::watch).collect();
        self.offline.retain(|number| *number == 0);
        self.numbered_from = self.machine.next_worker();
    }

    /// One of several applications goes offline, or is back.
    fn switch(&mut self, number: usize, there: bool) {
        let Some(site) = self.spec.sites().nth(number).map(Site::name) else { return };
        if there && self.offline.insert(number) {
            let text = format!("{site}: app_offline.htm is there; the app is stopped and the file is served");
            self.log(Level::Info, Some(1012), &text);
        }
        if !there && self.offline.remove(&number) {
            let text = format!("{site}: app_offline.htm has gone; the next request starts the app");
            self.log(Level::Info, None, &text);
        }
        let file = self.offline_files().find(|(off, _)| *off == number).map(|(_, file)| file);
        let message = SupervisorMessage::Offline(number, file);
        let known = self.workers.range(self.numbered_from..);
        let apps: Vec<WorkerId> =
            known.filter(|(_, worker)| matches!(worker.kind(), Kind::App(_))).map(|(id, _)| *id).collect();
        apps.into_iter().for_each(|id| self.tell(id, &message));
    }

    /// The numbers of the applications that are offline, with their files.
    pub(super) fn offline_files(&self) -> impl Iterator<Item = (usize, PathBuf)> {
        let watches = self.watches().enumerate();
        watches
            .filter(|(number, _)| self.offline.contains(number))
            .map(|(number, watch)| (number, watch.offline_file()))
    }
}
