//! Two futures side by side, and one that never waits.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};

/// Runs `body` beside `other`; whichever ends first decides. Nothing is spawned, so nothing need be `Send`.
///
/// # Errors
/// What `other` brought, if it ended first.
pub async fn beside<T, L>(body: impl Future<Output = T>, other: impl Future<Output = L>) -> Result<T, L> {
    let (mut body, mut other) = (pin!(body), pin!(other));
    poll_fn(|cx| match body.as_mut().poll(cx) {
        Poll::Ready(out) => Poll::Ready(Ok(out)),
        Poll::Pending => other.as_mut().poll(cx).map(Err),
    })
    .await
}

/// Runs a future made only of parts that block: it is ready at the first poll.
#[doc(hidden)]
pub fn ready<T>(f: impl Future<Output = T>) -> T {
    let mut f = pin!(f);
    loop {
        if let Poll::Ready(out) = f.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return out;
        }
    }
}
