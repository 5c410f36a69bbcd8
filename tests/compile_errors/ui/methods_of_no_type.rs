use cachify::cached;

#[cached(key = "free:{id}", companions = methods)]
fn free(id: u64) -> u64 {
    id
}

fn main() {}
