//! One page: what a visitor does with it, what it shows, and what Chromium has to complain about.

use super::{Browser, DevTools};
use crate::{PATIENCE, wait};
use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

/// The colours that the visitor's system asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark text on light ground.
    Light,
    /// Light text on dark ground.
    Dark,
}

/// A page. It is closed when it is dropped.
pub struct Tab<'a> {
    browser: &'a Browser,
    tools: RefCell<DevTools>,
    complaints: RefCell<Vec<String>>,
    context: Option<String>,
    downloads: PathBuf,
}

impl<'a> Tab<'a> {
    pub(super) fn new(
        browser: &'a Browser,
        tools: DevTools,
        context: Option<String>,
        downloads: PathBuf,
    ) -> Self {
        let complaints = RefCell::default();
        let tab = Self { browser, tools: tools.into(), complaints, context, downloads };
        for domain in ["Page", "Runtime", "Log", "DOM"] {
            tab.call(&format!("{domain}.enable"), json!({}));
        }
        // As if each tab were the one that the visitor looks at.
        tab.call("Emulation.setFocusEmulationEnabled", json!({"enabled": true}));
        tab.scheme(Scheme::Light);
        tab
    }

    /// Goes to an address and waits until the page is complete, whatever its status.
    ///
    /// # Panics
    /// Nothing comes.
    pub fn open(&self, url: &str) {
        let answer = self.call("Page.navigate", json!({"url": url}));
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        self.wait("the page", "document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// The value of an expression in the page, as JSON; of a promise, what it comes to.
    ///
    /// # Errors
    /// It throws, or the page goes away meanwhile.
    pub fn value(&self, expression: &str) -> Result<Value> {
        let mut answer = self.try_call(
            "Runtime.evaluate",
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true}),
        )?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(anyhow!("{expression}: {details}")),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Waits until an expression is neither null nor false, and answers its value.
    ///
    /// # Panics
    /// It does not become so.
    pub fn wait(&self, what: &str, expression: &str) -> Value {
        wait::until(what, PATIENCE, || {
            self.value(expression).ok().filter(|value| !value.is_null() && *value != Value::Bool(false))
        })
    }

    /// The text of the first element that the selector finds, as it is shown; `None` when there is no such element.
    pub fn text(&self, selector: &str) -> Option<String> {
        let value = self.value(&format!("document.querySelector({})?.innerText", json!(selector))).ok()?;
        value.as_str().map(str::to_owned)
    }

    /// Waits until the element's text contains `wanted`, and answers all of it.
    ///
    /// # Panics
    /// It does not come.
    pub fn wait_text(&self, selector: &str, wanted: &str) -> String {
        let what = format!("{wanted:?} in {selector}");
        wait::until(&what, PATIENCE, || self.text(selector).filter(|text| text.contains(wanted)))
    }

    /// Clicks into the middle of an element with the mouse, once it is at rest and nothing covers it.
    ///
    /// # Panics
    /// It never is.
    pub fn click(&self, selector: &str) {
        // Two frames later it must be where it was.
        let middle = format!(
            "(async () => {{
                const element = document.querySelector({});
                if (!element || element.disabled) return null;
                element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const middle = () => {{
                    const box = element.getBoundingClientRect();
                    return [box.x + box.width / 2, box.y + box.height / 2];
                }};
                const [x, y] = middle();
                const frame = () => new Promise(requestAnimationFrame);
                await frame();
                await frame();
                const rests = middle().join() === [x, y].join();
                return rests && element.contains(document.elementFromPoint(x, y)) ? [x, y] : null;
            }})()",
            json!(selector)
        );
        let at = self.wait(&format!("{selector} to click at"), &middle);
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Clicks into a field and types.
    ///
    /// # Panics
    /// There is no such field.
    pub fn write(&self, selector: &str, text: &str) {
        self.click(selector);
        let focused = format!("document.activeElement === document.querySelector({})", json!(selector));
        self.wait(&format!("the focus in {selector}"), &focused);
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Chooses a file in a file field.
    ///
    /// # Panics
    /// There is no such field.
    pub fn choose_file(&self, selector: &str, file: &Path) {
        let document = self.call("DOM.getDocument", json!({"depth": 0}));
        let node = json!({"nodeId": document["root"]["nodeId"], "selector": selector});
        let node = self.call("DOM.querySelector", node);
        self.call("DOM.setFileInputFiles", json!({"nodeId": node["nodeId"], "files": [file]}));
    }

    /// Waits until exactly one file has been downloaded, and answers its name and bytes.
    ///
    /// # Panics
    /// None comes.
    pub fn downloaded(&self) -> (String, Vec<u8>) {
        let path = wait::until("a download", PATIENCE, || {
            let mut files = fs::read_dir(&self.downloads).ok()?.flatten();
            let (first, second) = (files.next()?, files.next());
            // While it comes, it has another name.
            let name = first.file_name().into_string().ok()?;
            (second.is_none() && !name.ends_with(".crdownload") && !name.starts_with("."))
                .then(|| first.path())
        });
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        (name, fs::read(&path).expect("the download can be read"))
    }

    /// Sets the colours that the visitor's system asks for.
    pub fn scheme(&self, scheme: Scheme) {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        // Without smooth scrolling, during which clicks would miss.
        let features = json!([
            {"name": "prefers-color-scheme", "value": value},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Sets the window's size in CSS pixels.
    pub fn size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Saves a picture of the whole page as `name.png` and answers the base64 text of it.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn screenshot(&self, name: &str) -> String {
        let metrics = self.call("Page.getLayoutMetrics", json!({}));
        let (width, height) = (&metrics["cssContentSize"]["width"], &metrics["cssContentSize"]["height"]);
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let answer =
            self.call("Page.captureScreenshot", json!({"captureBeyondViewport": true, "clip": clip}));
        let data = answer["data"].as_str().expect("a picture is text").to_owned();
        fs::write(self.browser.screenshot_path(name), decode(&data)).expect("a picture can be written");
        data
    }

    /// What the console shows so far as error or warning: of scripts, of the network, of the content security policy.
    pub fn complaints(&self) -> Vec<String> {
        // The answer comes after every event that was there before.
        self.call("Runtime.evaluate", json!({"expression": "0"}));
        self.complaints.borrow().clone()
    }

    fn call(&self, method: &str, parameters: Value) -> Value {
        match self.try_call(method, parameters) {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error:#}"),
        }
    }

    fn try_call(&self, method: &str, parameters: Value) -> Result<Value> {
        let heard = |event: &Value| self.complaints.borrow_mut().extend(complaint(event));
        self.tools.borrow_mut().call(method, &parameters, heard)
    }
}

impl Drop for Tab<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let shown = self.value("location.href + '\\n' + document.body.innerText").unwrap_or_default();
            let shown = shown.as_str().unwrap_or("(nothing)").to_owned();
            eprintln!("---- the page\n{shown}\n---- its complaints\n{:#?}", self.complaints.borrow());
        }
        if let Some(context) = &self.context {
            self.browser.dispose(context);
        }
    }
}

