//! What of a failure is shared with those who waited for it, which groups there are, and which loads go on.
use cachify::cached;


#[cached(key = "a:{id}", share_err = |error: &String| error.clone())]
fn of_an_option(id: u32) -> Option<u32> {
    Some(id)
}

#[cached(key = "c:{id}", cache_err, share_err = |error: &String| error.clone())]
fn kept_and_shared(id: u32) -> Result<u32, String> {
    Ok(id)
}

#[cachify_core::cached(key = "d:{id}", instance = DEVICE, group = "pages")]
fn of_a_device(id: u32) -> u32 {
    id
}

#[cached(key = "e:{id}", group = 7)]
fn without_a_name(id: u32) -> u32 {
    id
}

#[cached(key = "f:{id}", max_entries = "many")]
fn not_a_number(id: u32) -> u32 {
    id
}

#[cached(key = "g:{id}", detached)]
fn of_a_thread(id: u32) -> u32 {
    id
}

#[cached(key = "h:{name}", detached)]
async fn of_a_borrowed_argument(name: &str) -> u32 {
    name.len() as u32
}

struct Shop;

impl Shop {
    #[cached(key = "i:{id}", detached)]
    async fn of_a_method(&self, id: u32) -> u32 {
        id
    }
}

#[cachify_core::cached(key = "j:{id}", instance = DEVICE, detached)]
async fn detached_of_a_device(id: u32) -> u32 {
    id
}

#[cached(key = "k:{id}", ttl = 60, idle = 60)]
fn idle_for_its_whole_life(id: u32) -> u32 {
    id
}

#[cached(key = "l:{id}", ttl = 60, stale_for = 60, idle = 5)]
fn idle_and_stale(id: u32) -> u32 {
    id
}

#[cachify_core::cached(key = "m:{id}", instance = DEVICE, idle = 60)]
fn idle_on_a_device(id: u32) -> u32 {
    id
}

#[cached(key = "n:{id}", max_weight = "64 MiB")]
fn no_weight(id: u32) -> u32 {
    id
}

fn main() {}
