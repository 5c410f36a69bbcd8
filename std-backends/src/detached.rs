//! Loads that finish although their callers gave up: each in a task of its own.

use std::{future::Future, pin::Pin};

/// What the macros run a load by that is detached: in a task of the runtime that it is called from, if there is one.
#[cfg(feature = "tokio")]
pub async fn detached<F>(load: Pin<Box<F>>) -> F::Output
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
pub async fn detached<F: Detachable>(load: Pin<Box<F>>) -> F::Output {
    load.await
}

/// A load that can be detached.
#[cfg(not(feature = "tokio"))]
#[diagnostic::on_unimplemented(
    message = "`detached` needs the feature `tokio`",
    label = "without it there is no task to run this in"
)]
pub trait Detachable: Future {}
