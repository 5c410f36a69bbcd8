//! The device's side: who it is, and how it opens a line.

use super::{
    CHALLENGE, DeviceKey, FROM_DEVICE, FROM_GATEWAY, HELLO, Line, RECORD, TAG, framed,
    halves::{Intake, KeyedReader, KeyedWriter, Side},
};
use crate::{LineEnd, Session, settings::after, write_all};
use cachify_core::{
    drive::beside,
    time::{Clock, Instant, Timer},
};
use core::{
    fmt,
    pin::pin,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};
use embedded_io_async::{Read, Write};

/// How long the first answer is waited for, in milliseconds; doubling each time.
const FIRST: u32 = 100;
/// How often it doubles: 3.2 s at last.
const DOUBLES: u32 = 5;
/// For how long a gateway may leave frames unanswered, in milliseconds.
const SILENCE: u32 = 3_000;

/// A device with a key, which opens its line by it.
///
/// ```
/// # use cachify_core::{store::lock::NoLock, testing::ManualClock};
/// # use cachify_link::{RemoteStore, Session, keyed::{DeviceKey, Keyed}};
/// # let clock = ManualClock::new();
/// # let store = RemoteStore::<NoLock, _>::new(&clock);
/// let session = Session { id: 12, device: [0x0042_1337, 7] }; // 12 is the boot count: it grows with every start
/// store.start(session);
/// let keyed = Keyed::new(DeviceKey::new(*b"out of flash too"), session, &clock);
/// # async fn line<R: embedded_io_async::Read, W: embedded_io_async::Write>(
/// #     store: &RemoteStore<NoLock, &ManualClock>, keyed: &Keyed<&ManualClock>, mut reader: R, mut writer: W) {
/// loop {
///     if let Ok((reader, writer)) = keyed.open(&mut reader, &mut writer).await {
///         let _ = store.pump(reader, writer).await;
///     }
/// #   break;
///     // embassy_time::Timer::after_millis(100).await;
/// }
/// # }
/// ```
pub struct Keyed<C> {
    key: DeviceKey,
    session: Session,
    clock: C,
    attempts: AtomicU32,
    /// Since when frames are unanswered, in milliseconds; zero when none is.
    unanswered: AtomicU32,
    dropped: AtomicU32,
}

impl<C> fmt::Debug for Keyed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("session", &self.session).finish_non_exhaustive()
    }
}

impl<C> Keyed<C> {
    /// One life of a device, by its key. [`Session::id`] MUST be higher than in every life before: under one key no number may
    /// come again. It is the one that the store was started with.
    pub const fn new(key: DeviceKey, session: Session, clock: C) -> Self {
        let (attempts, unanswered, dropped) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        Self { key, session, clock, attempts, unanswered, dropped }
    }

    /// How many records were dropped that were not the gateway's, or came again.
    pub fn dropped(&self) -> u32 {
        self.dropped.load(Relaxed)
    }

    fn attempt(&self) -> Line {
        // one pump at a time
        let attempt = self.attempts.load(Relaxed).wrapping_add(1);
        self.attempts.store(attempt, Relaxed);
        let Session { id, device } = self.session;
        Line::new(self.key.clone(), &super::greeting(device, id, attempt))
    }
}

/// A reader and a writer of an opened line.
pub type Opened<'k, R, W, C> = (KeyedReader<R, &'k Keyed<C>>, KeyedWriter<W, &'k Keyed<C>>);

impl<C: Timer> Keyed<C> {
    /// Greets until the gateway has proved who it is; then what is read and written is between the two alone.
    ///
    /// # Errors
    /// The end of the line. A gateway that does not know the device's key says nothing.
    ///
    /// Dropping the future leaves the line to be opened anew.
    pub async fn open<R: Read, W: Write>(
        &self,
        mut reader: R,
        mut writer: W,
    ) -> Result<Opened<'_, R, W, C>, LineEnd<R::Error, W::Error>> {
        let mut intake = Intake::new();
        let mut doubled = 0;
        loop {
            let mut line = self.attempt();
            let mut frame = [0; RECORD];
            let tag = line.seal(HELLO, 0, &mut []);
            let hello = framed(&mut frame, [&[HELLO], line.greeting(), &[], &tag]);
            write_all(&mut writer, hello).await.map_err(|(_, why)| why)?;
            let until = after(self.clock.now(), FIRST << doubled);
            let answered = {
                let answer = pin!(self.answer(&mut reader, &mut intake, &mut line));
                beside(answer, pin!(self.clock.sleep_until(until))).await
            };
            if let Ok(answer) = answered {
                answer?;
                self.unanswered.store(0, Relaxed);
                let read = KeyedReader::new(reader, self, line.clone(), FROM_GATEWAY, intake);
                return Ok((read, KeyedWriter::new(writer, self, line, FROM_DEVICE)));
            }
            doubled = DOUBLES.min(doubled + 1);
        }
    }

    /// Reads until the gateway has answered this greeting.
    async fn answer<R: Read, E>(
        &self,
        reader: &mut R,
        intake: &mut Intake,
        line: &mut Line,
    ) -> Result<(), LineEnd<R::Error, E>> {
        loop {
            if !intake.fill(reader).await.map_err(LineEnd::Read)? {
                return Err(LineEnd::Closed);
            }
            while let Some(message) = intake.next() {
                if is_answer(line, message) {
                    return Ok(());
                }
                Side::dropped(&self);
            }
        }
    }
}

/// Whether a record is the gateway's answer to the greeting; its challenge is the line's then.
fn is_answer(line: &mut Line, message: &[u8]) -> bool {
    let Some((&[CHALLENGE, ref challenge @ ..], tag)) = message.split_first_chunk::<17>() else { return false };
    let Ok(tag) = <&[u8; TAG]>::try_from(tag) else { return false };
    line.answered(challenge);
    line.unseal(CHALLENGE, 0, &mut [], tag)
}

impl<C: Clock> Side for &Keyed<C> {
    fn may_send(&self) -> bool {
        let now = tick(self.clock.now());
        match self.unanswered.load(Relaxed) {
            0 => {
                self.unanswered.store(now, Relaxed);
                true
            }
            since => now.wrapping_sub(since) < SILENCE,
        }
    }

    fn heard(&self) {
        self.unanswered.store(0, Relaxed);
    }

    fn dropped(&self) {
        self.dropped.store(self.dropped.load(Relaxed).saturating_add(1), Relaxed);
    }
}

/// Milliseconds that are never zero.
fn tick(now: Instant) -> u32 {
    (now.as_millis() as u32).max(1)
}
