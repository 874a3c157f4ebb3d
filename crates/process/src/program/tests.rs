//! Tests of programs, with real processes.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;

use rustix::process::{Signal, kill_process};

use super::*;
use crate::testing::{
    SELF, Watched, all_output, line, lines, script, start_listening, wait_readable, worker,
};

#[test]
fn it_runs_as_it_was_told() {
    let mut program =
        script("pwd; echo \"$1 $2\"; cat; echo problem >&2; tr '\\0' '\\n' < /proc/self/environ; exit 7", "");
    program.arguments.extend(["a  b".into(), "c".into()]);
    program.environment.push(("ODD NAME".into(), "odd\u{fe}\nvalue".into()));
    program.directory = "/proc".into();
    let (mut process, streams) = program.start().unwrap();
    let (output, errors) = all_output(streams);
    wait_readable(process.pidfd());
    assert_eq!(process.try_wait().unwrap().unwrap().code(), Some(7));
    assert_eq!(errors, "problem\n");
    assert!(output.starts_with("/proc\na  b c\n"), "{output}");
    assert!(output.contains("\nODD NAME=odd\u{fe}\nvalue\n"), "{output}");
    assert!(output.contains(&format!("\n{MARK}={}:", std::process::id())), "{output}");
    assert!(!output.contains("CARGO"), "our own environment came through: {output}");
}

#[test]
fn it_leads_a_process_group_in_our_session_and_gets_no_descriptor_of_ours() {
    let ours = tempfile::tempfile().unwrap();
    let text = "cut -d' ' -f1,5,6 < /proc/$$/stat; readlink /proc/$$/fd/0; for fd in /proc/$$/fd/*; do \
                readlink $fd; done";
    let (process, streams) = script(text, "").start().unwrap();
    let pid = process.pid();
    let (output, _) = all_output(streams);
    // `getsid` of rustix cannot say 0, which is what a session that began outside of a container's
    // process namespace is called inside.
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let session = stat.rsplit_once(") ").unwrap().1.split(' ').nth(3).unwrap();
    assert!(output.starts_with(&format!("{pid} {pid} {session}\n/dev/null\n")), "{output}");
    assert!(output.contains("\npipe:["), "{output}");
    assert!(!output.contains("(deleted)"), "{output}");
    drop(ours);
}

#[test]
fn without_capture_its_output_goes_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let text = "out=$(readlink /proc/$$/fd/1); err=$(readlink /proc/$$/fd/2); echo $out $err > streams";
    let mut program = script(text, "");
    program.directory = folder.path().to_owned();
    program.capture = false;
    let (process, streams) = program.start().unwrap();
    assert!(streams.is_none());
    wait_readable(process.pidfd());
    assert_eq!(fs::read_to_string(folder.path().join("streams")).unwrap(), "/dev/null /dev/null\n");
}

#[test]
fn what_cannot_be_started_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &Path| Program { path: path.to_owned(), ..script("", "") }.start().unwrap_err();
    assert_eq!(at(&folder.path().join("none")).kind(), ErrorKind::NotFound);
    assert_eq!(at(Path::new("no-program-of-this-name")).kind(), ErrorKind::NotFound);
    assert_eq!(at(folder.path()).kind(), ErrorKind::PermissionDenied);
    let file = folder.path().join("file");
    fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    assert_eq!(at(&file).kind(), ErrorKind::PermissionDenied);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(at(&file).kind(), ErrorKind::NotFound);

    for directory in [folder.path().join("none"), file] {
        let error = Program { directory: directory.clone(), ..script("", "") }.start().unwrap_err();
        let text = format!("the directory {} cannot be entered: ", directory.display());
        assert!(error.to_string().starts_with(&text), "{error}");
    }
    // A folder that may be entered and not listed is good enough (root may do everything anyway).
    let hidden = folder.path().join("hidden");
    fs::create_dir(&hidden).unwrap();
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o100)).unwrap();
    assert!(Program { directory: hidden, ..script("", "") }.start().is_ok());
}