/// The text of an event that is an error or a warning.
fn complaint(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled"
            if matches!(parameters["type"].as_str()?, "error" | "warning" | "assert") =>
        {
            Some(format!("console: {}", parameters["args"]))
        }
        "Runtime.exceptionThrown" => Some(format!("exception: {}", parameters["exceptionDetails"])),
        "Log.entryAdded" if matches!(parameters["entry"]["level"].as_str()?, "error" | "warning") => {
            let entry = &parameters["entry"];
            Some(format!("{}: {} {}", entry["source"], entry["text"], entry["url"]))
        }
        _ => None,
    }
}

/// Base64 as Chromium writes it.
fn decode(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.bytes().filter_map(digit) {
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        assert_eq!(decode("TWV3cw=="), b"Mews");
        assert_eq!(decode("+/8="), [0xfb, 0xff]);
        assert_eq!(decode(""), b"");
    }

    #[test]
    fn errors_and_warnings_are_complaints() {
        let entry = |level: &str| json!({"method": "Log.entryAdded", "params": {"entry": {"level": level, "source": "security", "text": "refused"}}});
        assert!(complaint(&entry("error")).is_some_and(|text| text.contains("refused")));
        assert_eq!(complaint(&entry("info")), None);
        let call = |kind: &str| json!({"method": "Runtime.consoleAPICalled", "params": {"type": kind, "args": ["x"]}});
        assert!(complaint(&call("error")).is_some());
        assert_eq!(complaint(&call("log")), None);
        assert!(complaint(&json!({"method": "Runtime.exceptionThrown", "params": {}})).is_some());
    }
}
