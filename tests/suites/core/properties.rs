//! Properties over random input: templates, keys, TTLs, and stores against the cell.

use cachify_core::testing::BlockingWords;
use cachify_core::{
    Ttl,
    cell::{Ask, Cell, Fences, Holding, Life, Lookup, MaybeOwned},
    key::{Arguments, AsKey, Key, KeyBuffer, KeySink, KeyTemplate, Kind, LongKeyBuf},
    patience::{Contended, Ticket},
    store::{Values, fixed::FixedStore, growing::MapStore, lock::NoLock},
    testing::ManualClock,
    time::{Clock, Instant},
    token::HolderToken,
};
use cachify_template::{Argument, Piece, pieces};
use proptest::prelude::*;
use std::time::Duration;

/// Text of the characters that matter to templates and escapes, and of those that escapes are made of.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!['3', 'A', '%', ':', '{', '-', 'é', '\n']), 0..8)
        .prop_map(|chars| chars.into_iter().collect())
}

fn render(key: impl AsKey) -> Vec<u8> {
    let mut buf = LongKeyBuf::default();
    key.render_key(&mut buf);
    buf.bytes().unwrap().to_vec()
}

/// Undoes percent-escapes; panics on a malformed one.
fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(b) = rest.next() {
        let mut hex = || char::from(rest.next().expect("two digits")).to_digit(16).expect("a digit");
        bytes.push(if b == b'%' { u8::try_from(hex() * 16 + hex()).unwrap() } else { b });
    }
    String::from_utf8(bytes).unwrap()
}

