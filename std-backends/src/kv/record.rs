//! What is written into a key: a fixed layout, so that whoever compares bytes compares what they say.
//!
//! A version, what it is, then words of 64 bits, least significant byte first. Not here: what follows from it.

use cachify_core::{Label, time::Instant, token::HolderToken};
use std::time::Duration;

/// Who asks, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) token: HolderToken,
    pub(super) ttl: Duration,
    /// Whether it waits if somebody else has it.
    pub(super) waits: bool,
    pub(super) label: Label,
}

pub(super) const VERSION: u8 = 3;
pub(super) const VALUE: u8 = 6;
pub(super) const COUNTER: u8 = 7;
pub(super) const BESIDE: u8 = 8;

pub(super) type Bytes = Option<Vec<u8>>;

/// How far a right has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Of a permit: nobody else can have it, but its fence is not known yet.
    Asked = 1,
    /// It is held; of a lock or run granted once its fence is known to be its own.
    Held = 2,
    /// It ended well, and a marker is kept.
    Done = 3,
    /// It was given back; remembers the last fence.
    Free = 4,
    /// It was given back, and belongs to the token for a while.
    Called = 5,
}

/// Fences that were reserved at once: those up to a bound, and by whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) bound: u64,
    pub(super) by: HolderToken,
}

/// A right, or the marker of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) state: State,
    pub(super) token: HolderToken,
    pub(super) fence: u64,
    pub(super) block: Block,
    pub(super) ttl: u64,
    /// Of whoever holds it.
    pub(super) label: Label,
}

impl Record {
    pub(super) fn held(ask: &Ask, fence: u64, block: Block) -> Self {
        Self { state: State::Held, token: ask.token, fence, block, ttl: millis(ask.ttl), label: ask.label }
    }

    pub(super) fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl: millis(ttl), ..self }
    }

    /// The marker that takes its place.
    pub(super) fn done(self, keep: Duration) -> Self {
        Self { state: State::Done, label: Label::NONE, ..self.with_ttl(keep) }
    }

    /// The same before its fence is known.
    pub(super) fn asked(self) -> Self {
        Self { state: State::Asked, ..self }
    }

    /// What it leaves when it is given back.
    pub(super) fn free(self, linger: Duration) -> Self {
        Self { state: State::Free, label: Label::NONE, ..self.with_ttl(linger) }
    }

    /// Nothing but the turn of one who waits.
    pub(super) fn turn(token: HolderToken, turn: Duration) -> Self {
        Self::held(&Ask { token, ttl: turn, waits: true, label: Label::NONE }, 0, Block::default()).called(token, turn)
    }

    /// The same kept for one who waited.
    pub(super) fn called(self, token: HolderToken, turn: Duration) -> Self {
        Self { state: State::Called, token, ..self.with_ttl(turn) }
    }

    /// Whether it is somebody's.
    pub(super) const fn is_held(&self) -> bool {
        matches!(self.state, State::Asked | State::Held)
    }

    /// Of the whole right, which is the most that can remain of it.
    pub(super) const fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl)
    }

    pub(super) const fn millis(&self) -> u64 {
        self.ttl
    }

    /// How many bytes one without a label has.
    pub(super) const LENGTH: usize = 2 + 8 * 7;

    pub(super) fn bytes(&self) -> Vec<u8> {
        let ([a, b], [c, d]) = (halves(self.token), halves(self.block.by));
        let mut bytes = spell(self.state as u8, &[a, b, self.fence, self.block.bound, c, d, self.ttl]);
        bytes.extend_from_slice(self.label.as_str().as_bytes());
        bytes
    }
}

/// What is remembered of a key beside its right, and outlives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    /// The fences that were reserved last: none above them was ever given.
    pub(super) block: Block,
    /// Of a pool, how many indices were ever in use.
    pub(super) top: u32,
    /// When it may be forgotten, in microseconds of the store's clock; zero where there is none.
    pub(super) until: u64,
    /// Who waits, in the order of arrival, as far as there is room.
    pub(super) line: Vec<HolderToken>,
    /// Of a pool, whose turn was announced; zeros for nobody's.
    pub(super) called: HolderToken,
}

impl Counter {
    /// How many places a line has: one for each process that waits, whose own callers stand in a line there.
    pub(super) const PLACES: usize = 16;

    pub(super) fn bytes(&self) -> Vec<u8> {
        let [by, and] = halves(self.block.by);
        let [called, too] = halves(self.called);
        let mut words = vec![self.block.bound, by, and, u64::from(self.top), self.until, called, too];
        words.extend(self.line.iter().flat_map(|token| halves(*token)));
        spell(COUNTER, &words)
    }

    /// The same with one more who waits; `None` if it stands there, or there is no room.
    pub(super) fn with(&self, token: HolderToken) -> Option<Self> {
        let fits = self.line.len() < Self::PLACES && !self.line.contains(&token);
        fits.then(|| Self { line: [&self.line[..], &[token]].concat(), ..self.clone() })
    }

    /// The same without one who waited; `None` if it did not stand there.
    pub(super) fn without(&self, token: HolderToken) -> Option<Self> {
        let mut left = self.clone();
        left.line.retain(|other| *other != token);
        if left.called == token {
            left.called = HolderToken::default();
        }
        (left.line.len() < self.line.len()).then_some(left)
    }
}

/// Whole milliseconds, rounded up, never none.
fn millis(ttl: Duration) -> u64 {
    Instant::ZERO.saturating_add(ttl).as_millis().max(1)
}

pub(super) fn spell(what: u8, words: &[u64]) -> Vec<u8> {
    let mut spelled = Vec::with_capacity(2 + 8 * words.len());
    spelled.extend_from_slice(&[VERSION, what]);
    for word in words {
        spelled.extend_from_slice(&word.to_le_bytes());
    }
    spelled
}

pub(super) fn words(bytes: &[u8]) -> Option<Vec<u64>> {
    let (words, odd) = bytes.as_chunks();
    odd.is_empty().then(|| words.iter().map(|word| u64::from_le_bytes(*word)).collect())
}

fn halves(token: HolderToken) -> [u64; 2] {
    let [a, b, c, d] = token.0.map(u64::from);
    [a | b << 32, c | d << 32]
}

pub(super) const fn whole(a: u64, b: u64) -> HolderToken {
    HolderToken([a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32])
}
