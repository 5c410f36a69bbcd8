use cachify::lock;

#[lock(key = "a")]
fn nothing() {}

#[lock(key = "b")]
fn absent() -> Option<u8> {
    Some(1)
}

#[lock(key = "c")]
async fn plain() -> u8 {
    1
}

#[lock(key = "d")]
async fn nothing_awaited() {}

fn main() {}
