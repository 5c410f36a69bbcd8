//! The one owner of a device's line: sends what is due, reads what comes.
//!
//! Callers never touch the line, since a dropped `read` may lose bytes and a dropped `write` leaves half a frame.

use super::{
    LineEnd,
    frame::Decoder,
    message::{Answer, Head, Name, Skipped, request_frame, take_head, take_whole},
    question::Question,
    remote::RemoteStore,
    state::{Dropped, Due, State},
    wire::Reader,
    write_all,
};
use crate::{
    drive::beside,
    key::{Key, Kind},
    patience::Ticket,
    store::{Fault, lock::Lock},
    time::{Instant, PollTimer},
};
use core::{future::poll_fn, pin::pin, task::Poll};
use embedded_io_async::{Read, Write};

/// What the pump does next.
enum Next {
    Send { request: u32, len: usize, again: bool },
    Wait(Instant),
}

impl<L: Lock, C: PollTimer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// Carries requests and answers until the line ends; one pump at a time.
    ///
    /// When it cannot be written or was closed, what is under way fails at once, and so does everything asked until the
    /// pump runs again. A failure to read, such as an overrun, leaves requests as they are: run it again.
    ///
    /// Dropping the future leaves requests under way; they time out unless a pump runs again.
    pub async fn pump<R: Read, W: Write>(&self, mut reader: R, mut writer: W) -> LineEnd<R::Error, W::Error> {
        self.step(State::line_up);
        let (Ok(end) | Err(end)) = beside(pin!(self.send(&mut writer)), pin!(self.receive(&mut reader))).await;
        if !matches!(end, LineEnd::Read(_)) {
            self.step(State::line_down);
            while self.wake(State::fail_one) {}
        }
        end
    }

    async fn send<W: Write, E>(&self, writer: &mut W) -> LineEnd<E, W::Error> {
        let mut frame = [0; FRAME];
        // the line may have ended amid a frame
        let mut apart = true;
        loop {
            match self.next(&mut frame) {
                Next::Send { request, len, again } => {
                    let from = usize::from(!apart && !again);
                    let bytes = frame.get(from..len).unwrap_or_default();
                    match write_all(writer, bytes).await {
                        Ok(()) => apart = false,
                        Err((taken, why)) => {
                            // nothing of it is on the line: it is known not to be done
                            if taken == 0 && !again {
                                self.step(|state| state.not_sent(request));
                            }
                            return why;
                        }
                    }
                }
                Next::Wait(at) => {
                    poll_fn(|cx| match self.step(|state| state.poll_kicked(cx.waker())) {
                        Poll::Pending => self.clock.poll_until(at, cx),
                        kicked => kicked,
                    })
                    .await;
                }
            }
        }
    }

    /// What is due, with its frame.
    fn next(&self, frame: &mut [u8; FRAME]) -> Next {
        let now = self.clock.now();
        match self.step(|state| state.due(now, frame)) {
            Due::Send { request, len, again } => Next::Send { request, len, again },
            Due::GiveBack { dropped, again } => {
                Next::Send { request: dropped.request, len: self.give_back(&dropped, frame), again }
            }
            Due::Wait(at) => Next::Wait(at),
        }
    }

    fn give_back(&self, dropped: &Dropped<KEY>, frame: &mut [u8; FRAME]) -> usize {
        let Some(session) = self.step(|state| state.session()) else { return 0 };
        let head = Head { session, request: dropped.request };
        let kind = dropped.kind.unwrap_or(Kind::Lock);
        let command = Question::give_back(kind, dropped.token);
        let name = Name { kind, key: dropped.key() };
        request_frame(frame, head, name, &command).unwrap_or(0)
    }

    async fn receive<R: Read, E>(&self, reader: &mut R) -> LineEnd<R::Error, E> {
        let mut decoder = Decoder::new([0; FRAME]);
        let mut chunk = [0; 16];
        let mut rubbish = 0;
        loop {
            let len = match reader.read(&mut chunk).await {
                Ok(0) => return LineEnd::Closed,
                Ok(len) => len,
                Err(error) => return LineEnd::Read(error),
            };
            for byte in chunk.iter().take(len) {
                let understood = decoder.feed(*byte).is_none_or(|message| self.take(message).is_some());
                let seen = decoder.rubbish() + u32::from(!understood);
                if seen != rubbish {
                    self.step(|state| state.tally.rubbish = state.tally.rubbish.saturating_add(seen - rubbish));
                    rubbish = decoder.rubbish();
                }
            }
        }
    }

    /// Gives an answer to whoever asked, and a notice to whoever waits; `None` for what is neither.
    fn take(&self, message: &[u8]) -> Option<()> {
        let (version, head, body) = take_head(message, Ticket::NONE)?;
        if self.step(|state| state.session()) != Some(head.session) {
            return None;
        }
        if head.request == 0 {
            let Name { kind, key } = take_whole(body)?;
            let key = Key::new(kind, "", key, 0);
            self.wake(|state| state.waiters.release(&key));
            return Some(());
        }
        let answer = take_whole(body)?;
        self.conclude(head.request, version, body, &answer);
        Some(())
    }

    fn conclude(&self, request: u32, version: u8, body: Reader<'_>, answer: &Answer<Skipped>) {
        match answer {
            Answer::OtherVersion(_) => self.wake(|state| state.answered(request, None)),
            _ if version != super::VERSION => false,
            // not taken back yet; anything but a failure that may pass is final
            Answer::Failed(fault)
                if matches!(fault, Fault::TimedOut | Fault::Unreachable)
                    && self.step(|state| state.give_back_anew(request)) =>
            {
                true
            }
            _ => self.wake(|state| state.answered(request, Some(body.rest()))),
        };
    }
}
