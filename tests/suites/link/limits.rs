//! What a device may take: each limit at its edge, counted, and free again when what was taken has ended.

use crate::{
    pipe::{Pipe, Random},
    world::{Memory, named},
};
use cachify::StdLock;
use cachify_core::{key::Kind, testing::BlockingWords, testing::ManualClock, time::Clock};
use cachify_link::{
    Gateway, Limits, Roster, Served,
    frame::{Decoder, encode},
};
use cachify_tests::poll;
use std::{pin::pin, time::Duration};

const GRANTED: u8 = 64;
const HELD: u8 = 69;
const FAILED: u8 = 72;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// One device on one line, spoken by hand.
struct Line<'a> {
    clock: &'a ManualClock,
    store: &'a Memory<'a>,
    roster: &'a Roster<StdLock>,
    limits: Limits,
    device: u8,
    request: u64,
    served: Served,
}

impl<'a> Line<'a> {
    fn new(clock: &'a ManualClock, store: &'a Memory<'a>, roster: &'a Roster<StdLock>, device: u8) -> Self {
        let limits = Limits { held: 3, stored: 300, devices: 2, ..Limits::DEFAULT };
        Self { clock, store, roster, limits, device, request: 0, served: Served::default() }
    }

    fn token(&self, count: u8) -> Vec<u8> {
        [[1, 0, 0, 0], [count, 0, 0, 0], [self.device; 4], [0; 4]].concat()
    }

    /// Sends requests on a line of their own; the number of each answer.
    fn say(&mut self, requests: &[(u8, &str, Vec<u8>)]) -> Vec<u8> {
        let (up, down) = (Pipe::new(0), Pipe::new(1));
        for (kind, key, command) in requests {
            self.request += 1;
            let head = [vec![1, 1], varint(self.request), vec![*kind, key.len() as u8]].concat();
            let message = [&head[..], key.as_bytes(), command].concat();
            let mut frame = vec![0; message.len() + 9];
            let len = encode(&mut frame, |to| to.put(&message)).unwrap();
            up.put(&frame[..len]);
        }
        let mut gateway = Gateway::new(self.store, self.clock).limits(self.limits).admission(self.roster);
        {
            let mut serve = pin!(gateway.serve(up, down.clone()));
            for _ in 0..50 {
                assert!(poll(serve.as_mut()).is_pending());
            }
        }
        self.served = gateway.served();
        let mut decoder = Decoder::new(vec![0; 2_048]);
        let answers = down.drain();
        let mut said: Vec<_> = answers.iter().filter_map(|byte| decoder.feed(*byte).map(<[u8]>::to_vec)).collect();
        // in the order of their requests; head and number
        said.sort_by_key(|message| (message[2], message[3]));
        let wide = |message: &[u8]| if message[2] >= 0x80 { 4 } else { 3 };
        said.iter().map(|message| message[wide(message)]).collect()
    }

    fn acquire(&mut self, key: &str, count: u8, ttl: u64) -> u8 {
        let command = [vec![0], self.token(count), varint(ttl), vec![1, 0]].concat();
        self.say(&[(2, key, command)])[0]
    }

    fn release(&mut self, key: &str, count: u8) -> u8 {
        let command = [vec![2], self.token(count)].concat();
        self.say(&[(2, key, command)])[0]
    }

    fn renew(&mut self, key: &str, count: u8, ttl: u64) -> u8 {
        let command = [vec![1], self.token(count), varint(ttl)].concat();
        self.say(&[(2, key, command)])[0]
    }

    fn insert(&mut self, key: &str, fresh: Option<u64>, len: usize) -> u8 {
        let fresh = fresh.map_or(vec![0], |fresh| [vec![1], varint(fresh)].concat());
        let command = [vec![8], fresh, varint(len as u64), vec![b'v'; len]].concat();
        self.said_by_it((1, key, command))
    }

    fn clear(&mut self, key: &str) -> u8 {
        self.said_by_it((1, key, vec![5]))
    }

