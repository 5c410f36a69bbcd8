//! What an operation knows of the group of its key, from poll to poll.

use super::held::Held;
use cachify_core::Cause;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, OnceLock},
    task::Poll,
};

/// How many bytes it has.
pub(super) const LEN: usize = 16;
/// The generation of a group.
pub(super) type Generation = [u8; LEN];

/// A generation that a question brings along.
pub(super) type Told = OnceLock<Result<Generation, Cause>>;

/// What an operation knows of the group of its key.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// The generation, as it was seen before anything was loaded.
    pub(super) generation: Option<Generation>,
    /// Whether the last question brought it.
    pub(super) is_new: bool,
    pub(super) told: Option<Arc<Told>>,
    pub(super) learning: Held<Result<Generation, Cause>>,
    /// There is a value of it, whose life is asked for now.
    pub(super) is_there: bool,
}

/// Both, at the same time.
pub(super) async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut of_a, mut of_b) = (None, None);
    poll_fn(|cx| {
        if of_a.is_none()
            && let Poll::Ready(out) = a.as_mut().poll(cx)
        {
            of_a = Some(out);
        }
        if of_b.is_none()
            && let Poll::Ready(out) = b.as_mut().poll(cx)
        {
            of_b = Some(out);
        }
        match (of_a.take(), of_b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (of_a, of_b) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}
