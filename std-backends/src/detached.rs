//! Loads that finish although their callers gave up: each in a task of its own.

use std::pin::Pin;

/// A call in a task of its own, which finishes although whoever waits for it gave up: dropping this future leaves it running.
///
/// The task is begun at the first poll, on the runtime of tokio that polls; without one, `call` runs in its place, and ends when it
/// is dropped. A cached call within `call` that asks for what its caller loads computes, as without this. A panic of `call`
/// is the panic of this.
///
/// ```
/// use cachify::{Cachify, detached, secs};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachify::Error> {
/// let c = Cachify::builder().build()?;
/// let page = c.cache("page").ttl(secs(60));
/// let call = detached(async move { page.get_or_insert_with(async || Ok::<_, std::io::Error>(21)).await });
/// assert_eq!(call.await.unwrap(), 21);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "tokio")]
pub async fn detached<F>(call: F) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    in_a_task(Box::pin(call)).await
}

/// What the macros run a load by that is detached: in a task of the runtime that it is called from, if there is one.
#[cfg(feature = "tokio")]
pub async fn in_a_task<F>(load: Pin<Box<F>>) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return load.await };
    match runtime.spawn(crate::flights::inside_of(load)).await {
        Ok(out) => out,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // the runtime ends, and this task with it
            Err(_) => std::future::pending().await,
        },
    }
}

/// Without tokio there is no task to run it.
#[cfg(not(feature = "tokio"))]
pub async fn in_a_task<F: Detachable>(load: Pin<Box<F>>) -> F::Output {
    load.await
}

/// A load that can be detached.
#[cfg(not(feature = "tokio"))]
#[diagnostic::on_unimplemented(
    message = "`detached` needs the feature `tokio`",
    label = "without it there is no task to run this in"
)]
pub trait Detachable: Future {}
