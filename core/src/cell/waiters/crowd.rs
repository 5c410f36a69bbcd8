//! Waiters in lines that grow (feature `alloc`): each question costs the logarithm of how many wait, and what a crowd
//! took is given back.

use super::{Line, Places, State, Survey, TURN, Waiter};
use crate::{time::Instant, token::HolderToken};
use alloc::collections::BTreeMap;

/// Everybody who waits, by what for.
#[derive(Debug, Default)]
pub struct Crowd {
    lines: BTreeMap<Line, Queue>,
}

/// Those of one line, by their seats.
#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<usize, Waiter>,
    called: BTreeMap<usize, Waiter>,
    seats: BTreeMap<[u32; 4], usize>,
    /// The most permits that the pool of anybody had who stood here: with more in use nobody has to be looked for.
    largest: u32,
}

impl Queue {
    fn remove(&mut self, seat: usize) -> Option<Waiter> {
        let waiter = self.waiting.remove(&seat).or_else(|| self.called.remove(&seat))?;
        self.seats.remove(&waiter.token.0);
        Some(waiter)
    }

    fn first(&self) -> Option<usize> {
        let firsts = [self.called.first_key_value(), self.waiting.first_key_value()];
        firsts.into_iter().flatten().map(|(seat, _)| *seat).min()
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.called.is_empty()
    }
}

impl Crowd {
    /// Nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: BTreeMap::new() }
    }

    pub(super) fn into_waiters(self) -> impl Iterator<Item = Waiter> {
        self.lines.into_values().flat_map(|queue| queue.waiting.into_values().chain(queue.called.into_values()))
    }

    /// Forgets a line in which nobody stands.
    fn tidy(&mut self, line: Line) {
        if self.lines.get(&line).is_some_and(Queue::is_empty) {
            self.lines.remove(&line);
        }
    }
}

impl Places for Crowd {
    fn survey(&mut self, line: Line, seat: usize, taken: u32, now: Instant, standing: &mut u32) -> Survey {
        let Some(queue) = self.lines.get_mut(&line) else { return Survey::EMPTY };
        // in order of their seats, which is that of their calls but for some who had waited before
        let lapsed = |queue: &Queue| {
            let (first, waiter) = queue.called.first_key_value()?;
            (*first != seat && waiter.state.age(now) >= TURN).then_some(*first)
        };
        while let Some(first) = lapsed(queue) {
            queue.remove(first);
            *standing -= 1;
        }
        let is_usable = |(_, waiter): &(&usize, &Waiter)| taken < waiter.size;
        let is_any = taken < queue.largest;
        // past the size of a pool it makes no difference how many come before
        let most = queue.largest.saturating_sub(taken);
        let first = if is_any { queue.waiting.iter().find(is_usable).map(|(_, waiter)| waiter) } else { None };
        let seen = Survey {
            called: queue.called.len() as u32,
            age: queue.called.values().next().map_or(0, |waiter| waiter.state.age(now)),
            is_own: queue.called.contains_key(&seat),
            before: queue.waiting.range(..seat).filter(is_usable).take(most as usize).count() as u32,
            first: first.map(|waiter| waiter.seat),
            size: first.map_or(0, |waiter| waiter.size),
            last: queue.waiting.values().next_back().map(|waiter| waiter.seat),
        };
        self.tidy(line);
        seen
    }
    fn enter(&mut self, waiter: Waiter) -> bool {
        let queue = self.lines.entry(waiter.line).or_default();
        queue.largest = queue.largest.max(waiter.size);
        queue.seats.insert(waiter.token.0, waiter.seat.get());
        queue.waiting.insert(waiter.seat.get(), waiter).is_none()
    }
    fn find(&mut self, line: Line, seat: usize) -> Option<&mut Waiter> {
        let Queue { waiting, called, .. } = self.lines.get_mut(&line)?;
        waiting.get_mut(&seat).or_else(|| called.get_mut(&seat))
    }
    fn remove(&mut self, line: Line, seat: Option<usize>) -> Option<Waiter> {
        let queue = self.lines.get_mut(&line)?;
        let waiter = queue.remove(seat.or_else(|| queue.first())?);
        self.tidy(line);
        waiter
    }
    fn set(&mut self, line: Line, seat: usize, state: State) -> Option<&mut Waiter> {
        let Queue { waiting, called, .. } = self.lines.get_mut(&line)?;
        let mut waiter = waiting.remove(&seat).or_else(|| called.remove(&seat))?;
        waiter.state = state;
        let queue = if state.is_called() { called } else { waiting };
        Some(queue.entry(seat).or_insert(waiter))
    }
    fn seat_of(&mut self, line: Line, token: HolderToken) -> usize {
        self.lines.get(&line).and_then(|queue| queue.seats.get(&token.0)).copied().unwrap_or_default()
    }
    fn count(&mut self, line: Line) -> u32 {
        self.lines.get(&line).map_or(0, |queue| (queue.waiting.len() + queue.called.len()) as u32)
    }
}
