use cachify::cached;

#[cached(key = "a", stale_for = 60)]
fn without_ttl() -> u32 {
    1
}

#[cached(key = "b", ttl = forever, stale_for = 60)]
fn never_stale() -> u32 {
    1
}

#[cached(key = "c", ttl = 60, stale_on_error)]
fn without_window() -> Result<u32, u32> {
    Ok(1)
}

#[cached(key = "d", ttl = 60, stale_for = 60, stale_on_error, cache_err)]
fn kept_and_made_good() -> Result<u32, u32> {
    Ok(1)
}

#[cached(key = "e", ttl = 60, early = 0.0)]
fn always_due() -> u32 {
    1
}

#[cached(key = "f", ttl = 60, early = 1.0)]
fn never_due() -> u32 {
    1
}

#[cached(key = "g", ttl = |value: &u32| *value, early = 0.8)]
fn part_of_what() -> u32 {
    1
}

#[cached(key = "h", ttl = forever, early = 0.8)]
fn part_of_for_ever() -> u32 {
    1
}

#[cached(key = "i", ttl = 60, stale_for = forever)]
fn stale_for_ever() -> u32 {
    1
}

#[cached(key = "j", ttl = 60, stale_for = 0)]
fn no_window() -> u32 {
    1
}

#[cached(key = "k", ttl = 60, early)]
fn which_part() -> u32 {
    1
}

#[cached(key = "l", ttl = 60, early = 0.8, cache_err = 5)]
fn always_early() -> Result<u32, u32> {
    Ok(1)
}

#[cached(key = "m", ttl = 60, early = 0.5, jitter = 0.5)]
fn nothing_left() -> u32 {
    1
}

#[cached(key = "n", ttl = forever, early = cachify::Early::XFetch)]
fn never_due_by_chance() -> u32 {
    1
}

#[cached(key = "o", ttl = 60, early = "soon")]
fn no_part() -> u32 {
    1
}

#[cached(key = "p", ttl = 60, early = SOON)]
fn no_early() -> u32 {
    1
}

const SOON: u8 = 80;

fn main() {}
