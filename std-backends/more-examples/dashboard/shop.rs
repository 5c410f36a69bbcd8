//! What the shop does: a price is cached, a sale is locked, a parcel is sent once, and three reports run at a time.

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    routing::{get, post},
};
use cachify::{Cachify, Refused, cached, lock, once, pooled};
use std::time::Duration;
use tokio::time::sleep;

pub(crate) fn routes() -> Router<Cachify> {
    Router::new()
        .route("/price/{id}", get(async |Path(id)| price(id).await.to_string()))
        .route("/sell/{id}/{millis}", post(async |Path((id, millis))| answer(sell(id, millis).await)))
        .route("/ship/{id}", post(async |Path(id)| answer(ship(id).await)))
        .route("/report", post(async || answer(report().await)))
}

#[cached(key = "price:{id}", ttl = 60)]
async fn price(id: u64) -> u64 {
    sleep(Duration::from_millis(5)).await; // stands for a question to a database
    100 + id
}

/// One sale of an item at a time, which takes so long.
#[lock(key = "item:{id}", wait = 10)]
async fn sell(id: u64, millis: u64) -> Result<String, Refused> {
    sleep(Duration::from_millis(millis)).await;
    Ok(format!("sold {id}"))
}

#[once(key = "parcel:{id}", keep = "1d")]
async fn ship(id: u64) -> Result<String, Refused> {
    Ok(format!("sent {id}"))
}

#[pooled(key = "reports", size = 3, wait = 5)]
async fn report() -> Result<String, Refused> {
    Ok("all is well".to_owned())
}

fn answer(what: Result<String, Refused>) -> (StatusCode, String) {
    match what {
        Ok(done) => (StatusCode::OK, done),
        Err(Refused::Done(_)) => (StatusCode::OK, "done before".to_owned()),
        Err(why) if why.is_contended() => (StatusCode::CONFLICT, why.to_string()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why.to_string()),
    }
}
