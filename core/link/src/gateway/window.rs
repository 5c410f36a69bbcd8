//! What a gateway remembers: requests not begun, frames not sent, and the last answers of each session.
//!
//! Invariant: a request is begun once while its session is remembered, in the order of its key.

use super::{Identity, Limits, OwnName, Served};
use crate::{
    RIVAL, TOO_LONG, VERSION,
    command::{Asked, Reply},
    frame::{self, Decoder, Encoder},
    message::{Head, Name, put_reply, take_head},
};
use alloc::{collections::VecDeque, vec, vec::Vec};
use cachify_core::{patience::Ticket, store::Cause, token::HolderToken};

/// A request that was heard.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) head: Head,
    pub(super) name: OwnName,
    pub(super) token: Option<HolderToken>,
    /// Whether its caller waits if it is refused.
    pub(super) waits: bool,
    /// Name and command.
    pub(super) body: Vec<u8>,
}

/// A frame on its way out.
#[derive(Debug)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    /// Whether the zero before it is needed.
    apart: bool,
}

impl Frame {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(usize::from(!self.apart)..).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) served: Served,
    /// The one used last is the last.
    sessions: Vec<Remembered>,
    waiting: VecDeque<Incoming>,
    outbox: VecDeque<Frame>,
    /// The line may hold half a frame of ours.
    apart: bool,
}

/// One session: which requests were begun, and what the last ones were answered.
#[derive(Debug)]
struct Remembered {
    session: u32,
    highest: u32,
    /// The highest request and the 63 before it, one bit each.
    begun: u64,
    /// Those that were begun and not answered yet.
    open: Vec<u32>,
    answers: VecDeque<(u32, Vec<u8>)>,
}

impl Remembered {
    /// Whether a request was begun, or is so old that it counts as begun.
    fn is_begun(&self, request: u32) -> bool {
        match self.highest.wrapping_sub(request) {
            back @ 0..64 => self.begun >> back & 1 == 1,
            // ahead of the highest, also after the counter wrapped
            back => back < 1 << 31,
        }
    }

    fn begin(&mut self, request: u32) {
        let back = self.highest.wrapping_sub(request);
        if back >= 1 << 31 {
            let ahead = request.wrapping_sub(self.highest);
            self.begun = self.begun.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = request;
        } else {
            self.begun |= 1_u64.checked_shl(back).unwrap_or(0);
        }
    }

    fn answer(&self, request: u32) -> Option<&Vec<u8>> {
        self.answers.iter().find(|(answered, _)| *answered == request).map(|(_, frame)| frame)
    }
}

impl Window {
    /// Another line: what was for the last one is gone, and asked for again; also what had been begun and was dropped
    /// with it.
    pub(super) fn line_up(&mut self) {
        self.outbox.clear();
        self.waiting.clear();
        for session in &mut self.sessions {
            for request in session.open.drain(..) {
                let back = session.highest.wrapping_sub(request);
                session.begun &= !1_u64.checked_shl(back).unwrap_or(0);
            }
        }
        self.apart = true;
    }

    /// Whether nothing more is to be heard before something was sent.
    pub(super) fn is_behind(&self, limits: &Limits) -> bool {
        self.outbox.len() >= limits.requests
    }

    /// Takes what came over the line.
    pub(super) fn hear(
        &mut self,
        bytes: &[u8],
        decoder: &mut Decoder<Vec<u8>>,
        limits: &Limits,
        running: usize,
        admits: &dyn Fn(Identity) -> bool,
    ) {
        for byte in bytes {
            let rubbish = decoder.rubbish();
            let message = decoder.feed(*byte);
            let understood = message.is_none_or(|message| self.take(message, limits, running, admits).is_some());
            if !understood || decoder.rubbish() != rubbish {
                self.served.rubbish += 1;
                self.apart = true;
            }
        }
    }

    /// Takes one message; `None` for what is no request.
    fn take(
        &mut self,
        message: &[u8],
        limits: &Limits,
        running: usize,
        admits: &dyn Fn(Identity) -> bool,
    ) -> Option<()> {
        let (version, head, body) = take_head(message, Ticket::NONE)?;
        if head.request == 0 {
            return None;
        }
        if version != VERSION {
            self.served.other_version += 1;
            let refusal = Reply::OtherVersion(VERSION);
            self.send(framed(limits, |to| put_reply(head, &refusal, to)), true);
            return Some(());
        }
        let Asked(name, command) = Asked::read(body)?;
        // only what names a holder tells whose it is; the rest takes nothing
        if let Some(HolderToken([.., a, b])) = command.holder()
            && !admits(Identity { device: [a, b], session: head.session })
        {
            self.served.rivals += 1;
            let refusal = Reply::Failed(Cause::rejected(RIVAL));
            self.send(framed(limits, |to| put_reply(head, &refusal, to)), true);
            return Some(());
        }
        let has_room = self.waiting.len() + running < limits.requests;
        let remembered = session(&mut self.sessions, head, limits)?;
        if remembered.is_begun(head.request) {
            self.served.repeated += 1;
            if let Some(frame) = remembered.answer(head.request).cloned() {
                self.send(Some(frame), true);
            }
        } else if has_room {
            remembered.begin(head.request);
            remembered.open.push(head.request);
            self.waiting.push_back(Incoming {
                head,
                name: OwnName { kind: name.kind, key: name.key.into() },
                token: command.holder(),
                waits: command.wait() > 0,
                body: body.rest().into(),
            });
        } else {
            self.served.crowded += 1;
        }
        Some(())
    }

