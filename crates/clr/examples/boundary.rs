//! What crossing into an app and back costs, without sockets and HTTP: requests are dispatched to a real app, and their responses thrown away. For
//! measurements; prints one JSON object for each path.
//!
//! `boundary APP.dll Mews.Server.dll REQUESTS PATH...`
//!
//! The app must answer `/allocated` with the number of bytes that it has allocated so far, as the benchmarks' app does.
#![allow(unsafe_code, reason = "counting allocations takes an allocator")]
#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::error::Error;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mews_clr::abi::{
    BodyRead, Closing, Connection, Dispatched, Exchange, Head, Header, Host, HostInfo, Report, Request,
    Runtime, SendFile, TrailerVisitor, Upgrade, Write,
};
use mews_clr::hostfxr::{App, Environment, Library, resolve, start_properties};
use mews_clr::runtime::{DEFAULT_STACK_BYTES, RuntimeThread, prepare_thread};

/// The best of so many turns counts: what disturbs the machine makes a turn slower, never faster.
const TURNS: usize = 7;

/// An app that has not started its server by then never does.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Counts what the dispatching thread allocates with Rust's allocator. The runtime has its own.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

// SAFETY: everything is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(start, layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(start, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(size: usize) {
    // A thread that is ending may have no counter any more.
    let _ = ALLOCATIONS.try_with(|counter| {
        let (number, bytes) = counter.get();
        counter.set((number + 1, bytes + size as u64));
    });
}

/// Where a response goes.
#[derive(Clone, Default)]
struct Sink(Arc<Answer>);

#[derive(Default)]
struct Answer {
    /// Functions of the table that reached the exchange, and its end.
    calls: AtomicU64,
    body: Mutex<Vec<u8>>,
    over: Mutex<bool>,
    ended: Condvar,
}

impl Sink {
    fn end(&self) {
        *self.0.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.ended.notify_all();
    }

    /// Waits until the response is complete.
    fn wait(&self) {
        let over = self.0.over.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.ended.wait_while(over, |over| !*over));
    }

    fn take(&self, part: &[u8]) {
        self.0.calls.fetch_add(1, Relaxed);
        self.0.body.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(part);
    }
}

impl Exchange for Sink {
    fn read_body(&self, _: &mut [u8]) -> BodyRead {
        self.take(&[]);
        BodyRead::End
    }

    fn request_trailers(&self, _: &mut TrailerVisitor<'_>) {
        self.take(&[]);
    }

    fn write(&self, _: Option<&Head<'_>>, block: &[u8], extra: &[u8]) -> Write {
        self.take(block);
        self.0.body.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(extra);
        Write::Taken { extra: extra.len(), room: true }
    }

    fn send_file(&self, _: Option<&Head<'_>>, _: OwnedFd, _: u64, _: u64) -> SendFile {
        self.take(&[]);
        SendFile::Done
    }

    fn finish(&self, _: Option<&Head<'_>>, last: &[u8], _: &[u8]) -> bool {
        self.take(last);
        self.end();
        true
    }

    fn upgrade(&self, _: &Head<'_>) -> Upgrade {
        self.take(&[]);
        Upgrade::NotAllowed
    }

    fn traced(&self, _: [u8; 32]) {}

    fn abort(&self) {
        self.take(&[]);
        self.end();
    }

    fn reset(&self, _: i64) -> bool {
        self.take(&[]);
        false
    }
}

/// The application as a whole.
struct Whole(Mutex<Sender<()>>);

impl Host for Whole {
    fn server_started(&self) {
        // The receiver waits for this; if it is gone, nobody is interested.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).send(());
    }

    fn server_stopping(&self) -> Closing {
        Closing::Now
    }

    fn report(&self, _: Report, text: &str) {
        println!("{{\"report\":{text:?}}}");
    }
}

