use cachify::{Refused, cached, lock, once, pooled};
use std::{boxed::Box, future::Future, pin::Pin};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

#[cached(key = "a:{id}")]
fn kept(id: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { id })
}

/// As `#[async_trait]` makes it.
#[lock(key = "b", otherwise = Box::pin(async { Ok(0) }))]
fn exclusive<'life0, 'async_trait>(
    name: &'life0 str,
) -> ::core::pin::Pin<
    Box<dyn ::core::future::Future<Output = Result<usize, Refused>> + ::core::marker::Send + 'async_trait>,
>
where
    'life0: 'async_trait,
{
    Box::pin(async move { Ok(name.len()) })
}

#[once(key = "c", otherwise = Box::new(std::future::ready(0)))]
fn unpinned() -> Box<dyn Future<Output = u8> + Unpin> {
    Box::new(std::future::ready(1))
}

fn handler() -> LocalBoxFuture<'static, u8> {
    Box::pin(async { 0 })
}

#[pooled(key = "d", size = 2, on_full = handler)]
fn by_name() -> LocalBoxFuture<'static, u8> {
    Box::pin(async { 1 })
}

#[lock(key = "e")]
fn inside() -> Result<self::BoxFuture<'static, u8>, Refused> {
    Ok(Box::pin(async { 1 }))
}

#[once(key = "f")]
fn opaque() -> impl Future<Output = ()> {
    async {}
}

fn main() {}
