//! Lines with keys: who has none, or another's, or sends again what was sent, changes nothing; by the names of the attacks.

use crate::{
    pipe::{Faults, Line, Pipe, Random},
    world::{Device, Memory, World, device, fault, named, once_more, pass},
};
use cachify::StdLock;
use cachify_core::{
    Instance, Refused,
    key::Kind,
    store::lock::NoLock,
    testing::{BlockingWords, ManualClock},
};
use cachify_link::{
    Gateway, Identity, RemoteStore, Roster, Session,
    frame::encode,
    keyed::{DeviceKey, Gate, Keyed, Keyring, Unproven},
};
use std::{cell::Cell, cell::RefCell, collections::BTreeMap, pin::pin, time::Duration};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(60);

/// What a gateway knows.
#[derive(Default)]
struct Keys {
    of: RefCell<BTreeMap<[u32; 2], [Option<DeviceKey>; 2]>>,
    last: RefCell<BTreeMap<[u32; 2], (u32, u32)>>,
    refused: RefCell<Vec<Unproven>>,
    dropped: Cell<u32>,
    challenges: Cell<u8>,
}

impl Keys {
    fn of(device: u32, key: u8) -> Self {
        let keys = Self::default();
        keys.of.borrow_mut().insert([device, !device], [Some(DeviceKey::new([key; 16])), None]);
        keys
    }

    fn refused(&self) -> Vec<Unproven> {
        let mut refused = self.refused.take();
        refused.dedup();
        refused
    }
}

impl Keyring for Keys {
    fn keys(&self, device: [u32; 2]) -> [Option<DeviceKey>; 2] {
        self.of.borrow().get(&device).cloned().unwrap_or_default()
    }
    fn challenge(&self) -> [u8; 16] {
        self.challenges.set(self.challenges.get() + 1);
        [self.challenges.get(); 16]
    }
    fn is_next(&self, sender: Identity, attempt: u32) -> bool {
        let (mut last, number) = (self.last.borrow_mut(), (sender.session, attempt));
        let is_next = last.get(&sender.device).is_none_or(|last| *last < number);
        if is_next {
            last.insert(sender.device, number);
        }
        is_next
    }
    fn refused(&self, _: [u32; 2], why: Unproven) {
        self.refused.borrow_mut().push(why);
    }
    fn dropped(&self) {
        self.dropped.set(self.dropped.get() + 1);
    }
}

fn session(id: u32, life: u32) -> Session {
    Session { id: life, device: [id, !id] }
}

/// A device with a key on its line, for as long as it is not reset.
fn pump<'a>(
    device: &'a Device<'a>,
    key: u8,
    session: Session,
    clock: &'a ManualClock,
    line: &Line,
    reset: &'a Cell<bool>,
    world: &mut World<'a>,
) {
    let near = line.clone();
    world.services.push(Box::pin(async move {
        let keyed = Keyed::new(DeviceKey::new([key; 16]), session, clock);
        let gone = async {
            while !reset.get() {
                once_more().await;
            }
        };
        let on = async {
            loop {
                if let Ok((reader, writer)) = keyed.open(near.down.clone(), near.up.clone()).await {
                    let _ = device.store().pump(reader, writer).await;
                }
                once_more().await;
            }
        };
        let _: Result<(), ()> = cachify_core::drive::beside(pin!(gone), pin!(on)).await;
        std::future::pending::<()>().await;
    }));
}

/// A gateway that lets in who has a key.
fn serve<'a>(
    store: &'a Memory<'a>,
    clock: &'a ManualClock,
    keys: &'a Keys,
    roster: &'a Roster<StdLock>,
    line: &Line,
    done: &'a Cell<u64>,
    world: &mut World<'a>,
) {
    let far = line.clone();
    world.services.push(Box::pin(async move {
        let mut gateway = Gateway::new(store, clock).admission(roster);
        let (gate, mut hello) = (Gate::new(keys), None);
        loop {
            let (mut reader, mut writer) = (far.up.clone(), far.down.clone());
            if let Ok(mut device) = gate.admit(&mut reader, &mut writer, hello.take()).await {
                gateway.serve_device(device.identity, &mut device.reader, &mut device.writer).await;
                hello = device.hello();
            }
            done.set(gateway.served().done);
            once_more().await;
        }
    }));
}

macro_rules! keyed {
    ($clock:ident, $store:ident, $keys:ident, $roster:ident, $line:ident, $world:ident, $done:ident $(, $more:ident = $value:expr)*) => {
        let $clock = ManualClock::new();
        let $store = Memory::new(&$clock);
        let $keys = Keys::of(1, 7);
        let $roster = Roster::<StdLock>::new();
        let $line = Line::new(0);
        #[allow(unused_variables, reason = "not every test counts")]
        let $done = Cell::new(0);
        $(let $more = $value;)*
        let mut $world = World::new(&$clock, 0);
        serve(&$store, &$clock, &$keys, &$roster, &$line, &$done, &mut $world);
    };
}

