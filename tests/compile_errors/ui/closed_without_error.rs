use cachify::cached;

#[cached(key = "a", closed)]
fn number() -> u32 {
    1
}

#[cached(key = "b", closed)]
async fn perhaps() -> Option<u32> {
    None
}

#[cached(key = "c", closed)]
fn other_error() -> Result<u32, std::io::Error> {
    Ok(1)
}

fn main() {}
