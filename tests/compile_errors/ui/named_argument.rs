use cachify::cached;

#[cached(key("user:{name}", id = id + 1))]
fn unused(id: u64, name: &str) -> u64 {
    id + name.len() as u64
}

#[cached(key("user:{id}", id))]
fn without_value(id: u64) -> u64 {
    id
}

#[cached(key("user:{id}" id = 5))]
fn without_comma(id: u64) -> u64 {
    id
}

#[cached(key(user))]
fn no_text(id: u64) -> u64 {
    id
}

fn main() {}
