//! Flights whose bodies are being polled on a thread's stack, and what they wait for.
//!
//! A body that asks for its own key computes; so does one that would wait for a flight which waits, over however many
//! others, for it: of two ends that want each other one has to, or both wait for ever. What a body asks for from another
//! task, or another process, is not seen here; outside of memory who waits inside of a flight therefore waits for a while
//! only.

use crate::{process::PerProcess, sync::locked};
use cachify_core::{key::Key, time::Instant};
use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};
#[cfg(feature = "tokio")]
use std::{
    future::{Future, poll_fn},
    mem::take,
    pin::Pin,
};

/// A flight of this process: its store and the hash of its key.
type Flight = (usize, u64);

thread_local! {
    /// Those whose bodies are being polled on this thread's stack, the outermost first.
    static INSIDE: RefCell<Vec<Flight>> = const { RefCell::new(Vec::new()) };
}

/// For which flights the bodies of a flight wait at this moment.
static WAITS: PerProcess<Mutex<HashMap<Flight, Vec<Flight>>>> = PerProcess::new();

fn waits() -> MutexGuard<'static, HashMap<Flight, Vec<Flight>>> {
    locked(WAITS.get_or_init(Mutex::default))
}

/// Notes that a flight's body is being polled on this stack, or no longer.
pub(crate) fn mark(store: usize, key: &Key<'_>, inside: bool) {
    let flight = (store, key.hash);
    // a thread that ends has no list any more, and begins no flight either
    let _ = INSIDE.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        match inside {
            true => stack.push(flight),
            // not always the last one: a body that panics unwinds in any order
            false => {
                if let Some(at) = stack.iter().rposition(|other| *other == flight) {
                    stack.remove(at);
                }
            }
        }
    });
}

/// Whether a flight's body is being polled further up this stack, or may be: in the destructors of a thread's variables
/// nobody knows, and whoever misses computes without a flight.
pub(crate) fn is_marked(store: usize, key: &Key<'_>) -> bool {
    INSIDE.try_with(|stack| stack.borrow().contains(&(store, key.hash))).unwrap_or(true)
}

/// The same future, polled inside of those flights that this is called inside of: a task of its own for a part of their bodies.
#[cfg(feature = "tokio")]
pub(crate) fn inside_of<F: Future + Unpin>(mut of: F) -> impl Future<Output = F::Output> {
    /// Puts back what was on a thread's stack, also after a panic.
    struct Back(Vec<Flight>);
    impl Drop for Back {
        fn drop(&mut self) {
            let before = take(&mut self.0);
            let _ = INSIDE.try_with(|stack| stack.replace(before));
        }
    }
    let inside = INSIDE.try_with(|stack| stack.borrow().clone()).unwrap_or_default();
    poll_fn(move |cx| {
        let _back = Back(INSIDE.try_with(|stack| stack.replace(inside.clone())).unwrap_or_default());
        Pin::new(&mut of).poll(cx)
    })
}

/// A wait inside of a flight, for another one; over when dropped.
#[derive(Debug)]
pub(crate) struct Wait {
    inside: Vec<Flight>,
    on: Flight,
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut all = waits();
        for flight in &self.inside {
            let Some(on) = all.get_mut(flight) else { continue };
            if let Some(at) = on.iter().position(|other| *other == self.on) {
                on.swap_remove(at);
            }
            if on.is_empty() {
                all.remove(flight);
            }
        }
    }
}

/// How a wait for a flight can go.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// Outside of every flight.
    Outside,
    /// Inside of one, which is noted as long as this lives.
    Inside(Wait),
    /// For one that waits for it.
    Circle,
}

/// Before a caller waits for the flight of `key`.
pub(crate) fn wait_for(store: usize, key: &Key<'_>) -> Waiting {
    let inside = INSIDE.try_with(|stack| stack.borrow().clone()).unwrap_or_default();
    if inside.is_empty() {
        return Waiting::Outside;
    }
    let on = (store, key.hash);
    let mut all = waits();
    let (mut seen, mut next) = (Vec::new(), vec![on]);
    while let Some(flight) = next.pop() {
        if inside.contains(&flight) {
            return Waiting::Circle;
        }
        if !seen.contains(&flight) {
            seen.push(flight);
            next.extend(all.get(&flight).into_iter().flatten());
        }
    }
    for flight in &inside {
        all.entry(*flight).or_default().push(on);
    }
    Waiting::Inside(Wait { inside, on })
}

/// A wait for a flight from poll to poll: noted while it lasts, and over after a while when it is inside of another one.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    wait: Option<Wait>,
    since: Option<Instant>,
}

impl Patience {
    /// The caller asks again.
    pub(crate) fn ask(&mut self) {
        self.wait = None;
    }

    /// The caller is to wait; whether it had better compute. Inside of a flight it waits for at most `limit`.
    pub(crate) fn is_in_vain(&mut self, store: usize, key: &Key<'_>, now: Instant, limit: u64) -> bool {
        match wait_for(store, key) {
            Waiting::Outside => false,
            Waiting::Circle => true,
            Waiting::Inside(wait) => {
                let is_over = now.millis_since(*self.since.get_or_insert(now)) >= limit;
                self.wait = (!is_over).then_some(wait);
                is_over
            }
        }
    }
}
