#![allow(unused_variables, reason = "the signatures are what is looked at")]

use cachify::cached;

trait Call {
    type Out: Clone;
    fn call(&self) -> Self::Out;
}

#[cached(key = "call:{id}")]
fn call<C: Call>(id: u64, c: &C) -> C::Out {
    c.call()
}

#[cached(key = "qualified:{id}")]
async fn qualified<C>(id: u64, c: C) -> <C as Call>::Out
where
    C: Call,
{
    c.call()
}

#[cached(key = "memo:{id}")]
fn memo<R>(id: u64, make: impl FnOnce() -> R) -> R {
    make()
}

struct Service;

impl Service {
    #[cached(key = "echo:{id}", cache_err = false)]
    fn echo<T: Clone>(&self, id: u64, of: T) -> T {
        of
    }
}

fn main() {}
