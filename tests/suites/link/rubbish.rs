//! Arbitrary bytes on both sides: nothing panics, and the next good frame is found.

use crate::{
    pipe::{Line, Pipe, Random},
    world::{Memory, World, connected, device, named, pass},
};
use cachify_core::{Cause, Error, key::Kind, testing::ManualClock, token::HolderToken};
use cachify_core::{op::Left, store::abandon};
use cachify_link::{
    Gateway, Limits,
    frame::{Decoder, encode},
};
use cachify_tests::poll;
use proptest::prelude::*;
use std::{cell::Cell, pin::pin, time::Duration};

fn framed(message: &[u8]) -> Vec<u8> {
    let mut buf = vec![0; message.len() + message.len() / 254 + 8];
    let len = encode(&mut buf, |to| to.put(message)).expect("fits");
    buf.truncate(len);
    buf
}

/// Frames on a line, taken apart.
fn messages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new(vec![0; 2_048]);
    bytes.iter().filter_map(|byte| decoder.feed(*byte).map(<[u8]>::to_vec)).collect()
}

/// What looks like a message for as long as the dice like: version 1, small numbers, a kind, a key, a command.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let head = (0_u8..3, 0_u8..4, 0_u8..9).prop_map(|(version, session, request)| vec![version, session, request]);
    let name = (0_u8..6, prop::collection::vec(97_u8..100, 0..4))
        .prop_map(|(kind, key)| [&[kind, key.len() as u8][..], &key[..]].concat());
    let command = prop_oneof![0_u8..10, 60_u8..76];
    let fields = prop::collection::vec(prop_oneof![2 => 0_u8..3, 1 => any::<u8>()], 0..60);
    (head, name, command, fields).prop_map(|(head, name, command, fields)| [head, name, vec![command], fields].concat())
}

/// A line's worth of anything.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|message| framed(&message)),
        plausible().prop_map(|message| framed(&message)),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_good_frame_is_found_after_anything(before in anything(), message in prop::collection::vec(any::<u8>(), 0..300)) {
        let line = [before, framed(&message)].concat();
        let found = messages(&line);
        prop_assert_eq!(found.last(), Some(&message));
    }

    #[test]
    fn a_gateway_serves_on_after_anything(before in anything()) {
        let clock = ManualClock::new();
        let store = Memory::new(&clock);
        let line = Line::new(0);
        line.up.put(&before);
        let mut gateway = Gateway::new(&store, &clock);
        {
            let mut serve = pin!(gateway.serve(line.up.clone(), line.down.clone()));
            // version 1, session 77, request 1: what remains of the lock "k"
            let good = framed(&[1, 77, 1, 2, 1, b'k', 6]);
            for part in [&[][..], &good] {
                line.up.put(part);
                for _ in 0..20 {
                    prop_assert!(poll(serve.as_mut()).is_pending());
                }
            }
        }
        prop_assert!(gateway.served().done > 0);
        let said = messages(&line.down.drain());
        prop_assert!(said.contains(&vec![1, 77, 1, 71, 0, 0, 0, 0, 1, 0]), "{:?}", said);
        // nobody is told more than they asked for
        let served = gateway.served();
        prop_assert!(said.len() as u64 <= served.done + served.lives + served.repeated + served.other_version + served.notices);
    }

    #[test]
    fn a_device_goes_on_after_anything(before in anything()) {
        let clock = ManualClock::new();
        let store = Memory::new(&clock);
        let (device, line) = (device(&clock, 1), Line::new(0));
        let mut world = World::new(&clock, 0);
        world.services.extend(connected(&device, &store, &clock, &line));
        line.down.put(&before);
        let locked = async {
            // arbitrary bytes may well be a refusal; the next attempt is another request
            let first = device.lock("k").is_locked().await;
            let again = device.lock("k").is_locked().await;
            assert!(first == Ok(false) || again == Ok(false), "{first:?} {again:?}");
        };
        world.spawn(locked);
        prop_assert!(world.run(Duration::from_secs(5), || ()));
    }
}

