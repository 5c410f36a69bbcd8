use cachify::cached;

#[cached(key = "a", ttl = 5, jitter = 0.0)]
fn none() -> u32 {
    1
}

#[cached(key = "b", ttl = 5, jitter = 1.5)]
fn too_much() -> u32 {
    1
}

#[cached(key = "c", ttl = 5, cache_err = 0)]
fn no_time() -> Result<u32, u32> {
    Err(1)
}

#[cached(key = "d", ttl = 5, cache_err = 1, cache_none = 1)]
fn of_both() -> Result<u32, u32> {
    Err(1)
}

#[cached(key = "e", ttl = |value: &u32| *value, cache_err = 1)]
fn of_no_value() -> Result<u32, u32> {
    Err(1)
}

#[cached(key = "f", ttl = 5, cache_err = 1)]
fn cannot_fail() -> u32 {
    1
}

#[cached(key = "g", ttl = |value: &u32| value.to_string())]
fn no_span() -> u32 {
    1
}

fn main() {}
