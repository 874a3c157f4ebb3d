//! Exchanges through the function table, with both ends played in Rust. One test function: a process has one table.
#![allow(clippy::unwrap_used, unsafe_code, reason = "this is a test")]

mod support;

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, mpsc};

use mews_clr::abi::{AlreadyInstalled, Dispatched, HostInfo, RawExchange, Report, Runtime, VERSION, status};
use support::{Fake, FakeHost, Inner, World, fill_head, open, request, told, world};

#[test]
fn exchanges_keep_the_contract() {
    let world = world();
    before_the_server_starts(&world);
    support::start(&world);
    a_second_of_anything_is_refused(&world);
    a_response_in_one_go(&world);
    a_response_from_another_thread(&world);
    failures(&world);
    stale_and_forged_handles(&world);
    bodies_and_trailers(&world);
    windows_and_files(&world);
    heads_and_upgrades(&world);
    traces(&world);
    aborts_by_the_app(&world);
    aborts_by_the_client(&world);
    a_release_waits_for_calls(&world);
    panics_stay_on_their_side(&world);
    storm(&world);
    assert_eq!(world.runtime.active(), 0, "no exchange was left behind");
    assert_eq!(world.managed.drained.load(SeqCst), 0);
}

/// Dispatches `/hook` with this behaviour inside `on_request`.
fn hooked(
    world: &World,
    fake: &Fake,
    code: i32,
    hook: impl Fn(&RawExchange) + Send + 'static,
) -> (u64, Dispatched) {
    *world.managed.hook.lock().unwrap() = Some(Box::new(hook));
    world.managed.hook_code.store(code as isize, SeqCst);
    let done = request(world.runtime, "/hook", fake);
    *world.managed.hook.lock().unwrap() = None;
    done
}

fn complete(world: &World, handle: u64, block_len: i32, release: i32) -> i32 {
    // SAFETY: handles and lengths are checked on the other side.
    unsafe { (world.managed.table.complete)(handle, block_len, release) }
}

fn release(world: &World, handle: u64) {
    // SAFETY: handles are checked on the other side.
    unsafe { (world.managed.table.release)(handle) }
}

fn body_read(world: &World, handle: u64, dst: &mut [u8]) -> i32 {
    let len = i32::try_from(dst.len()).unwrap();
    // SAFETY: the buffer is this slice.
    unsafe { (world.managed.table.body_read)(handle, dst.as_mut_ptr(), len) }
}

fn body_write(world: &World, handle: u64, block_len: i32, extra: &[u8]) -> i64 {
    let len = i64::try_from(extra.len()).unwrap();
    // SAFETY: the buffer is this slice.
    unsafe { (world.managed.table.body_write)(handle, block_len, extra.as_ptr(), len) }
}

fn abort(world: &World, handle: u64, code: i64) -> i32 {
    // SAFETY: handles are checked on the other side.
    unsafe { (world.managed.table.abort)(handle, code) }
}

fn before_the_server_starts(world: &World) {
    let fake = Fake::default();
    assert_eq!(request(world.runtime, "/sync", &fake).1, Dispatched::NotStarted);
    assert_eq!(world.runtime.active(), 0);
    assert!(!world.runtime.stop(), "there is nobody to stop yet");
    let mut old = support::callbacks();
    old.version = VERSION + 1;
    // SAFETY: the structure is valid during the call.
    let start = |callbacks| unsafe { (world.managed.table.server_start)(callbacks) };
    assert_eq!(start(&raw const old), status::UNSUPPORTED);
    old.version = VERSION;
    old.size = 48;
    assert_eq!(start(&raw const old), status::UNSUPPORTED);
    old.size = 56;
    old.on_drained = None;
    assert_eq!(start(&raw const old), status::INVALID);
    assert_eq!(start(std::ptr::null()), status::INVALID);
}

fn a_second_of_anything_is_refused(world: &World) {
    let again = support::callbacks();
    // SAFETY: the structure is valid during the call.
    assert_eq!(unsafe { (world.managed.table.server_start)(&raw const again) }, status::INVALID);
    let second = Runtime::<Fake>::install(HostInfo::default(), Arc::new(FakeHost::default()));
    assert_eq!(second.err(), Some(AlreadyInstalled));
    assert!(world.runtime.stop());
    assert_eq!(world.managed.stops.load(SeqCst), 1);
}

