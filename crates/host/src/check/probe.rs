//! Asking .NET: a process of its own with the app's environment, in which hostfxr reads the app's files and answers
//! which frameworks it would take. It is hostfxr that knows the rules of rolling forward, so nothing is guessed.
//!
//! A process of its own, because the environment counts (`DOTNET_ROLL_FORWARD` in web.config), because CoreCLR's
//! host cannot be unloaded, and because a damaged installation may crash. What it does is in [`super::ask`].

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mews_model::{Failure, HostingModel};
use serde::{Deserialize, Serialize};

use super::ask::ask;
use crate::app::{Hosting, Plan};
use crate::control::{AppSpec, ConfiguredVariables};
use crate::fatal::Fatal;
use crate::stdout;

/// Reading a few files must not take longer.
const LIMIT: Duration = Duration::from_secs(30);

/// An app and how it is to be hosted.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) model: HostingModel,
    pub(super) app: AppSpec,
    /// Out-of-process only.
    pub(super) configured: ConfiguredVariables,
}

/// What is known about an app once .NET was asked.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Answer {
    /// What would be executed, out-of-process.
    pub(super) program: Option<Program>,
    /// The .NET app, if it is one and can be told.
    pub(super) found: Option<Found>,
    /// Why it could not be started.
    pub(super) failures: Vec<Failure>,
}

/// A command.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Program {
    /// What is executed. Absolute.
    pub(super) path: PathBuf,
    /// As a person would type it.
    pub(super) command: String,
}

/// A .NET app and the .NET for it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Found {
    /// The app's main assembly.
    pub(super) dll: PathBuf,
    /// Whether it brings its runtime along.
    pub(super) self_contained: bool,
    /// `net9.0`…
    pub(super) tfm: Option<String>,
    /// The .NET installation, or the app's own folder.
    pub(super) root: PathBuf,
    /// What led there.
    pub(super) found_by: String,
    /// The frameworks: name, version wanted or included, version that would be taken.
    pub(super) frameworks: Vec<(String, String, Option<String>)>,
    /// Why hostfxr was not asked.
    pub(super) not_asked: Option<String>,
}

/// The process that asks: a question on stdin, the answer on stdout.
pub(crate) fn run() -> Result<u8, Fatal> {
    let mut text = String::new();
    // What is no text is no question either.
    let _ = std::io::stdin().read_to_string(&mut text);
    let question: Question = serde_json::from_str(&text)
        .map_err(|_| Fatal::Usage("'mews probe' is started by 'mews check' only".to_owned()))?;
    stdout::print(&serde_json::to_string(&ask(&question)).map_err(Fatal::failed)?)?;
    Ok(0)
}

/// Asks about a plan's app.
///
/// # Errors
/// The process could not be run, or gave no answer: why.
pub(super) fn start(plan: &Plan, model: HostingModel) -> Result<Answer, String> {
    let app = plan.hosting.app().clone();
    let configured = match &plan.hosting {
        Hosting::InProcess(_) => ConfiguredVariables::default(),
        Hosting::OutOfProcess(spec) => spec.configured.clone(),
    };
    let folder = app.physical_path.clone();
    let question =
        serde_json::to_vec(&Question { model, app, configured }).map_err(|error| error.to_string())?;
    let mut child = Command::new("/proc/self/exe")
        .arg("probe")
        .env_clear()
        .envs(plan.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let answer = converse(&mut child, &question);
    if answer.is_err() {
        // It is waited for next, whether it could be killed or has ended by itself.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    serde_json::from_slice(&answer?).map_err(|_| format!("the process that asks ended with {status}"))
}

fn converse(child: &mut Child, question: &[u8]) -> Result<Vec<u8>, String> {
    let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the process that asks has no pipes".to_owned());
    };
    // A process that died before it read the question says so by its end.
    let _ = stdin.write_all(question);
    drop(stdin);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut answer = Vec::new();
        let read = stdout.read_to_end(&mut answer).map(|_| answer);
        // Nobody waits any more when the time is over.
        let _ = sender.send(read);
    });
    match receiver.recv_timeout(LIMIT) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err(format!("there was no answer within {} s", LIMIT.as_secs())),
    }
}
