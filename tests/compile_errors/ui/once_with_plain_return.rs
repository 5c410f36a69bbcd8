use cachify::{once, pooled};

#[once(key = "a")]
fn run() -> u8 {
    1
}

#[pooled(key = "b", size = 2)]
async fn pool() -> String {
    String::new()
}

fn main() {}
