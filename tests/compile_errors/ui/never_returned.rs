use cachify::{Refused, cached, lock, pooled};
use std::convert::Infallible;

#[cached(key = "counts")]
fn counts() -> ! {
    loop {}
}

#[lock(key = "serves")]
async fn serves() -> ! {
    loop {
        std::future::pending::<()>().await;
    }
}

#[pooled(key = "works", size = 2)]
fn works() -> ! {
    loop {}
}

// what the error says to write
#[lock(key = "answers")]
fn answers() -> Result<Infallible, Refused> {
    loop {}
}

fn main() {}
