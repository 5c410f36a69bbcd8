use cachify::pooled;

fn later(user: u64) -> u64 {
    user
}

#[pooled(key = "api", size = 1, on_full = later)]
fn api(user: u64, body: String) -> u64 {
    user + body.len() as u64
}

fn main() {}
