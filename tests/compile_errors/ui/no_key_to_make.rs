use cachify::{cached, lock};

struct Secret;

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[cached]
fn hidden(secret: Secret) -> u32 {
    drop(secret);
    1
}

#[cached(ttl = 60)]
fn rounded(part: f64) -> f64 {
    part
}

#[cached(ttl = 60)]
fn ignored(_: u32) -> u32 {
    1
}

#[cached(ttl = 60)]
fn half((one, ..): (u32, u32)) -> u32 {
    one
}

#[cached(ttl = 60)]
fn generic<T: cachify::KeyPart>(of: T) -> u32 {
    drop(of);
    1
}

struct Of {
    n: u32,
}

impl Of {
    #[cached(ttl = 60)]
    fn method(&self) -> u32 {
        self.n
    }

    #[cached(ttl = 60, companions = false)]
    fn without_its_type(n: u32) -> u32 {
        n
    }
}

#[lock]
fn at_once() -> Result<(), cachify::Refused> {
    Ok(())
}

fn main() {}
