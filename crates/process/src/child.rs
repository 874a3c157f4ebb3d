//! Child processes that are this binary in another role.
//!
//! A child is started through `/proc/self/exe`, so that it is the same build even when the file was
//! replaced. It leads a process group of its own (a terminal's Ctrl+C reaches only us), its stdin is
//! the control channel, its stdout and stderr are pipes that never block a reader of ours.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::fs::{Gid, Uid};
use rustix::process::{Pid, Signal};

use crate::confinement::Confinement;
use crate::handoff::{Receiver, Sender};
use crate::sys::{self, Bounds};

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct Spawn {
    /// Arguments after the program's name.
    pub arguments: Vec<OsString>,
    /// The whole environment of the child.
    pub environment: Vec<(OsString, OsString)>,
    /// Its current directory; ours when `None`. Entered with the child's own rights.
    pub directory: Option<PathBuf>,
    /// What separates it from us.
    pub confinement: Confinement,
}

/// A running child, or one that ended and was not asked about yet.
#[derive(Debug)]
pub struct Child {
    inner: std::process::Child,
    ended: Option<ExitStatus>,
}

/// Our ends of what connects us with a child.
#[derive(Debug)]
pub struct Connections {
    /// Messages to the child.
    pub sender: Sender,
    /// Messages from the child.
    pub receiver: Receiver,
    /// What the child prints. Non-blocking.
    pub stdout: OwnedFd,
    /// What the child prints as errors. Non-blocking.
    pub stderr: OwnedFd,
}

impl Spawn {
    /// Starts the child.
    ///
    /// # Errors
    /// Whatever the system says when it has no descriptors, memory or processes left, when the
    /// directory cannot be entered, or when we have no right to confine the child so.
    pub fn start(&self) -> io::Result<(Child, Connections)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("mews")
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.confine(&mut command)?;
        let mut inner = command.spawn()?;
        let pipes = (inner.stdout.take(), inner.stderr.take());
        let mut child = Child { inner, ended: None };
        let (Some(stdout), Some(stderr)) = pipes else {
            child.kill();
            return Err(io::Error::other("the child has no output pipes"));
        };
        let socket = Arc::new(OwnedFd::from(ours));
        let connections = Connections {
            sender: Sender::new(Arc::clone(&socket)),
            receiver: Receiver::new(socket),
            stdout: non_blocking(stdout.into()),
            stderr: non_blocking(stderr.into()),
        };
        Ok((child, connections))
    }

    fn confine(&self, command: &mut Command) -> io::Result<()> {
        if self.confinement.is_none() {
            if let Some(directory) = &self.directory {
                command.current_dir(directory);
            }
            return Ok(());
        }
        let identity = self.confinement.identity.as_ref().filter(|identity| !identity.is_own());
        let identity = identity.map(|identity| {
            let groups = identity.groups().iter().map(|&gid| Gid::from_raw(gid)).collect();
            (Uid::from_raw(identity.uid()), Gid::from_raw(identity.gid()), groups)
        });
        let directory = self.directory.as_deref().map(|path| CString::new(path.as_os_str().as_bytes()));
        let bounds = Bounds {
            group: self.confinement.group_list()?,
            open_files: self.confinement.open_files,
            identity,
            directory: directory.transpose()?,
        };
        sys::confine(command, bounds);
        Ok(())
    }
}

/// The read end of a pipe is ours alone, so the child does not see this.
fn non_blocking(pipe: OwnedFd) -> OwnedFd {
    // It cannot fail for a pipe; if it did, reads would only wait for output that was announced.
    let _ = rustix::io::ioctl_fionbio(&pipe, true);
    pipe
}

impl Child {
    /// Its process id, which stays its own until [`Child::try_wait`] has answered.
    pub fn pid(&self) -> u32 {
        self.inner.id()
    }

