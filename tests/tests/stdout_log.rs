//! What an app prints: passed on, and written to files where that is asked for, in both hosting models.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, PATIENCE, TestHost, handler_settings, wait};
use std::path::{Path, PathBuf};

const BOTH: [Model; 2] = [Model::InProcess, Model::OutOfProcess];

const ON: &str = "stdoutLogEnabled=\"true\" stdoutLogFile=\".\\logs\\std\"";

/// A published app whose attributes for the stdout log are replaced by [`ON`].
fn logging(name: &str, model: Model) -> HostBuilder {
    let builder = TestHost::app(name).model(model).edit("web.config", |text| {
        text.replace(" stdoutLogEnabled=\"false\" stdoutLogFile=\".\\logs\\stdout\"", "")
    });
    builder.asp_net_core(ON, "")
}

/// The log files, oldest first.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.join("logs")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Waits until the only log file has this text, and answers its path and whole text.
fn log_with(host: &TestHost, text: &str) -> (PathBuf, String) {
    wait::until(&format!("a log file with {text:?}"), PATIENCE, || {
        let [file] = &logs(host.folder())[..] else { return None };
        let found = std::fs::read_to_string(file).ok()?;
        found.contains(text).then(|| (file.clone(), found))
    })
}

/// Checks `std_<YYYYMMDDhhmmss>_<pid>.log`.
fn check_name(file: &Path, pid: u32) {
    let name = file.file_name().unwrap().to_str().unwrap();
    let parts: Vec<&str> = name.trim_end_matches(".log").split('_').collect();
    let [prefix, time, id] = parts[..] else { panic!("{name}") };
    assert_eq!((prefix, time.len(), id), ("std", 14, pid.to_string().as_str()), "{name}");
    assert!(time.starts_with("20") && time.bytes().all(|byte| byte.is_ascii_digit()), "{name}");
}

#[test]
fn both_streams_go_to_one_file() {
    for model in BOTH {
        for (mode, stream) in
            [("ConsoleWriteStartServer", "stdout"), ("ConsoleErrorWriteStartServer", "stderr")]
        {
            let host = logging("InProcessSite", model).args([mode]).start();
            assert_eq!(host.text("/HelloWorld"), "Hello World");
            let (file, text) = log_with(&host, "TEST MESSAGE");
            assert!(!text.contains('\r') && !text.contains("\n\n"), "{text:?}");
            check_name(&file, host.app_process(model).unwrap());
            // It is passed on as well.
            let capture = if stream == "stdout" { host.stdout() } else { host.stderr() };
            assert!(
                capture.wait_for(PATIENCE, |line| line.contains("TEST MESSAGE")).is_some(),
                "{}",
                host.story()
            );
            host.stop();
        }
    }
}

#[test]
fn a_start_that_fails_leaves_its_output_in_the_file() {
    for (mode, expected) in [("CheckLargeStdOutWrites", 30_000), ("CheckOversizedStdOutWrites", 31_000)] {
        for model in BOTH {
            let host = logging("InProcessSite", model).args([mode]).any_log().launch();
            let status = host.get("/").status;
            assert_eq!(status, if model.is_out_of_process() { 502 } else { 500 }, "{}", host.story());
            let text = wait::until("the output in a file", PATIENCE, || {
                let files = logs(host.folder());
                let text = std::fs::read_to_string(files.first()?).ok()?;
                (text.len() >= expected).then_some(text)
            });
            assert!(!text.contains('\r'), "{mode}");
            host.stop();
        }
    }
}

#[test]
fn what_is_no_ascii_stays_as_it_was() {
    let host = TestHost::unruly("echo")
        .script("speaks", "echo 表€\necho é🐦 >&2\nexec ./unruly echo")
        .process("./speaks", "")
        .asp_net_core(ON, "")
        .start();
    let pid = host.unruly_pid();
    let (file, text) = log_with(&host, "é🐦");
    assert!(text.contains("表€"), "{text}");
    check_name(&file, pid);
    assert!(host.stderr().wait_for(PATIENCE, |line| line == "é🐦").is_some(), "{}", host.story());
    host.wait_printed("表€");
    host.stop();
}

#[test]
fn each_process_has_a_file_of_its_own() {
    let host = TestHost::unruly("echo").asp_net_core(ON, "").any_log().start();
    let first = host.unruly_pid();
    host.get("/exit?code=3");
    host.wait_log(0, "it exited with code 3");
    let second = host.unruly_pid();
    wait::until_true("two files", PATIENCE, || logs(host.folder()).len() == 2);
    for (pid, file) in [first, second].iter().map(|pid| {
        let own = |file: &PathBuf| file.to_str().unwrap().ends_with(&format!("_{pid}.log"));
        (*pid, logs(host.folder()).into_iter().find(own).unwrap())
    }) {
        check_name(&file, pid);
    }
    host.stop();
}

#[test]
fn a_file_in_the_way_keeps_no_app_from_starting() {
    for model in BOTH {
        let host = logging("InProcessSite", model).file("logs", "a file").any_log().start();
        assert_eq!(host.text("/HelloWorld"), "Hello World");
        let line = host.wait_log(0, "stdoutLogFile");
        assert!(line.contains(if model.is_out_of_process() { "[1004]" } else { "[1026]" }), "{line}");
        host.stop();
    }
}

#[test]
fn large_output_is_spread_over_files() {
    let children = handler_settings(&[("stdoutLogMaxBytes", "65536"), ("stdoutLogMaxFiles", "3")]);
    let host = TestHost::unruly("echo").asp_net_core(ON, &children).start();
    let line = "x".repeat(4000);
    let mut client = host.client();
    for _ in 0..100 {
        assert_eq!(client.get(&format!("/print?out={line}")).unwrap().status, 200);
    }
    assert_eq!(client.get("/print?out=the+end").unwrap().status, 200);
    let files = wait::until("the last line", PATIENCE, || {
        let files = logs(host.folder());
        let last = |file: &PathBuf| std::fs::read_to_string(file).is_ok_and(|text| text.contains("the end"));
        files.iter().any(last).then_some(files)
    });
    assert_eq!(files.len(), 3, "{files:?}");
    for file in &files {
        assert!(std::fs::metadata(file).unwrap().len() <= 65536, "{files:?}");
    }
    drop(client);
    host.stop();
}

#[test]
fn a_file_that_stayed_empty_is_removed() {
    let host = TestHost::unruly("echo")
        .script("silent", "exec ./unruly echo >/dev/null 2>&1")
        .process("./silent", "")
        .asp_net_core(ON, "")
        .start();
    host.unruly_pid();
    assert_eq!(logs(host.folder()).len(), 1);
    let folder = host.folder().to_owned();
    host.signal(rustix::process::Signal::TERM);
    wait::until_true("the end of the empty file", PATIENCE, || logs(&folder).is_empty());
    host.ended(0);
}

#[test]
fn output_that_is_left_alone_is_written_to_no_file() {
    let children = handler_settings(&[("enableOutOfProcessConsoleRedirection", "false")]);
    let host = TestHost::unruly("echo").asp_net_core(ON, &children).start();
    host.unruly_pid();
    assert_eq!(logs(host.folder()), [] as [PathBuf; 0]);
    host.stop();
}
