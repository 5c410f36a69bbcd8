use cachify::{pooled, Refused};

#[pooled(key = "api", size = 0)]
fn api() -> Result<u8, Refused> {
    Ok(1)
}

fn main() {}
