//! Who comes next: loops, crowds, pools of different sizes and sleepers in simulated time, and threads.

use cachify::{
    Cachify, ManualClock, Refused,
    cachify_core::{
        FixedStore, Instance, cell::waiters::TURN, primitives::TaskHandle, store::lock::NoLock, time::Clock,
    },
    clock::StdClock,
    secs,
};
use cachify_tests::crew::{Crew, sleep};
use std::{
    cell::{Cell, RefCell},
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    thread,
    time::Duration,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A right as tasks take it in turns.
#[derive(Clone, Copy, Debug)]
enum Right {
    Lock,
    Pool(u32),
}

/// Takes the right, holds it for a while, gives it back.
async fn turn(c: &impl TaskHandle, right: Right, wait: Duration, body: impl AsyncFnOnce()) -> Result<(), Refused> {
    match right {
        Right::Lock => {
            let guard = c.lock("step").wait(wait).acquire().await?;
            body().await;
            let _ = guard.release().await;
        }
        Right::Pool(size) => {
            let permit = c.pool("step", size).wait(wait).take().await?;
            body().await;
            let _ = permit.release().await;
        }
    }
    Ok(())
}

/// Eight tasks, each in a loop without a pause: how often each was served, and refused.
fn shares(c: &impl TaskHandle, clock: &ManualClock, right: Right, body: u64, wait: u64) -> ([u32; 8], u32) {
    let (served, refused): ([Cell<u32>; 8], _) = (Default::default(), Cell::new(0));
    let mut crew = Crew::new(clock);
    for served in &served {
        let (clock, refused) = (clock, &refused);
        crew.spawn(async move {
            loop {
                match turn(c, right, ms(wait), async || sleep(clock, ms(body)).await).await {
                    Ok(()) => served.set(served.get() + 1),
                    Err(_) => refused.set(refused.get() + 1),
                }
            }
        });
    }
    crew.run(1_600);
    drop(crew);
    (served.each_ref().map(Cell::get), refused.get())
}

#[test]
fn in_a_loop_of_equals_everybody_has_the_same_share_and_nobody_is_refused() {
    for right in [Right::Lock, Right::Pool(1), Right::Pool(3)] {
        let room = if let Right::Pool(size) = right { size } else { 1 };
        for body in [1, 2, 5] {
            let fair = 1_600 / u32::try_from(body).unwrap() * room / 8;
            // those before it, the body, and half as much again
            let wait = 12 * body;
            let mut seen = Vec::new();
            let clock = ManualClock::new();
            seen.push(shares(&Cachify::builder().clock(clock.clone()).build_memory(), &clock, right, body, wait));
            let clock = ManualClock::new();
            seen.push(shares(&Cachify::builder().clock(clock.clone()).build().unwrap(), &clock, right, body, wait));
            let clock = ManualClock::new();
            let device = Instance::new(FixedStore::<NoLock, _, 4, (), 8, 8>::new(StdClock::from(clock.clone())));
            seen.push(shares(&&device, &clock, right, body, wait));
            for (served, refused) in seen {
                // of several that are given back at one moment those who are polled first stand before the others
                let slack = if room == 1 { 2 } else { fair / 2 };
                let equal = served.iter().all(|served| served.abs_diff(fair) <= slack);
                assert!(
                    equal && refused == 0,
                    "{right:?}, bodies of {body} ms: {served:?}, {refused} refused, fair {fair}"
                );
            }
        }
    }
}

#[test]
fn waiters_are_served_in_the_order_in_which_they_asked() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build_memory();
    let (served, mut crew) = (RefCell::new(Vec::new()), Crew::new(&clock));
    let held = c.lock("step").try_acquire_blocking().unwrap().unwrap();
    for who in 0..10 {
        let (c, clock, served) = (&c, &clock, &served);
        crew.spawn(async move {
            sleep(clock, ms(30 * who)).await;
            turn(c, Right::Lock, secs(40), async || served.borrow_mut().push(who)).await.unwrap();
        });
    }
    crew.run(400);
    held.release().unwrap();
    crew.run(10);
    assert_eq!(*served.borrow(), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_newcomer_without_patience_does_not_overtake() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build_memory();
    let (lock, pool) = (c.lock("step"), c.pool("step", 3));
    let held = lock.acquire_blocking().unwrap();
    let permits = [(); 3].map(|()| pool.take_blocking().unwrap());
    let served = Cell::new(0);
    let mut crew = Crew::new(&clock);
    for right in [Right::Lock, Right::Pool(3)] {
        let (c, served) = (&c, &served);
        crew.spawn(async move { turn(c, right, secs(9), async || served.set(served.get() + 1)).await.unwrap() });
    }
    crew.settle();
    held.release().unwrap();
    let [one, two, _three] = permits;
    one.release().unwrap();
    assert!(matches!(lock.try_acquire_blocking(), Ok(None)), "it is another one's turn");
    assert!(matches!(pool.try_take_blocking(), Ok(None)), "it is another one's turn");
    two.release().unwrap();
    assert!(matches!(pool.try_take_blocking(), Ok(Some(_))), "one is kept, and one is free");
    crew.settle();
    assert_eq!(served.get(), 2);
}

#[test]
fn whoever_goes_when_its_turn_came_passes_it_on() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build_memory();
    let held = c.lock("step").acquire_blocking().unwrap();
    let (served, mut crew) = (RefCell::new(Vec::new()), Crew::new(&clock));
    for who in 0..5 {
        let (c, served) = (&c, &served);
        // every other one is out of patience just then
        let wait = if who % 2 == 0 { 50 } else { 500 };
        crew.spawn(async move {
            if turn(c, Right::Lock, ms(wait), async || served.borrow_mut().push(who)).await.is_err() {
                served.borrow_mut().push(who + 100);
            }
        });
        crew.settle();
    }
    clock.advance(ms(50));
    held.release().unwrap();
    crew.drop_task(0);
    crew.settle();
    assert_eq!(*served.borrow(), [1, 2, 3, 4], "who is woken at its last moment is served all the same");
    assert_eq!(c.lock("step").inspect_blocking().unwrap().waiting(), Some(0));
}