fn a_response_in_one_go(world: &World) {
    let fake = Fake::default();
    let (handle, how) = request(world.runtime, "/sync?a", &fake);
    assert_eq!(how, Dispatched::Completed);
    fake.see(|seen| {
        assert_eq!(
            (seen.status, seen.body.as_slice(), seen.finished, seen.heads),
            (Some(200), &b"/sync?a"[..], 1, 1)
        );
        assert_eq!(seen.headers, [0, 0, 1, 0, 2, 0, 0, 0, b'x', b'1', b'2']);
    });
    assert_eq!(world.runtime.active(), 0);
    let (next, _) = request(world.runtime, "/sync?b", &Fake::default());
    assert_eq!(
        (handle as u32, (handle >> 32) + 1),
        (next as u32, next >> 32),
        "the same slot, the next generation"
    );
}

fn a_response_from_another_thread(world: &World) {
    for _ in 0..2 {
        let fake = Fake::default();
        assert_eq!(request(world.runtime, "/later?x", &fake).1, Dispatched::Pending);
        fake.wait_end();
        fake.see(|seen| {
            assert_eq!((seen.body.as_slice(), seen.finished), (&b"/later?x"[..], 1));
            assert_eq!(seen.trailers, [0, 0, 1, 0, 1, 0, 0, 0, b't', b'9']);
            assert_eq!(seen.headers.len(), 11, "trailers are not headers");
        });
    }
    idle(world);
}

/// Waits until other threads have released everything.
fn idle(world: &World) {
    while world.runtime.active() > 0 {
        std::thread::yield_now();
    }
}

fn failures(world: &World) {
    let fake = Fake::default();
    assert_eq!(request(world.runtime, "/fail", &fake).1, Dispatched::Failed);
    assert_eq!(request(world.runtime, "/bad", &fake).1, Dispatched::Failed);
    assert_eq!(fake.see(|seen| seen.finished), 0);
    assert_eq!(Arc::strong_count(&fake.0), 1, "nothing keeps the exchange");
    let undispatched = open(world.runtime, "/sync", &fake);
    world.runtime.discard(undispatched);
    assert_eq!(world.runtime.dispatch(undispatched), Dispatched::Failed);
    let reports = world.host.reports.lock().unwrap();
    assert!(
        reports.iter().any(|(kind, text)| *kind == Report::HostFault && text.contains("dispatched twice"))
    );
    assert!(reports.iter().any(|(_, text)| text.contains("outside its memory")));
}

fn stale_and_forged_handles(world: &World) {
    let table = world.managed.table;
    let fake = Fake::default();
    let (handle, _) = request(world.runtime, "/park", &fake);
    release(world, handle);
    assert_eq!(fake.see(|seen| seen.aborted), 1, "an exchange released before it was complete is aborted");
    release(world, handle);
    let (other, _) = request(world.runtime, "/park", &Fake::default());
    assert_eq!(other as u32, handle as u32, "the slot is in use again");
    let forged = [handle, 0, u64::MAX, handle | 0xffff, other ^ 1 << 40, other + 5000];
    for handle in forged {
        assert_eq!(complete(world, handle, 0, 1), status::STALE);
        assert_eq!(body_read(world, handle, &mut [0; 4]), status::STALE);
        assert_eq!(body_write(world, handle, 0, b"x"), i64::from(status::STALE));
        assert_eq!(abort(world, handle, -1), status::STALE);
        // SAFETY: handles are checked on the other side.
        assert_eq!(unsafe { (table.upgrade)(handle) }, status::STALE);
        // SAFETY: as above.
        assert_eq!(unsafe { (table.head_grow)(handle, 1) }, status::STALE);
        // SAFETY: as above; the descriptor is standard input's.
        assert_eq!(unsafe { (table.send_file)(handle, 0, 0, 1) }, status::STALE);
        release(world, handle);
        world.runtime.aborted(handle);
        world.runtime.body_ready(handle);
        world.runtime.writable(handle);
        assert!(told(handle).is_empty());
    }
    assert_eq!(world.runtime.active(), 1);
    assert_eq!(complete(world, other, 0, 1), 0);
    assert_eq!(complete(world, other, 0, 1), status::STALE);
    assert_eq!(world.runtime.active(), 0);
}