/// A literal as it stands in a template.
fn literal(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

proptest! {
    /// What the parser takes apart can be put together again.
    #[test]
    fn templates_round_trip(literals in prop::collection::vec(text(), 2..5)) {
        let between: Vec<_> = literals.iter().map(|l| format!("x{}", literal(l))).collect();
        let template = between.join("{name.field[0]:>3}");
        let mut again = String::new();
        for piece in pieces(&template) {
            match piece.unwrap() {
                Piece::Literal(text) => again += &literal(text),
                Piece::Placeholder(hole) => {
                    prop_assert_eq!(hole.argument, Argument::Name("name"));
                    prop_assert_eq!(hole.path.count(), 2);
                    again.extend(["{", hole.text, "}"]);
                }
            }
        }
        prop_assert_eq!(again, template);
    }

    /// No template makes the parser panic or loop.
    #[test]
    fn any_text_is_parsed_or_refused(template in "\\PC{0,40}|[{}:.\\[\\]\"%a0]{0,20}") {
        prop_assert!(pieces(&template).count() <= template.len() + 1);
    }

    /// Different arguments never make one key, whatever stands between the placeholders.
    #[test]
    fn keys_are_injective(a in (text(), text()), b in (text(), text()), between in text()) {
        let template = format!("{{}}{}{{}}", literal(&between));
        if let Ok(template) = KeyTemplate::parse(&template) {
            let of = |(x, y): &(String, String)| render(template.with(Arguments { positional: &[x, y], named: &[] }));
            prop_assert_eq!(of(&a) == of(&b), a == b);
        }
        prop_assert_eq!(render((&a.0, &a.1)) == render((&b.0, &b.1)), a == b);
    }

    /// A key can be read back: escapes are whole, and nothing but an escape begins with `%`.
    #[test]
    fn keys_can_be_decoded(a in text(), b in text()) {
        let key = String::from_utf8(render((&a, &b))).unwrap();
        let parts: Vec<_> = key.split(':').map(decode).collect();
        prop_assert_eq!(parts, [a, b]);
    }

    /// A tuple equals the template with colons.
    #[test]
    fn tuples_equal_templates(a in text(), n in any::<i64>()) {
        let template = KeyTemplate::parse("user:{}:{n}").unwrap();
        let templated = render(template.with(Arguments { positional: &[&a], named: &[("n", &n)] }));
        prop_assert_eq!(render(("user", a, n)), templated);
    }

    /// Numbers in keys read as they are displayed.
    #[test]
    fn numbers_render_as_displayed(n in any::<i64>(), m in any::<u64>(), k in any::<i8>()) {
        prop_assert_eq!(render((n, m, k)), format!("{n}:{m}:{k}").into_bytes());
    }

    /// Nothing is lost in a key, however long, and a fixed buffer says when it does not fit.
    #[test]
    fn buffers_cut_nothing(parts in prop::collection::vec("[a-z]{0,60}", 0..6)) {
        let (mut long, mut short) = (LongKeyBuf::default(), cachify_core::key::KeyBuf::<64>::default());
        for part in &parts {
            long.put(part.as_bytes());
            short.put(part.as_bytes());
        }
        let whole = parts.concat();
        prop_assert_eq!(long.bytes().unwrap(), whole.as_bytes());
        prop_assert_eq!(short.bytes().is_ok(), whole.len() <= 64);
    }

    /// An end is never before its TTL, never more than a millisecond after, and never overflows.
    #[test]
    fn a_ttl_is_rounded_up(now in any::<u64>(), nanos in any::<u64>()) {
        let (now, ttl) = (Instant::from_millis(now), Duration::from_nanos(nanos));
        let end = Ttl::For(ttl).end(now);
        prop_assert!(end == Instant::MAX || (end.since(now) >= ttl && end.since(now) < ttl + Duration::from_millis(1)));
    }

    /// A jittered TTL is at most the TTL, at least the TTL less its percentage, and never zero.
    #[test]
    fn jitter_keeps_its_bounds(ms in 1_u64..100_000_000, percent in 0_u8..=100, random in any::<u32>()) {
        let ttl = Duration::from_millis(ms);
        let Ttl::For(cut) = Ttl::For(ttl).jittered(percent, random) else { panic!() };
        prop_assert!(cut <= ttl && !cut.is_zero());
        prop_assert!(cut + ttl * u32::from(percent) / 100 + Duration::from_millis(1) >= ttl);
    }

    /// Precedence: what was said, then the default, then for ever.
    #[test]
    fn the_nearest_ttl_wins(said in prop::option::of(1_u64..9), default in prop::option::of(1_u64..9)) {
        let ttl = |s: Option<u64>| s.map(|s| Ttl::For(Duration::from_secs(s)));
        prop_assert_eq!(Ttl::resolve(ttl(said), ttl(default)), ttl(said.or(default)).unwrap_or(Ttl::Forever));
    }
}

/// One step of a history on one key.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u64),
    Acquire(u32, u64),
    Renew(u32, u64),
    Release(u32),
    Begin(u32, u64),
    Complete(u32, u64),
    /// Within so many milliseconds of its end a value does not count.
    Join(u32, u64, u32),
    Publish(u32, u8, u64),
    Abandon(u32),
    Invalidate,
    Get,
}

fn step() -> impl Strategy<Value = Step> {
    let (who, ttl) = (1_u32..4, 1_u64..12);
    let window = prop_oneof![Just(0_u32), 1_u32..8];
    prop_oneof![
        (0_u64..8).prop_map(Step::Pass),
        (who.clone(), ttl.clone()).prop_map(|(w, t)| Step::Acquire(w, t)),
        (who.clone(), ttl.clone()).prop_map(|(w, t)| Step::Renew(w, t)),
        who.clone().prop_map(Step::Release),
        (who.clone(), ttl.clone()).prop_map(|(w, t)| Step::Begin(w, t)),
        (who.clone(), 0_u64..12).prop_map(|(w, t)| Step::Complete(w, t)),
        (who.clone(), ttl.clone(), window).prop_map(|(w, t, near)| Step::Join(w, t, near)),
        (who.clone(), any::<u8>(), ttl).prop_map(|(w, v, t)| Step::Publish(w, v, t)),
        who.prop_map(Step::Abandon),
        Just(Step::Invalidate),
        Just(Step::Get),
    ]
}

