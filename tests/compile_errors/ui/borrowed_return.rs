use cachify::cached;
use std::borrow::Cow;

#[cached(key = "user:{name}")]
fn first(name: &str) -> &str {
    &name[..1]
}

#[cached(key = "trimmed:{name}")]
async fn trimmed(name: &str) -> Result<Cow<'_, str>, String> {
    Ok(name.trim().into())
}

#[cached(key = "words:{text}")]
fn words<'t>(text: &'t str) -> Vec<Cow<'t, str>> {
    text.split(' ').map(Cow::Borrowed).collect()
}

fn main() {}
