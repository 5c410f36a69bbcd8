use cachify::cached;

#[cached(key = "width:{x}")]
fn width<T>(x: u32) -> u32 {
    x * size_of::<T>() as u32
}

#[cached(key = "sum:{x}")]
async fn sum<const M: u32>(x: u32) -> u32 {
    x + M
}

#[cached(key = "read:{id}")]
fn read<T: TryFrom<u8>>(id: u8) -> Option<T> {
    T::try_from(id).ok()
}

trait Unit {
    type Number;
    fn name() -> String;
}

/// Two units may have the same number.
#[cached(key = "shown")]
fn shown<U: Unit>(number: U::Number) -> String {
    drop(number);
    U::name()
}

/// One type converts into many.
#[cached(key = "converted:{x}")]
fn converted<T: ToString>(x: impl Into<T> + ToString) -> String {
    x.into().to_string()
}

struct Shop;

impl Shop {
    #[cached(key = "stock:{id}")]
    fn stock<'a, A, B>(&self, id: u32, of: &'a A) -> usize
    where
        B: From<&'a A>,
    {
        size_of_val(&B::from(of)) + id as usize
    }
}

fn main() {}