    /// By which tokens those ask that were not begun yet.
    pub(super) fn tokens(&self) -> impl Iterator<Item = Option<HolderToken>> {
        self.waiting.iter().map(|incoming| incoming.token)
    }

    /// The first request whose key is not busy and that no earlier one waits for.
    pub(super) fn next(&mut self, is_busy: impl Fn(&OwnName) -> bool) -> Option<Incoming> {
        let is_free = |(at, incoming): &(usize, &Incoming)| {
            let is_earlier = self.waiting.iter().take(*at).any(|earlier| earlier.name == incoming.name);
            !is_earlier && !is_busy(&incoming.name)
        };
        let at = self.waiting.iter().enumerate().find(is_free)?.0;
        self.waiting.remove(at)
    }

    /// Answers a request and remembers the answer.
    pub(super) fn answer(&mut self, incoming: &Incoming, reply: &Reply, limits: &Limits) {
        self.served.done += 1;
        let head = incoming.head;
        let frame = framed(limits, |to| put_reply(head, reply, to))
            .or_else(|| framed(limits, |to| put_reply(head, &Reply::Failed(Cause::rejected(TOO_LONG)), to)));
        let Some(frame) = frame else { return };
        if let Some(session) = self.sessions.iter_mut().find(|known| known.session == head.session) {
            session.open.retain(|request| *request != head.request);
            session.answers.push_back((head.request, frame.clone()));
            let excess = session.answers.len().saturating_sub(limits.answers);
            session.answers.drain(..excess);
        }
        self.send(Some(frame), false);
    }

    /// Tells a device that a key was released.
    pub(super) fn notice(&mut self, session: u32, name: &OwnName, limits: &Limits) {
        self.served.notices += 1;
        let name = Name { kind: name.kind, key: &name.key };
        self.send(framed(limits, |to| put_reply(Head { session, request: 0 }, &name, to)), false);
    }

    fn send(&mut self, frame: Option<Vec<u8>>, again: bool) {
        if let Some(bytes) = frame {
            self.outbox.push_back(Frame { bytes, apart: again || core::mem::take(&mut self.apart) });
        }
    }

    pub(super) fn outgoing(&mut self) -> Option<Frame> {
        self.outbox.pop_front()
    }
}

/// The session of a request; the one that was used longest ago makes room for a new one.
fn session<'a>(sessions: &'a mut Vec<Remembered>, head: Head, limits: &Limits) -> Option<&'a mut Remembered> {
    let known = match sessions.iter().position(|known| known.session == head.session) {
        Some(at) => sessions.remove(at),
        None => {
            let before = head.request.wrapping_sub(1);
            Remembered { session: head.session, highest: before, begun: 0, open: Vec::new(), answers: VecDeque::new() }
        }
    };
    let excess = (sessions.len() + 1).saturating_sub(limits.sessions.max(1));
    sessions.drain(..excess.min(sessions.len()));
    sessions.push(known);
    sessions.last_mut()
}

fn framed(limits: &Limits, write: impl FnOnce(&mut Encoder<'_>)) -> Option<Vec<u8>> {
    let mut frame = vec![0; limits.frame];
    let len = frame::encode(&mut frame, write)?;
    frame.truncate(len);
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{message::request_frame, number, question::Question};
    use cachify_core::key::Kind;

    #[test]
    fn a_request_is_begun_once_also_when_the_counter_wraps() {
        for first in [1, 70, u32::MAX - 3, u32::MAX] {
            let mut session = Remembered {
                session: 1,
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
            session(&mut sessions, Head { session: id, request: 1 }, &limits).unwrap().begin(1);
        }
        let known: Vec<_> = sessions.iter().map(|known| known.session).collect();
        assert_eq!(known, [1, 3]);
    }

    #[test]
    fn what_was_dropped_with_its_line_is_begun_again_and_what_was_answered_is_not() {
        let limits = Limits::DEFAULT;
        let mut window = Window::default();
        let mut decoder = Decoder::new(vec![0; limits.frame]);
        let key = OwnName { kind: Kind::Lock, key: b"k".to_vec() };
        let mut hear = |window: &mut Window, request| {
            let name = Name { kind: key.kind, key: &key.key };
            let release = Question::new(number::RELEASE, key.kind, HolderToken([1; 4]));
            let mut frame = [0; 64];
            let len = request_frame(&mut frame, Head { session: 1, request }, name, &release).unwrap();
            window.hear(&frame[..len], &mut decoder, &limits, 0, &|_| true);
        };
        hear(&mut window, 1);
        let done = window.next(|_| false).unwrap();
        window.answer(&done, &Reply::Cleared(true), &limits);
        hear(&mut window, 2);
        let _dropped = window.next(|_| false).unwrap();
        hear(&mut window, 3);
        window.line_up();
        assert!(window.next(|_| false).is_none(), "what waited is asked for again");
        for request in 1..=3 {
            hear(&mut window, request);
        }
        let begun: Vec<_> = core::iter::from_fn(|| window.next(|_| false)).map(|again| again.head.request).collect();
        assert_eq!(begun, [2, 3]);
    }
}
