//! The one owner of a device's line: sends what is due, reads what comes.
//!
//! Callers never touch the line, since a dropped `read` may lose bytes and a dropped `write` leaves half a frame.

use super::{
    LineEnd,
    frame::Decoder,
    message::{Head, Name, request_frame, take_head},
    number,
    question::Question,
    remote::RemoteStore,
    settings::{Tick, after},
    state::{Due, News, State},
    wire::{Parse, code},
    write_all,
};
use cachify_core::{
    drive::beside,
    key::{Key, Kind},
    patience::Ticket,
    store::lock::Lock,
    time::{Instant, Timer},
};
use core::{future::poll_fn, pin::pin, task::Poll};
use embedded_io_async::{Read, Write};

/// What the pump does next.
enum Next {
    Send { request: u32, len: usize, again: bool },
    Wait(Instant),
}

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// Carries requests and answers until the line ends; one pump at a time.
    ///
    /// When it cannot be written or was closed, what is under way fails at once, and so does everything asked until the
    /// pump runs again. A failure to read, such as an overrun, leaves requests as they are: run it again.
    ///
    /// Dropping the future leaves requests under way; they time out unless a pump runs again.
    pub async fn pump<R: Read, W: Write>(&self, mut reader: R, mut writer: W) -> LineEnd<R::Error, W::Error> {
        self.step(|state| state.line_up(Tick::of(self.clock.now())));
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
                    let mut wait = C::Wait::default();
                    poll_fn(|cx| match self.step(|state| state.poll_kicked(cx.waker())) {
                        Poll::Pending => self.clock.poll_until(&mut wait, at, cx),
                        Poll::Ready(()) => Poll::Ready(()),
                    })
                    .await;
                }
            }
        }
    }

    /// What is due, with its frame.
    fn next(&self, frame: &mut [u8; FRAME]) -> Next {
        let now = self.clock.now();
        match self.step(|state| state.due(Tick::of(now), frame)) {
            Due::Send { request, len, again } => Next::Send { request, len, again },
            Due::GiveBack { session, dropped, again } => {
                let head = Head { session, request: dropped.request };
                let number = if dropped.kind.is_some() { number::RELEASE } else { number::BEGIN };
                let kind = dropped.kind.unwrap_or(Kind::Lock);
                let mut question = Question::new(number, kind, dropped.token);
                if dropped.keep != 0 {
                    (question.number, question.ttl) = (number::COMPLETE, dropped.keep);
                }
                let len = request_frame(frame, head, Name { kind, key: dropped.key() }, &question);
                Next::Send { request: dropped.request, len: len.unwrap_or(0), again }
            }
            Due::Wait(i32::MAX) => Next::Wait(Instant::MAX),
            Due::Wait(millis) => Next::Wait(after(now, millis.unsigned_abs())),
        }
    }

    async fn receive<R: Read, E>(&self, reader: &mut R) -> LineEnd<R::Error, E> {
        let mut decoder = Decoder::new([0; FRAME]);
        let mut chunk = [0; 16];
        loop {
            let len = match reader.read(&mut chunk).await {
                Ok(0) => return LineEnd::Closed,
                Ok(len) => len,
                Err(error) => return LineEnd::Read(error),
            };
            self.take(&mut decoder, chunk.get(..len).unwrap_or_default());
        }
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn take(&self, decoder: &mut Decoder<[u8; FRAME]>, bytes: &[u8]) {
        for byte in bytes {
            if let Some(message) = decoder.feed(*byte) {
                let (head, news) = read(message).unwrap_or((Head::NONE, News::Rubbish));
                self.wake(|state| state.hear(head, news));
            }
        }
        let rubbish = decoder.take_rubbish();
        if rubbish != 0 {
            self.step(|state| state.stats.rubbish = state.stats.rubbish.saturating_add(rubbish));
        }
    }
}

/// Reads a message of the gateway; an answer is read on by whoever asked.
fn read(message: &[u8]) -> Option<(Head, News<'_>)> {
    let (version, head, body) = take_head(message, Ticket::NONE)?;
    if head.request == 0 {
        let mut name = body;
        let (kind, key) = (Kind::parse(&mut name)?, <&[u8]>::parse(&mut name)?);
        return name.is_empty().then_some((head, News::Released(Key::new(kind, "", key, 0))));
    }
    let mut ahead = body;
    let news = match ahead.byte()? {
        number::OTHER_VERSION => News::OtherVersion,
        // an echo begins with the kind of a key
        ..number::GRANTED => return None,
        _ if version != super::VERSION => return None,
        number::FAILED => match ahead.byte()? {
            code::TIMED_OUT | code::UNREACHABLE => News::Failed(body.rest()),
            code::RIVAL => News::Elsewhere(body.rest()),
            ..code::RIVAL => News::Answer(body.rest()),
            _ => return None,
        },
        _ => News::Answer(body.rest()),
    };
    Some((head, news))
}
