//! Random histories: `Kv` answers as the cells do, but for what remains of a right, of which it knows the most only.

use crate::shelf::{Shelf, Slow, token};
use cachify::{AsIs, AsyncKv, ManualClock};
use cachify_core::testing::Words;
use cachify_core::{
    cell::{Ask, Begun, Grant, Life, Lookup, MaybeOwned},
    key::{Key, Kind},
    op,
    patience::Contended,
    store::{Values, growing::MapStore, lock::NoLock},
    testing::block_on,
    ttl::Ttl,
};
use cachify_tests::Over;
use proptest::prelude::*;
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u64),
    Acquire(u32, u64),
    Renew(u32, u64),
    Release(u32),
    Take(u32, u32, u64),
    Extend(u32, u64),
    GiveBack(u32),
    Begin(u32, u64),
    Touch(u32, u64),
    Complete(u32, u64),
    Fail(u32),
    Force(bool),
    /// Within so many milliseconds of its end a value does not count.
    Join(u32, u64, u32),
    KeepFlying(u32, u64),
    Publish(u32, u8, u64),
    Abandon(u32),
    Invalidate,
}

fn step() -> impl Strategy<Value = Step> {
    use Step as S;
    let (who, ttl) = (1_u32..5, 1_u64..12);
    let both = (who.clone(), ttl.clone());
    let window = prop_oneof![3 => Just(0_u32), 2 => 1_u32..8, 1 => Just(op::Ask::AGAIN), 1 => Just(op::Ask::ALONE)];
    prop_oneof![
        3 => (0_u64..8).prop_map(S::Pass),
        2 => both.clone().prop_map(|(w, t)| S::Acquire(w, t)),
        1 => both.clone().prop_map(|(w, t)| S::Renew(w, t)),
        1 => who.clone().prop_map(S::Release),
        4 => (1_u32..4, who.clone(), ttl.clone()).prop_map(|(n, w, t)| S::Take(n, w, t)),
        2 => both.clone().prop_map(|(w, t)| S::Extend(w, t)),
        1 => who.clone().prop_map(S::GiveBack),
        2 => both.clone().prop_map(|(w, t)| S::Begin(w, t)),
        1 => both.clone().prop_map(|(w, t)| S::Touch(w, t)),
        1 => (who.clone(), 0_u64..12).prop_map(|(w, t)| S::Complete(w, t)),
        1 => who.clone().prop_map(S::Fail),
        1 => any::<bool>().prop_map(S::Force),
        2 => (who.clone(), ttl.clone(), window).prop_map(|(w, t, near)| S::Join(w, t, near)),
        1 => both.prop_map(|(w, t)| S::KeepFlying(w, t)),
        2 => (who.clone(), any::<u8>(), ttl).prop_map(|(w, v, t)| S::Publish(w, v, t)),
        1 => who.prop_map(S::Abandon),
        1 => Just(S::Invalidate),
    ]
}

const fn ask(who: u32, ttl: u64) -> Ask {
    Ask::new(token(who), Duration::from_millis(ttl))
}

/// What was answered: in words, what remains, and the fence that was granted.
#[derive(Debug)]
struct Seen {
    what: String,
    remaining: Option<Duration>,
    fence: Option<u64>,
}

impl Seen {
    fn only(what: impl std::fmt::Debug) -> Self {
        Self { what: format!("{what:?}"), remaining: None, fence: None }
    }

    fn grant(reply: &Contended<Grant>) -> Self {
        match reply {
            Contended::Granted(g) => {
                Self { what: format!("granted {}", g.index), remaining: Some(g.remaining), fence: Some(g.fence.0) }
            }
            Contended::Busy(busy) => Self { remaining: Some(busy.remaining), ..Self::only("busy") },
        }
    }
}

