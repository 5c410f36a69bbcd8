use cachify::{Cachify, Memory, Refused, cached, lock, once, pooled};
use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    sync::LazyLock,
};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[cached(key = "a", instance = LOCAL)]
fn kept() -> Ready<u8> {
    ready(1)
}

#[lock(key = "b", otherwise = Box::pin(async { 0 }))]
fn exclusive() -> Boxed<u8> {
    Box::pin(async { 1 })
}

trait Service {
    type Answer: Future<Output = u8>;
    fn call() -> Self::Answer;
    fn busy() -> Self::Answer;
}

#[once(key = "c", otherwise = S::busy())]
fn associated<S: Service>() -> S::Answer {
    S::call()
}

fn handler() -> Boxed<u8> {
    Box::pin(async { 0 })
}

#[pooled(key = "d", size = 2, on_full = handler)]
fn pool() -> Boxed<u8> {
    Box::pin(async { 1 })
}

static DEVICE: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[cachify_core::lock(key = "d", instance = DEVICE, otherwise = handler())]
fn of_a_device() -> Boxed<u8> {
    Box::pin(async { 1 })
}

#[lock(key = "e")]
fn inside() -> Result<Boxed<u8>, Refused> {
    Ok(Box::pin(async { 1 }))
}

#[once(key = "f")]
fn inside_an_option() -> Option<Boxed<u8>> {
    Some(Box::pin(async { 1 }))
}

fn main() {}
