//! Both ends of the function table, played in Rust: an exchange that records what is asked of it, and a managed
//! server whose behaviour the request target chooses.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    reason = "these are tests"
)]

use std::os::fd::OwnedFd;
use std::slice;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock};

use mews_clr::abi::{
    BodyRead, Connection, Dispatched, Exchange, Head, Header, Host, HostInfo, HostTable, ManagedCallbacks,
    RawExchange, Report, Request, Runtime, SendFile, TrailerVisitor, Upgrade, Write,
};

/// What the host end saw of one exchange.
#[derive(Debug, Default)]
pub struct Seen {
    pub status: Option<u16>,
    pub headers: Vec<u8>,
    pub body: Vec<u8>,
    pub trailers: Vec<u8>,
    pub finished: usize,
    pub aborted: usize,
    pub heads: usize,
    pub upgraded: bool,
    pub files: Vec<(u64, u64)>,
    pub reset: Option<i64>,
    /// Those that heads told, and those that came before.
    pub traces: [Option<[u8; 32]>; 2],
}

#[derive(Debug, Default)]
pub struct Inner {
    pub seen: Mutex<Seen>,
    pub changed: Condvar,
    /// Request body chunks to come; an empty one is "nothing now", the end of the list is the end.
    pub body: Mutex<Vec<Vec<u8>>>,
    pub request_trailers: Vec<(&'static str, &'static str)>,
    /// Bytes of `extra` that a write takes; `None` for all.
    pub window: Mutex<Option<usize>>,
    pub panics: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Fake(pub Arc<Inner>);

impl Fake {
    pub fn with_body(chunks: &[&str]) -> Self {
        let fake = Self::default();
        *fake.0.body.lock().unwrap() = chunks.iter().rev().map(|c| c.as_bytes().to_vec()).collect();
        fake
    }

    pub fn see<R>(&self, look: impl FnOnce(&Seen) -> R) -> R {
        look(&self.0.seen.lock().unwrap())
    }

    /// Waits until the response is finished or aborted.
    pub fn wait_end(&self) {
        let seen = self.0.seen.lock().unwrap();
        drop(self.0.changed.wait_while(seen, |seen| seen.finished == 0 && seen.aborted == 0).unwrap());
    }

    fn change<R>(&self, head: Option<&Head<'_>>, change: impl FnOnce(&mut Seen) -> R) -> R {
        let mut seen = self.0.seen.lock().unwrap();
        if let Some(head) = head {
            seen.heads += 1;
            seen.status = Some(head.status);
            seen.headers = head.headers.to_vec();
            seen.traces[0] = head.trace;
        }
        let result = change(&mut seen);
        self.0.changed.notify_all();
        result
    }
}

impl Exchange for Fake {
    fn read_body(&self, dst: &mut [u8]) -> BodyRead {
        let mut body = self.0.body.lock().unwrap();
        match body.pop() {
            None => BodyRead::End,
            Some(chunk) if chunk.is_empty() => BodyRead::WouldBlock,
            Some(chunk) if dst.is_empty() => {
                body.push(chunk);
                BodyRead::Data(0)
            }
            Some(mut chunk) => {
                let count = chunk.len().min(dst.len());
                dst[..count].copy_from_slice(&chunk[..count]);
                chunk.drain(..count);
                if !chunk.is_empty() {
                    body.push(chunk);
                }
                BodyRead::Data(count)
            }
        }
    }

    fn request_trailers(&self, visit: &mut TrailerVisitor<'_>) {
        for (name, value) in &self.0.request_trailers {
            visit(name.as_bytes(), value.as_bytes(), 0);
        }
    }

    fn write(&self, head: Option<&Head<'_>>, block: &[u8], extra: &[u8]) -> Write {
        assert!(!self.0.panics, "asked to");
        let taken = self.0.window.lock().unwrap().unwrap_or(extra.len()).min(extra.len());
        let room = self.0.window.lock().unwrap().is_none();
        self.change(head, |seen| {
            seen.body.extend(block);
            seen.body.extend(&extra[..taken]);
        });
        Write::Taken { extra: taken, room }
    }

    fn send_file(&self, head: Option<&Head<'_>>, _file: OwnedFd, offset: u64, count: u64) -> SendFile {
        self.change(head, |seen| seen.files.push((offset, count)));
        SendFile::Pending
    }

    fn finish(&self, head: Option<&Head<'_>>, last: &[u8], trailers: &[u8]) -> bool {
        self.change(head, |seen| {
            seen.body.extend(last);
            seen.trailers = trailers.to_vec();
            seen.finished += 1;
            seen.aborted == 0
        })
    }

    fn upgrade(&self, head: &Head<'_>) -> Upgrade {
        self.change(Some(head), |seen| seen.upgraded = true);
        Upgrade::Done
    }

    fn traced(&self, trace: [u8; 32]) {
        self.change(None, |seen| seen.traces[1] = Some(trace));
    }

    fn abort(&self) {
        self.change(None, |seen| seen.aborted += 1);
    }

