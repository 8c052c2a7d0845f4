//! A fork-join pool: the parts of one computation, on all threads at once.
//!
//! A computation is published as one word, its number, its count of parts and the next part that nobody has. Whoever is
//! free takes a part by counting that up; the caller takes parts like all others, and returns when every part is done. A
//! thread that comes late finds nothing left, and is not waited for. Threads without work watch the word for a fifth of
//! a millisecond, which bridges the serial work between two layers, and then sleep.
//!
//! In the browser the threads are workers that share the memory and call [`join`], and then [`help`]; elsewhere they are
//! started by the first computation that is large enough. A worker that sleeps cannot be ended: where nothing happens for
//! a while, it goes back to its script, and comes again when the bell rings. Without shared memory everything runs on the
//! caller's thread.

// Where memory is not shared, nobody joins.
#![cfg_attr(all(target_family = "wasm", not(target_feature = "atomics")), allow(dead_code))]

use core::{
    cell::UnsafeCell,
    mem::transmute,
    ops::Range,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Whether other threads can share this memory.
const SHARED: bool = cfg!(any(not(target_family = "wasm"), target_feature = "atomics"));

/// Multiply-adds that are worth a part: some microseconds, several times what it takes to hand them over.
const WORTHWHILE: usize = 100_000;

/// The most parts for each thread, so that a slow one holds the others up for a fraction of its share only.
const PARTS: usize = 16;

/// Multiply-adds of a part where a thread has more than one: memory is read in long streams, and a short one costs as
/// much as it is worth.
const LONG: usize = 1_000_000;

/// Looks at the word before a thread sleeps: about a fifth of a millisecond. Without the processor's hint for loops that
/// wait, since WebAssembly has none, and since some virtual machines take the processor away upon it.
const LOOKS: usize = 200_000;

/// How long a thread sleeps before it goes away: longer than the pauses between two tokens, or two batches.
const PATIENCE: Duration = Duration::from_millis(50);

/// Splits `0..units` into ranges and calls `work` with each once, on several threads where `cost`, the multiply-adds of
/// all of it or what takes as long, is worth that. Inside of `work` everything is serial.
pub(crate) fn split(units: usize, cost: usize, work: impl Fn(Range<usize>) + Sync) {
    let parts = if SHARED { POOL.parts(cost).min(units) } else { 1 };
    if parts < 2 {
        return work(0..units);
    }
    let bound = |part: usize| (units as u64 * part as u64 / parts as u64) as usize;
    POOL.run(parts, &|part| work(bound(part)..bound(part + 1)));
}

/// Counts the calling thread among those of the pool. It is away, and comes by [`help`].
pub(crate) fn join() {
    POOL.join();
}

/// Computes with the others: for ever, or until there is nothing to do for a while if it `may_rest`. Gives the number of
/// the bell's last ring, after the next of which it is to be called again.
pub(crate) fn help(may_rest: bool) -> u32 {
    POOL.help(may_rest)
}

/// The bell: how often it has rung. Whoever waits for it to change is notified.
#[cfg(target_feature = "atomics")]
pub(crate) fn bell() -> &'static AtomicU32 {
    &POOL.bell
}

/// Says that a thread of the pool has come to its end, wherever it was: the computation that is running, and every later
/// one, ends the program.
pub(crate) fn fail() {
    POOL.failed.store(true, SeqCst);
    POOL.wake();
}

/// What is done with each part.
type Work<'a> = dyn Fn(usize) + Sync + 'a;

struct Pool {
    /// Number of the computation, how many parts it has, and the first that nobody has taken: 32, 16 and 16 bits.
    word: AtomicU64,
    /// Valid while a part of the computation is not done.
    work: UnsafeCell<Option<&'static Work<'static>>>,
    /// Parts of the computation that are done.
    done: AtomicUsize,
    /// Whether there is a computation.
    busy: AtomicBool,
    /// Threads besides the callers'.
    threads: AtomicUsize,
    failed: AtomicBool,
    /// Threads that have gone away, and what calls them.
    away: AtomicUsize,
    bell: AtomicU32,
    /// Threads that sleep, and the bed they share.
    asleep: AtomicUsize,
    bed: (Mutex<()>, Condvar),
}

// SAFETY: `work` is written only by the thread that made the pool busy, before it publishes the computation, and read
// only by threads that took a part of that computation and have not reported it done.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool::new();

