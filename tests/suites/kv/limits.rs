//! Stores that are slow, silent, full of what has ended, or that evict.

use crate::{
    conformance::instance,
    shelf::{Hooked, Shelf},
};
use cachify::{AsyncKv, AsyncKvStore, Cachify, Cause, Kv, KvStore, ManualClock, Refused, secs};
use cachify_core::{
    observe::{Event, Observer},
    time::Clock,
};
use cachify_tests::crew::{Crew, sleep};
use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    thread,
    time::Duration,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A store that takes its time for what it writes.
#[derive(Clone)]
struct Late {
    shelf: Shelf,
    write: Duration,
}

impl AsyncKvStore for Late {
    type Error = Cause;
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        KvStore::get(&self.shelf, key)
    }
    async fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        sleep(&self.shelf.clock, self.write).await;
        KvStore::compare_exchange(&self.shelf, key, old, new, ttl)
    }
    async fn remove(&self, key: &str) -> Result<bool, Cause> {
        KvStore::remove(&self.shelf, key)
    }
}

#[test]
fn a_slow_store_is_no_silent_one_and_a_silent_one_is_found_out_at_its_first_question() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    for (write, ends) in [(200, Ok(())), (499, Ok(())), (501, Err(500))] {
        let c = instance(&clock, AsyncKv(Late { shelf: shelf.clone(), write: ms(write) }));
        let mut crew = Crew::new(&clock);
        let (done, began) = (Rc::new(Cell::new(None)), clock.now());
        let (told, now, key) = (done.clone(), clock.clone(), format!("k{write}"));
        crew.spawn(async move {
            let cycle = async { Ok(c.lock(key).ttl(secs(9)).acquire().await?.release().await) };
            let done: Result<_, Refused> = cycle.await;
            told.set(Some(done.map(|_| ()).map_err(|why| {
                assert!(why.is_indeterminate(), "{why:?}");
                now.now().since(began).as_millis()
            })));
        });
        crew.run(3_000);
        assert_eq!(done.get(), Some(ends), "{write} ms a write");
    }
}

/// Inside of tokio a blocking store works on other threads: there each question has the limit for itself too.
#[test]
fn a_slow_blocking_store_is_no_silent_one_and_a_silent_one_is_found_out() {
    for silent_at in [None, Some(2)] {
        let clock = ManualClock::new();
        let ((asked, was_asked), (let_go, leave)) = (channel(), channel());
        // asks for leave before each question
        let talk = Mutex::new((asked, leave));
        let ask = move |_: usize, _: &str| {
            let talk = talk.lock().unwrap();
            talk.0.send(()).unwrap();
            talk.1.recv().map_err(|_| Cause::Unreachable)
        };
        let c = instance(&clock, Kv(Arc::new(Hooked::new(Shelf::new(&clock, false), ask))));
        let caller = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let acquired = runtime.block_on(async { c.lock("k").ttl(secs(9)).acquire().await.map(std::mem::forget) });
            runtime.shutdown_background();
            acquired
        });
        for question in 0..4 {
            was_asked.recv_timeout(secs(20)).expect("a question");
            if silent_at == Some(question) {
                clock.advance(ms(500));
                break;
            }
            clock.advance(ms(400));
            let_go.send(()).unwrap();
        }
        let acquired = caller.join().unwrap();
        assert_eq!(acquired.is_ok(), silent_at.is_none(), "{acquired:?}");
        assert!(acquired.is_ok() || acquired.is_err_and(Refused::is_indeterminate));
    }
}

/// The policies of evicting that were told.
struct Policies(Arc<Mutex<Vec<String>>>);

impl Observer for Policies {
    fn event(&self, event: &Event<'_>) {
        if let Event::Evicts { policy } = event {
            self.0.lock().unwrap().push((*policy).to_owned());
        }
    }
}

/// What has ended is swept by a thread of its own, now and then; a policy of evicting is told when an instance is built.
#[test]
fn a_store_is_swept_now_and_then_and_one_that_evicts_is_told_of() {
    struct Dusty(Shelf, Mutex<Sender<()>>);
    impl KvStore for Dusty {
        type Error = Cause;
        fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
            KvStore::get(&self.0, key)
        }
        fn compare_exchange(
            &self,
            key: &str,
            old: Option<&[u8]>,
            new: Option<&[u8]>,
            ttl: Option<Duration>,
        ) -> Result<bool, Cause> {
            KvStore::compare_exchange(&self.0, key, old, new, ttl)
        }
        fn remove(&self, key: &str) -> Result<bool, Cause> {
            KvStore::remove(&self.0, key)
        }
        fn evicts(&self) -> Option<String> {
            Some("lru".into())
        }
        fn sweep(&self) {
            self.1.lock().unwrap().send(()).unwrap();
        }
    }
    let clock = ManualClock::new();
    let (swept, was_swept) = channel();
    let told = Arc::new(Mutex::new(Vec::new()));
    let observer = Policies(told.clone());
    let dusty = Dusty(Shelf::new(&clock, false), Mutex::new(swept));
    let built = Cachify::builder().clock(clock.clone()).observer(observer).store(Kv(Arc::new(dusty))).build();
    let c = built.unwrap();
    clock.advance(ms(1));
    assert_eq!(*told.lock().unwrap(), ["lru"]);
    assert_eq!(c.ping_blocking().unwrap().evicts.as_deref(), Some("lru"));
    for minute in 0..3 {
        clock.advance(secs(59));
        let _ = c.lock("k").is_locked_blocking();
        assert!(was_swept.try_recv().is_err(), "too soon, {minute}");
        clock.advance(secs(1));
        let _ = c.lock("k").is_locked_blocking();
        // the last sweep may not have ended yet
        let swept = (0..100_000).any(|_| {
            let _ = c.lock("k").is_locked_blocking();
            thread::yield_now();
            was_swept.try_recv().is_ok()
        });
        assert!(swept, "{minute}");
    }
    assert!(was_swept.try_recv().is_err(), "once");
}
