//! Waiters in an array: each question is one pass over it.

use super::{Line, Places, State, Survey, TURN, Waiter};
use crate::{time::Instant, token::HolderToken};

impl<const N: usize> Places for [Option<Waiter>; N] {
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn survey(&mut self, line: Line, seat: usize, taken: u32, now: Instant, standing: &mut u32) -> Survey {
        let mut seen = Survey::EMPTY;
        for place in self {
            let Some(waiter) = place.as_mut().filter(|waiter| waiter.line == line) else { continue };
            let (its, is_own) = (waiter.seat, waiter.seat.get() == seat);
            if !waiter.state.is_called() {
                seen.last = seen.last.max(Some(its));
                if taken < waiter.size {
                    seen.before += u32::from(its.get() < seat);
                    if seen.first.is_none_or(|first| its < first) {
                        (seen.first, seen.size) = (Some(its), waiter.size);
                    }
                }
            } else if is_own || waiter.state.age(now) < TURN {
                seen.called += 1;
                seen.age = seen.age.max(waiter.state.age(now));
                seen.is_own |= is_own;
            } else {
                *place = None;
                *standing -= 1;
            }
        }
        seen
    }
    fn enter(&mut self, waiter: Waiter) -> bool {
        let vacant = self.iter_mut().find(|place| place.is_none());
        vacant.map(|place| *place = Some(waiter)).is_some()
    }
    fn find(&mut self, line: Line, seat: usize) -> Option<&mut Waiter> {
        self.iter_mut().flatten().find(|waiter| waiter.seat.get() == seat && waiter.line == line)
    }
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn remove(&mut self, line: Line, seat: Option<usize>) -> Option<Waiter> {
        let own = |waiter: &Waiter| waiter.line == line && seat.is_none_or(|seat| seat == waiter.seat.get());
        self.iter_mut().find(|place| place.as_ref().is_some_and(own))?.take()
    }
    fn set(&mut self, line: Line, seat: usize, state: State) -> Option<&mut Waiter> {
        let waiter = self.find(line, seat)?;
        waiter.state = state;
        Some(waiter)
    }
    #[cfg(feature = "alloc")]
    fn seat_of(&mut self, line: Line, token: HolderToken) -> usize {
        let own = self.iter().flatten().find(|waiter| waiter.line == line && waiter.token.is(token));
        own.map_or(0, |own| own.seat.get())
    }
    #[cfg(not(feature = "alloc"))]
    fn seat_of(&mut self, _: Line, _: HolderToken) -> usize {
        0
    }
    fn count(&mut self, line: Line) -> u32 {
        self.iter().flatten().filter(|waiter| waiter.line == line).count() as u32
    }
}
