//! What a process printed before it came to serve: passed on, on the page for those who may see it, in the file of the stdout log, however much and in
//! whatever script. In both hosting models.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, PATIENCE, Request, TestHost, wait};
use std::path::Path;

const BOTH: [Model; 2] = [Model::InProcess, Model::OutOfProcess];

/// More than this of what was printed last is not kept for the page.
const KEPT: usize = 30_000;

/// The site of IIS's tests in a mode that does not come to serve, with details on its pages.
fn site(model: Model, mode: &str) -> HostBuilder {
    let host = TestHost::app("InProcessSite").model(model).args([mode]);
    host.env("ASPNETCORE_DETAILEDERRORS", "1").any_log()
}

/// The same, with a stdout log in the folder `name`.
fn logging(host: HostBuilder, name: &str) -> HostBuilder {
    host.edit("web.config", |text| {
        let on = text.replace("stdoutLogEnabled=\"false\"", "stdoutLogEnabled=\"true\"");
        on.replace(r".\logs\stdout", &format!(r".\{name}\std"))
    })
}

/// The failure page as text.
fn page(host: &TestHost, model: Model) -> String {
    let response = host.send(&Request::get("/HelloWorld").header("Accept", "text/plain"));
    let due = if model.is_out_of_process() { 502 } else { 500 };
    assert_eq!(response.status, due, "{response:?}\n{}", host.story());
    response.text().to_owned()
}

/// Waits until a file in the folder has this text.
fn wait_file(folder: &Path, text: &str) {
    wait::until_true(&format!("a file with {text:?}"), PATIENCE, || {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| std::fs::read_to_string(entry.path()).unwrap()).any(|found| found.contains(text))
    });
}

#[test]
fn every_script_is_kept() {
    const WRITTEN: &str = "\u{5f61}\u{2f94}";
    for model in BOTH {
        let host = logging(site(model, "CheckConsoleFunctions"), WRITTEN).launch();
        let page = page(&host, model);
        assert!(page.contains("exit code 12") || page.contains("exited with code 12"), "{page}");
        assert!(page.contains(&format!("Is Console redirection: True\n{WRITTEN}")), "{page}");
        host.wait_printed(WRITTEN);
        wait_file(&host.folder().join(WRITTEN), WRITTEN);
        host.stop();
    }
}

#[test]
fn much_output_holds_nothing_up_and_its_end_is_shown() {
    for (mode, printed) in [
        ("ConsoleWrite30Kb", 40_000),
        ("CheckLargeStdOutWrites", 30_000),
        ("CheckLargeStdErrWrites", 30_000),
        ("CheckOversizedStdOutWrites", 31_000),
        ("CheckOversizedStdErrWrites", 31_000),
    ] {
        for model in BOTH {
            let host = site(model, mode).launch();
            let page = page(&host, model);
            let shown = page.lines().map(str::len).max().unwrap();
            let due = KEPT.min(printed);
            assert!(shown > due - 100 && shown <= KEPT, "{mode} {model:?}: {shown} of {printed}");
            // All of it is passed on.
            let all = |line: &str| line.len() == printed && line.bytes().all(|byte| byte == b'a');
            let streams = [host.stdout(), host.stderr()];
            let passed_on =
                || streams.iter().any(|stream| stream.lines().iter().any(|line| all(line))).then_some(());
            assert!(wait::poll(PATIENCE, passed_on).is_some(), "{mode} {model:?}");
            host.stop();
        }
    }
}

#[test]
fn the_runtimes_own_words_are_told() {
    for model in BOTH {
        let host = logging(site(model, "none"), "logs").edit("InProcessSite.runtimeconfig.json", |text| {
            let version = text.split("\"version\": \"").nth(1).unwrap().split('"').next().unwrap();
            text.replace(version, "2.9.9")
        });
        let host = host.launch();
        let page = page(&host, model);
        let missing = "Framework: 'Microsoft.NETCore.App', version '2.9.9' (";
        for text in [missing, "To install missing framework, download:"] {
            assert!(page.contains(text), "{page}");
            host.wait_log(0, text);
        }
        wait_file(&host.folder().join("logs"), missing);
        host.stop();
    }
}

#[test]
fn the_runtimes_trace_is_captured() {
    const TRACE: &str = "--- Invoked hostfxr";
    for model in BOTH {
        for mode in ["CheckOversizedStdErrWrites", "CheckLargeStdOutWrites", "EarlyReturn", "Throw"] {
            let host = logging(site(model, mode), "logs").env("COREHOST_TRACE", "1").launch();
            page(&host, model);
            host.wait_log(0, TRACE);
            wait_file(&host.folder().join("logs"), TRACE);
            host.stop();
        }
    }
}
