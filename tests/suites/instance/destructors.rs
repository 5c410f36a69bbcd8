//! Calls from the destructors of a thread's variables, when others of its variables are gone already.

use cachify::{Cachify, ManualClock, cachify_core::guard::BlockingLockGuard, secs};
use cachify_tests::Guest;
use std::{
    cell::RefCell,
    sync::{Arc, Mutex},
    thread,
};

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

/// What a thread uses when it ends.
struct AtTheEnd {
    c: Cachify,
    seen: Seen,
    /// Held until then.
    _guard: BlockingLockGuard<Cachify>,
}

fn total(c: &Cachify, n: u64) -> u64 {
    let sum = || Ok::<u64, ()>(if n == 0 { 0 } else { total(c, n - 1) + n });
    c.cache(("total", n)).get_or_insert_with_blocking(sum).unwrap()
}

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        let c = &self.c;
        let mut seen = self.seen.0.lock().unwrap();
        seen.push(format!("cached {}", total(c, 6)));
        seen.push(format!("kept {}", total(c, 2)));
        // a body that asks for its own key must not wait for itself
        let nested = c.cache("nested");
        let value = nested.get_or_insert_with_blocking(|| nested.get_or_insert_with_blocking(|| Ok::<u8, ()>(7)));
        seen.push(format!("nested {value:?}"));
        seen.push(format!("lock {:?}", c.lock("free").acquire_blocking().unwrap().release()));
        seen.push(format!("pool {:?}", c.pool("free", 1).take_blocking().unwrap().release()));
        seen.push(format!("run {:?}", c.once("free").run_blocking(|_| ())));
    }
}

thread_local!(static AT_THE_END: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) });

fn ends_well(c: &Cachify) {
    let seen = Seen::default();
    let (inside, told) = (c.clone(), seen.clone());
    let ended = thread::spawn(move || {
        let guard = inside.lock("held").ttl(secs(60)).acquire_blocking().unwrap();
        AT_THE_END.with_borrow_mut(|end| *end = Some(AtTheEnd { c: inside.clone(), seen: told, _guard: guard }));
        // its list of flights is made after the variable above, and goes before it
        assert_eq!(total(&inside, 2), 3);
    });
    ended.join().expect("nothing panics");
    let expected =
        ["cached 21", "kept 3", "nested Ok(7)", "lock Ok(Held)", "pool Ok(Held)", "run Ok(Ran(()))"].map(str::to_owned);
    assert_eq!(*seen.0.lock().unwrap(), expected);
    cachify_core::testing::block_on(c.shutdown(secs(9)));
    assert!(!c.lock("held").is_locked_blocking().unwrap(), "a guard in such a variable is given back");
}

#[test]
fn a_thread_that_ends_computes_and_gives_back() {
    ends_well(&Cachify::builder().build().unwrap());
    ends_well(&Cachify::builder().store(Guest::new(ManualClock::new())).build().unwrap());
}
