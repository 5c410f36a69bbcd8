//! Who polls the machine: a task with a timer of its platform, or a thread that is parked.

use super::{Beats, Lease, Stage, Values};
use crate::{
    Holding,
    error::Refused,
    instance::Handle,
    outcome::Shape,
    store::{Cause, Platform},
    time::{Instant, Sleep, Timer},
};
use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

type ClockOf<H> = <<H as Handle>::Store as Platform>::Clock;

/// Runs the body of a flight with the flight marked, renewing beside it. No function: a device pays for each future within
/// another.
macro_rules! aloft {
    ($lease:expr, $body:expr) => {{
        let (mut body, mut beats) = (core::pin::pin!($body), core::pin::pin!($lease.beats()));
        core::future::poll_fn(|cx| {
            let polled = $lease.poll_inside(body.as_mut(), cx);
            if polled.is_pending() {
                let _ = core::future::Future::poll(beats.as_mut(), cx);
            }
            polled
        })
        .await
    }};
}
#[cfg(feature = "stale")]
pub(super) use aloft;

/// For tasks.
impl<H: Handle> Lease<H>
where
    ClockOf<H>: Timer,
{
    /// Asks until granted or out of patience.
    pub fn acquire(&mut self) -> impl Future<Output = Result<(), Refused>> {
        let mut wait = <ClockOf<H> as Timer>::Wait::default();
        poll_fn(move |cx| self.poll_acquire(&mut wait, cx))
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn poll_acquire(
        &mut self,
        wait: &mut <ClockOf<H> as Timer>::Wait,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refused>> {
        if self.stage != Stage::New || self.begin() {
            ready!(self.poll_timed(wait, cx));
        }
        Poll::Ready(self.acquired())
    }

    /// Asks with the task's timer beside.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_timed(&mut self, wait: &mut <ClockOf<H> as Timer>::Wait, cx: &mut Context<'_>) -> Poll<()> {
        while self.poll_asked(cx).is_pending() {
            match self.wake_at() {
                Instant::MAX => return Poll::Pending,
                at => ready!(self.handle.instance().store().clock().poll_until(wait, at, cx)),
            }
        }
        Poll::Ready(())
    }

    /// Gives it back as the body's result says; a failure to do so is an event. An unknown outcome leaves it to the
    /// store, as dropping does.
    pub fn finish(&mut self, success: bool) -> impl Future<Output = ()> {
        poll_fn(move |cx| self.poll_end(success, cx))
    }

    /// Gives it back, and tells how that went.
    ///
    /// # Errors
    /// [`Cause`] when the store did not answer, or said no.
    pub async fn settle(&mut self, success: bool) -> Result<Holding, Cause> {
        self.finish(success).await;
        self.settled()
    }

    /// The value, or else the flight is held, or there is nothing to ask.
    pub(super) fn fly<V, T: 'static, C>(&mut self, codec: &C) -> impl Future<Output = Option<V>>
    where
        H::Store: Values<V, C>,
    {
        let mut wait = <ClockOf<H> as Timer>::Wait::default();
        poll_fn(move |cx| self.poll_value::<V, T, C>(codec, |lease, cx| lease.poll_timed(&mut wait, cx), cx))
    }

    /// A cached call.
    pub async fn cached<K: Shape<R>, R, C>(&mut self, shape: K, codec: &C, body: impl AsyncFnOnce() -> R) -> R
    where
        H::Store: Values<K::Value, C>,
    {
        if let Some(v) = self.fly::<_, K::Failure, _>(codec).await {
            return shape.back(v);
        }
        if let Some(out) = self.passed(&shape) {
            return out;
        }
        if let Some(out) = self.closed(&shape) {
            return out;
        }
        let out = aloft!(self, body());
        if shape.hides() {
            self.hidden_flight();
        }
        self.keep = self.keep.min(shape.lasts(&out));
        let mut value = shape.keep(&out);
        if value.is_none() {
            self.unkept(&shape, &out);
        }
        poll_fn(|cx| self.poll_land(codec, &mut value, cx)).await;
        drop(value);
        out
    }

    /// Runs `body`, renewing beside it.
    pub async fn carry<T>(&self, body: impl Future<Output = T>) -> T {
        let (mut body, mut beats) = (pin!(body), pin!(self.beats()));
        poll_fn(|cx| carried(body.as_mut(), beats.as_mut(), cx)).await
    }
}

/// For threads.
impl<H: Handle> Lease<H>
where
    ClockOf<H>: Sleep,
{
    /// Asks until granted or out of patience, blocking this thread.
    ///
    /// # Errors
    /// Why it was not granted.
    pub fn acquire_blocking(&mut self) -> Result<(), Refused> {
        if self.stage != Stage::New || self.begin() {
            self.block(Self::poll_asked);
        }
        self.acquired()
    }

    /// Gives it back as the body's result says, blocking this thread.
    pub fn finish_blocking(&mut self, success: bool) {
        self.block(|lease, cx| lease.poll_end(success, cx));
    }

    /// Gives it back, blocking this thread, and tells how that went.
    ///
    /// # Errors
    /// [`Cause`] when the store did not answer, or said no.
    pub fn settle_blocking(&mut self, success: bool) -> Result<Holding, Cause> {
        self.finish_blocking(success);
        self.settled()
    }

    /// The value, or else the flight is held, or there is nothing to ask; blocking this thread.
    pub(super) fn fly_blocking<V, T: 'static, C>(&mut self, codec: &C) -> Option<V>
    where
        H::Store: Values<V, C>,
    {
        self.block(|lease, cx| lease.poll_value::<V, T, C>(codec, Self::poll_asked, cx))
    }

    /// A cached call, blocking this thread.
    pub fn cached_blocking<K: Shape<R>, R, C>(&mut self, shape: K, codec: &C, body: impl FnOnce() -> R) -> R
    where
        H::Store: Values<K::Value, C>,
    {
        if let Some(v) = self.fly_blocking::<_, K::Failure, _>(codec) {
            return shape.back(v);
        }
        if let Some(out) = self.passed(&shape) {
            return out;
        }
        if let Some(out) = self.closed(&shape) {
            return out;
        }
        let out = self.inside(body);
        if shape.hides() {
            self.hidden_flight();
        }
        self.keep = self.keep.min(shape.lasts(&out));
        let mut value = shape.keep(&out);
        if value.is_none() {
            self.unkept(&shape, &out);
        }
        self.block(|lease, cx| lease.poll_land(codec, &mut value, cx));
        drop(value);
        out
    }

    pub(super) fn block<T>(&mut self, poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<T>) -> T {
        let handle = self.handle.clone();
        block(&handle, self, Self::wake_at, poll)
    }
}

/// Polls `it` until that is ready, parking this thread in between; at the latest until the time that it says.
pub(crate) fn block<H: Handle, A, T>(
    handle: &H,
    it: &mut A,
    wake_at: impl Fn(&A) -> Instant,
    mut poll: impl FnMut(&mut A, &mut Context<'_>) -> Poll<T>,
) -> T
where
    ClockOf<H>: Sleep,
{
    loop {
        // also after a wait, which ends at its time without a poll; what is ready at once needs no waker
        if let Poll::Ready(out) = poll(it, &mut Context::from_waker(Waker::noop())) {
            return out;
        }
        let (until, mut out) = (wake_at(it), None);
        let event = poll_fn(|cx| match poll(it, cx) {
            Poll::Ready(done) => {
                out = Some(done);
                Poll::Ready(())
            }
            // it wants to be woken at another time now
            Poll::Pending if wake_at(it) != until => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        });
        handle.instance().store().clock().wait(until, pin!(event));
        if let Some(out) = out {
            return out;
        }
    }
}

impl<H: Handle> Lease<H> {
    /// What giving back came to.
    pub(super) fn settled(&self) -> Result<Holding, Cause> {
        match (self.stage, self.cause()) {
            (Stage::Over, _) => Ok(Holding::Held),
            (Stage::Gone, _) => Ok(Holding::Lost),
            (_, cause) => Err(cause.unwrap_or(Cause::KeyTooLong)),
        }
    }
}

/// The body of a macro's call, which takes with it what its closure captured.
pub fn begun<T>(body: impl AsyncFnOnce() -> T) -> impl Future<Output = T> {
    body()
}

/// Polls `body`, and beside it what renews; a macro's call does no more while its body runs.
#[inline]
pub fn carried<T, H: Handle>(
    body: Pin<&mut impl Future<Output = T>>,
    beats: Pin<&mut Beats<'_, H>>,
    cx: &mut Context<'_>,
) -> Poll<T>
where
    ClockOf<H>: Timer,
{
    #[cfg(feature = "insight")]
    let polled = beats.lease().within(|| body.poll(cx));
    #[cfg(not(feature = "insight"))]
    let polled = body.poll(cx);
    if polled.is_pending() {
        let _ = beats.poll(cx);
    }
    polled
}
