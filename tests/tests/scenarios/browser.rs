//! The demo and the failure pages in a real Chromium: what visitors see, click and type.

use crate::MODEL;

use e2e::{Browser, Scheme, SharedBrowser, SharedHost, Tab, TestHost, pattern, wait};
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

// Contexts keep the tests apart from each other, and names keep what they write on the shared site apart.
static BROWSER: SharedBrowser = SharedBrowser::new();
static DEMO: SharedHost = SharedHost::new(|| TestHost::app("Demo").model(MODEL).start());

/// The texts on the page that do not stand out from what is behind them, by the contrast ratio of WCAG 2 (4.5 is its level AA); and the
/// number of texts looked at.
const FAINT: &str = r"(() => {
    const parse = (colour) => {
        const numbers = colour.startsWith('rgb') ? colour.match(/[\d.]+/g).map(Number) : [NaN, NaN, NaN];
        return { rgb: numbers.slice(0, 3), alpha: numbers[3] ?? 1 };
    };
    const luminance = (rgb) => {
        const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.alpha === 1) return colour.rgb;
        }
        return [NaN, NaN, NaN];
    };
    const faint = [];
    let texts = 0;
    for (const element of document.body.querySelectorAll('*')) {
        const own = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join('').trim();
        if (!own || !element.checkVisibility()) continue;
        texts++;
        const [low, high] = [luminance(parse(getComputedStyle(element).color).rgb), luminance(behind(element))].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05);
        if (!(ratio >= 4.5)) faint.push(`${element.tagName}.${element.className}: ${own.slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
    return { texts, faint };
})()";

/// Whether nothing is wider than the window.
const FITS: &str = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";

fn demo<'a>(browser: &'a Browser, host: &TestHost) -> Tab<'a> {
    let tab = browser.tab();
    tab.open(&format!("http://127.0.0.1:{}/", host.port()));
    heartbeat(&tab);
    tab
}

/// The process that the page's heartbeat shows, once it shows one.
fn heartbeat(tab: &Tab) -> u64 {
    wait::until("the heartbeat", PATIENCE, || shown_pid(tab))
}

fn shown_pid(tab: &Tab) -> Option<u64> {
    tab.text("#beat-now")?.strip_prefix("process ")?.split(' ').next()?.parse().ok()
}

/// The value beside a label in the tables of facts.
fn fact(tab: &Tab, label: &str) -> String {
    let expression = format!(
        "[...document.querySelectorAll('.facts dt')].find((term) => term.innerText === {})?.nextElementSibling.innerText",
        json!(label)
    );
    tab.wait(label, &expression).as_str().unwrap().to_owned()
}

fn add_note(tab: &Tab, text: &str) {
    tab.write("#note-text", text);
    tab.click("#note-form button");
    tab.wait_text("#note-list", text);
}

/// The page's texts stand out in light and in dark, and the two are not the same.
fn assert_readable(tab: &Tab, name: &str) {
    let pictures = [Scheme::Light, Scheme::Dark].map(|scheme| {
        tab.scheme(scheme);
        let seen = tab.wait("the texts", FAINT);
        assert!(seen["texts"].as_u64().unwrap() >= 5, "{name} in {scheme:?}: {seen}");
        assert_eq!(seen["faint"], json!([]), "{name} in {scheme:?}");
        let ground = tab.value("getComputedStyle(document.body).backgroundColor").unwrap();
        (ground, tab.screenshot(&format!("{name}-{scheme:?}").to_lowercase()))
    });
    assert_ne!(pictures[0].0, pictures[1].0, "{name} has a ground for light and one for dark");
    assert_ne!(pictures[0].1, pictures[1].1, "{name} is painted in both");
}

#[test]
fn the_page_loads_without_complaints_and_tells_its_process() {
    let (browser, host) = (BROWSER.get(), DEMO.get());
    let tab = demo(&browser, &host);
    let app = host.app_process(MODEL).unwrap();
    let (title, name, parent) = if MODEL.is_out_of_process() {
        ("This app runs beside its host", "dotnet", host.workers()[0])
    } else {
        ("This app runs inside its host", "mews", host.supervisor())
    };
    assert_eq!(tab.text("h1").unwrap(), title);
    assert_eq!(fact(&tab, "Process"), format!("{name}, id {app}"));
    assert_eq!(fact(&tab, "Started by"), format!("mews, id {parent}"));
    assert_eq!(fact(&tab, "Protocol"), "HTTP/1.1 over http");
    assert!(tab.text(".process").unwrap().starts_with(&format!("mews · {}", host.workers()[0])));
    assert_eq!(heartbeat(&tab), u64::from(app));
    // By then every script has run, and both lasting connections stand.
    tab.wait_text("#clock-listeners", "listening");
    tab.wait_text("#chat-people", "here");
    assert_eq!(tab.complaints(), [""; 0]);
    // What the check above would see.
    tab.value("document.body.setAttribute('style', 'color: red')").unwrap();
    let violation = |tab: &Tab| tab.complaints().iter().any(|text| text.contains("Content Security Policy"));
    wait::until_true("the refusal of an inline style", PATIENCE, || violation(&tab));
}

#[test]
fn the_page_fits_and_is_readable_at_every_width() {
    let (browser, host) = (BROWSER.get(), DEMO.get());
    let tab = demo(&browser, &host);
    for (width, name) in [(1280, "demo"), (390, "demo-narrow")] {
        tab.size(width, 844);
        tab.wait(&format!("a page that fits in {width} pixels"), FITS);
        assert_readable(&tab, name);
    }
    tab.open(&format!("http://127.0.0.1:{}/nothing/here", host.port()));
    tab.wait_text("h1", "Not Found");
    tab.wait("an error page that fits", FITS);
    assert_eq!(tab.value(FAINT).unwrap()["faint"], json!([]));
    tab.click(".button");
    tab.wait_text("h1", "its host");
}

#[test]
fn the_guestbook_is_signed_and_notes_are_added() {
    let (browser, host) = (BROWSER.get(), DEMO.get());
    let tab = demo(&browser, &host);
    tab.write("#guest-name", "Frederick <b>II</b>");
    tab.click("#guestbook button");
    tab.wait_text("#guest-message-problem", "Write a few words.");
    tab.wait("the focus in the field that is wrong", "document.activeElement.id === 'guest-message'");
    tab.write("#guest-message", "On the art of hunting with birds");
    tab.click("#guestbook button");
    let entry = tab.wait_text(".entries li", "On the art of hunting with birds");
    assert!(entry.contains("Frederick <b>II</b>"), "{entry}");
    assert_eq!(tab.value("location.hash").unwrap(), "#guestbook");

    // The page was loaded anew, and without its scripts the form of the notes does nothing.
    heartbeat(&tab);
    add_note(&tab, "Feed the peregrine");
    let notes = host.json("/api/notes");
    assert!(notes.as_array().unwrap().iter().any(|note| note["text"] == "Feed the peregrine"), "{notes}");
    tab.click("[aria-label='Remove the note Feed the peregrine']");
    wait::until_true("the note's removal", PATIENCE, || {
        tab.text("#note-list").is_some_and(|text| !text.contains("Feed the peregrine"))
    });
}

#[test]
fn a_file_comes_back_as_it_went() {
    let (browser, host) = (BROWSER.get(), DEMO.get());
    let tab = demo(&browser, &host);
    let bytes = pattern(7, 3_000_000);
    let name = "jesses & bells é.bin";
    let file = browser.scratch().join(name);
    std::fs::write(&file, &bytes).unwrap();
    tab.choose_file("#file-input", &file);
    tab.click("#file-form button");
    assert!(tab.wait_text("#file-list", name).contains("2.9 MiB"));
    tab.click("#file-list a");
    let (downloaded, content) = tab.downloaded();
    assert_eq!(downloaded, name);
    assert!(content == bytes, "{} bytes came back for {}", content.len(), bytes.len());
    assert_eq!(tab.complaints(), [""; 0]);
}

#[test]
fn what_is_streamed_comes_bit_by_bit() {
    let (browser, host) = (BROWSER.get(), DEMO.get());
    let tab = demo(&browser, &host);
    let time = || tab.text("#clock-time").filter(|text| !text.contains('-') && text.len() == 8);
    let first = wait::until("the clock", PATIENCE, time);
    wait::until("the clock's next second", PATIENCE, || time().filter(|now| *now != first));

    tab.click("#slow-start");
    let begun = tab.wait_text("#slow-text", "A mews is the house");
    assert!(!begun.contains("no second server"), "the text came at once: {begun}");
    tab.wait_text("#slow-text", "no second server");
    assert_eq!(tab.complaints(), [""; 0]);
}

#[test]
fn chat_lines_travel_between_tabs() {
    let (browser, host) = (BROWSER.get(), DEMO.get());
    let (one, other) = (demo(&browser, &host), demo(&browser, &host));
    for tab in [&one, &other] {
        tab.wait_text("#chat-people", "here");
    }
    let say = |tab: &Tab, name: &str, text: &str| {
        tab.write("#chat-name", name);
        tab.write("#chat-text", text);
        tab.click("#chat-form button");
    };
    say(&one, "Ada", "Is the hawk in?");
    other.wait_text("#chat-lines", "Is the hawk in?");
    say(&other, "Bob", "She is, and asleep.");
    let lines = one.wait_text("#chat-lines", "She is, and asleep.");
    assert!(lines.contains("Ada") && lines.contains("Bob"), "{lines}");
    for tab in [one, other] {
        assert_eq!(tab.complaints(), [""; 0]);
    }
}

#[test]
fn the_page_outlives_the_process_it_came_from() {
    let browser = BROWSER.get();
    let host = TestHost::app("Demo").model(MODEL).any_log().start();
    let tab = demo(&browser, &host);
    add_note(&tab, "Lost in the crash");
    tab.value("window.same = true").unwrap();
    let before = heartbeat(&tab);
    assert_eq!(Some(before), host.app_process(MODEL).map(u64::from));

    tab.click("[data-trouble='crash']");
    let after = wait::until("another process", PATIENCE, || shown_pid(&tab).filter(|pid| *pid != before));
    tab.wait_text("[data-outcome='crash']", &format!("A new process, {after}, has taken over."));
    assert!(host.servers().iter().any(|pid| u64::from(*pid) == after), "{:?}", host.servers());
    tab.wait("bars of another colour", "document.querySelectorAll('#beats .other').length > 1");

    wait::until_true("the loss of the old notes", PATIENCE, || {
        tab.text("#note-list").is_some_and(|text| text.is_empty())
    });
    add_note(&tab, "Written after the crash");
    tab.wait_text("#chat-people", "Nobody else is here.");
    tab.wait_text("#clock-listeners", "You alone are listening.");
    assert_eq!(tab.value("window.same").unwrap(), true, "the page was not loaded again");
    drop(tab);
    host.wait_log(0, "The visitor pressed the button that crashes this worker.");
    let crashes = host.stderr().lines().iter().filter(|line| line.contains("ended unexpectedly")).count();
    assert_eq!(
        crashes,
        1,
        "one press, one crash, even when the browser repeats the request\n{}",
        host.story()
    );
    host.stop();
}

#[test]
fn failure_pages_tell_number_cause_and_cure() {
    let browser = BROWSER.get();
    for (environment, details) in [("Production", false), ("Development", true)] {
        let builder = TestHost::app("Broken").model(MODEL).args(["ThrowsInMain"]);
        let host = builder.flag("--environment").flag(environment).any_log().launch();
        let tab = browser.tab();
        tab.open(&format!("http://127.0.0.1:{}/some/page", host.port()));
        let text = tab.wait_text("main", if MODEL.is_out_of_process() { "502.5" } else { "500.30" });
        for heading in ["Cause", "What to do"] {
            let expression = format!(
                "[...document.querySelectorAll('h2')].find((h) => h.innerText === {})?.nextElementSibling.innerText.length > 20",
                json!(heading)
            );
            tab.wait(&format!("the text under {heading} in {environment}"), &expression);
        }
        assert_eq!(text.contains("thrown by Main"), details, "{environment}: {text}");
        assert_eq!(tab.value("document.querySelectorAll('pre').length > 0").unwrap(), details);
        for (width, name) in [(1280, "wide"), (390, "narrow")] {
            tab.size(width, 844);
            tab.wait(&format!("a page that fits in {width} pixels"), FITS);
            assert_readable(&tab, &format!("failure-{}-{name}", environment.to_lowercase()));
        }
        drop(tab);
        host.stop();
    }
}
