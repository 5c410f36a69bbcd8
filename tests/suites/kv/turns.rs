//! Crowds on a store that cannot signal, in simulated time: everybody has its turn, and few ask.

use crate::{
    conformance::instance,
    shelf::{Shelf, Slow},
};
use cachify::{AsyncKv, Cachify, ManualClock, Refused, secs};
use cachify_core::testing::block_on;
use cachify_tests::crew::{Crew, late_herd, sleep};
use std::{cell::Cell, rc::Rc, time::Duration};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Right {
    Lock,
    Pool(u32),
}

/// Instances as of so many processes on one shelf.
fn fleet(clock: &ManualClock, shelf: &Shelf, processes: usize) -> Vec<Cachify> {
    let store = || AsyncKv(Slow { shelf: shelf.clone(), after: false });
    (0..processes).map(|_| instance(clock, store())).collect()
}

/// One that takes the right in a loop, for 5 ms each time.
async fn looper(c: Cachify, clock: ManualClock, right: Right, served: Rc<Cell<u32>>, refused: Rc<Cell<u32>>) {
    loop {
        let done: Result<(), Refused> = async {
            match right {
                Right::Lock => {
                    let guard = c.lock("step").wait(secs(60)).acquire().await?;
                    sleep(&clock, ms(5)).await;
                    let _ = guard.release().await;
                }
                Right::Pool(size) => {
                    let permit = c.pool("step", size).wait(secs(60)).take().await?;
                    sleep(&clock, ms(5)).await;
                    let _ = permit.release().await;
                }
            }
            Ok(())
        }
        .await;
        let count = if done.is_ok() { &served } else { &refused };
        count.set(count.get() + 1);
    }
}

#[test]
fn in_a_loop_everybody_has_its_turn_in_one_process_and_in_four() {
    for processes in [1, 4] {
        for right in [Right::Lock, Right::Pool(1), Right::Pool(3)] {
            let clock = ManualClock::new();
            let shelf = Shelf::new(&clock, false);
            let instances = fleet(&clock, &shelf, processes);
            let mut crew = Crew::new(&clock);
            let (served, refused): (Vec<Rc<Cell<u32>>>, Rc<Cell<u32>>) =
                ((0..16).map(|_| Rc::default()).collect(), Rc::default());
            for (who, served) in served.iter().enumerate() {
                let c = instances[who % processes].clone();
                crew.spawn(looper(c, clock.clone(), right, served.clone(), refused.clone()));
            }
            crew.run(if processes == 1 { 4_000 } else { 20_000 });
            drop(crew);
            let served: Vec<u32> = served.iter().map(|n| n.get()).collect();
            let (all, calls) = (served.iter().sum::<u32>(), shelf.calls());
            let what = format!("{processes} processes, {right:?}: {served:?}, {} calls a turn", calls / all as usize);
            eprintln!("{what}");
            assert_eq!(refused.get(), 0, "{what}");
            let fair = all / 16;
            assert!(served.iter().all(|n| (fair / 2..=fair * 3 / 2).contains(n)), "{what}");
        }
    }
}

/// How many questions a crowd costs that waits for ten seconds.
fn questions(clock: &ManualClock, shelf: &Shelf, crowd: usize, wait: &impl AsyncFn(&Cachify)) -> usize {
    let c = fleet(clock, shelf, 1).remove(0);
    let mut crew = Crew::new(clock);
    for _ in 0..crowd {
        crew.spawn(wait(&c));
    }
    crew.run(1_000);
    shelf.calls();
    crew.run(10_000);
    let calls = shelf.calls();
    drop(crew);
    calls
}

#[test]
fn of_a_crowd_one_asks_now_and_then() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let holder = instance(&clock, AsyncKv(Slow { shelf: shelf.clone(), after: false }));
    let _lock = block_on(holder.lock("step").ttl(secs(99)).acquire()).unwrap();
    let _permit = block_on(holder.pool("step", 1).ttl(secs(99)).take()).unwrap();
    for crowd in [1, 32] {
        let lock = questions(&clock, &shelf, crowd, &async |c: &Cachify| {
            let _ = c.lock("step").wait(secs(60)).acquire().await;
        });
        let pool = questions(&clock, &shelf, crowd, &async |c: &Cachify| {
            let _ = c.pool("step", 1).wait(secs(60)).take().await;
        });
        // about four times a second, two questions each
        assert!(lock < 120 && pool < 120, "{crowd} ask {lock} and {pool} questions in ten seconds");
    }
}

#[test]
fn all_permits_of_a_pool_are_out_while_somebody_waits() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let c = fleet(&clock, &shelf, 1).remove(0);
    let mut crew = Crew::new(&clock);
    let out = Rc::new(Cell::new(0));
    for _ in 0..32 {
        let (c, clock, out) = (c.clone(), clock.clone(), out.clone());
        crew.spawn(async move {
            loop {
                let permit = c.pool("step", 5).wait(secs(60)).take().await.unwrap();
                out.set(out.get() + 1);
                sleep(&clock, ms(20)).await;
                out.set(out.get() - 1);
                let _ = permit.release().await;
            }
        });
    }
    crew.run(100);
    for at in 0..400 {
        crew.run(1);
        assert_eq!(out.get(), 5, "{at}");
    }
}

