use cachify::{Cachify, Memory, cached};
use std::{rc::Rc, sync::LazyLock};

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[derive(Clone, serde::Serialize)]
struct User {
    id: u64,
}

#[cached(key = "user:{id}")]
async fn comes_not_back(id: u64) -> Result<User, String> {
    Ok(User { id })
}

#[cached(key = "all:{id}", type_tag = "users")]
fn inside_of_another(id: u64) -> Option<Vec<User>> {
    Some(vec![User { id }])
}

#[cached(instance = LOCAL, key = "rc:{id}")]
fn stays_on_its_thread(id: u64) -> Rc<u64> {
    Rc::new(id)
}

#[derive(Clone, Copy)]
struct Bits;

#[cached(key = "bits:{id}", codec = Bits)]
fn has_another_codec(id: u64) -> u64 {
    id
}

fn main() {}
