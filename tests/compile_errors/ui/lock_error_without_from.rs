use cachify::lock;

#[derive(Debug)]
struct AppError;

#[lock(key = "a")]
fn exclusive() -> Result<u8, AppError> {
    Ok(1)
}

#[lock(key = "b")]
async fn task() -> Result<u8, AppError> {
    Ok(1)
}

fn main() {}
