use cachify::{Refused, lock, once, pooled};
use std::{
    future::{Future, Ready, ready},
    pin::Pin,
};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Items<'a> = Box<dyn Iterator<Item = u8> + Send + 'a>;
type Answer<T> = Result<Option<T>, Refused>;

#[lock(key = "a", otherwise = ready(0))]
async fn future() -> Ready<u8> {
    ready(1)
}

#[lock(key = "b")]
async fn inside() -> Result<Boxed<u8>, Refused> {
    Err(Refused::NotInitialised)
}

#[lock(key = "c")]
async fn deep_inside() -> Answer<Boxed<u8>> {
    Ok(None)
}

/// A handle of what runs by itself, as of a spawned task, stands in a `Result` or an `Option`.
#[once(key = "d", otherwise = tokio_like())]
async fn spawned() -> JoinHandle {
    tokio_like()
}

type JoinHandle = Ready<()>;

fn tokio_like() -> JoinHandle {
    ready(())
}

#[pooled(key = "e", size = 2, otherwise = Box::new([].into_iter()))]
fn iterator(bytes: &[u8]) -> Items<'_> {
    Box::new(bytes.iter().copied())
}

#[lock(key = "f")]
async fn iterator_inside() -> Answer<Items<'static>> {
    Ok(None)
}

fn main() {}