    /// Whether it has ended, and how. Does not wait.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.inner.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.inner.wait()?;
        self.ended = Some(status);
        Ok(status)
    }

    /// Ends the child, and what it has started in its process group, at once.
    ///
    /// Does nothing to a child whose end was already seen: its number may be another's by now.
    pub fn kill(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let pid = i32::try_from(self.inner.id()).ok().and_then(Pid::from_raw);
        let group = pid.map(|pid| rustix::process::kill_process_group(pid, Signal::KILL));
        if !matches!(group, Some(Ok(()))) {
            // The only failure is that it is gone already.
            let _ = self.inner.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::ExitStatusExt;

    use crate::handoff;
    use crate::identity::Identity;

    const ROLE: &str = "MEWS_TEST_CHILD";

    /// Not a test of its own: what the children of the tests below run.
    #[test]
    fn child_role() {
        let Some(role) = std::env::var_os(ROLE) else { return };
        let stdin = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).unwrap();
        let (mut sender, mut receiver) = handoff::split(stdin);
        let message = receiver.recv().unwrap().unwrap();
        let mut text = String::new();
        for descriptor in message.descriptors {
            File::from(descriptor).read_to_string(&mut text).unwrap();
        }
        println!("said {text} in {}", std::env::current_dir().unwrap().display());
        sender.send(text.as_bytes(), Vec::new()).unwrap();
        if role == "hang" {
            receiver.recv().unwrap();
            loop {
                std::thread::park();
            }
        }
    }

    fn spawn(role: &str) -> (Child, Connections) {
        spawn_confined(role, Confinement::default())
    }

    fn spawn_confined(role: &str, confinement: Confinement) -> (Child, Connections) {
        let arguments = ["--exact", "child::tests::child_role", "--nocapture"];
        let spawn = Spawn {
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: vec![(ROLE.into(), role.into())],
            directory: Some("/".into()),
            confinement,
        };
        let (child, mut connections) = spawn.start().unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&write, b"hello").unwrap();
        drop(write);
        connections.sender.send(b"", vec![read]).unwrap();
        assert_eq!(connections.receiver.recv().unwrap().unwrap().payload, b"hello");
        (child, connections)
    }

    #[test]
    fn a_child_is_talked_to_and_heard() {
        let (mut child, mut connections) = spawn("say");
        assert!(connections.receiver.recv().unwrap().is_none());
        assert!(child.wait().unwrap().success());
        assert!(child.try_wait().unwrap().is_some());
        let mut output = String::new();
        File::from(connections.stdout).read_to_string(&mut output).unwrap();
        assert!(output.contains("said hello in /"), "{output}");
    }

    #[test]
    fn a_child_that_hangs_is_killed_in_a_group_of_its_own() {
        let (mut child, connections) = spawn("hang");
        assert!(child.try_wait().unwrap().is_none());
        let pid = Pid::from_raw(child.pid().try_into().unwrap());
        assert_eq!(rustix::process::getpgid(pid).unwrap(), pid.unwrap());
        child.kill();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        child.kill();
        drop(connections);
    }

    fn status(pid: u32) -> std::collections::HashMap<String, String> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once(":\t"));
        lines.map(|(name, value)| (name.to_owned(), value.trim().replace('\t', " "))).collect()
    }

    #[test]
    fn a_child_of_another_user_has_its_rights_only_and_is_still_ours_to_end() {
        let nobody = Identity::find("nobody", None).unwrap();
        if nobody.attainable().is_err() {
            eprintln!("not root: a child of another user was not tested");
            return;
        }
        let (uid, gid) = (nobody.uid(), nobody.gid());
        let confinement =
            Confinement { identity: Some(nobody), open_files: Some(200), ..Confinement::default() };
        // The program's own file is opened through /proc/self/exe, whoever may enter its folder.
        let (mut child, connections) = spawn_confined("hang", confinement);
        let status = status(child.pid());
        assert_eq!(status["Uid"], format!("{uid} {uid} {uid} {uid}"));
        assert_eq!(status["Gid"], format!("{gid} {gid} {gid} {gid}"));
        assert_eq!(status["Groups"], gid.to_string());
        assert_eq!(status["NoNewPrivs"], "1");
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            assert_eq!(u64::from_str_radix(&status[set], 16).unwrap(), 0, "{set}");
        }
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.pid())).unwrap();
        let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(files.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["200", "200"]);
        child.kill();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        drop(connections);
    }

    #[test]
    fn a_folder_is_entered_with_the_childs_rights() {
        let nobody = Identity::find("nobody", None).unwrap();
        if nobody.attainable().is_err() {
            eprintln!("not root: a child of another user was not tested");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let confinement = Confinement { identity: Some(nobody), ..Confinement::default() };
        let directory = Some(folder.path().to_owned());
        let error = Spawn { directory, confinement, ..Spawn::default() }.start().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let spawn = Spawn { directory: Some("/no/such/folder".into()), ..Spawn::default() };
        assert_eq!(spawn.start().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