/// Without asking the store again, where it has ended.
#[test]
fn whoever_waited_for_a_load_of_its_process_has_its_value() {
    let clock = &ManualClock::new();
    let c = &fleet(clock, &Shelf::new(clock, false), 1)[0];
    let loads = Cell::new(0);
    let load = async || {
        loads.set(loads.get() + 1);
        sleep(clock, ms(50)).await;
        Ok::<_, ()>(7)
    };
    let call = async || assert_eq!(c.cache("cold").ttl(ms(1)).get_or_insert_with(&load).await, Ok(7));
    assert_eq!((late_herd(clock, 40, call), loads.get()), (40, 1));
}

/// Its place is kept while it sleeps, but nobody waits for it for long.
#[test]
fn a_first_one_that_is_not_polled_is_passed() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let c = &fleet(&clock, &shelf, 1)[0];
    let guard = block_on(c.lock("step").acquire()).unwrap();
    let mut crew = Crew::new(&clock);
    let done = Rc::new(Cell::new(0));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let done = done.clone();
            crew.spawn(async move {
                let guard = c.lock("step").wait(secs(60)).acquire().await.unwrap();
                done.set(done.get() + 1);
                let _ = guard.release().await;
            })
        })
        .collect();
    crew.run(300);
    crew.asleep.push(tasks[0]);
    let mut release = Box::pin(guard.release());
    crew.spawn(async move {
        let _ = release.as_mut().await;
    });
    crew.run(2_600);
    assert_eq!(done.get(), 3, "one is asleep");
    crew.asleep.clear();
    crew.run(300);
    assert_eq!(done.get(), 4);
}

/// Neither at once, when all hear of it, nor one after another.
#[test]
fn all_who_wait_for_the_load_of_another_process_go_on_when_it_has_landed() {
    let clock = &ManualClock::new();
    let shelf = Shelf::new(clock, false);
    let instances = fleet(clock, &shelf, 2);
    let (c, other, done) = (&instances[0], &instances[1], &Cell::new(0));
    let mut crew = Crew::new(clock);
    crew.spawn(async move {
        let load = async || {
            sleep(clock, secs(1)).await;
            Ok::<_, ()>(7)
        };
        other.cache("page").ttl(secs(60)).get_or_insert_with(load).await.unwrap();
    });
    crew.run(10);
    for _ in 0..6 {
        crew.spawn(async move {
            let value = c.cache("page").ttl(secs(60)).get_or_insert_with(async || Ok::<_, ()>(0)).await;
            assert_eq!(value, Ok(7));
            done.set(done.get() + 1);
        });
    }
    crew.run(900);
    assert_eq!(done.get(), 0);
    crew.run(500);
    assert_eq!(done.get(), 6);
}

#[test]
fn many_that_are_not_polled_are_passed_together() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let c = &fleet(&clock, &shelf, 1)[0];
    let guard = block_on(c.lock("step").acquire()).unwrap();
    let mut crew = Crew::new(&clock);
    let done = Rc::new(Cell::new(0));
    for _ in 0..4 {
        let done = done.clone();
        crew.spawn(async move {
            let _guard = c.lock("step").wait(secs(60)).acquire().await.unwrap();
            done.set(done.get() + 1);
        });
    }
    crew.run(300);
    crew.asleep.extend([0, 1, 2]);
    block_on(guard.release()).unwrap();
    crew.run(9_000);
    assert_eq!(done.get(), 1, "the one that is awake");
}

/// Also for one who does not wait.
#[test]
fn a_waiter_that_is_not_polled_keeps_nobody_out_for_long() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let c = &fleet(&clock, &shelf, 1)[0];
    let guard = block_on(c.lock("step").acquire()).unwrap();
    let mut crew = Crew::new(&clock);
    let waits = crew.spawn(async move {
        let _ = c.lock("step").wait(secs(60)).acquire().await;
    });
    crew.run(300);
    crew.asleep.push(waits);
    block_on(guard.release()).unwrap();
    let tries = |crew: &mut Crew<'_>| {
        crew.run(1_300);
        block_on(c.lock("step").try_acquire()).unwrap()
    };
    assert!(tries(&mut crew).is_none(), "it has a turn");
    assert!(tries(&mut crew).is_some(), "and no more than one");
}

#[test]
fn whoever_leaves_calls_the_next() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let c = &fleet(&clock, &shelf, 1)[0];
    let guard = block_on(c.lock("step").acquire()).unwrap();
    let mut crew = Crew::new(&clock);
    let done = Rc::new(Cell::new(false));
    let first = crew.spawn(async move {
        let _ = c.lock("step").wait(secs(60)).acquire().await;
    });
    let impatient = crew.spawn(async move {
        assert!(c.lock("step").wait(ms(500)).acquire().await.is_err());
    });
    let last = done.clone();
    crew.spawn(async move {
        let _guard = c.lock("step").wait(secs(60)).acquire().await.unwrap();
        last.set(true);
    });
    crew.run(100);
    crew.drop_task(first);
    crew.run(600);
    let _ = impatient;
    crew.spawn(async move {
        let _ = guard.release().await;
    });
    // what the first one left is taken back by a thread of the process, in real time
    for _ in 0..10_000 {
        crew.run(1);
        if done.get() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("nobody called the last one");
}
