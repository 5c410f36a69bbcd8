//! Copies of values: their `Clone` and `Drop` are a user's code, which may call the instance, or take long.

use cachify::{Cachify, Memory};
use std::{
    fmt::{self, Debug},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// More keys than there are shards, so that every shard has some.
const KEYS: u32 = 256;

/// Does something whenever it is copied or dropped.
struct Busy(Arc<dyn Fn() + Send + Sync>);

impl Clone for Busy {
    fn clone(&self) -> Self {
        (self.0)();
        Self(self.0.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Busy")
    }
}

/// Every kind of step on every shard: a miss, a hit, a reset, a lock.
fn everything(c: &Cachify<Memory>) {
    for n in 0..KEYS {
        let _ = c.cache(("other", n)).get_or_insert_with_blocking(|| Ok::<u32, ()>(n));
        let _ = c.cache(("other", n)).reset_blocking();
        c.lock(n).acquire_blocking().unwrap().release().unwrap();
    }
}

/// Whether it ends; a thread that hangs is left behind.
fn ends(what: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel();
    thread::spawn(move || {
        what();
        done.send(())
    });
    is_done.recv_timeout(Duration::from_secs(60)).expect("it hangs");
}

#[test]
fn a_copy_may_call_the_instance_wherever_it_is_made() {
    let c = Cachify::builder().max_entries(64).build_memory();
    let inside = c.clone();
    let busy: Arc<dyn Fn() + Send + Sync> = Arc::new(move || everything(&inside));
    ends(move || {
        for round in 0..3 {
            // a miss, a hit, one that evicts, one that replaces, one that is forgotten
            drop(c.cache("busy").get_or_insert_with_blocking(|| Ok::<Busy, ()>(Busy(busy.clone()))));
            drop(c.cache("busy").get_blocking::<Busy>().unwrap());
            drop(c.cache(("busy", round)).get_or_insert_with_blocking(|| Ok::<Busy, ()>(Busy(busy.clone()))));
            let _ = c.cache("busy").reset_blocking();
        }
    });
}

/// Stops in its copy until it is told to go on.
#[derive(Debug)]
struct Slow(Arc<(Sender<()>, Mutex<Receiver<()>>)>);

impl Clone for Slow {
    fn clone(&self) -> Self {
        self.0.0.send(()).unwrap();
        self.0.1.lock().unwrap().recv().unwrap();
        Self(self.0.clone())
    }
}

#[test]
fn while_a_value_is_copied_everything_else_goes_on() {
    let c = Cachify::builder().build_memory();
    let (copies, is_copied) = channel();
    let (go_on, goes_on) = channel();
    let slow = Slow(Arc::new((copies, Mutex::new(goes_on))));
    let reader = {
        let c = c.clone();
        thread::spawn(move || {
            let load = || Ok::<Slow, ()>(slow);
            drop(c.cache("slow").get_or_insert_with_blocking(load));
            c.cache("slow").get_blocking::<Slow>().unwrap().is_some()
        })
    };
    // of the one that is kept, and of the hit
    for is_kept in [false, true] {
        is_copied.recv_timeout(Duration::from_secs(60)).expect("it is copied");
        let c = c.clone();
        ends(move || {
            everything(&c);
            if is_kept {
                assert_eq!(c.cache("slow").reset_blocking(), Ok(true));
                assert_eq!(c.cache("slow").get_or_insert_with_blocking(|| Ok::<u32, ()>(1)), Ok(1));
            }
        });
        go_on.send(()).unwrap();
    }
    assert!(reader.join().unwrap(), "the hit was one before the reset");
}
