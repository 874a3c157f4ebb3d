//! Running other programs so that a failure says what ran, where, how it ended, its last lines and the cure.
//! Not a shell: every argument is passed as it is.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How many of a failed program's last output lines an error shows.
const LAST_LINES: usize = 30;

/// A program to run, and what to tell people when it fails.
pub(crate) struct Step {
    command: Command,
    cure: String,
}

/// What a captured program printed.
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Step {
    /// A step that runs `program` in the repository's root.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(crate::paths::root());
        Self { command, cure: String::new() }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub(crate) fn envs(mut self, pairs: &[(String, String)]) -> Self {
        self.command.envs(pairs.iter().map(|(key, value)| (key, value)));
        self
    }

    pub(crate) fn current_dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// What the reader of a failure should do.
    pub(crate) fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = cure.into();
        self
    }

    /// Runs with this process's output; an unsuccessful end is an error.
    pub(crate) fn run(mut self) -> Result<()> {
        let shown = self.shown();
        let status = self.command.status().map_err(|e| self.not_started(&shown, &e))?;
        if status.success() {
            return Ok(());
        }
        bail!("{}", self.failed(&shown, status, ""));
    }

    /// Runs with captured output; an unsuccessful end is an error that shows the last lines.
    pub(crate) fn capture(mut self) -> Result<Output> {
        let shown = self.shown();
        let output = self.output(&shown)?;
        if output.status.success() {
            return Ok(output);
        }
        let both = format!("{}\n{}", output.stdout, output.stderr);
        bail!("{}", self.failed(&shown, output.status, &both));
    }

    /// Runs with captured output; any end is an answer.
    pub(crate) fn capture_any(mut self) -> Result<Output> {
        let shown = self.shown();
        self.output(&shown)
    }

    /// Like [`run`](Self::run), but kills the program when it takes longer than `limit`.
    pub(crate) fn run_within(mut self, limit: Duration) -> Result<()> {
        let shown = self.shown();
        let child = self.command.spawn().map_err(|e| self.not_started(&shown, &e))?;
        let status = wait_within(child, limit).with_context(|| format!("`{shown}`"))?;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("{}", self.failed(&shown, status, "")),
            None => bail!("`{shown}` had not ended after {} s and was killed", limit.as_secs()),
        }
    }

    fn output(&mut self, shown: &str) -> Result<Output> {
        let output = self.command.stdin(Stdio::null()).output().map_err(|e| self.not_started(shown, &e))?;
        Ok(Output {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn shown(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    fn not_started(&self, shown: &str, error: &std::io::Error) -> anyhow::Error {
        let program = self.command.get_program().to_string_lossy();
        let mut text = match error.kind() {
            ErrorKind::NotFound => format!("`{program}` was not found (to run `{shown}`)"),
            _ => format!("`{shown}` could not be started: {error}"),
        };
        self.add_cure(&mut text);
        anyhow::Error::msg(text)
    }

    fn failed(&self, shown: &str, status: ExitStatus, output: &str) -> String {
        let folder = self.command.get_current_dir().map(|dir| dir.display().to_string()).unwrap_or_default();
        let mut text = format!("`{shown}` failed in {folder}: {status}");
        let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
        for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
            let _ = write!(text, "\n    {line}");
        }
        self.add_cure(&mut text);
        text
    }

    fn add_cure(&self, text: &mut String) {
        if !self.cure.is_empty() {
            let _ = write!(text, "\n  -> {}", self.cure);
        }
    }
}

/// Waits for `child`; after `limit` kills it and answers `None`.
///
/// # Errors
/// The system refuses to tell about the child.
pub(crate) fn wait_within(mut child: Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let pid = Pid::from_child(&child);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || sender.send(child.wait()));
        match receiver.recv_timeout(limit) {
            Ok(status) => Ok(Some(status.context("waiting for a child failed")?)),
            Err(_) => {
                // The waiting thread has not collected it, so the number is still this child's. An error means that it has just ended.
                let _ = kill_process(pid, Signal::KILL);
                let _ = receiver.recv();
                Ok(None)
            }
        }
    })
}

/// `cargo` as this process was started by it, so that the same toolchain is used.
pub(crate) fn cargo() -> Step {
    Step::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Where distributions put servers, and what the `PATH` of ordinary users often lacks.
const FOLDERS_OF_SERVERS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// The full path of a program on `PATH` or among the system's servers, or `None`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS_OF_SERVERS.map(PathBuf::from));
    folders.map(|dir| dir.join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Holds `file` locked until the answer is dropped or this process ends, however it ends; says what it waits for.
///
/// # Errors
/// The file cannot be opened or locked.
pub(crate) fn lock(file: &Path, holder: &str) -> Result<File> {
    let open = File::options().create(true).truncate(false).write(true).open(file);
    let lock = open.with_context(|| format!("cannot open {}", file.display()))?;
    if lock.try_lock().is_err() {
        eprintln!("xtask: waiting for {holder} ({})", crate::paths::shown(file));
        lock.lock().with_context(|| format!("cannot lock {}", file.display()))?;
    }
    Ok(lock)
}

/// Replaces `to` with `content` in one step, so that a process that has the old file mapped keeps it whole.
pub(crate) fn replace_file(to: &Path, content: &[u8]) -> Result<()> {
    let folder = to.parent().context("a file path without a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let fresh = folder.join(format!(".{name}.{}", std::process::id()));
    std::fs::write(&fresh, content).with_context(|| format!("cannot write {}", fresh.display()))?;
    std::fs::rename(&fresh, to).with_context(|| format!("cannot replace {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_command_place_status_lines_and_cure() {
        let step = Step::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).cure("try again");
        let text = step.capture().map(|_| ()).unwrap_err().to_string();
        for part in ["sh -c", "exit status: 3", "    out", "    err", "-> try again"] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }

    #[test]
    fn a_missing_program_is_named_with_the_cure() {
        let text = Step::new("no-such-program-xyz").cure("install it").run().unwrap_err().to_string();
        assert!(text.contains("`no-such-program-xyz` was not found"), "{text}");
        assert!(text.contains("install it"), "{text}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let text =
            Step::new("sleep").arg("600").run_within(Duration::from_millis(20)).unwrap_err().to_string();
        assert!(text.contains("`sleep 600` had not ended"), "{text}");
        Step::new("true").run_within(Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sub/a.txt");
        replace_file(&file, b"one").unwrap();
        replace_file(&file, b"two").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }
}
