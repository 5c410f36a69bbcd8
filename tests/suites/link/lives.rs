//! A device that begins anew under the number of an older life, on a line that was kept; lines that have ended; gateways
//! whose devices were flashed alike.

use crate::{
    pipe::{Faults, Line, Pipe},
    world::{Device, Memory, World, at, device, named, once_more, pass},
};
use cachify_core::{Instance, Refused, key::Kind, testing::BlockingWords, testing::ManualClock};
use cachify_link::{Gateway, LineEnd, frame::encode};
use cachify_tests::poll;
use std::{cell::Cell, pin::pin, time::Duration};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(60);

fn framed(message: &[u8]) -> Vec<u8> {
    let mut buf = vec![0; message.len() + 8];
    let len = encode(&mut buf, |to| to.put(message)).expect("fits");
    buf.truncate(len);
    buf
}

/// A pump that ends when it is told, while its gateway serves on: a reset over a kept line.
fn serve<'a>(store: &'a Memory<'a>, clock: &'a ManualClock, line: &Line, world: &mut World<'a>) {
    let far = line.clone();
    world.services.push(Box::pin(async move {
        let mut gateway = Gateway::new(store, clock);
        loop {
            gateway.serve(far.up.clone(), far.down.clone()).await;
            once_more().await;
        }
    }));
}

fn pump<'a>(device: &'a Device<'a>, line: &Line, ended: &'a Cell<bool>, world: &mut World<'a>) {
    let near = line.clone();
    world.services.push(Box::pin(async move {
        let gone = async {
            while !ended.get() {
                once_more().await;
            }
        };
        let _ = cachify_core::drive::beside(pin!(gone), pin!(device.store().pump(near.down.clone(), near.up.clone())))
            .await;
        std::future::pending::<()>().await;
    }));
}

#[test]
fn a_life_with_the_number_of_an_older_one_is_answered_nothing_of_it() {
    let clock = ManualClock::new();
    let store = Memory::new(&clock);
    let local = Instance::new(&store);
    let line = Line::new(0);
    let (first, second) = (device(&clock, 1), device(&clock, 1));
    let reset = Cell::new(false);
    let never = Cell::new(false);
    let mut world = World::new(&clock, 0);
    serve(&store, &clock, &line, &mut world);
    pump(&first, &line, &reset, &mut world);
    world.spawn(async {
        let guard = first.lock("k").ttl(LONG).try_acquire().await.unwrap().expect("free");
        guard.release().await.unwrap();
    });
    assert!(world.run(LONG, || ()));
    reset.set(true);
    world.round();
    // somebody else has it now; the second life asks with the same numbers and the same token
    let held = local.lock("k").ttl(LONG).try_acquire_blocking().unwrap().expect("free");
    pump(&second, &line, &never, &mut world);
    world.spawn(async {
        assert!(second.lock("k").ttl(LONG).try_acquire().await.unwrap().is_none(), "an old answer");
        held.release().unwrap();
        assert!(second.lock("k").ttl(LONG).try_acquire().await.unwrap().is_some());
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn nothing_is_sent_before_the_greeting_was_answered_and_a_lost_one_is_sent_again() {
    let clock = ManualClock::new();
    let (store, line, device) = (Memory::new(&clock), Line::new(0), device(&clock, 5));
    let never = Cell::new(false);
    let mut world = World::new(&clock, 0);
    pump(&device, &line, &never, &mut world);
    line.up.set(Faults { gaps: 1, ..Faults::default() });
    world.spawn(async {
        let answer = device.lock("k").try_acquire().await;
        assert!(matches!(answer, Ok(Some(_))), "{answer:?}");
        assert!((at(100)..at(140)).contains(&cachify_core::time::Clock::now(&clock)), "{clock:?}");
    });
    world.spawn(async {
        pass(&clock, 50 * MS).await;
        line.up.set(Faults::default());
    });
    serve(&store, &clock, &line, &mut world);
    assert!(world.run(LONG, || ()));
}

#[test]
fn without_an_answer_to_the_greeting_a_call_was_not_sent() {
    let clock = ManualClock::new();
    let (line, device) = (Line::new(0), device(&clock, 5));
    let never = Cell::new(false);
    let mut world = World::new(&clock, 0);
    pump(&device, &line, &never, &mut world);
    world.spawn(async {
        let refused = device.lock("k").try_acquire().await.unwrap_err();
        assert!(matches!(refused, Refused::Unavailable { .. }), "{refused:?}");
    });
    assert!(world.run(LONG, || ()));
    // version, session, request, lock, no key, begin
    let greeting = framed(&[1, 5, 1, 2, 0, 9]);
    let sent = line.up.drain();
    assert!(sent.windows(greeting.len() - 1).any(|part| *part == greeting[1..]), "{sent:?}");
    assert!(!sent.contains(&b'k'), "{sent:?}");
}

#[test]
fn what_came_with_the_end_of_a_line_is_not_begun() {
    let clock = ManualClock::new();
    let store = Memory::new(&clock);
    let (up, down) = (Pipe::new(0), Pipe::new(1));
    // version, session, request, lock, `k`, acquire, token, a minute, no limit to the wait
    let ask = [&[1, 7, 1, 2, 1, b'k', 0][..], &[9; 16], &[0xe0, 0xd4, 3, 0]].concat();
    up.put(&framed(&ask));
    up.set(Faults { closed: true, ..Faults::default() });
    let mut gateway = Gateway::new(&store, &clock);
    let mut serve = pin!(gateway.serve(up.clone(), down.clone()));
    let std::task::Poll::Ready(end) = poll(serve.as_mut()) else { panic!("the line has ended") };
    assert!(matches!(end, LineEnd::Closed), "{end:?}");
    assert_eq!(BlockingWords::remaining(&store, named(Kind::Lock)), Ok(None), "a lease of nobody");
}

#[test]
fn units_that_were_flashed_alike_hold_nothing_together_on_two_gateways() {
    for (marks, together) in [([1, 1 << 40], false), ([7, 7], true)] {
        let clock = ManualClock::new();
        let store = Memory::new(&clock);
        let lines = [Line::new(0), Line::new(1)];
        let units = [device(&clock, 1), device(&clock, 1)];
        let never = Cell::new(false);
        let mut world = World::new(&clock, 0);
        for (mark, (line, unit)) in marks.into_iter().zip(lines.iter().zip(&units)) {
            let (store, clock, far) = (&store, &clock, line.clone());
            world.services.push(Box::pin(async move {
                Gateway::new(store, clock).mark(mark).serve(far.up.clone(), far.down.clone()).await;
            }));
            pump(unit, line, &never, &mut world);
        }
        world.spawn(async {
            let [one, two] = [&units[0], &units[1]].map(|unit| unit.lock("k").ttl(LONG));
            let held = one.try_acquire().await.unwrap().expect("free");
            assert_eq!(two.try_acquire().await.unwrap().is_some(), together, "{marks:?}");
            held.release().await.unwrap();
        });
        assert!(world.run(LONG, || ()));
    }
}
