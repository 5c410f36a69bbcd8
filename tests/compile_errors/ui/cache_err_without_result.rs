use cachify::cached;

#[cached(key = "option:{id}", cache_err = true)]
fn option(id: u64) -> Option<u64> {
    Some(id)
}

#[cached(key = "plain:{id}", cache_err = true)]
async fn plain(id: u64) -> u64 {
    id
}

#[cached(key = "both:{id}", cache_none = true, cache_err = true)]
fn both(id: u64) -> Option<u64> {
    Some(id)
}

#[cached(key = "nothing", cache_err = true)]
fn nothing() {}

fn main() {}