/// What one turn of requests took.
struct Turn {
    nanoseconds: f64,
    native: (f64, f64),
    managed: f64,
    /// Calls of table functions, beside the call of the app and its return.
    calls: f64,
    /// Responses that were complete when the app returned.
    at_once: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [app, server, requests, paths @ ..] = arguments.as_slice() else {
        return Err("usage: boundary APP.dll Mews.Server.dll REQUESTS PATH...".into());
    };
    let requests: u32 = requests.parse()?;
    let runtime = start(Path::new(app), &PathBuf::from(server))?;
    prepare_thread()?;
    for path in paths {
        // The runtime compiles what runs often anew, beside the load.
        turn(runtime, path, requests.saturating_mul(3))?;
        let mut best: Option<Turn> = None;
        for _ in 0..TURNS {
            let turn = turn(runtime, path, requests)?;
            if best.as_ref().is_none_or(|best| turn.nanoseconds < best.nanoseconds) {
                best = Some(turn);
            }
        }
        let Some(best) = best else { continue };
        println!(
            "{{\"path\":{path:?},\"ns\":{:.1},\"native_allocations\":{:.3},\"native_bytes\":{:.1},\"managed_bytes\":{:.1},\"calls_back\":{:.3},\"at_once\":{:.3}}}",
            best.nanoseconds, best.native.0, best.native.1, best.managed, best.calls, best.at_once
        );
    }
    // The app is not asked to stop: it ends with the process.
    Ok(())
}

/// Starts the app and waits until its server has started.
fn start(app: &Path, server: &Path) -> Result<&'static Runtime<Sink>, Box<dyn Error>> {
    let folder = app.parent().ok_or("the app has no folder")?.to_owned();
    std::env::set_current_dir(&folder)?;
    let (started, wait) = channel();
    let info = HostInfo {
        physical_path: folder.to_string_lossy().into_owned(),
        virtual_path: "/".to_owned(),
        ..HostInfo::default()
    };
    let runtime = Runtime::<Sink>::install(info, Arc::new(Whole(Mutex::new(started))))?;
    let library = Library::load(&resolve(&Environment::of_process(), None)?)?;
    let mut context = library.initialize(&App::inspect(app)?, &[], &[])?;
    start_properties(&mut context, server, runtime.table_address(), &[])?;
    std::mem::forget(RuntimeThread::start(context, DEFAULT_STACK_BYTES)?);
    wait.recv_timeout(START_LIMIT).map_err(|_| "the app's server did not start")?;
    Ok(runtime)
}

fn turn(runtime: &Runtime<Sink>, path: &str, requests: u32) -> Result<Turn, Box<dyn Error>> {
    let (mut calls, mut at_once) = (0, 0);
    let managed = allocated(runtime)?;
    let native = ALLOCATIONS.get();
    let begin = Instant::now();
    for number in 0..requests {
        let sink = Sink::default();
        if request(runtime, path, u64::from(number), &sink)? == Dispatched::Completed {
            at_once += 1;
            // Its end is the return, and no call.
            calls += sink.0.calls.load(Relaxed) - 1;
        } else {
            sink.wait();
            calls += sink.0.calls.load(Relaxed);
        }
    }
    let nanoseconds = begin.elapsed().as_nanos() as f64;
    let after = ALLOCATIONS.get();
    let managed = allocated(runtime)? - managed;
    let by = f64::from(requests);
    Ok(Turn {
        nanoseconds: nanoseconds / by,
        native: ((after.0 - native.0) as f64 / by, (after.1 - native.1) as f64 / by),
        managed: managed as f64 / by,
        calls: f64::from(u32::try_from(calls)?) / by,
        at_once: f64::from(at_once) / by,
    })
}

fn request(
    runtime: &Runtime<Sink>,
    path: &str,
    number: u64,
    sink: &Sink,
) -> Result<Dispatched, Box<dyn Error>> {
    let headers = [Header { name: b"Host", value: b"localhost", known: 13 }];
    let connection = Connection { id: 1, started_ns: 1, remote: None, local: None, tls: None };
    let request = Request {
        method: b"GET",
        target: path.as_bytes(),
        version: 11,
        flags: 0,
        headers: headers.iter().copied(),
        content_length: None,
        request_id: number,
        parse_start_ns: 1,
        user: b"",
        parse_end_ns: 2,
        connection: &connection,
    };
    let handle = runtime.open(&request, sink.clone())?;
    match runtime.dispatch(handle) {
        dispatched @ (Dispatched::Completed | Dispatched::Pending) => Ok(dispatched),
        other => Err(format!("{path}: {other:?}").into()),
    }
}

/// What the app has allocated so far, in bytes.
fn allocated(runtime: &Runtime<Sink>) -> Result<i64, Box<dyn Error>> {
    let sink = Sink::default();
    request(runtime, "/allocated", 0, &sink)?;
    sink.wait();
    let body = sink.0.body.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::str::from_utf8(&body)?.parse()?)
}