fn bodies_and_trailers(world: &World) {
    let inner = Inner { request_trailers: vec![("Check", "sum"), ("A", "")], ..Inner::default() };
    *inner.body.lock().unwrap() = ["", "def", "", "abc"].map(|c| c.as_bytes().to_vec()).to_vec();
    let fake = Fake(Arc::new(inner));
    let mut raw = 0;
    let (send, address) = mpsc::channel();
    let (handle, _) = hooked(world, &fake, 1, move |exchange| {
        send.send(std::ptr::from_ref(exchange).expose_provenance()).unwrap();
    });
    raw += address.recv().unwrap();
    // SAFETY: slots are never freed.
    let exchange = unsafe { &*std::ptr::with_exposed_provenance::<RawExchange>(raw) };
    let mut dst = [0; 8];
    assert_eq!(body_read(world, handle, &mut []), 1);
    assert_eq!(body_read(world, handle, &mut dst[..2]), 2);
    assert_eq!(body_read(world, handle, &mut dst), 1);
    world.runtime.body_ready(handle);
    assert!(told(handle).is_empty(), "nobody was told to wait");
    assert_eq!(body_read(world, handle, &mut dst), status::WOULD_BLOCK);
    world.runtime.body_ready(handle);
    world.runtime.body_ready(handle);
    assert_eq!(told(handle), ["body_ready"], "once");
    assert_eq!(body_read(world, handle, &mut dst), 3);
    assert_eq!(&dst[..3], b"def");
    assert_eq!(body_read(world, handle, &mut dst), status::WOULD_BLOCK);
    assert_eq!(exchange.request_trailer_count.load(SeqCst), 0);
    assert_eq!(body_read(world, handle, &mut dst), 0);
    assert_eq!(body_read(world, handle, &mut []), 0);
    assert_eq!(exchange.request_trailer_count.load(SeqCst), 2);
    // SAFETY: two trailers lie there, as just read.
    let first = unsafe { exchange.request_trailers.load(SeqCst).read() };
    // SAFETY: the header's name is as long as it says.
    assert_eq!(unsafe { std::slice::from_raw_parts(first.name, first.name_len.into()) }, b"Check");
    let table = world.managed.table;
    // SAFETY: pointers and lengths are checked on the other side.
    assert_eq!(unsafe { (table.body_read)(handle, std::ptr::null_mut(), 4) }, status::INVALID);
    // SAFETY: as above.
    assert_eq!(unsafe { (table.body_read)(handle, std::ptr::null_mut(), -1) }, status::INVALID);
    assert_eq!(complete(world, handle, 0, 1), 0);
}

fn windows_and_files(world: &World) {
    let fake = Fake::default();
    let (handle, _) = request(world.runtime, "/park", &fake);
    let table = world.managed.table;
    assert_eq!(body_write(world, handle, 0, &[]), 0);
    *fake.0.window.lock().unwrap() = Some(3);
    assert_eq!(body_write(world, handle, 2, b"abcde"), 3);
    world.runtime.writable(handle);
    world.runtime.writable(handle);
    assert_eq!(told(handle), ["writable"], "once");
    assert_eq!(body_write(world, handle, 0, b"de"), 2);
    world.runtime.writable(handle);
    assert_eq!(told(handle), ["writable"], "all was taken, so nobody waits");
    assert_eq!(body_write(world, handle, 1, &[]), 1);
    world.runtime.writable(handle);
    assert_eq!(told(handle), ["writable", "writable"]);
    // The block's own bytes are what the slot's last request left there; where they went is what counts.
    fake.see(|seen| assert_eq!((seen.heads, seen.body.len(), &seen.body[2..7]), (1, 8, &b"abcde"[..])));
    let send_file = |fd, offset, count| {
        // SAFETY: the descriptor is open or refused.
        unsafe { (table.send_file)(handle, fd, offset, count) }
    };
    assert_eq!(send_file(0, 5, 7), status::PENDING);
    assert_eq!(fake.see(|seen| seen.files.clone()), [(5, 7)]);
    for (fd, offset, count) in [(-1, 0, 1), (i32::MAX, 0, 1), (0, -1, 1), (0, 0, -1)] {
        assert_eq!(send_file(fd, offset, count), status::INVALID);
    }
    let invalid = i64::from(status::INVALID);
    assert_eq!(body_write(world, handle, 16 * 1024 + 1, &[]), invalid);
    assert_eq!(body_write(world, handle, -1, &[]), invalid);
    // SAFETY: pointers and lengths are checked on the other side.
    assert_eq!(unsafe { (table.body_write)(handle, 0, std::ptr::null(), 1) }, invalid);
    // SAFETY: as above.
    assert_eq!(unsafe { (table.body_write)(handle, 0, std::ptr::null(), -1) }, invalid);
    assert_eq!(complete(world, handle, 16 * 1024 + 1, 1), status::INVALID, "refused as a whole");
    assert_eq!(complete(world, handle, 0, 0), 0);
    assert_eq!(body_write(world, handle, 0, b"late"), invalid);
    assert_eq!(complete(world, handle, 0, 1), status::INVALID, "complete once");
    release(world, handle);
    assert_eq!(fake.see(|seen| (seen.finished, seen.aborted)), (1, 0));
}