/// A gateway and what a test says to it by hand.
fn told(frames: &[&[u8]]) -> (Vec<Vec<u8>>, Gateway<'static, Memory<'static>, &'static ManualClock>) {
    let clock: &'static ManualClock = Box::leak(Box::default());
    let store: &'static Memory<'static> = Box::leak(Box::new(Memory::new(clock)));
    let mut gateway = Gateway::new(store, clock);
    let line = Line::new(0);
    {
        let mut serve = pin!(gateway.serve(line.up.clone(), line.down.clone()));
        for frame in frames {
            line.up.put(&framed(frame));
            for _ in 0..9 {
                assert!(poll(serve.as_mut()).is_pending());
            }
        }
    }
    (messages(&line.down.drain()), gateway)
}

#[test]
fn another_version_is_refused_in_words_every_version_knows() {
    let (said, gateway) = told(&[&[9, 5, 7, 1, 2, 3], &[9, 5]]);
    assert_eq!(said, [[1, 5, 7, 73, 1]]);
    assert_eq!((gateway.served().other_version, gateway.served().rubbish), (1, 1));
}

#[test]
fn a_device_is_told_that_its_gateway_speaks_another_version() {
    let clock = ManualClock::new();
    let (device, line) = (device(&clock, 5), Line::new(0));
    let mut world = World::new(&clock, 0);
    let (reader, writer) = (line.down.clone(), line.up.clone());
    world.services.push(Box::pin(async {
        device.store().pump(reader, writer).await;
    }));
    world.spawn(async {
        let said = device.lock("k").is_locked().await;
        assert!(matches!(said, Err(Error::Store(Cause::Unsupported(why))) if why.contains("version")), "{said:?}");
    });
    for request in 1..=2 {
        // the greeting, then the question
        world.greet();
        line.down.put(&framed(&[2, 5, request, 73, 2]));
    }
    assert!(world.run(Duration::from_millis(50), || ()));
}

#[test]
fn what_another_version_does_not_give_back_is_given_back_when_this_one_returns() {
    let clock = ManualClock::new();
    let (device, line) = (device(&clock, 5), Line::new(0));
    let mut world = World::new(&clock, 0);
    let (reader, writer) = (line.down.clone(), line.up.clone());
    world.services.push(Box::pin(async {
        device.store().pump(reader, writer).await;
    }));
    world.greet();
    line.down.put(&framed(&[1, 5, 1, 68]));
    world.greet();
    abandon(device.store(), named(Kind::Lock), HolderToken([7; 4]), Left::Lease);
    // version, session, request; then what it asks for
    let mut sent = || {
        world.spawn(pass(&clock, Duration::from_secs(5)));
        assert!(world.run(Duration::from_secs(9), || ()));
        messages(&line.up.drain())
    };
    let last = sent().pop().expect("sent");
    line.down.put(&framed(&[2, 5, last[2], 73, 2]));
    let last = sent().pop().expect("sent again");
    // a holding: kept
    line.down.put(&framed(&[1, 5, last[2], 69, 0]));
    let _ = sent();
    assert_eq!(sent(), Vec::<Vec<u8>>::new(), "it was given back");
    assert_eq!(device.store().stats().forgotten, 0);
}

#[test]
fn a_request_is_done_once_and_answered_each_time() {
    // session 5: lock "k", force release; the same again, then a request from before the first
    let token = [7; 16];
    let acquire = [&[1, 5, 40, 2, 1, b'k', 0][..], &token, &[100, 0]].concat();
    let release = [&[1, 5, 41, 2, 1, b'k', 2][..], &token].concat();
    let (said, gateway) = told(&[&acquire, &acquire, &release, &release, &acquire]);
    let granted = vec![1, 5, 40, 64, 1, 0, 100];
    let kept = vec![1, 5, 41, 69, 0];
    assert_eq!(said, [granted.clone(), granted.clone(), kept.clone(), kept, granted]);
    assert_eq!((gateway.served().done, gateway.served().repeated), (2, 3));
}

