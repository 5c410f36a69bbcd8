use cachify::cached;

type Answer<T> = Result<T, String>;

#[cached(key = "result:{id}", cache_none = true)]
fn result(id: u64) -> Result<Option<u64>, String> {
    Ok(Some(id))
}

#[cached(key = "alias:{id}", cache_none = true)]
fn alias(id: u64) -> Answer<u64> {
    Ok(id)
}

#[cached(key = "list:{id}", cache_none = true)]
async fn list(id: u64) -> Vec<u64> {
    vec![id]
}

fn main() {}
