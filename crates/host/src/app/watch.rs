//! Notices that an app's files changed, by looking at them now and then.
//!
//! Polling works on every file system, container mounts included, and costs a few calls. A running app is only asked
//! for its `web.config` and where its folder is; all that a start reads is looked at while it does not run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Site;

type Snapshot = BTreeMap<OsString, Stamp>;
/// Length and time of the last change: copying with the old time and length is no change.
type Stamp = (u64, Option<SystemTime>);

/// A folder, those of the applications above it, and how it looked when the app was last started.
#[derive(Debug)]
pub(crate) struct Watch {
    folder: PathBuf,
    /// The folders of the applications above, whose `web.config` is inherited.
    above: Vec<PathBuf>,
    known: Snapshot,
    config: Config,
    /// How the files looked at the last look, if that was different.
    changing: Option<Snapshot>,
    /// The same of the configuration.
    changing_config: Option<Config>,
    offline: Option<Stamp>,
}

/// What a running app depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Config {
    /// Where the folder really is.
    place: Option<PathBuf>,
    /// Which folder that is: one of the same name may have taken its place.
    node: Option<(u64, u64)>,
    /// The file of the folder, and those above.
    web_configs: Vec<Option<Stamp>>,
}

/// What is new about a running app's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Its `web.config`, or one that it inherits from, has changed, come or gone.
    WebConfig,
    /// It is another folder.
    Release,
}

impl Watch {
    /// Takes the folder's present look as the one to compare with.
    pub(crate) fn new(folder: &Path, above: Vec<PathBuf>) -> Self {
        Self {
            folder: folder.to_owned(),
            known: snapshot(folder),
            config: config(folder, &above),
            above,
            changing: None,
            changing_config: None,
            offline: None,
        }
    }

    /// The folders whose files it looks at.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.folder).chain(&self.above).map(PathBuf::as_path)
    }

    /// Takes the present look anew.
    pub(crate) fn reset(&mut self) {
        *self = Self { offline: self.offline, ..Self::new(&self.folder, std::mem::take(&mut self.above)) };
    }

    /// Watches over this application from now on.
    pub(crate) fn turn_to(&mut self, site: &Site) {
        // What was told of another folder stays told until a look at this one says otherwise.
        *self = Self { offline: self.offline, ..site.watch() };
    }

    /// Whether the last look found files that may still be changing.
    pub(crate) fn is_settling(&self) -> bool {
        self.changing.is_some() || self.changing_config.is_some()
    }

    /// Looks at what a start reads; `true` when the files differ from the known look and have not changed between two
    /// looks: whoever copies them is done.
    pub(crate) fn changed(&mut self) -> bool {
        let now = snapshot(&self.folder);
        if now == self.known {
            self.changing = None;
            return false;
        }
        let settled = self.changing.as_ref() == Some(&now);
        self.changing = Some(now);
        settled
    }

    /// Looks at what a running app depends on. Once told, it is known.
    pub(crate) fn news(&mut self) -> Option<News> {
        let now = config(&self.folder, &self.above);
        // A folder that is gone for a moment is no new release; the app runs on with what it has loaded.
        if now == self.config || now.place.is_none() {
            self.changing_config = None;
            return None;
        }
        if self.changing_config.as_ref() != Some(&now) {
            self.changing_config = Some(now);
            return None;
        }
        self.changing_config = None;
        let moved = (&now.place, now.node) != (&self.config.place, self.config.node);
        self.config = now;
        Some(if moved { News::Release } else { News::WebConfig })
    }

    /// The file that takes the app offline.
    pub(crate) fn offline_file(&self) -> PathBuf {
        self.folder.join("app_offline.htm")
    }

    /// Whether that is there, if this is new, or its contents are.
    pub(crate) fn offline(&mut self) -> Option<bool> {
        let now = fs::metadata(self.offline_file()).ok().filter(fs::Metadata::is_file);
        let now = now.map(|about| (about.len(), about.modified().ok()));
        // One that became empty is being written; what was in it stays on the page.
        let emptied = matches!((now, self.offline), (Some((0, _)), Some(_)));
        if now == self.offline || emptied {
            return None;
        }
        self.offline = now;
        Some(now.is_some())
    }
}