#[test]
fn what_is_older_than_what_is_remembered_is_not_done_again() {
    let ask = |request: u8| [1, 5, request, 2, 1, b'k', 6];
    let frames: Vec<_> = (1..=20).chain([1, 2, 20]).map(ask).collect();
    let frames: Vec<&[u8]> = frames.iter().map(|frame| &frame[..]).collect();
    let (said, gateway) = told(&frames);
    assert_eq!(said.len(), 21, "the first ones are forgotten, the last one is answered again");
    assert_eq!((gateway.served().done, gateway.served().repeated), (20, 3));
}

#[test]
fn an_ask_without_length_or_a_key_that_is_no_text_is_rubbish() {
    let zero = [&[1, 5, 1, 2, 1, b'k', 0][..], &[7; 16], &[0, 0]].concat();
    let (said, gateway) = told(&[&zero, &[1, 5, 2, 2, 1, 0xff, 6], &[1, 5, 3, 2, 1, b'k', 6, 0]]);
    assert_eq!((said.len(), gateway.served().rubbish), (0, 3));
}

#[test]
fn a_frame_longer_than_a_gateway_takes_is_rubbish() {
    // session 5: publish 900 bytes, then 1,100; what remains of the lock "k"
    let publish = |request, len: u16| {
        let [low, high] = [len as u8 | 0x80, (len >> 7) as u8];
        [&[1, 5, request, 1, 1, b'k', 4][..], &[7; 16], &[0, low, high], &vec![0; len.into()]].concat()
    };
    let (said, gateway) = told(&[&publish(1, 900), &publish(2, 1_100), &[1, 5, 3, 2, 1, b'k', 6]]);
    assert_eq!(said, [vec![1, 5, 1, 69, 1], vec![1, 5, 3, 71, 0, 0, 0, 0, 1, 0]]);
    assert_eq!(gateway.served().rubbish, 1);
}

/// A flood leaves others their turn, and nothing grows without bound.
#[test]
fn a_flood_of_requests_is_taken_in_turns() {
    let clock = ManualClock::new();
    let store = Memory::new(&clock);
    let (up, down) = (Pipe::new(0), Pipe::new(1));
    let mut random = Random::new(3);
    for n in 0..5_000_u32 {
        let [a, b, ..] = (n % 3_000 + 256).to_le_bytes();
        let session = random.below(30) as u8;
        up.put(&framed(&[1, session, a | 0x80, b & 0x7f, 2, 1, b'a' + (n % 20) as u8, 6]));
    }
    let limits = Limits { rate: 10_000, bytes: 1 << 20, ..Limits::DEFAULT };
    let mut gateway = Gateway::new(&store, &clock).limits(limits);
    let polls = Cell::new(0);
    {
        let mut serve = pin!(gateway.serve(up.clone(), down.clone()));
        assert!(poll(serve.as_mut()).is_pending());
        let later = up.drain();
        assert!(!later.is_empty(), "one turn is not enough for all of it");
        up.put(&later);
        while polls.get() < 20_000 {
            polls.set(polls.get() + 1);
            assert!(poll(serve.as_mut()).is_pending());
        }
    }
    let served = gateway.served();
    assert_eq!(served.done + served.repeated + served.crowded, 5_000, "{served:?}");
    assert!(served.rubbish == 0, "{served:?}");
}

#[expect(dead_code, reason = "compiled only: what a gateway on threads needs")]
fn a_gateway_may_change_threads() {
    fn is_send<T: Send>(_: &T) {}
    let clock = cachify::clock::StdClock::system();
    let store = cachify_core::store::growing::MapStore::<cachify::StdLock, _, Vec<u8>>::new(clock.clone());
    let mut gateway = Gateway::new(&store, clock);
    is_send(&gateway.serve(Wire, Wire));
}

struct Wire;

impl embedded_io_async::ErrorType for Wire {
    type Error = std::convert::Infallible;
}

impl embedded_io_async::Read for Wire {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> {
        Ok(0)
    }
}

impl embedded_io_async::Write for Wire {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        Ok(bytes.len())
    }
    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
