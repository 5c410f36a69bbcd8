use cachify::KeyPart;

struct Price(f64);

#[derive(KeyPart)]
struct Item {
    id: u64,
    price: Price,
}

#[derive(KeyPart)]
struct Tagged<T> {
    tag: Result<T, T>,
}

#[derive(KeyPart)]
union Either {
    a: u8,
    b: u16,
}

#[derive(KeyPart)]
#[key_part(krate = cachify)]
struct Misspelled(u8);

fn main() {}