const fn ask(who: u32, ttl: u64) -> Ask {
    Ask::new(HolderToken([who; 4]), Duration::from_millis(ttl))
}

fn life(ttl: u64) -> Life {
    Life::new(Ttl::For(Duration::from_millis(ttl)))
}

/// What a reply means, without what is the store's own affair (tickets, absolute fences).
fn seen<G: std::fmt::Debug>(reply: &Contended<G>, meaning: impl Fn(&G) -> String) -> String {
    match reply {
        Contended::Granted(grant) => meaning(grant),
        Contended::Busy(busy) => format!("busy {:?}", busy.remaining),
    }
}

fn looked(lookup: &Lookup<u8>) -> String {
    match lookup {
        Lookup::Fill { remaining, .. } => format!("fill {remaining:?}"),
        other => format!("{other:?}"),
    }
}

/// The cells themselves: one of each kind.
#[derive(Default)]
struct Bare {
    lock: Cell<u8>,
    once: Cell<u8>,
    cache: Cell<u8>,
    fences: Fences,
}

impl Bare {
    fn step(&mut self, now: Instant, step: Step) -> String {
        let none = Ticket::NONE;
        let token = |who| HolderToken([who; 4]);
        match step {
            Step::Pass(_) => String::new(),
            Step::Acquire(w, t) => seen(&self.lock.lease.acquire(now, &ask(w, t), &mut self.fences, none), |g| {
                format!("{:?}", g.remaining)
            }),
            Step::Renew(w, t) => format!("{:?}", self.lock.lease.renew(now, token(w), Duration::from_millis(t))),
            Step::Release(w) => format!("{:?}", self.lock.lease.release(now, token(w))),
            Step::Begin(w, t) => begun(&self.once.begin(now, &ask(w, t), &mut self.fences, none)),
            Step::Complete(w, t) => format!("{:?}", self.once.complete(now, token(w), Duration::from_millis(t))),
            Step::Join(w, t, near) => {
                let near = Duration::from_millis(near.into());
                seen(&self.cache.join(now, &ask(w, t), near, &mut self.fences, none), looked)
            }
            Step::Publish(w, v, t) => format!("{:?}", self.cache.publish(now, token(w), v, life(t))),
            Step::Abandon(w) => format!("{:?}", self.cache.lease.release(now, token(w))),
            Step::Invalidate => format!("{:?}", self.cache.invalidate(now)),
            Step::Get => format!("{:?}", self.cache.fresh(now)),
        }
    }
}

fn begun(begun: &cachify_core::cell::Begun) -> String {
    use cachify_core::cell::Begun;
    match begun {
        Begun::Run(grant) => format!("run {:?}", grant.remaining),
        Begun::Busy(busy) => format!("busy {:?}", busy.remaining),
        Begun::Done { remaining } => format!("done {remaining:?}"),
        _ => unreachable!("no other answer today"),
    }
}

/// The same step on a store.
fn on_store<S>(store: &S, step: Step) -> String
where
    S: Values<u8, ()>,
{
    let key = |kind| Key::new(kind, "", b"k", store.seed());
    let (lock, once, cache) = (key(Kind::Lock), key(Kind::Once), key(Kind::Cache));
    let token = |who| HolderToken([who; 4]);
    let holding = |done: Result<Holding, cachify_core::Cause>| format!("{:?}", done.unwrap());
    match step {
        Step::Pass(_) => String::new(),
        Step::Acquire(w, t) => seen(&store.acquire(lock, &ask(w, t)).unwrap(), |g| format!("{:?}", g.remaining)),
        Step::Renew(w, t) => holding(store.renew(lock, &ask(w, t))),
        Step::Release(w) => holding(BlockingWords::release(store, lock, token(w))),
        Step::Begin(w, t) => begun(&store.begin(once, &ask(w, t)).unwrap()),
        Step::Complete(w, t) => holding(store.complete(once, token(w), Duration::from_millis(t))),
        Step::Join(w, t, near) => seen(&store.join_within(cache, &(), &ask(w, t), near).unwrap(), looked),
        Step::Publish(w, v, t) => holding(store.publish(cache, &(), token(w), MaybeOwned::Owned(v), life(t))),
        Step::Abandon(w) => holding(store.give_up(cache, token(w))),
        Step::Invalidate => format!("{:?}", store.invalidate(cache).unwrap()),
        Step::Get => format!("{:?}", store.get(cache, &()).unwrap().as_ref()),
    }
}