fn heads_and_upgrades(world: &World) {
    let table = world.managed.table;
    let fake = Fake::default();
    let (handle, how) = hooked(world, &fake, 0, move |exchange| {
        let handle = exchange.handle.load(SeqCst);
        fill_head(exchange, false);
        let before = exchange.head.load(SeqCst);
        // SAFETY: arguments are checked on the other side.
        let grow = |needed| unsafe { (table.head_grow)(handle, needed) };
        assert_eq!(grow(100_000), 0);
        assert!(exchange.head_cap.load(SeqCst) >= 100_000);
        assert_ne!(exchange.head.load(SeqCst), before);
        assert_eq!(grow(1024 * 1024 + 1), status::UNSUPPORTED);
        assert_eq!(grow(-1), status::INVALID);
        exchange.status.store(418, SeqCst);
    });
    assert_eq!(how, Dispatched::Completed);
    assert_eq!(fake.see(|seen| (seen.status, seen.headers.len())), (Some(418), 11), "the content was kept");
    // SAFETY: handles are checked on the other side.
    let upgrade = |handle| unsafe { (table.upgrade)(handle) };
    assert_eq!(upgrade(handle), status::STALE);
    let fake = Fake::default();
    let (handle, _) = request(world.runtime, "/park", &fake);
    assert_eq!(upgrade(handle), 0);
    assert_eq!(upgrade(handle), status::INVALID);
    assert_eq!(body_write(world, handle, 0, b"raw"), 3);
    assert_eq!(complete(world, handle, 0, 1), 0);
    assert_eq!(fake.see(|seen| (seen.upgraded, seen.heads, seen.body.clone())), (true, 1, b"raw".to_vec()));
}

fn traces(world: &World) {
    const ID: [u8; 32] = *b"0af7651916cd43dd8448eb211c80319c";
    let begin = |raw: &RawExchange| {
        for (part, digits) in raw.trace.iter().zip(ID.chunks_exact(8)) {
            part.store(u64::from_ne_bytes(digits.try_into().unwrap()), SeqCst);
        }
    };
    let at_once = Fake::default();
    assert_eq!(hooked(world, &at_once, 0, begin).1, Dispatched::Completed);
    assert_eq!(at_once.see(|seen| seen.traces), [Some(ID), None], "with the response");
    let later = Fake::default();
    let (handle, how) = hooked(world, &later, 1, begin);
    assert_eq!(how, Dispatched::Pending);
    assert_eq!(later.see(|seen| seen.traces), [None, Some(ID)], "before it");
    assert_eq!(complete(world, handle, 0, 1), 0);
    assert_eq!(later.see(|seen| seen.traces), [Some(ID); 2]);
    // The slot forgets it.
    let other = Fake::default();
    assert_eq!(hooked(world, &other, 0, |_| {}).1, Dispatched::Completed);
    assert_eq!(other.see(|seen| seen.traces), [None; 2]);
}

fn aborts_by_the_app(world: &World) {
    let fake = Fake::default();
    let (handle, _) = request(world.runtime, "/park", &fake);
    assert_eq!(abort(world, handle, 5), status::UNSUPPORTED);
    assert_eq!(abort(world, handle, 8), 0);
    assert_eq!(abort(world, handle, -2), status::INVALID);
    assert_eq!(abort(world, handle, -1), 0);
    assert_eq!(fake.see(|seen| (seen.reset, seen.aborted)), (Some(8), 1));
    assert_eq!(complete(world, handle, 0, 0), status::GONE);
    release(world, handle);
    assert_eq!(fake.see(|seen| seen.aborted), 1);
}