#[test]
fn a_sleeper_delays_the_next_by_one_turn() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build_memory();
    let held = c.lock("step").acquire_blocking().unwrap();
    let (served, mut crew) = (RefCell::new(Vec::new()), Crew::new(&clock));
    for who in 0..6 {
        let (c, clock, served) = (&c, &clock, &served);
        crew.spawn(async move {
            turn(c, Right::Lock, secs(60), async || served.borrow_mut().push((who, clock.now().as_millis())))
                .await
                .unwrap();
        });
        crew.settle();
    }
    crew.asleep = vec![0, 1, 3];
    held.release().unwrap();
    crew.run(1_000);
    let turn = u64::from(TURN);
    assert_eq!(*served.borrow(), [(2, 2 * turn), (4, 3 * turn), (5, 3 * turn)]);
    // it comes back, and is served: it has lost its turn, not its place
    crew.asleep.clear();
    crew.run(1_000);
    assert_eq!(served.borrow().len(), 6);
}

#[test]
fn a_permit_is_not_kept_for_one_whose_pool_is_full() {
    // as in a deployment that changes the size: two processes, or tasks, name one pool with two sizes
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build_memory();
    let mut permits = [(); 5].map(|()| Some(c.pool("step", 5).take_blocking().unwrap()));
    let (served, mut crew) = (RefCell::new(Vec::new()), Crew::new(&clock));
    for (who, size) in [(0, 2), (1, 5), (2, 2), (3, 5)] {
        let (c, clock, served) = (&c, &clock, &served);
        crew.spawn(async move {
            let hold = async || {
                served.borrow_mut().push(who);
                sleep(clock, secs(60)).await;
            };
            let _ = turn(c, Right::Pool(size), secs(600), hold).await;
        });
        crew.settle();
    }
    permits[0].take().unwrap().release().unwrap();
    crew.settle();
    assert_eq!(*served.borrow(), [1], "at once");
    permits[1].take().unwrap().release().unwrap();
    crew.settle();
    assert_eq!(*served.borrow(), [1, 3], "at once");
    assert!(matches!(c.pool("step", 5).try_take_blocking(), Ok(None)));
    permits[2].take().unwrap().release().unwrap();
    assert!(matches!(c.pool("step", 5).try_take_blocking(), Ok(Some(_))), "those who wait cannot use it");
    drop(permits);
    crew.settle();
    assert_eq!(*served.borrow(), [1, 3], "two of two are held");
    crew.run(60_000);
    assert_eq!(served.borrow()[2..], [0, 2]);
}

#[test]
fn threads_in_a_loop_all_have_their_turn() {
    let c = Cachify::builder().build_memory();
    let (served, stop): ([AtomicU32; 8], _) = (Default::default(), AtomicBool::new(false));
    thread::scope(|s| {
        for served in &served {
            let (c, stop) = (&c, &stop);
            s.spawn(move || {
                while !stop.load(SeqCst) {
                    let guard = c.lock("step").wait(secs(60)).acquire_blocking().unwrap();
                    served.fetch_add(1, SeqCst);
                    guard.release().unwrap();
                }
            });
        }
        // ends when everybody was served often, and not before
        while served.iter().any(|served| served.load(SeqCst) < 50) {
            thread::yield_now();
        }
        stop.store(true, SeqCst);
    });
}