impl Pool {
    const fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            work: UnsafeCell::new(None),
            done: AtomicUsize::new(0),
            busy: AtomicBool::new(false),
            threads: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            away: AtomicUsize::new(0),
            bell: AtomicU32::new(0),
            asleep: AtomicUsize::new(0),
            bed: (Mutex::new(()), Condvar::new()),
        }
    }

    /// How many parts a computation should have.
    fn parts(&self, cost: usize) -> usize {
        let worthwhile = cost / WORTHWHILE;
        if worthwhile < 2 || self.busy.load(SeqCst) {
            return 1;
        }
        #[cfg(not(target_family = "wasm"))]
        start_threads();
        match self.threads.load(SeqCst) + 1 {
            1 => 1,
            all if worthwhile >= all => (cost / LONG / all).clamp(1, PARTS) * all,
            _ => worthwhile,
        }
    }

    /// Calls `work` with each of `0..parts`, and returns when all calls have; serially if the pool is busy.
    fn run(&self, parts: usize, work: &Work) {
        if self.busy.swap(true, SeqCst) {
            return (0..parts).for_each(work);
        }
        self.done.store(0, SeqCst);
        // SAFETY: no part is out, so nobody reads it. It outlives every read: this returns only when all parts are done.
        unsafe { *self.work.get() = Some(transmute::<&Work<'_>, &'static Work<'static>>(work)) };
        let number = (self.word.load(SeqCst) >> 32) + 1;
        self.word.store(number << 32 | (parts as u64) << 16, SeqCst);
        if self.asleep.load(SeqCst) > 0 {
            self.wake();
        }
        if self.away.load(SeqCst) > 0 {
            self.ring();
        }
        while self.take_part() {}
        self.wait(None, || self.done.load(SeqCst) == parts);
        self.busy.store(false, SeqCst);
    }

    /// Does one part, if there is one.
    fn take_part(&self) -> bool {
        let take = |word| has_parts(word).then_some(word + 1);
        let Ok(word) = self.word.fetch_update(SeqCst, SeqCst, take) else { return false };
        // SAFETY: the part is not done, so the work is there and is not written.
        if let Some(work) = unsafe { *self.work.get() } {
            work((word & 0xffff) as usize);
        }
        let done = self.done.fetch_add(1, SeqCst) + 1;
        if done == (word >> 16 & 0xffff) as usize && self.asleep.load(SeqCst) > 0 {
            self.wake();
        }
        true
    }

    fn join(&self) {
        self.away.fetch_add(1, SeqCst);
        self.threads.fetch_add(1, SeqCst);
    }

    fn help(&self, may_rest: bool) -> u32 {
        let guard = FailOnPanic;
        let is_wanted = || has_parts(self.word.load(SeqCst));
        let patience = may_rest.then_some(PATIENCE);
        loop {
            self.away.fetch_sub(1, SeqCst);
            while self.take_part() || self.wait(patience, is_wanted) {}
            // Whoever publishes a computation from now on sees that a thread is away, or this one sees the computation.
            let ring = self.bell.load(SeqCst);
            self.away.fetch_add(1, SeqCst);
            if may_rest && !is_wanted() {
                core::mem::forget(guard);
                return ring;
            }
        }
    }

    /// Watches for `condition`, then sleeps until it holds, or for as long as the patience lasts; `false` if that was over.
    fn wait(&self, patience: Option<Duration>, condition: impl Fn() -> bool) -> bool {
        let met = || self.failed.load(SeqCst) || condition();
        let in_time = (0..LOOKS).any(|_| met()) || self.sleep(patience, met);
        // Without the lock, which would stay locked.
        if self.failed.load(SeqCst) {
            std::process::abort();
        }
        in_time
    }

    fn sleep(&self, patience: Option<Duration>, met: impl Fn() -> bool) -> bool {
        let mut guard = self.lock();
        self.asleep.fetch_add(1, SeqCst);
        let mut in_time = true;
        while in_time && !met() {
            guard = match patience {
                None => self.bed.1.wait(guard).unwrap_or_else(PoisonError::into_inner),
                // What keeps the time by itself needs a clock, which WebAssembly has not.
                Some(patience) => {
                    let woken = self.bed.1.wait_timeout(guard, patience);
                    let (guard, result) = woken.unwrap_or_else(PoisonError::into_inner);
                    in_time = !result.timed_out();
                    guard
                }
            };
        }
        self.asleep.fetch_sub(1, SeqCst);
        in_time
    }

    fn ring(&self) {
        self.bell.fetch_add(1, SeqCst);
        // SAFETY: the address is that of the bell, which is there for ever.
        #[cfg(all(target_family = "wasm", target_feature = "atomics"))]
        unsafe {
            core::arch::wasm32::memory_atomic_notify(self.bell.as_ptr().cast(), u32::MAX);
        }
    }

    fn wake(&self) {
        // Whoever holds the lock has counted itself asleep and not yet looked, or looked and not yet gone to sleep.
        drop(self.lock());
        self.bed.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.bed.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a computation has parts that nobody has taken.
fn has_parts(word: u64) -> bool {
    word & 0xffff < word >> 16 & 0xffff
}

/// A thread that unwinds must not leave the caller waiting.
struct FailOnPanic;

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        fail();
    }
}

/// Starts a thread for each processor, and two at least, so that what needs threads is tested on any machine.
#[cfg(not(target_family = "wasm"))]
fn start_threads() {
    static STARTED: std::sync::Once = std::sync::Once::new();
    STARTED.call_once(|| {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let serve = || {
            join();
            help(false)
        };
        (1..processors.max(3)).for_each(|_| drop(std::thread::spawn(serve)));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_worked_on_once() {
        for round in 0..300 {
            for units in [0, 1, 2, 3, 7, 64, 1001] {
                let counts: Vec<AtomicUsize> = (0..units).map(|_| AtomicUsize::new(0)).collect();
                let cost = [0, 3 * WORTHWHILE, 1000 * WORTHWHILE][round % 3];
                split(units, cost, |range| {
                    for count in &counts[range] {
                        count.fetch_add(1, SeqCst);
                    }
                });
                assert!(counts.iter().all(|count| count.load(SeqCst) == 1), "{units} units");
            }
        }
    }

    #[test]
    fn a_computation_inside_another_is_done_too() {
        let sum = AtomicUsize::new(0);
        split(10, 10 * WORTHWHILE, |outer| {
            for i in outer {
                split(10, 10 * WORTHWHILE, |inner| {
                    sum.fetch_add(inner.map(|j| i * 10 + j).sum::<usize>(), SeqCst);
                });
            }
        });
        assert_eq!(sum.into_inner(), (0..100).sum::<usize>());
    }

    #[test]
    fn threads_that_sleep_are_woken() {
        for _ in 0..20 {
            std::thread::sleep(core::time::Duration::from_millis(5));
            let sum = AtomicUsize::new(0);
            split(100, 100 * WORTHWHILE, |range| {
                sum.fetch_add(range.sum::<usize>(), SeqCst);
            });
            assert_eq!(sum.into_inner(), (0..100).sum::<usize>());
        }
    }

    #[cfg(not(target_family = "wasm"))]
    #[test]
    fn threads_that_have_gone_away_are_called() {
        static POOL: Pool = Pool::new();
        let thread = std::thread::spawn(|| {
            POOL.join();
            let first = POOL.help(true);
            while POOL.bell.load(SeqCst) == first {
                std::thread::yield_now();
            }
            POOL.help(true)
        });
        while POOL.away.load(SeqCst) == 0 || POOL.threads.load(SeqCst) == 0 {
            std::thread::yield_now();
        }
        let counts: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        while POOL.bell.load(SeqCst) == 0 {
            POOL.run(100, &|part| {
                counts[part].fetch_add(1, SeqCst);
            });
        }
        assert!(thread.join().unwrap() > 0);
        let counts: Vec<_> = counts.into_iter().map(AtomicUsize::into_inner).collect();
        assert!(counts[0] > 0 && counts.iter().all(|count| *count == counts[0]));
    }

    #[cfg(not(target_family = "wasm"))]
    #[test]
    fn other_threads_take_parts() {
        let threads = Mutex::new(std::collections::HashSet::new());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while threads.lock().unwrap().len() < 2 && std::time::Instant::now() < deadline {
            split(50, 50 * WORTHWHILE, |_| {
                std::thread::sleep(core::time::Duration::from_millis(1));
                threads.lock().unwrap().insert(std::thread::current().id());
            });
        }
        assert!(threads.into_inner().unwrap().len() > 1);
    }
}
