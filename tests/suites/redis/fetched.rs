//! The companions that load, of two processes on one server.

use super::world::{everywhere, over, run, until, waiting};
use cachify::{Cachify, Source, cached};
use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    thread,
};

#[derive(Default)]
struct Origin {
    loads: AtomicU32,
    is_slow: AtomicBool,
    is_asked: AtomicBool,
}

impl Origin {
    async fn ask(&self) -> u32 {
        self.is_asked.store(true, SeqCst);
        until(|| !self.is_slow.load(SeqCst)).await;
        self.loads.fetch_add(1, SeqCst) + 1
    }

    /// Somebody loads from now on until that is let go.
    async fn holds(&self) {
        until(|| self.is_asked.load(SeqCst)).await;
    }

    fn slow(&self) {
        self.is_asked.store(false, SeqCst);
        self.is_slow.store(true, SeqCst);
    }
}

#[cached(instance = c, key = "user:{id}", ttl = 600)]
async fn user(c: &Cachify, id: u32, origin: &Origin) -> Result<u32, String> {
    Ok(origin.ask().await)
}

#[cached(instance = c, key = "page:{id}", ttl = 600)]
fn page(c: &Cachify, id: u32, loads: &AtomicU32) -> Option<u32> {
    Some(loads.fetch_add(1, SeqCst) + 1)
}

#[test]
fn each_process_tells_where_a_value_came_from_and_reads_while_another_one_refreshes() {
    everywhere(|server| {
        let (a, b, origin) = (over(&server), over(&server), &Origin::default());
        let fetch = async |c| user::fetch(c, 1, origin).await.map(|fetched| (fetched.value, fetched.source)).unwrap();
        run(async {
            assert_eq!(user::load(&a, 1, origin).await, Ok(1));
            assert_eq!(user::peek(&b, 1).await, Ok(None), "nothing is kept");
            origin.slow();
            let joins = async {
                origin.holds().await;
                let (joined, ()) = tokio::join!(fetch(&b), async {
                    // it asks before the load is over
                    until(|| waiting(&server, "c:{user:1}") == 1).await;
                    origin.is_slow.store(false, SeqCst);
                });
                joined
            };
            let (loaded, joined) = tokio::join!(fetch(&a), joins);
            assert_eq!((loaded, joined), ((2, Source::Loaded), (2, Source::Joined)));
            assert_eq!((fetch(&a).await, fetch(&b).await), ((2, Source::Hit), (2, Source::Hit)));

            origin.slow();
            let reads = async {
                origin.holds().await;
                until(|| waiting(&server, "c:{user:1}") == 1).await;
                let read = (fetch(&a).await, user(&b, 1, origin).await);
                origin.is_slow.store(false, SeqCst);
                read
            };
            let (anew, again, read) = tokio::join!(user::refresh(&a, 1, origin), user::refresh(&a, 1, origin), reads);
            assert_eq!((anew, again, read), (Ok(3), Ok(3), ((2, Source::Hit), Ok(2))));
            assert_eq!((fetch(&b).await, origin.loads.load(SeqCst)), ((3, Source::Hit), 3));
        });
    });
}

#[test]
fn threads_have_them_too() {
    everywhere(|server| {
        let (a, b, loads) = (over(&server), over(&server), &AtomicU32::new(0));
        let source = |c| page::fetch(c, 1, loads).map(|fetched| fetched.source);
        assert_eq!((page::load(&a, 1, loads), page::peek(&b, 1)), (Some(1), Ok(None)));
        assert_eq!(
            (source(&a), source(&b), page::refresh(&b, 1, loads)),
            (Some(Source::Loaded), Some(Source::Hit), Some(3))
        );
        thread::scope(|scope| {
            for c in [&a, &b] {
                scope.spawn(move || assert_eq!(page(c, 1, loads), Some(3)));
            }
        });
    });
}