    fn reset(&self, code: i64) -> bool {
        self.change(None, |seen| seen.reset = Some(code));
        code == 8
    }
}

/// The host end of the application.
#[derive(Debug, Default)]
pub struct FakeHost {
    pub started: AtomicUsize,
    pub stopping: AtomicUsize,
    pub reports: Mutex<Vec<(Report, String)>>,
}

impl Host for FakeHost {
    fn server_started(&self) {
        self.started.fetch_add(1, SeqCst);
    }
    fn server_stopping(&self) -> mews_clr::abi::Closing {
        self.stopping.fetch_add(1, SeqCst);
        mews_clr::abi::Closing::Now
    }
    fn report(&self, kind: Report, text: &str) {
        self.reports.lock().unwrap().push((kind, text.to_owned()));
    }
}

/// Code that runs inside `on_request`.
pub type Hook = Box<dyn Fn(&RawExchange) + Send>;

/// What the managed server was told: (callback, context, handle).
pub type Told = (&'static str, isize, u64);

/// The managed end.
pub struct Managed {
    pub table: &'static HostTable,
    pub told: Mutex<Vec<Told>>,
    pub drained: AtomicUsize,
    pub stops: AtomicUsize,
    pub requests: AtomicUsize,
    /// What requests to `/later` leave behind: a handle and where its exchange lies.
    pub parked: Mutex<Sender<(u64, usize)>>,
    /// Runs at every `/hook` request, inside `on_request`.
    pub hook: Mutex<Option<Hook>>,
    pub hook_code: AtomicIsize,
}

pub struct World {
    pub runtime: &'static Runtime<Fake>,
    pub host: Arc<FakeHost>,
    pub managed: &'static Managed,
}

static MANAGED: OnceLock<Managed> = OnceLock::new();
static CONTEXTS: AtomicIsize = AtomicIsize::new(1);
static IDS: AtomicU64 = AtomicU64::new(1);

/// Installs the runtime of this process and starts the managed server. Threads complete what `/later` leaves.
pub fn world() -> World {
    let host = Arc::new(FakeHost::default());
    let runtime = Runtime::<Fake>::install(HostInfo::default(), host.clone()).unwrap();
    // SAFETY: the address is that of the table, which is never freed.
    let table = unsafe { &*std::ptr::with_exposed_provenance::<HostTable>(runtime.table_address()) };
    assert_eq!(std::ptr::from_ref(table), std::ptr::from_ref(runtime.table()));
    let (park, parked) = channel();
    let managed = MANAGED.get_or_init(|| Managed {
        table,
        told: Mutex::default(),
        drained: AtomicUsize::new(0),
        stops: AtomicUsize::new(0),
        requests: AtomicUsize::new(0),
        parked: Mutex::new(park),
        hook: Mutex::default(),
        hook_code: AtomicIsize::new(0),
    });
    complete_later(parked);
    World { runtime, host, managed }
}

pub fn callbacks() -> ManagedCallbacks {
    ManagedCallbacks {
        size: 56,
        version: mews_clr::abi::VERSION,
        on_request: Some(on_request),
        on_body_ready: Some(on_body_ready),
        on_writable: Some(on_writable),
        on_abort: Some(on_abort),
        on_stop: Some(on_stop),
        on_drained: Some(on_drained),
    }
}

pub fn start(world: &World) {
    let callbacks = callbacks();
    // SAFETY: the structure is complete and valid during the call.
    let code = unsafe { (world.managed.table.server_start)(&raw const callbacks) };
    assert_eq!(code, 0);
    assert_eq!(world.host.started.load(SeqCst), 1);
}

/// Opens an exchange; answers its handle.
pub fn open(runtime: &Runtime<Fake>, target: &str, fake: &Fake) -> u64 {
    let headers = [
        Header { name: b"Host", value: b"example", known: 13 },
        Header { name: b"X-Target", value: target.as_bytes(), known: 0 },
    ];
    let connection = Connection { id: 1, started_ns: 1, remote: None, local: None, tls: None };
    let request = Request {
        method: b"GET",
        target: target.as_bytes(),
        version: 11,
        flags: 0,
        headers: headers.iter().copied(),
        content_length: None,
        request_id: IDS.fetch_add(1, SeqCst),
        parse_start_ns: 1,
        parse_end_ns: 2,
        user: b"",
        connection: &connection,
    };
    runtime.open(&request, fake.clone()).unwrap()
}

/// Opens and dispatches.
pub fn request(runtime: &Runtime<Fake>, target: &str, fake: &Fake) -> (u64, Dispatched) {
    let handle = open(runtime, target, fake);
    (handle, runtime.dispatch(handle))
}

fn managed() -> &'static Managed {
    MANAGED.get().unwrap()
}

/// A copy of what a pointer of the exchange points at.
fn bytes(start: *const u8, len: usize) -> Vec<u8> {
    // SAFETY: native code promises `len` bytes at a non-null address.
    unsafe { slice::from_raw_parts(start, len) }.to_vec()
}

/// Puts text into the block of an exchange and answers its length.
pub fn fill_block(exchange: &RawExchange, text: &[u8]) -> i32 {
    // SAFETY: the block has `block_cap` bytes and belongs to the managed side now.
    let block = unsafe {
        slice::from_raw_parts_mut(exchange.block.load(SeqCst), exchange.block_cap.load(SeqCst) as usize)
    };
    block[..text.len()].copy_from_slice(text);
    i32::try_from(text.len()).unwrap()
}

/// Puts one header record and optionally one trailer record into the head area.
pub fn fill_head(exchange: &RawExchange, trailer: bool) {
    let mut records = vec![0, 0, 1, 0, 2, 0, 0, 0, b'x', b'1', b'2'];
    if trailer {
        exchange.trailers_at.store(u32::try_from(records.len()).unwrap(), SeqCst);
        records.extend([0, 0, 1, 0, 1, 0, 0, 0, b't', b'9']);
    }
    // SAFETY: the head area has `head_cap` bytes, more than these, and belongs to the managed side now.
    let head = unsafe {
        slice::from_raw_parts_mut(exchange.head.load(SeqCst), exchange.head_cap.load(SeqCst) as usize)
    };
    head[..records.len()].copy_from_slice(&records);
    exchange.head_len.store(u32::try_from(records.len()).unwrap(), SeqCst);
}

unsafe extern "C" fn on_request(exchange: *mut RawExchange) -> i32 {
    // SAFETY: native code passes a structure of atomics that is never freed.
    let exchange = unsafe { &*exchange };
    let managed = managed();
    managed.requests.fetch_add(1, SeqCst);
    if exchange.context.load(SeqCst) == 0 {
        exchange.context.store(CONTEXTS.fetch_add(1, SeqCst), SeqCst);
    }
    let handle = exchange.handle.load(SeqCst);
    let target = bytes(exchange.target.load(SeqCst), exchange.target_len.load(SeqCst) as usize);
    let target = String::from_utf8(target).unwrap();
    match target.split('?').next().unwrap() {
        "/sync" => {
            fill_head(exchange, false);
            let len = fill_block(exchange, target.as_bytes());
            exchange.block_len.store(len.unsigned_abs(), SeqCst);
            0
        }
        "/bad" => {
            exchange.head_len.store(u32::MAX, SeqCst);
            0
        }
        "/fail" => -1,
        "/park" => 1,
        "/later" => {
            fill_head(exchange, true);
            let len = fill_block(exchange, target.as_bytes());
            exchange.block_len.store(len.unsigned_abs(), SeqCst);
            let address = std::ptr::from_ref(exchange).expose_provenance();
            managed.parked.lock().unwrap().send((handle, address)).unwrap();
            1
        }
        "/hook" => {
            if let Some(hook) = &*managed.hook.lock().unwrap() {
                hook(exchange);
            }
            i32::try_from(managed.hook_code.load(SeqCst)).unwrap()
        }
        other => panic!("no behaviour for {other}"),
    }
}

/// Three threads that complete what `/later` leaves, half of it in two steps.
fn complete_later(parked: Receiver<(u64, usize)>) {
    let parked = Arc::new(Mutex::new(parked));
    for _ in 0..3 {
        let parked = parked.clone();
        std::thread::spawn(move || {
            loop {
                let next = parked.lock().unwrap().recv();
                let Ok((handle, address)) = next else { return };
                let exchange = at(address);
                let len = i32::try_from(exchange.block_len.load(SeqCst)).unwrap();
                let table = managed().table;
                if (handle >> 32) % 2 == 0 {
                    // SAFETY: handles are checked on the other side.
                    let code = unsafe { (table.complete)(handle, len, 1) };
                    assert!(code == 0 || code == -1, "{code}");
                } else {
                    // SAFETY: as above.
                    let code = unsafe { (table.complete)(handle, len, 0) };
                    assert!(code == 0 || code == -1, "{code}");
                    // SAFETY: as above.
                    unsafe { (table.release)(handle) };
                }
            }
        });
    }
}

/// The exchange whose address was sent.
fn at(address: usize) -> &'static RawExchange {
    // SAFETY: slots are never freed and never move.
    unsafe { &*std::ptr::with_exposed_provenance::<RawExchange>(address) }
}

fn tell(what: &'static str, context: isize, handle: u64) {
    managed().told.lock().unwrap().push((what, context, handle));
}

unsafe extern "C" fn on_body_ready(context: isize, handle: u64) {
    tell("body_ready", context, handle);
}
unsafe extern "C" fn on_writable(context: isize, handle: u64) {
    tell("writable", context, handle);
}
unsafe extern "C" fn on_abort(context: isize, handle: u64) {
    tell("abort", context, handle);
}
unsafe extern "C" fn on_stop() {
    managed().stops.fetch_add(1, SeqCst);
}
unsafe extern "C" fn on_drained() {
    managed().drained.fetch_add(1, SeqCst);
}

/// What was told about a handle.
pub fn told(handle: u64) -> Vec<&'static str> {
    managed().told.lock().unwrap().iter().filter(|t| t.2 == handle).map(|t| t.0).collect()
}
