use cachify::cached;

const KEY: &str = "user";

#[cached(key = KEY)]
fn user() -> u8 {
    1
}

#[cached(key = concat!("user:", KEY))]
fn joined() -> u8 {
    1
}

#[cached(key = format!("user:{}", id))]
fn formatted(id: u8) -> u8 {
    id
}

mod keys {
    pub const USER: &str = "user";
}

#[cached(key = keys::USER)]
fn in_a_module() -> u8 {
    1
}

fn main() {}
