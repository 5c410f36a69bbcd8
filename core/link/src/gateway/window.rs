//! What a gateway remembers: requests not begun, frames not sent, and the last answers of each session.
//!
//! Invariant: a request is begun once while its session is remembered, in the order of its key.

use super::{
    Limits, OwnName, Place, Served,
    admission::{Denied, DeviceRequest, Identity},
    session::{Remembered, session},
};
use crate::{
    DENIED, RIVAL, TOO_LONG, VERSION,
    command::{Asked, Command, Reply, begins_life},
    frame::{self, Decoder, Encoder},
    message::{Head, Name, put_reply, take_head},
    wire::Reader,
};
use alloc::{collections::VecDeque, vec, vec::Vec};
use cachify_core::{patience::Ticket, store::Cause, token::HolderToken};

/// A request that was heard.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) head: Head,
    /// Which life of its session it belongs to.
    life: u64,
    pub(super) name: OwnName,
    /// As the store knows it.
    pub(super) token: Option<HolderToken>,
    /// Whether its caller waits if it is refused.
    pub(super) waits: bool,
    /// Name and command.
    pub(super) body: Vec<u8>,
}

impl Incoming {
    /// Looks at it as one that was admitted.
    pub(super) fn request(&self, look: impl FnOnce(&DeviceRequest<'_>)) {
        // it was read before it was accepted
        if let Some(Asked(name, command)) = Asked::read(Reader::new(&self.body, Ticket::NONE)) {
            look(&asked(self.head, &name, &command));
        }
    }
}

/// What is known of a request.
fn asked<'a>(head: Head, name: &Name<'a>, command: &Command<'_>) -> DeviceRequest<'a> {
    let of = |HolderToken([.., a, b])| Identity { device: [a, b], session: head.session };
    DeviceRequest {
        // what nobody holds is given back by nobody, which passes a turn on
        sender: command.holder().filter(|token| *token != HolderToken::default()).map(of),
        token: command.token,
        kind: name.kind,
        key: name.key,
        op: command.op,
        value: command.value.len(),
    }
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
    /// How many lives of devices began.
    lives: u64,
    waiting: VecDeque<Incoming>,
    outbox: VecDeque<Frame>,
    /// The line may hold half a frame of ours.
    apart: bool,
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

    /// Whether there is no room for another request.
    pub(super) fn is_full(&self, limits: &Limits, running: usize) -> bool {
        self.waiting.len() + running >= limits.requests
    }

    /// Takes what came over the line; how many messages there were.
    pub(super) fn hear(
        &mut self,
        bytes: &[u8],
        decoder: &mut Decoder<Vec<u8>>,
        limits: &Limits,
        running: usize,
        admits: &dyn Fn(&DeviceRequest<'_>) -> Result<(), Denied>,
        place: &Place,
    ) -> u32 {
        let mut messages = 0;
        for byte in bytes {
            let rubbish = decoder.rubbish();
            let message = decoder.feed(*byte);
            messages += u32::from(message.is_some());
            let understood = message.is_none_or(|message| self.take(message, limits, running, admits, place).is_some());
            if !understood || decoder.rubbish() != rubbish {
                self.served.rubbish += 1;
                self.apart = true;
            }
        }
        messages
    }

    /// Takes one message; `None` for what is no request.
    fn take(
        &mut self,
        message: &[u8],
        limits: &Limits,
        running: usize,
        admits: &dyn Fn(&DeviceRequest<'_>) -> Result<(), Denied>,
        place: &Place,
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
        if begins_life(body) {
            self.begin_life(head.session);
            self.served.lives += 1;
            self.send(framed(limits, |to| put_reply(head, &Reply::Absent, to)), true);
            return Some(());
        }
        let Asked(name, command) = Asked::read(body)?;
        if let Err(denied) = admits(&asked(head, &name, &command)) {
            self.deny(head, denied, limits);
            return Some(());
        }
        let has_room = !self.is_full(limits, running);
        let remembered = session(&mut self.sessions, head, limits, &mut self.lives)?;
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
                life: remembered.life,
                name: OwnName { kind: name.kind, key: name.key.into() },
                token: command.holder().map(|token| place.token(token)),
                waits: command.wait() > 0,
                body: body.rest().into(),
            });
        } else {
            self.served.crowded += 1;
        }
        Some(())
    }

    /// What is remembered of an older life of the session is forgotten, and what it asked for is not begun.
    fn begin_life(&mut self, session: u32) {
        self.sessions.retain(|known| known.session != session);
        self.waiting.retain(|incoming| incoming.head.session != session);
    }

    fn deny(&mut self, head: Head, denied: Denied, limits: &Limits) {
        let why = if denied == Denied::Rival {
            self.served.rivals += 1;
            RIVAL
        } else {
            self.served.denied += 1;
            DENIED
        };
        let refusal = Reply::Failed(Cause::rejected(why));
        self.send(framed(limits, |to| put_reply(head, &refusal, to)), true);
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
            if session.life != incoming.life {
                // the device began anew, and asked for nothing of the kind
                return;
            }
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
            let place = Place { prefix: alloc::string::String::new(), seed: 0, mark: 0 };
            window.hear(&frame[..len], &mut decoder, &limits, 0, &|_| Ok(()), &place);
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
