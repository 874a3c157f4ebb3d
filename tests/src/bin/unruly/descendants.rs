//! Processes that this one starts: itself again, in another mode.

use anyhow::{Context as _, Result};
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

/// The mode of [`start_session`].
pub(crate) const SESSION: &str = "session";
/// The mode of [`sleep`].
pub(crate) const SLEEP: &str = "sleep";

/// Longer than any test; nobody else ends those that a failed test has left.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);

fn start<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Result<Child> {
    let own = std::env::current_exe().context("the program's own path")?;
    let mut command = Command::new(own);
    command.args(words.into_iter().map(|word| word.as_ref().to_owned())).stdin(Stdio::null());
    command.spawn().context("a child")
}

/// As a shell has it.
fn code(status: ExitStatus) -> ExitCode {
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(128))
}

pub(crate) fn wrap(words: &[String]) -> Result<ExitCode> {
    Ok(code(start(words)?.wait()?))
}

pub(crate) fn leave_at_once(words: &[String]) -> Result<ExitCode> {
    start(words)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn leave_when_told(words: &[String]) -> Result<ExitCode> {
    let mut child = start(words)?;
    while !Path::new("leave").exists() {
        if let Some(status) = child.try_wait()? {
            return Ok(code(status));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(ExitCode::SUCCESS)
}

/// Has a grandchild do it. Ends when that has been started and the process between has gone.
pub(crate) fn start_daemon(words: &[String]) -> Result<ExitCode> {
    wrap(&with(SESSION, words))
}

/// Has a child do it in a new session. A leader of a process group cannot make one, which is why [`start_daemon`] does not itself.
pub(crate) fn start_session(words: &[String]) -> Result<ExitCode> {
    rustix::process::setsid().context("a new session")?;
    leave_at_once(words)
}

/// Starts both descendants; they are all there is when this returns.
pub(crate) fn found_family() -> Result<()> {
    start([SLEEP])?;
    wrap(&with("daemon", &[SLEEP.to_owned()]))?;
    Ok(())
}

fn with(mode: &str, words: &[String]) -> Vec<String> {
    std::iter::once(mode.to_owned()).chain(words.iter().cloned()).collect()
}

/// Does nothing, and ends the process after a long time.
pub(crate) fn sleep() -> ! {
    std::thread::sleep(LONGEST_SLEEP);
    std::process::exit(1)
}