fn is_held(store: &Memory<'_>) -> bool {
    BlockingWords::remaining(store, named(Kind::Lock)).unwrap().is_some()
}

/// The next one.
fn fence(store: &Memory<'_>) -> u64 {
    let local = Instance::new(store);
    let guard = local.lock("k").ttl(LONG).try_acquire_blocking().unwrap().expect("free");
    guard.fence().0
}

async fn locks(device: &Device<'_>) -> bool {
    let Ok(Some(guard)) = device.lock("k").ttl(LONG).try_acquire().await else { return false };
    guard.release().await.is_ok()
}

#[test]
fn who_has_the_key_works_and_nothing_of_it_can_be_read() {
    keyed!(
        clock,
        store,
        keys,
        roster,
        line,
        world,
        done,
        device = device(&clock, 1),
        never = Cell::new(false),
        heard = RefCell::new(Vec::new())
    );
    pump(&device, 7, session(1, 1), &clock, &line, &never, &mut world);
    world.spawn(async {
        let secret = device.lock("a-secret-name").ttl(LONG);
        let guard = secret.try_acquire().await.unwrap().expect("free");
        assert!(
            BlockingWords::remaining(&store, cachify_core::key::Key::new(Kind::Lock, "", b"a-secret-name", 0))
                .unwrap()
                .is_some()
        );
        guard.release().await.unwrap();
        let value = device.cache("v").ttl(LONG).get_or_insert_with(async || Ok::<_, ()>(5_u32)).await;
        assert_eq!(value, Ok(5));
    });
    assert!(world.run(LONG, || heard.borrow_mut().extend(line.up.seen())));
    let heard = heard.borrow();
    assert!(!heard.windows(8).any(|part| part == b"a-secret"), "a name on the line");
    assert_eq!(keys.refused(), []);
    assert_eq!(keys.dropped.get(), 0);
}

#[test]
fn keyless_and_wrong_keys_are_refused_and_named_and_do_nothing() {
    for (device_id, key, why) in [(1, 8, Unproven::WrongKey), (2, 7, Unproven::Unknown)] {
        keyed!(
            clock,
            store,
            keys,
            roster,
            line,
            world,
            done,
            device = device(&clock, device_id),
            never = Cell::new(false)
        );
        pump(&device, key, session(device_id, 1), &clock, &line, &never, &mut world);
        world.spawn(async {
            let refused = device.lock("k").try_acquire().await.unwrap_err();
            assert!(matches!(refused, Refused::Unavailable { .. }), "never sent: {refused:?}");
        });
        assert!(world.run(LONG, || ()));
        assert_eq!(keys.refused(), [why]);
        assert!(!is_held(&store));
    }
}

#[test]
fn two_keys_are_valid_at_once_while_one_takes_the_place_of_the_other() {
    for (key, opens) in [(7, true), (8, true), (9, false)] {
        keyed!(clock, store, keys, roster, line, world, done, device = device(&clock, 1), never = Cell::new(false));
        keys.of.borrow_mut().insert([1, !1], [8, 7].map(|key| Some(DeviceKey::new([key; 16]))));
        pump(&device, key, session(1, 1), &clock, &line, &never, &mut world);
        world.spawn(async { assert_eq!(locks(&device).await, opens, "{key}") });
        assert!(world.run(LONG, || ()));
    }
}

/// Downgrade: a device without keys is not heard by a gateway with keys, nor a gateway without by a device with one.
#[test]
fn downgrade() {
    keyed!(clock, store, keys, roster, line, world, done, plain = device(&clock, 1));
    world.services.push(Box::pin(async {
        loop {
            plain.store().pump(line.down.clone(), line.up.clone()).await;
            once_more().await;
        }
    }));
    world.spawn(async { assert!(plain.lock("k").try_acquire().await.is_err()) });
    assert!(world.run(LONG, || ()));
    assert!(!is_held(&store) && keys.dropped.get() > 0);

    let (clock, line, never) = (ManualClock::new(), Line::new(0), Cell::new(false));
    let (store, keyed) = (Memory::new(&clock), device(&clock, 1));
    let mut world = World::new(&clock, 0);
    world.services.push(Box::pin(async {
        Gateway::new(&store, &clock).serve(line.up.clone(), line.down.clone()).await;
    }));
    pump(&keyed, 7, session(1, 1), &clock, &line, &never, &mut world);
    world.spawn(async { assert!(keyed.lock("k").try_acquire().await.is_err()) });
    assert!(world.run(LONG, || ()));
    assert!(!is_held(&store));
}

