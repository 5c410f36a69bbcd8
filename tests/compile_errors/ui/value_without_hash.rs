use cachify::{cached, lock, Refused};

struct Body(String);

#[cached(key = "page:{body:hash}")]
fn page(body: &Body) -> usize {
    body.0.len()
}

#[lock(key = "item:{price.net:hash}")]
async fn item(price: Price) -> Result<f64, Refused> {
    Ok(price.net)
}

struct Price {
    net: f64,
}

fn main() {}
