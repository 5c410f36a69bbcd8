use cachify::cached;

#[cached(key = "user:{name}")]
fn first(name: &str) -> &str {
    &name[..1]
}

fn main() {}
