use cachify::{Refused, cached, lock, once, pooled};
use std::{future::Future, pin::Pin, sync::Arc};

trait Stream {
    type Item;
}

type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

#[lock(key = "a")]
async fn future() -> Result<Pin<Box<dyn Future<Output = u8> + Send>>, Refused> {
    Ok(Box::pin(async { 1 }))
}

#[once(key = "b")]
async fn opaque_future() -> Option<impl Future<Output = u8>> {
    Some(async { 1 })
}

#[lock(key = "c", otherwise = (0, Vec::new()))]
fn futures() -> (u8, Vec<Box<dyn Future<Output = u8> + Unpin>>) {
    (1, Vec::new())
}

#[pooled(key = "d", size = 2, otherwise = todo())]
fn stream() -> BoxStream<'static, u8> {
    todo()
}

#[once(key = "e")]
fn pinned_stream() -> Option<Pin<Box<dyn Stream<Item = u8>>>> {
    None
}

#[once(key = "f", otherwise = todo())]
fn opaque_stream() -> impl Stream<Item = u8> {
    todo::<BoxStream<'static, u8>>()
}

#[lock(key = "g", when_busy = Ok(Box::new([].into_iter())))]
fn iterator() -> Result<Box<dyn Iterator<Item = u8>>, Refused> {
    Ok(Box::new([1].into_iter()))
}

#[cached(key = "h")]
fn opaque_iterator() -> impl Iterator<Item = u8> + Clone {
    [1].into_iter()
}

#[once(key = "i", otherwise = Box::new(|| 0))]
fn closure() -> Box<dyn FnOnce() -> u8 + Send> {
    Box::new(|| 1)
}

#[lock(key = "j")]
async fn opaque_closure() -> Result<impl FnOnce() -> u8, Refused> {
    Ok(|| 1)
}

/// One that may be called again is a value.
#[once(key = "k", otherwise = Arc::new(|| 0))]
fn handler() -> Arc<dyn Fn() -> u8 + Send + Sync> {
    Arc::new(|| 1)
}

fn todo<T>() -> T {
    loop {}
}

fn main() {}
