//! A real Chromium without a window, driven over the DevTools protocol: as much of it as the tests of pages need.
//!
//! It runs with an empty profile in a temporary folder, and everything it writes goes there. It is no general driver: one page for each
//! tab, no frames, no dialogs.

mod devtools;
mod process;
mod tab;

pub use tab::{Scheme, Tab};

use crate::{PATIENCE, Realm, wait};
use devtools::DevTools;
use process::{Process, Ticket};
use serde_json::{Value, json};
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A running Chromium. Dropping it kills its processes and removes its folder; [`Browser::stop`] closes it and checks.
pub struct Browser {
    // Before the folder, which is removed last.
    process: Process,
    tools: Mutex<DevTools>,
    port: u16,
    /// Tabs are the user's own, since others never use a ticket.
    signs_in: bool,
    tabs: AtomicU64,
    scratch: tempfile::TempDir,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    /// It is not installed, or does not come to run.
    pub fn start() -> Self {
        Self::launch(None)
    }

    /// Starts one that signs in at `localhost` with a user's ticket; `cache` is what [`Realm::sign_in`] gave. It takes any
    /// certificate.
    ///
    /// # Panics
    /// It is not installed, or does not come to run.
    pub fn signing_in(realm: &Realm, cache: &str) -> Self {
        let mut environment = realm.environment();
        environment.push(("KRB5CCNAME", cache.to_owned()));
        Self::launch(Some(&Ticket { environment }))
    }

    fn launch(signing_in: Option<&Ticket>) -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("mews-e2e-browser-")
            .tempdir()
            .expect("a temporary folder can be made");
        let mut process = Process::start(scratch.path(), signing_in);
        // Chromium writes the file once it listens: the port, and the path of the browser's own end point.
        let file = process.profile().join("DevToolsActivePort");
        let found = wait::poll(PATIENCE, || {
            process.assert_running();
            let text = fs::read_to_string(&file).ok()?;
            let (port, path) = text.split_once('\n')?;
            Some((port.parse::<u16>().ok()?, path.trim().to_owned())).filter(|(_, path)| !path.is_empty())
        });
        let Some((port, path)) = found else { panic!("Chromium does not listen\n{}", process.story()) };
        let tools = Mutex::new(DevTools::connect(port, &path));
        Self { process, tools, port, signs_in: signing_in.is_some(), tabs: AtomicU64::new(0), scratch }
    }

    /// An empty page in a context of its own: it shares neither cookies nor connections with other tabs, unless the browser
    /// signs in.
    ///
    /// # Panics
    /// Chromium does not open it.
    pub fn tab(&self) -> Tab<'_> {
        let context = (!self.signs_in).then(|| {
            let context = self.call("Target.createBrowserContext", json!({}));
            context["browserContextId"].as_str().expect("a context has an id").to_owned()
        });
        let number = self.tabs.fetch_add(1, Ordering::Relaxed);
        let downloads = self.scratch.path().join(format!("downloads-{number}"));
        fs::create_dir(&downloads).expect("the temporary folder is writable");
        self.call(
            "Browser.setDownloadBehavior",
            within(context.as_deref(), json!({"behavior": "allow", "downloadPath": downloads})),
        );
        let target = self.call(
            "Target.createTarget",
            within(context.as_deref(), json!({"url": "about:blank", "newWindow": true})),
        );
        let target = target["targetId"].as_str().expect("a page has an id");
        let tools = DevTools::connect(self.port, &format!("/devtools/page/{target}"));
        Tab::new(self, tools, context, downloads)
    }

    /// A folder for files that tests give to pages; removed with the browser.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Where a screenshot goes: into the folder that `MEWS_TEST_SCREENSHOTS` names, else into the temporary one.
    fn screenshot_path(&self, name: &str) -> PathBuf {
        let folder = std::env::var_os("MEWS_TEST_SCREENSHOTS").filter(|folder| !folder.is_empty());
        folder.map_or_else(|| self.scratch.path().to_owned(), PathBuf::from).join(format!("{name}.png"))
    }

    fn call(&self, method: &str, parameters: Value) -> Value {
        let mut tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        match tools.call(method, &parameters, |_| {}) {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error:#}\n{}", self.process.story()),
        }
    }

    fn dispose(&self, context: &str) {
        let mut tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = tools.call("Target.disposeBrowserContext", &json!({"browserContextId": context}), |_| {});
    }

    /// Closes the browser and checks that neither a process nor its folder is left.
    ///
    /// # Panics
    /// Something is left.
    pub fn stop(self) {
        let Self { mut process, tools, scratch, .. } = self;
        let mut tools = tools.into_inner().unwrap_or_else(PoisonError::into_inner);
        // It may be gone before it has answered.
        let _ = tools.call("Browser.close", &json!({}), |_| {});
        process.assert_ended();
        drop(process);
        let folder = scratch.path().to_owned();
        scratch.close().expect("the temporary folder can be removed");
        assert!(!folder.exists(), "{} is left", folder.display());
    }
}

/// Parameters of a command that is about a context; without one, about the user's own.
fn within(context: Option<&str>, mut parameters: Value) -> Value {
    if let Some(context) = context {
        parameters["browserContextId"] = json!(context);
    }
    parameters
}

/// One browser for the tests of a file. The last test that holds it stops it.
pub struct SharedBrowser(Mutex<Weak<Browser>>);

/// A test's hold on a shared browser.
pub struct BrowserRef(Option<Arc<Browser>>);

impl Default for SharedBrowser {
    fn default() -> Self {
        Self::new()
    }
}

impl SharedBrowser {
    /// A browser that starts when a test first asks for it.
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The running browser, started if there is none.
    pub fn get(&self) -> BrowserRef {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let browser = current.upgrade().unwrap_or_else(|| {
            let browser = Arc::new(Browser::start());
            *current = Arc::downgrade(&browser);
            browser
        });
        BrowserRef(Some(browser))
    }
}

impl Deref for BrowserRef {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        self.0.as_ref().expect("the browser is held until the drop")
    }
}

impl Drop for BrowserRef {
    fn drop(&mut self) {
        // While a test fails, the browser is only killed: a second panic would end the whole test process.
        if let Some(browser) = self.0.take().and_then(Arc::into_inner)
            && !std::thread::panicking()
        {
            browser.stop();
        }
    }
}