    /// One that names no device, on a line on which it was heard.
    fn said_by_it(&mut self, request: (u8, &str, Vec<u8>)) -> u8 {
        let renew = [vec![1], self.token(99), varint(1)].concat();
        self.say(&[(2, "?", renew), request])[1]
    }
}

macro_rules! line {
    ($clock:ident, $store:ident, $roster:ident, $line:ident) => {
        let $clock = ManualClock::new();
        let $store = Memory::new(&$clock);
        let $roster = Roster::new();
        let mut $line = Line::new(&$clock, &$store, &$roster, 7);
    };
}

#[test]
fn a_device_holds_so_many_rights_and_no_more() {
    line!(clock, store, roster, line);
    for count in 1..=3 {
        assert_eq!(line.acquire(&format!("k{count}"), count, 1_000), GRANTED);
    }
    assert_eq!(line.acquire("k4", 4, 1_000), FAILED);
    assert_eq!(line.served.denied, 1);
    assert_eq!(line.acquire("k1", 1, 1_000), GRANTED, "what it holds it may ask for again");
    assert_eq!(line.release("k2", 2), HELD);
    assert_eq!(line.acquire("k4", 4, 1_000), GRANTED, "one was given back");
    assert_eq!(line.acquire("k5", 5, 1_000), FAILED);
    clock.advance(Duration::from_secs(1));
    assert_eq!(line.acquire("k5", 5, 1_000), GRANTED, "they have ended");
}

#[test]
fn what_was_refused_is_not_held_and_what_is_renewed_is() {
    line!(clock, store, roster, line);
    let mut other = Line::new(&clock, &store, &roster, 8);
    assert_eq!(other.acquire("k", 1, 60_000), GRANTED);
    for count in 1..=9 {
        assert_ne!(line.acquire("k", count, 1_000), GRANTED, "busy");
        assert_eq!(line.served.denied, 0, "a refusal takes no place");
    }
    for count in 11..=13 {
        assert_eq!(line.acquire(&format!("k{count}"), count, 1_000), GRANTED);
    }
    clock.advance(Duration::from_millis(900));
    assert_eq!(line.renew("k11", 11, 5_000), HELD);
    clock.advance(Duration::from_millis(200));
    for (count, answer) in [(21, GRANTED), (22, GRANTED), (23, FAILED)] {
        assert_eq!(line.acquire(&format!("k{count}"), count, 1_000), answer, "{count}");
    }
}

#[test]
fn what_is_to_last_longer_than_it_may_is_refused_and_values_are_kept_for_as_long_as_they_may() {
    line!(clock, store, roster, line);
    let day = 24 * 3_600_000;
    assert_eq!(line.acquire("k", 1, day + 1), FAILED);
    assert_eq!(line.acquire("k", 1, day), GRANTED);
    assert_eq!(line.renew("k", 1, day + 1), FAILED);
    assert_eq!(BlockingWords::remaining(&store, named(Kind::Lock)), Ok(Some(Duration::from_millis(day))));
    let month = 30 * day;
    // begun and completed
    let begin = [vec![0], line.token(2), varint(1_000), vec![1, 0]].concat();
    let [too_long, complete] = [month + 1, month].map(|keep| [vec![3], line.token(2), varint(keep)].concat());
    assert_eq!(line.say(&[(3, "k", begin), (3, "k", too_long), (3, "k", complete)]), [GRANTED, FAILED, HELD]);
    assert_eq!(line.served.denied, 1);
    for fresh in [None, Some(month + 1)] {
        assert_eq!(line.insert("k", fresh, 10), HELD, "a cache may forget");
    }
}

#[test]
fn sixty_days_are_sixty_days() {
    line!(clock, store, roster, line);
    let days = 60 * 24 * 3_600_000;
    line.limits = Limits { lease: Duration::from_millis(days), keep: Duration::from_millis(days), ..Limits::DEFAULT };
    assert_eq!(line.acquire("k", 1, days), GRANTED);
    assert_eq!(BlockingWords::remaining(&store, named(Kind::Lock)), Ok(Some(Duration::from_millis(days))));
}