/// Replay: all that a device said, said again on its line and on another one.
#[test]
fn replay() {
    keyed!(
        clock,
        store,
        keys,
        roster,
        line,
        world,
        done,
        device = device(&clock, 1),
        reset = Cell::new(false),
        said = RefCell::new(Vec::new())
    );
    pump(&device, 7, session(1, 1), &clock, &line, &reset, &mut world);
    world.spawn(async {
        for _ in 0..3 {
            assert!(locks(&device).await);
        }
    });
    assert!(world.run(LONG, || said.borrow_mut().extend(line.up.seen())));
    let said = said.take();
    assert!(said.len() > 300, "{}", said.len());
    let (before, dropped) = (fence(&store), keys.dropped.get());
    // on the same line, while it lasts
    line.up.put(&said);
    world.spawn(pass(&clock, 100 * MS));
    assert!(world.run(LONG, || assert!(!is_held(&store))));
    assert!(keys.dropped.get() > dropped, "counted");
    assert_eq!(keys.refused(), [Unproven::Old], "its greeting");
    // on a line of its own
    reset.set(true);
    let other = Line::new(1);
    serve(&store, &clock, &keys, &roster, &other, &done, &mut world);
    other.up.put(&said);
    world.spawn(pass(&clock, 100 * MS));
    assert!(world.run(LONG, || assert!(!is_held(&store))));
    assert_eq!(keys.refused(), [Unproven::Old]);
    assert_eq!(before + 1, fence(&store), "nothing was granted");
}

/// Reflection: what each side said comes back to it.
#[test]
fn reflection() {
    keyed!(clock, store, keys, roster, line, world, done, device = device(&clock, 1), never = Cell::new(false));
    let (up, down) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    pump(&device, 7, session(1, 1), &clock, &line, &never, &mut world);
    world.spawn(async { assert!(locks(&device).await) });
    assert!(world.run(LONG, || {
        up.borrow_mut().extend(line.up.seen());
        down.borrow_mut().extend(line.down.seen());
    }));
    line.down.put(&up.take());
    line.up.put(&down.take());
    world.spawn(async {
        pass(&clock, 100 * MS).await;
        assert!(!is_held(&store));
        assert!(locks(&device).await, "it goes on");
    });
    assert!(world.run(LONG, || ()));
    assert!(keys.dropped.get() > 0);
}

/// Another device's key: a device with a key of its own speaks in the name of another, and releases what that one holds.
#[test]
fn another_device_s_identity_and_lease() {
    keyed!(clock, store, keys, roster, line, world, done, imposter = device(&clock, 1), never = Cell::new(false));
    let local = Instance::new(&store);
    let held = local.lock("k").ttl(LONG).try_acquire_blocking().unwrap().expect("free");
    keys.of.borrow_mut().insert([2, !2], [Some(DeviceKey::new([2; 16])), None]);
    // its line is opened as device 2, and what it says is that of device 1
    pump(&imposter, 2, session(2, 1), &clock, &line, &never, &mut world);
    world.spawn(async {
        let refused = imposter.lock("free").try_acquire().await.unwrap_err();
        assert!(
            matches!(refused, Refused::Unavailable { cause: cachify_core::Cause::Rejected { .. }, .. }),
            "{refused:?}"
        );
    });
    assert!(world.run(LONG, || ()));
    assert!(held.is_valid() && is_held(&store));
}

/// Flood, slow bytes and a giant frame: whoever comes after them works.
#[test]
fn flood_slow_bytes_and_a_giant_frame() {
    keyed!(clock, store, keys, roster, line, world, done, device = device(&clock, 1), never = Cell::new(false));
    let mut random = Random::new(5);
    let mut frame = [0; 64];
    for _ in 0..2_000 {
        // greetings and frames of everybody, with tags of nobody
        let message: Vec<u8> =
            (0..34).map(|at| if at == 0 { 1 + random.below(4) as u8 } else { random.below(256) as u8 }).collect();
        let len = encode(&mut frame, |to| to.put(&message)).unwrap();
        line.up.put(&frame[..len]);
    }
    line.up.put(&vec![0x55; 1 << 20]);
    line.up.put(&[0]);
    // the first half of a greeting
    line.up.put(&[0, 35, 1, 1, 1]);
    world.spawn(pass(&clock, 200 * MS));
    assert!(world.run(LONG, || ()));
    assert!(keys.dropped.get() > 1_000, "{}", keys.dropped.get());
    pump(&device, 7, session(1, 1), &clock, &line, &never, &mut world);
    line.set(Faults { delays: 2, ..Faults::default() });
    world.spawn(async { assert!(device.lock("k").ttl(LONG).wait(LONG).acquire().await.is_ok()) });
    assert!(world.run(LONG, || ()));
}

