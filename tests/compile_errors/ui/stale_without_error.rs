use cachify::cached;

#[cached(key = "a", ttl = 60, stale_for = 60, stale_on_error)]
fn perhaps() -> Option<u32> {
    Some(1)
}

type Answer<T> = Result<T, u32>;

#[cached(key = "b", ttl = 60, stale_for = 60, stale_on_error)]
fn by_alias() -> Answer<u32> {
    Ok(1)
}

fn main() {}