#[test]
fn a_device_stores_so_many_bytes_and_no_more() {
    line!(clock, store, roster, line);
    // 64 beside key and value
    assert_eq!(line.insert("a", Some(1_000), 135), HELD);
    assert_eq!(line.insert("b", Some(1_000), 36), FAILED);
    assert_eq!(line.insert("b", Some(1_000), 35), HELD);
    assert_eq!(line.insert("a", Some(5_000), 135), HELD, "in its own place");
    assert_eq!(line.insert("c", Some(1_000), 0), FAILED);
    assert_eq!(line.clear("b"), 70);
    assert_eq!(line.insert("c", Some(1_000), 35), HELD, "one was forgotten");
    clock.advance(Duration::from_secs(1));
    assert_eq!(line.insert("d", Some(1_000), 36), FAILED, "one lives on");
    assert_eq!(line.insert("d", Some(1_000), 35), HELD, "the other has ended");
}

/// What is not stored after all takes no place, and nothing is stored that takes none.
#[test]
fn a_value_of_a_flight_that_is_not_its_own_changes_nothing_of_what_it_has_stored() {
    line!(clock, store, roster, line);
    let publish = |line: &Line<'_>, count, len: usize| {
        [vec![4], line.token(count), vec![0], varint(len as u64), vec![b'v'; len]].concat()
    };
    assert_eq!(line.insert("a", None, 135), HELD);
    for count in 1..9 {
        let empty = publish(&line, count, 0);
        assert_eq!(line.say(&[(1, "a", empty)]), [HELD], "lost");
    }
    assert_eq!(line.insert("b", None, 36), FAILED, "the first value is there still");
    for count in 1..9 {
        let value = publish(&line, count, 35);
        assert_eq!(line.say(&[(1, "b", value)]), [HELD], "lost");
    }
    assert_eq!(line.insert("c", None, 35), HELD, "nothing was stored at `b`");
}

#[test]
fn so_many_devices_have_something_at_a_time() {
    line!(clock, store, roster, line);
    let mut others = [8, 9].map(|device| Line::new(&clock, &store, &roster, device));
    assert_eq!(line.acquire("a", 1, 1_000), GRANTED);
    assert_eq!(others[0].acquire("b", 1, 5_000), GRANTED);
    assert_eq!(others[1].acquire("c", 1, 1_000), FAILED);
    clock.advance(Duration::from_secs(1));
    assert_eq!(others[1].acquire("c", 1, 1_000), GRANTED, "one has nothing any more");
}

#[test]
fn a_line_that_says_too_much_is_read_later_and_nothing_is_lost() {
    let clock = ManualClock::new();
    let store = Memory::new(&clock);
    let (up, down) = (Pipe::new(0), Pipe::new(1));
    let mut random = Random::new(1);
    for n in 0..250_u32 {
        let message = [1, 1, (n % 100 + 1) as u8 | 0x80, (n / 100) as u8, 2, 1, b'a' + random.below(9) as u8, 6];
        let mut frame = [0; 32];
        let len = encode(&mut frame, |to| to.put(&message)).unwrap();
        up.put(&frame[..len]);
    }
    let mut gateway = Gateway::new(&store, &clock).limits(Limits { rate: 50, ..Limits::DEFAULT });
    let mut ended = 0;
    {
        let mut serve = pin!(gateway.serve(up.clone(), down.clone()));
        while !up.is_empty() {
            for _ in 0..20 {
                assert!(poll(serve.as_mut()).is_pending());
            }
            clock.advance(Duration::from_millis(10));
            ended = clock.now().as_millis();
            assert!(ended < 60_000);
        }
        for _ in 0..20 {
            assert!(poll(serve.as_mut()).is_pending());
        }
    }
    // 50 at once, and 200 more at 50 a second
    assert!((3_500..4_500).contains(&ended), "{ended}");
    let served = gateway.served();
    assert!(served.paced > 0 && served.rubbish == 0, "{served:?}");
    assert_eq!(served.done + served.repeated + served.crowded, 250, "{served:?}");
}