fn aborts_by_the_client(world: &World) {
    // Before the request is dispatched: delivered once, after managed code has taken it up.
    let handle = open(world.runtime, "/park", &Fake::default());
    world.runtime.aborted(handle);
    assert!(told(handle).is_empty());
    assert_eq!(world.runtime.dispatch(handle), Dispatched::Pending);
    assert_eq!(told(handle), ["abort"]);
    world.runtime.aborted(handle);
    assert_eq!(told(handle), ["abort"], "at most once");
    release(world, handle);
    // The same, seen at the first call instead.
    *world.managed.hook.lock().unwrap() = Some(Box::new({
        let table = world.managed.table;
        move |exchange| {
            let handle = exchange.handle.load(SeqCst);
            assert!(told(handle).is_empty());
            // SAFETY: arguments are checked on the other side.
            assert_eq!(unsafe { (table.head_grow)(handle, 1) }, 0);
            assert_eq!(told(handle), ["abort"]);
        }
    }));
    world.managed.hook_code.store(0, SeqCst);
    let handle = open(world.runtime, "/hook", &Fake::default());
    world.runtime.aborted(handle);
    assert_eq!(world.runtime.dispatch(handle), Dispatched::Completed);
    assert_eq!(told(handle), ["abort"]);
    // While the application blocks inside `on_request`: at once, since it may be waiting for just this.
    let runtime = world.runtime;
    let (handle, _) = hooked(world, &Fake::default(), 0, move |exchange| {
        let handle = exchange.handle.load(SeqCst);
        runtime.aborted(handle);
        assert_eq!(told(handle), ["abort"]);
    });
    assert_eq!(told(handle), ["abort"]);
    // While pending: at once, once. After the end: never.
    let (handle, _) = request(world.runtime, "/park", &Fake::default());
    world.runtime.aborted(handle);
    world.runtime.aborted(handle);
    assert_eq!(told(handle), ["abort"]);
    release(world, handle);
    world.runtime.aborted(handle);
    assert_eq!(told(handle), ["abort"]);
}

/// A slot that another thread is still writing from does not go back to the pool.
fn a_release_waits_for_calls(world: &World) {
    let fake = Fake::default();
    let (handle, _) = request(world.runtime, "/park", &fake);
    // Holding the exchange's own lock keeps the writer inside the host.
    let blocker = fake.0.window.lock().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| body_write(world, handle, 4, b"x"));
        // The writer's clone shows that it is inside the call.
        while Arc::strong_count(&fake.0) < 3 {
            std::thread::yield_now();
        }
        release(world, handle);
        assert_eq!(complete(world, handle, 0, 1), status::STALE);
        assert_eq!(world.runtime.active(), 1, "still in use");
        drop(blocker);
        assert_eq!(writer.join().unwrap(), 1);
    });
    assert_eq!(world.runtime.active(), 0);
}

fn panics_stay_on_their_side(world: &World) {
    let fake = Fake(Arc::new(Inner { panics: true, ..Inner::default() }));
    let (handle, _) = request(world.runtime, "/park", &fake);
    assert_eq!(body_write(world, handle, 0, b"x"), i64::from(status::GONE));
    assert_eq!(complete(world, handle, 0, 1), 0, "the exchange is still usable");
    let reports = world.host.reports.lock().unwrap();
    assert!(reports.iter().any(|(kind, text)| *kind == Report::HostFault && text.contains("body_write")));
}

/// Many threads, all ways to end, clients that leave at any moment. Every response must be its own.
fn storm(world: &World) {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 5000;
    let runtime = world.runtime;
    let (leave, left) = mpsc::channel::<u64>();
    std::thread::scope(|scope| {
        let quitter = scope.spawn(move || left.iter().for_each(|handle| runtime.aborted(handle)));
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let leave = leave.clone();
                scope.spawn(move || {
                    // A small generator of its own, so that a failure can be repeated.
                    let mut seed = thread + 1;
                    for round in 0..ROUNDS {
                        seed = seed
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        let kind = if seed >> 33 & 1 == 0 { "/sync" } else { "/later" };
                        let target = format!("{kind}?{thread}.{round}");
                        let fake = Fake::default();
                        let handle = open(runtime, &target, &fake);
                        if seed >> 40 & 7 == 0 {
                            leave.send(handle).unwrap();
                        }
                        let how = runtime.dispatch(handle);
                        assert_eq!(how == Dispatched::Completed, kind == "/sync");
                        fake.wait_end();
                        fake.see(|seen| {
                            assert_eq!(String::from_utf8_lossy(&seen.body), target);
                            assert_eq!((seen.finished, seen.aborted, seen.heads), (1, 0, 1));
                        });
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop(leave);
        quitter.join().unwrap();
    });
    idle(world);
    let told = world.managed.told.lock().unwrap();
    let mut aborts: Vec<u64> = told.iter().filter(|t| t.0 == "abort").map(|t| t.2).collect();
    aborts.sort_unstable();
    assert!(
        aborts.chunk_by(|a, b| a == b).all(|same| same.len() <= 2),
        "told once, or once more when unsure"
    );
    assert!(told.iter().all(|(_, context, _)| *context != 0));
}
