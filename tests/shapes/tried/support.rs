//! What the shapes use: types that can be kept, a log of what bodies did, and a way to run a future.

pub use cachify::{Cachify, Error, Memory, Refused, secs};
pub use serde::{Deserialize, Serialize, de::DeserializeOwned};
pub use std::{
    borrow::Cow,
    cell::RefCell,
    collections::HashMap,
    fmt::{self, Debug, Display},
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    sync::{Arc, LazyLock, Mutex},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

thread_local!(static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

/// Notes that something was done.
pub fn note(what: impl Display) {
    LOG.with_borrow_mut(|log| log.push(what.to_string()));
}

/// Notes what a call left in its arguments: nothing, where the body did not run.
pub fn left(what: impl Debug) {
    note(format_args!("left {what:?}"));
}

/// Takes what was noted.
pub fn noted() -> Vec<String> {
    LOG.take()
}

/// What a call returned, as it is compared.
pub fn show(of: &impl Debug) -> String {
    format!("{of:?}")
}

/// What a call that is refused would return: none is.
pub fn refused<T>() -> T {
    panic!("refused")
}

/// Lets others run once.
pub async fn pause() {
    let mut is_second = false;
    std::future::poll_fn(|cx: &mut Context<'_>| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut is_second, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

struct Thread(std::thread::Thread);

impl Wake for Thread {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let (mut future, waker) = (pin!(future), Waker::from(Arc::new(Thread(std::thread::current()))));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(out) => return out,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// An instance whose values never leave the process.
pub static NEAR: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Point {
    pub x: u8,
    pub y: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pair(pub u8, pub u8);

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Colour {
    Red,
    Green,
}

impl Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Red) { "red" } else { "green" })
    }
}

/// Tells when it is dropped.
#[derive(Debug)]
pub struct Loud(pub &'static str);

impl Drop for Loud {
    fn drop(&mut self) {
        left(self.0);
    }
}

/// An error of the user's, which a refusal becomes.
#[derive(Debug, PartialEq)]
pub struct Oops(pub String);

impl From<Refused> for Oops {
    fn from(why: Refused) -> Self {
        Self(why.to_string())
    }
}

impl From<std::num::ParseIntError> for Oops {
    fn from(e: std::num::ParseIntError) -> Self {
        Self(e.to_string())
    }
}

pub type Answer<T> = Result<T, Oops>;

/// Any error, as `anyhow` has it.
#[derive(Debug)]
pub struct AnyError(pub Box<dyn std::error::Error + Send + Sync>);

impl<E: std::error::Error + Send + Sync + 'static> From<E> for AnyError {
    fn from(e: E) -> Self {
        Self(Box::new(e))
    }
}