fn config(folder: &Path, above: &[PathBuf]) -> Config {
    let about = |path: PathBuf| {
        let about = fs::metadata(path).ok()?;
        Some((about.len(), about.modified().ok()))
    };
    // Nearly always spelled so; a file in another case is found when the app is started anew.
    let web_config =
        |folder: &Path| about(folder.join("web.config")).or_else(|| about(folder.join("Web.config")));
    Config {
        place: fs::canonicalize(folder).ok(),
        node: fs::metadata(folder).ok().map(|about| (about.dev(), about.ino())),
        web_configs: std::iter::once(folder)
            .chain(above.iter().map(PathBuf::as_path))
            .map(web_config)
            .collect(),
    }
}

fn snapshot(folder: &Path) -> Snapshot {
    let Ok(entries) = fs::read_dir(folder) else { return Snapshot::new() };
    let relevant = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(matters));
    relevant
        .filter_map(|entry| {
            // Follows links, unlike the entry's own.
            let metadata = fs::metadata(entry.path()).ok()?;
            Some((entry.file_name(), (metadata.len(), metadata.modified().ok())))
        })
        .collect()
}

fn matters(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "web.config"
        || [".dll", ".runtimeconfig.json", ".deps.json"].iter().any(|end| name.ends_with(end))
        || (name.starts_with("appsettings") && name.ends_with(".json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("Shop.dll"), "1").unwrap();
        let mut watch = Watch::new(folder.path(), Vec::new());
        assert!(!watch.changed());
        fs::write(at("log.txt"), "1").unwrap();
        assert!(!watch.changed() && !watch.changed());
        fs::write(at("Shop.dll"), "12").unwrap();
        assert!(!watch.changed());
        fs::write(at("web.config"), "12").unwrap();
        assert!(!watch.changed());
        assert!(watch.changed());
        watch.reset();
        assert!(!watch.changed() && !watch.changed());
        fs::remove_file(at("web.config")).unwrap();
        assert!(!watch.changed() && watch.changed());
    }

    #[test]
    fn a_folder_that_comes_back_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path().join("app");
        let mut watch = Watch::new(&app, Vec::new());
        assert!(!watch.changed());
        fs::create_dir(&app).unwrap();
        fs::write(app.join("appsettings.Development.json"), "{}").unwrap();
        assert!(!watch.changed() && watch.changed());
    }

    #[test]
    fn a_running_app_is_told_of_its_web_config_and_of_a_new_release_only() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        for release in ["1", "2"] {
            fs::create_dir(at(release)).unwrap();
        }
        std::os::unix::fs::symlink("1", at("current")).unwrap();
        let mut watch = Watch::new(&at("current"), Vec::new());
        fs::write(at("1/Shop.dll"), "1").unwrap();
        assert!(watch.news().is_none() && watch.news().is_none());
        fs::write(at("1/web.config"), "1").unwrap();
        assert_eq!([watch.news(), watch.news(), watch.news()], [None, Some(News::WebConfig), None]);
        std::os::unix::fs::symlink("2", at("next")).unwrap();
        fs::rename(at("next"), at("current")).unwrap();
        assert_eq!([watch.news(), watch.news(), watch.news()], [None, Some(News::Release), None]);
        fs::remove_dir_all(at("2")).unwrap();
        assert!(watch.news().is_none() && watch.news().is_none());
    }

    #[test]
    fn a_file_that_is_inherited_is_one_of_the_apps() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        for folder in ["root", "api"] {
            fs::create_dir(at(folder)).unwrap();
        }
        let mut watch = Watch::new(&at("api"), vec![at("root")]);
        fs::write(at("root/Shop.dll"), "1").unwrap();
        assert!(watch.news().is_none() && watch.news().is_none());
        fs::write(at("root/web.config"), "1").unwrap();
        assert_eq!([watch.news(), watch.news(), watch.news()], [None, Some(News::WebConfig), None]);
    }

    #[test]
    fn app_offline_comes_changes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(folder.path(), Vec::new());
        let file = watch.offline_file();
        assert_eq!(watch.offline(), None);
        fs::write(&file, "").unwrap();
        assert_eq!([watch.offline(), watch.offline()], [Some(true), None]);
        fs::write(&file, "down").unwrap();
        assert_eq!(watch.offline(), Some(true));
        fs::write(&file, "").unwrap();
        watch.reset();
        assert_eq!(watch.offline(), None);
        fs::remove_file(&file).unwrap();
        assert_eq!([watch.offline(), watch.offline()], [Some(false), None]);
        fs::create_dir(&file).unwrap();
        assert_eq!(watch.offline(), None);
    }
}
