//! A page that says whether this process can work, and why it cannot.
//!
//! `ready` and `degraded` are both 200: without its store this shop still tells prices, so it is to have requests, and a
//! restart would bring nothing back. Answer 503 to a balancer where no request can be served without a lock; never to
//! whoever restarts processes, or an outage of the store restarts the fleet at once.

use axum::{extract::State, http::StatusCode};
use cachify::{Cachify, Health, Memory, cached, secs};
use std::{fmt::Write, sync::LazyLock};

/// What was found is everybody's for a second: a hundred probes are one question to the store.
static PROBES: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().default_ttl(secs(1)).build_memory());

#[cached(instance = *PROBES, key = "health", companions = false)]
async fn health(c: Cachify) -> Health {
    c.about().await
}

pub(crate) async fn page(State(c): State<Cachify>) -> (StatusCode, String) {
    let health = health(c).await;
    let mut page = match &health.refused {
        None if health.is_well() => "ready\n".to_owned(),
        None => "degraded: some servers are not reached\n".to_owned(),
        Some(why) => format!("degraded: {why}; prices are computed, sales are refused\n"),
    };
    for node in &health.nodes {
        // to write into a text cannot fail
        let _ = match &node.found {
            Ok(found) => writeln!(page, "{}: {:?} away", node.address, found.round_trip),
            Err(why) => writeln!(page, "{}: {why}", node.address),
        };
    }
    (StatusCode::OK, page)
}