proptest! {
    /// Every store in RAM answers every history as the cells do.
    #[test]
    fn stores_equal_the_cell(history in prop::collection::vec(step(), 1..60)) {
        let clock = ManualClock::new();
        let fixed = FixedStore::<NoLock, _, 4, u8>::new(&clock);
        let growing = MapStore::<NoLock, _, u8>::with_seed(&clock, 99);
        let std_clock = cachify::ManualClock::new();
        let memory = cachify::Cachify::builder().clock(std_clock.clone()).build_memory();
        let memory = cachify_core::instance::Handle::instance(&memory).store();
        let mut bare = Bare::default();
        for step in history {
            if let Step::Pass(ms) = step {
                clock.advance(Duration::from_millis(ms));
                std_clock.advance(Duration::from_millis(ms));
            }
            let expected = bare.step(clock.now(), step);
            prop_assert_eq!(&on_store(&fixed, step), &expected, "fixed, {:?}", step);
            prop_assert_eq!(&on_store(&growing, step), &expected, "growing, {:?}", step);
            prop_assert_eq!(&on_store(memory, step), &expected, "memory, {:?}", step);
        }
    }

    /// A pool never lets in more than its size, and always somebody while there is room.
    #[test]
    fn pools_keep_their_size(
        steps in prop::collection::vec((0_u8..4, 1_u32..8, 1_u64..9), 1..80),
        size in 1_u32..4,
    ) {
        let clock = ManualClock::new();
        let (fixed, growing) = (FixedStore::<NoLock, _, 8>::new(&clock), MapStore::<NoLock, _, ()>::new(&clock));
        let key = Key::new(Kind::Pool, "", b"p", 0);
        let mut held: Vec<(u32, u64, u32)> = Vec::new();
        for (what, who, ttl) in steps {
            let now = clock.now().as_millis();
            held.retain(|(_, end, _)| *end > now);
            let own = held.iter().position(|(w, ..)| *w == who);
            match what {
                0 => clock.advance(Duration::from_millis(ttl)),
                1 | 2 => {
                    let replies = [fixed.take(key, size, &ask(who, ttl)).unwrap(), growing.take(key, size, &ask(who, ttl)).unwrap()];
                    let index = replies.map(|r| r.granted().map(|g| g.index));
                    prop_assert_eq!(index[0], index[1]);
                    let lowest = (0..u32::MAX).find(|i| held.iter().all(|(.., taken)| taken != i)).unwrap();
                    let expected = match own {
                        Some(at) => Some(held[at].2),
                        None => (held.len() < size as usize).then_some(lowest),
                    };
                    prop_assert_eq!(index[0], expected);
                    if own.is_none() && let Some(index) = expected { held.push((who, now + ttl, index)); }
                }
                _ => {
                    let done = fixed.give_back(key, HolderToken([who; 4])).unwrap();
                    prop_assert_eq!(growing.give_back(key, HolderToken([who; 4])).unwrap(), done);
                    prop_assert_eq!(done == Holding::Held, own.is_some());
                    own.map(|at| held.remove(at));
                }
            }
            let now = clock.now().as_millis();
            let live = held.iter().filter(|(_, end, _)| *end > now).count();
            prop_assert_eq!(fixed.in_use(key).unwrap() as usize, live);
            prop_assert_eq!(growing.in_use(key).unwrap() as usize, live);
        }
    }
}
