//! One life of one device: which of its requests were begun, and what the last ones were answered.

use super::Limits;
use crate::message::Head;
use alloc::{collections::VecDeque, vec::Vec};

/// One session: which requests were begun, and what the last ones were answered.
#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) session: u32,
    pub(super) life: u64,
    pub(super) highest: u32,
    /// The highest request and the 63 before it, one bit each.
    pub(super) begun: u64,
    /// Those that were begun and not answered yet.
    pub(super) open: Vec<u32>,
    pub(super) answers: VecDeque<(u32, Vec<u8>)>,
}

impl Remembered {
    /// Whether a request was begun, or is so old that it counts as begun.
    pub(super) fn is_begun(&self, request: u32) -> bool {
        match self.highest.wrapping_sub(request) {
            back @ 0..64 => self.begun >> back & 1 == 1,
            // ahead of the highest, also after the counter wrapped
            back => back < 1 << 31,
        }
    }

    pub(super) fn begin(&mut self, request: u32) {
        let back = self.highest.wrapping_sub(request);
        if back >= 1 << 31 {
            let ahead = request.wrapping_sub(self.highest);
            self.begun = self.begun.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = request;
        } else {
            self.begun |= 1_u64.checked_shl(back).unwrap_or(0);
        }
    }

    pub(super) fn answer(&self, request: u32) -> Option<&Vec<u8>> {
        self.answers.iter().find(|(answered, _)| *answered == request).map(|(_, frame)| frame)
    }
}

/// The session of a request; the one that was used longest ago makes room for a new one.
pub(super) fn session<'a>(
    sessions: &'a mut Vec<Remembered>,
    head: Head,
    limits: &Limits,
    lives: &mut u64,
) -> Option<&'a mut Remembered> {
    let known = match sessions.iter().position(|known| known.session == head.session) {
        Some(at) => sessions.remove(at),
        None => {
            let before = head.request.wrapping_sub(1);
            *lives += 1;
            Remembered {
                session: head.session,
                life: *lives,
                highest: before,
                begun: 0,
                open: Vec::new(),
                answers: VecDeque::new(),
            }
        }
    };
    let excess = (sessions.len() + 1).saturating_sub(limits.sessions.max(1));
    sessions.drain(..excess.min(sessions.len()));
    sessions.push(known);
    sessions.last_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_request_is_begun_once_also_when_the_counter_wraps() {
        for first in [1, 70, u32::MAX - 3, u32::MAX] {
            let mut session = Remembered {
                session: 1,
                life: 1,
                highest: first.wrapping_sub(1),
                begun: 0,
                open: Vec::new(),
                answers: VecDeque::new(),
            };
            // out of order, as slots of a device are sent
            for offset in [0, 2, 1, 5, 3, 40, 63, 64, 4, 200, 140] {
                let request = first.wrapping_add(offset);
                assert!(!session.is_begun(request), "{first} + {offset}");
                session.begin(request);
                assert!(session.is_begun(request), "{first} + {offset}");
            }
            assert!(session.is_begun(first.wrapping_add(136)), "too old to be known");
            assert!(!session.is_begun(first.wrapping_add(137)));
        }
    }

    #[test]
    fn the_session_used_longest_ago_makes_room() {
        let limits = Limits { sessions: 2, ..Limits::DEFAULT };
        let mut sessions = Vec::new();
        for id in [1, 2, 1, 3] {
            session(&mut sessions, Head { session: id, request: 1 }, &limits, &mut 0).unwrap().begin(1);
        }
        let known: Vec<_> = sessions.iter().map(|known| known.session).collect();
        assert_eq!(known, [1, 3]);
    }
}
