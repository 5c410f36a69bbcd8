//! Callers whose limit is shorter than the load: one in a task of its own finishes, and all who come later have its value.

use cachify::{Cachify, ManualClock, Refused, secs};
use cachify_tests::Guest;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    spawn,
    task::JoinSet,
    time::{sleep, timeout},
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Time is simulated: it moves when nothing else does.
#[tokio::test(start_paused = true)]
async fn a_storm_of_impatient_callers_ends_with_one_load_and_its_value() {
    let clock = ManualClock::new();
    let builder = || Cachify::builder().clock(clock.clone());
    for c in [builder().build().unwrap(), builder().store(Guest::new(clock.clone())).build().unwrap()] {
        let loads = Arc::new(AtomicU32::new(0));
        let value = c.cache("k").ttl(secs(60)).closed();
        let mut callers = JoinSet::new();
        for caller in 0..20 {
            let (value, loads) = (c.cache("k").ttl(secs(60)).closed(), loads.clone());
            callers.spawn(async move {
                sleep(ms(10 * caller)).await;
                let load = spawn(async move {
                    value
                        .get_or_insert_with(async || {
                            loads.fetch_add(1, SeqCst);
                            sleep(ms(80)).await;
                            Ok::<_, Refused>(7_u32)
                        })
                        .await
                });
                timeout(ms(50), load).await.ok().map(Result::unwrap)
            });
        }
        let served =
            callers.join_all().await.into_iter().flatten().inspect(|answer| assert_eq!(*answer, Ok(7))).count();
        assert!(served >= 16, "all that came since the load was 30 ms old: {served}");
        assert_eq!(loads.load(SeqCst), 1);
        let nothing = async || Err(Refused::Zero);
        assert_eq!(value.get_or_insert_with(nothing).await, Ok(7_u32));
    }
}
