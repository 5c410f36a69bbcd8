use cachify::cached;

struct Repo;

impl Repo {
    #[cached(key = "repo:{id}")]
    fn load(id: u64) -> u64 {
        id
    }
}

fn main() {}