/// A device that was reset opens the line anew, with a higher number; one whose number went back is refused by name.
#[test]
fn a_reset_opens_the_line_anew_and_a_number_that_went_back_does_not() {
    keyed!(
        clock,
        store,
        keys,
        roster,
        line,
        world,
        done,
        lives = [1, 2, 1].map(|life| {
            let device = Instance::new(RemoteStore::<NoLock, _>::new(&clock));
            device.store().start(session(1, life));
            (device, life, Cell::new(false))
        })
    );
    for (at, (device, life, reset)) in lives.iter().enumerate() {
        pump(device, 7, session(1, *life), &clock, &line, reset, &mut world);
        world.spawn(async move { assert_eq!(locks(device).await, at < 2, "life {life}") });
        assert!(world.run(LONG, || ()));
        reset.set(true);
        world.round();
    }
    assert_eq!(keys.refused(), [Unproven::Old]);
}

/// The gateway is restarted, and its line tells the device nothing of it.
#[test]
fn a_gateway_that_forgot_the_line_is_greeted_again() {
    let clock = ManualClock::new();
    let (store, line, device, never) = (Memory::new(&clock), Line::new(0), device(&clock, 1), Cell::new(false));
    let (roster, done) = (Roster::<StdLock>::new(), Cell::new(0));
    let [one, two] = [Keys::of(1, 7), Keys::of(1, 7)];
    let mut world = World::new(&clock, 0);
    serve(&store, &clock, &one, &roster, &line, &done, &mut world);
    pump(&device, 7, session(1, 1), &clock, &line, &never, &mut world);
    world.spawn(async { assert!(locks(&device).await) });
    assert!(world.run(LONG, || ()));
    drop(world.services.remove(0));
    serve(&store, &clock, &two, &roster, &line, &done, &mut world);
    world.spawn(async {
        let lock = device.lock("k").ttl(LONG).wait(10_000 * MS);
        assert!(lock.acquire().await.is_ok());
    });
    assert!(world.run(LONG, || ()));
    assert!(cachify_core::time::Clock::now(&clock).as_millis() < 10_000);
}

/// On lines that lose, change, double and add bytes a lock stays one, and who waits gets in.
#[test]
fn on_bad_lines_it_is_as_without_keys() {
    for seed in 0..40 {
        let clock = ManualClock::new();
        let store = Memory::new(&clock);
        let (roster, done, never) = (Roster::<StdLock>::new(), Cell::new(0), Cell::new(false));
        let keys = Keys::of(1, 7);
        keys.of.borrow_mut().insert([2, !2], [Some(DeviceKey::new([7; 16])), None]);
        let lines = [Line::new(seed), Line::new(seed + 1_000)];
        let units = [device(&clock, 1), device(&clock, 2)];
        let mut random = Random::new(seed);
        let (inside, entered) = (Cell::new(0), Cell::new(0));
        let mut world = World::new(&clock, seed);
        for (at, (line, unit)) in lines.iter().zip(&units).enumerate() {
            line.set(Faults { closed: false, cut: false, broken: false, ..fault(&mut random) });
            serve(&store, &clock, &keys, &roster, line, &done, &mut world);
            pump(unit, 7, session(at as u32 + 1, 1), &clock, line, &never, &mut world);
            let (inside, entered, clock) = (&inside, &entered, &clock);
            world.spawn(async move {
                for _ in 0..5 {
                    let Ok(guard) = unit.lock("k").ttl(300 * MS).wait(LONG).acquire().await else { continue };
                    inside.set(inside.get() + 1);
                    assert!(inside.get() == 1 || !guard.is_valid(), "two at once");
                    pass(clock, 5 * MS).await;
                    inside.set(inside.get() - 1);
                    entered.set(entered.get() + 1);
                    drop(guard);
                }
            });
        }
        assert!(world.run(10 * LONG, || ()), "{seed}");
        assert!(entered.get() > 0, "{seed}");
    }
}

#[expect(dead_code, reason = "compiled only: what a gateway on threads needs")]
fn a_line_with_keys_may_change_threads(pipe: &Pipe) {
    fn is_send<T: Send>(_: &T) {}
    let _ = pipe;
    is_send(&Keyed::new(DeviceKey::new([1; 16]), session(1, 1), cachify::clock::StdClock::system()));
}