trait Whole: Values<Vec<u8>, AsIs> + Sized {
    async fn step(&self, step: Step) -> Seen {
        let key = |kind| Key::new(kind, "", b"k", 0);
        let (lock, once, pool, cache) = (key(Kind::Lock), key(Kind::Once), key(Kind::Pool), key(Kind::Cache));
        let life = |t| Life::new(Ttl::For(Duration::from_millis(t)));
        match step {
            Step::Pass(_) => {
                let live = self.in_use(pool).await.unwrap();
                let (lock, once) = (self.remaining(lock).await.unwrap(), self.remaining(once).await.unwrap());
                let value = Words::get(self, cache, &AsIs).await.unwrap();
                Seen::only((live, lock.is_some(), once.is_some(), value))
            }
            Step::Acquire(w, t) => Seen::grant(&self.acquire(lock, &ask(w, t)).await.unwrap()),
            Step::Renew(w, t) => Seen::only(self.renew(lock, &ask(w, t)).await),
            Step::Release(w) => Seen::only(self.release(lock, token(w)).await),
            Step::Take(n, w, t) => Seen::grant(&self.take(pool, n, &ask(w, t)).await.unwrap()),
            Step::Extend(w, t) => Seen::only(self.extend(pool, &ask(w, t)).await),
            Step::GiveBack(w) => Seen::only(self.give_back(pool, token(w)).await),
            Step::Begin(w, t) => match self.begin(once, &ask(w, t)).await.unwrap() {
                Begun::Done { remaining } => Seen { remaining: Some(remaining), ..Seen::only("done") },
                begun => Seen::grant(&begun.contended()),
            },
            Step::Touch(w, t) => Seen::only(self.touch(once, &ask(w, t)).await),
            Step::Complete(w, t) => Seen::only(self.complete(once, token(w), Duration::from_millis(t)).await),
            Step::Fail(w) => Seen::only(self.fail(once, token(w)).await),
            Step::Force(run) => Seen::only(self.force_release(if run { once } else { lock }).await),
            Step::Join(w, t, near) => match self.join_within(cache, &AsIs, &ask(w, t), near).await.unwrap() {
                Contended::Granted(Lookup::Fill { remaining, .. }) => {
                    Seen { remaining: Some(remaining), ..Seen::only("fill") }
                }
                Contended::Granted(found) => Seen::only(found),
                Contended::Busy(busy) => Seen { remaining: Some(busy.remaining), ..Seen::only("busy") },
            },
            Step::KeepFlying(w, t) => Seen::only(self.keep_flying(cache, &ask(w, t)).await),
            Step::Publish(w, v, t) => {
                Seen::only(self.publish(cache, &AsIs, token(w), MaybeOwned::Owned(vec![v]), life(t)).await)
            }
            Step::Abandon(w) => Seen::only(self.give_up(cache, token(w)).await),
            Step::Invalidate => Seen::only(self.invalidate(cache).await),
        }
    }

    /// The cell leaves the end of a right where it is when the same token asks again; `Kv` counts it anew, if it is
    /// granted.
    async fn step_of_a_cell(&self, step: Step) -> Seen {
        match step {
            Step::Acquire(w, t) => drop(self.step(Step::Renew(w, t)).await),
            Step::Take(_, w, t) => drop(self.step(Step::Extend(w, t)).await),
            Step::Begin(w, t) => drop(self.step(Step::Touch(w, t)).await),
            Step::Join(w, t, _) => {
                let seen = self.step(step).await;
                if seen.what != Seen::only("fill").what {
                    return seen;
                }
                drop(self.step(Step::KeepFlying(w, t)).await);
            }
            _ => {}
        }
        self.step(step).await
    }
}

impl Whole for MapStore<NoLock, ManualClock, Vec<u8>> {}
impl Whole for Over<AsyncKv<Slow>> {}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn kv_answers_as_the_cells_do(history in prop::collection::vec(step(), 1..80), wall in any::<bool>()) {
        let clock = ManualClock::new();
        let cells = MapStore::<NoLock, _, Vec<u8>>::new(clock.clone());
        let kv = Over::new(AsyncKv(Slow { shelf: Shelf::new(&clock, wall), after: false }));
        let mut fences = [(0, 0); 3];
        for step in history {
            // a store without a clock cannot tell what is near its end
            let step = match step {
                Step::Join(w, t, _) if !wall => Step::Join(w, t, 0),
                step => step,
            };
            if let Step::Pass(ms) = step {
                clock.advance(Duration::from_millis(ms));
            }
            let (expected, seen) = (block_on(cells.step_of_a_cell(step)), block_on(kv.step(step)));
            prop_assert_eq!(&seen.what, &expected.what, "{:?}", step);
            prop_assert!(seen.remaining >= expected.remaining, "{:?}: {:?} of {:?}", step, seen, expected);
            if let (Some(fence), Some(cell)) = (seen.fence, expected.fence) {
                let kind = match step { Step::Acquire(..) => 0, Step::Take(..) => 1, _ => 2 };
                let (last, last_cell) = fences[kind];
                // one counter a key here, one a store there: both grow with every new grant
                if cell > last_cell {
                    prop_assert!(fence > last, "{:?}: {} after {}", step, fence, last);
                    fences[kind] = (fence, cell);
                } else {
                    prop_assert!(fence <= last, "{:?}: a resend was given {} after {}", step, fence, last);
                }
            }
        }
    }
}
