use cachify::cached;

#[cached(key = "user:{zz}")]
fn user(id: u64, name: &str) -> usize {
    id as usize + name.len()
}

fn main() {}
