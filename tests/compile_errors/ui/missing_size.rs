use cachify::{pooled, Refused};

#[pooled(key = "api")]
fn api() -> Result<u8, Refused> {
    Ok(1)
}

fn main() {}
