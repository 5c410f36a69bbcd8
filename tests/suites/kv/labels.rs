//! Labels of holders, in memory and over stores of one's own.

use crate::{background::soon, shelf::Shelf};
use cachify::{Cachify, Kv, ManualClock, secs};
use cachify_tests::{Guest, labels};
use std::sync::Arc;

#[test]
fn a_holder_is_known_by_its_label_or_that_of_its_instance() {
    let clock = ManualClock::new();
    let builder = || Cachify::builder().clock(clock.clone());
    let guest = Guest::new(clock.clone());
    labels::are_told(builder().store(guest.clone()), builder().store(guest));
    for wall in [false, true] {
        let shelf = Arc::new(Shelf::new(&clock, wall));
        labels::are_told(builder().store(Kv(shelf.clone())), builder().store(Kv(shelf)));
    }
    labels::are_checked(builder);
}

#[test]
fn in_memory_all_are_of_one_instance() {
    let c = Cachify::builder().label("api-1").build().unwrap();
    let label = || c.lock("k").inspect_blocking().unwrap().label().map(str::to_owned);
    let guard = c.lock("k").acquire_blocking().unwrap();
    assert_eq!(label().as_deref(), Some("api-1"));
    drop(guard);
    let _guard = c.lock("k").label("import").acquire_blocking().unwrap();
    assert_eq!(label().as_deref(), Some("import"));
    c.lock("k").force_release_blocking().unwrap();
    assert_eq!(label(), None);
}

/// A heartbeat writes the record anew.
#[test]
fn a_renewal_keeps_it() {
    let clock = ManualClock::new();
    let shelf = Arc::new(Shelf::new(&clock, false));
    let c = Cachify::builder().clock(clock.clone()).label("api-1").store(Kv(shelf.clone())).build().unwrap();
    let _guard = c.lock("k").ttl(secs(30)).acquire_blocking().unwrap();
    let ends = || shelf.ends("cachify:l:{k}");
    let before = ends();
    clock.advance(secs(12));
    soon("the renewal", || ends() > before);
    assert_eq!(c.lock("k").inspect_blocking().unwrap().label(), Some("api-1"));
}