#[test]
fn an_ended_one_keeps_its_number_until_it_is_dropped() {
    let (mut process, _streams) = script("kill -9 $$", "").start().unwrap();
    wait_readable(process.pidfd());
    assert_eq!(process.try_wait().unwrap().unwrap().signal(), Some(9));
    assert_eq!(process.try_wait().unwrap().unwrap().signal(), Some(9));
    let pid = process.pid();
    assert!(procfs::entry(pid).unwrap().ended);
    drop(process);
    assert_eq!(procfs::entry(pid), None);
}

#[test]
fn it_starts_with_default_signals_whatever_ours_are() {
    // Ours are ignored, as `nohup` does it.
    let worker = worker("trap '' HUP INT USR1;", "show", "grep -E '^Sig(Blk|Ign)' /proc/self/status");
    let (_worker, streams) = worker.start().unwrap();
    let (output, errors) = all_output(streams);
    let mask = |name: &str| -> u64 {
        let line = output.lines().find_map(|line| line.strip_prefix(name));
        u64::from_str_radix(line.unwrap_or_else(|| panic!("{output}{errors}")).trim(), 16).unwrap()
    };
    assert_eq!(mask("SigBlk:"), 0);
    // Signals 32 and 33 are the C library's own; nobody can set them through it.
    assert_eq!(mask("SigIgn:") & !(0b11 << 31), 0);
}

#[test]
fn termination_reaches_the_group_even_if_it_is_stopped() {
    // A shell may complain when what it waits for is ended.
    let text = "exec 2>&-; trap 'echo asked; wait; exit 4' TERM; sh -c 'trap \"echo child asked; exit\" TERM; echo role up; \
                while :; do sleep 0.01; done' & wait";
    let (mut process, streams) = script(text, "").start().unwrap();
    let mut lines = lines(streams.unwrap().stdout);
    line(&mut lines);
    let pid = procfs::raw(process.pid()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    process.terminate();
    let mut said: Vec<String> = lines.map(Result::unwrap).collect();
    said.sort();
    assert_eq!(said, ["asked", "child asked"]);
    wait_readable(process.pidfd());
    assert_eq!(process.try_wait().unwrap().unwrap().code(), Some(4));
}

#[test]
fn one_that_is_stopped_is_killed() {
    let (mut process, _, pid) = start_listening(&format!("trap '' TERM; exec {SELF}"), "listen 127.0.0.1:0");
    kill_process(procfs::raw(pid).unwrap(), Signal::STOP).unwrap();
    process.terminate();
    assert_eq!(process.kill(), [0; 0]);
    assert_eq!(process.try_wait().unwrap().unwrap().signal(), Some(9));
    // Neither has any effect on whoever has the number now.
    process.terminate();
    assert_eq!(process.kill(), [0; 0]);
}

#[test]
fn it_dies_with_the_process_that_started_it() {
    let (mut worker, streams) = worker("", "start", "exec sleep 1000").start().unwrap();
    let pid: u32 = line(&mut lines(streams.unwrap().stdout)).parse().unwrap();
    let program = Watched::new(pid);
    assert!(!program.has_ended());
    kill_process(procfs::raw(worker.pid()).unwrap(), Signal::KILL).unwrap();
    program.wait();
    assert_eq!(worker.kill(), [0; 0]);
}

#[test]
fn it_dies_with_the_thread_that_started_it() {
    let start = || script("exec sleep 1000", "").start().unwrap();
    let (mut process, _streams) = std::thread::spawn(start).join().unwrap();
    wait_readable(process.pidfd());
    assert_eq!(process.try_wait().unwrap().unwrap().signal(), Some(9));
}

#[test]
fn dropping_ends_it() {
    let (process, _, pid) = start_listening(&format!("{SELF}; :"), "listen 127.0.0.1:0");
    let program = Watched::new(pid);
    drop(process);
    assert!(program.has_ended());
}
