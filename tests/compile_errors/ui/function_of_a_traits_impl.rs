use cachify::cached;

struct Repo(u64);

trait Load {
    fn load(&self, id: u64) -> u64;
    fn make(id: u64) -> u64;
}

impl Load for Repo {
    #[cached(key = "repo:{id}")]
    fn load(&self, id: u64) -> u64 {
        id + self.0
    }

    #[cached(key = "make:{id}", companions = methods)]
    fn make(id: u64) -> u64 {
        id
    }
}

fn main() {}
