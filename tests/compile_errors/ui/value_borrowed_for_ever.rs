use cachify::cached;

type Name = &'static str;

#[cached(key = "greeting:{hour}")]
fn greeting(hour: u8) -> &'static str {
    if hour < 12 { "good morning" } else { "good day" }
}

#[cached(key = "names:{id}")]
async fn names(id: u64) -> Result<Vec<&'static str>, String> {
    Ok(vec!["a"; id as usize])
}

#[cached(key = "alias:{id}")]
fn behind_an_alias(id: u64) -> Option<Name> {
    (id > 0).then_some("a")
}

fn main() {}
