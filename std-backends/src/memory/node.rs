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
        atomic::{AtomicU32, Ordering},
    },
};

/// Longest key that lies in the entry itself: what fits beside a `Box` without making the entry larger.
const INLINE: usize = 22;

/// Key, expiry and value in one allocation; the value last, so that the whole can be unsized.
///
/// Kept small: past a few thousand entries a hit waits for memory more than for the processor.
pub(super) struct Node<V: ?Sized> {
    pub(super) fresh_until: Instant,
    key: NodeKey,
    pub(super) mark: Mark,
    /// Where it stands in the order of its shard.
    pub(super) place: AtomicU32,
    pub(super) value: V,
}

enum NodeKey {
    Short(u8, [u8; INLINE]),
    Long(Box<[u8]>),
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
    pub(super) fn new(key: &Key<'_>, fresh_until: Instant, value: V) -> Self {
        let mut short = [0; INLINE];
        short.iter_mut().zip(key.bytes).for_each(|(to, from)| *to = *from);
        let key = match u8::try_from(key.bytes.len()) {
            Ok(len) if key.bytes.len() <= INLINE => NodeKey::Short(len, short),
            _ => NodeKey::Long(key.bytes.into()),
        };
        Self { fresh_until, key, mark: Mark::default(), place: AtomicU32::default(), value }
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
        let is_over = now >= node.fresh_until;
        Gone { node, why: if is_over { Some(Eviction::Expired) } else { why } }
    }

    #[inline]
    fn key(&self) -> &[u8] {
        match &self.key {
            NodeKey::Short(len, short) => &short[..usize::from(*len).min(INLINE)],
            NodeKey::Long(long) => long,
        }
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
