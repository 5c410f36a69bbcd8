//! A value in its own type: one allocation an entry, 16 bytes in the table.

use super::order::{Mark, Place};
use cachify_core::{
    key::{Key, Kind},
    observe::Eviction,
    time::Instant,
};
use std::{
    any::{Any, TypeId},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

/// Longest key that lies in the entry itself: what fits beside a `Box` without making the entry larger.
const INLINE: usize = 22;

/// Key, expiry and value in one allocation; the value last, so that the whole can be unsized.
///
/// Kept small: past a few thousand entries a hit waits for memory more than for the processor.
pub(super) struct Node<V: ?Sized> {
    /// Zero where it may end before: then a hit looks further.
    fresh_until: Instant,
    key: NodeKey,
    pub(super) mark: Mark,
    /// Where it stands in the order of its shard.
    pub(super) place: AtomicU32,
    pub(super) value: V,
}

enum NodeKey {
    Short(u8, [u8; INLINE]),
    Long(Box<[u8]>),
    /// Of a value that ends when nobody asks for it.
    Idle(Box<Idle>),
}

struct Idle {
    key: Box<[u8]>,
    fresh_until: Instant,
    /// For how many milliseconds it may be left alone.
    millis: u64,
    /// When it has been for so long.
    end: AtomicU64,
}

impl Idle {
    fn end(&self) -> Instant {
        Instant::from_millis(self.end.load(Ordering::Relaxed))
    }

    /// It is asked for: whether it is there still.
    fn hit(&self, now: Instant) -> bool {
        let is_there = now < self.fresh_until.min(self.end());
        let end = now.plus(self.millis).as_millis();
        // hits of one moment write nothing: that would take the line of memory from each other
        if is_there && end > self.end.load(Ordering::Relaxed).saturating_add(self.millis / 16) {
            self.end.fetch_max(end, Ordering::Relaxed);
        }
        is_there
    }
}

/// A value of any type. Shared, so that it can be copied after the lock was left.
pub(super) type AnyNode = Arc<Node<dyn Any + Send + Sync>>;

/// Whether copying it runs no code of a user's, and is done at once.
#[inline]
pub(super) fn is_plain<V: 'static>() -> bool {
    macro_rules! is_one_of {
        ($($plain:ty)*) => { $(TypeId::of::<V>() == TypeId::of::<$plain>())||* };
    }
    is_one_of! {
        () bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64
        &'static str Arc<str> std::time::Duration
    }
}

impl<V> Node<V> {
    /// Fresh until then; and for as long as somebody asks for it within so many milliseconds, if that is said.
    pub(super) fn new(key: &Key<'_>, fresh_until: Instant, value: V, idle: Option<(Instant, u64)>) -> Self {
        let (fresh_until, key) = match idle {
            Some((now, millis)) => {
                let end = AtomicU64::new(now.plus(millis).as_millis());
                (Instant::ZERO, NodeKey::Idle(Box::new(Idle { key: key.bytes.into(), fresh_until, millis, end })))
            }
            None => (fresh_until, NodeKey::of(key)),
        };
        Self { fresh_until, key, mark: Mark::default(), place: AtomicU32::default(), value }
    }
}

impl NodeKey {
    /// One that lies elsewhere. Apart: of three ways to a key each hit would look for its own.
    #[inline(never)]
    fn far(&self) -> &[u8] {
        match self {
            Self::Short(..) => &[],
            Self::Long(long) => long,
            Self::Idle(idle) => &idle.key,
        }
    }

    fn of(key: &Key<'_>) -> Self {
        let mut short = [0; INLINE];
        short.iter_mut().zip(key.bytes).for_each(|(to, from)| *to = *from);
        match u8::try_from(key.bytes.len()) {
            Ok(len) if key.bytes.len() <= INLINE => Self::Short(len, short),
            _ => Self::Long(key.bytes.into()),
        }
    }
}

/// A value that is gone, to be dropped outside the lock; and why, if nobody removed it.
pub(super) struct Gone {
    node: AnyNode,
    pub(super) why: Option<Eviction>,
}

impl Gone {
    pub(super) fn key(&self) -> &[u8] {
        self.node.key()
    }
}

impl Node<dyn Any + Send + Sync> {
    /// Gone, for `why` or because its time is over.
    pub(super) fn gone(node: AnyNode, now: Instant, why: Option<Eviction>) -> Gone {
        let is_over = now >= node.end();
        Gone { node, why: if is_over { Some(Eviction::Expired) } else { why } }
    }

    #[inline]
    fn key(&self) -> &[u8] {
        match &self.key {
            NodeKey::Short(len, short) => &short[..usize::from(*len).min(INLINE)],
            far => far.far(),
        }
    }

    /// When its time is over, whoever asks.
    pub(super) fn fresh_until(&self) -> Instant {
        if let NodeKey::Idle(idle) = &self.key { idle.fresh_until } else { self.fresh_until }
    }

    /// When it ends, if nobody asks for it.
    pub(super) fn end(&self) -> Instant {
        if let NodeKey::Idle(idle) = &self.key { idle.fresh_until.min(idle.end()) } else { self.fresh_until }
    }

    /// It is asked for: whether it is fresh then.
    #[inline]
    pub(super) fn hit(&self, now: Instant) -> bool {
        now < self.fresh_until || self.is_idle_hit(now)
    }

    // apart: a hit of all others compares one number
    #[cold]
    #[inline(never)]
    fn is_idle_hit(&self, now: Instant) -> bool {
        if let NodeKey::Idle(idle) = &self.key { idle.hit(now) } else { false }
    }

    #[inline]
    pub(super) fn is(&self, key: &Key<'_>) -> bool {
        self.key() == key.bytes
    }

    /// Whether it is of that key and type: one key may have a value of each type, as a generic function has them.
    #[inline]
    pub(super) fn is_of(&self, key: &Key<'_>, of: TypeId) -> bool {
        self.is(key) && (&self.value as &dyn Any).type_id() == of
    }

    pub(super) fn place(&self) -> Place {
        self.place.load(Ordering::Relaxed)
    }

    /// Hashed again where the table moves its entries: rarer than a hit, which so loads less.
    pub(super) fn hash(&self, seed: u64) -> u64 {
        Key::new(Kind::Cache, "", self.key(), seed).hash
    }
}
