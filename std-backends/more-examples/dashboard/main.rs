//! A shop that shows how it is: `/metrics` for Prometheus and the dashboard beside this file, `/health` for people and for
//! whoever decides where requests go.
//!
//! `cargo run -p cachify-examples --example dashboard` starts it, sells a few things, shows both pages, and ends. With
//! `-- --redis redis://localhost --serve 127.0.0.1:9400` it stays: scrape `http://127.0.0.1:9400/metrics`, load `alerts.yml`
//! into Prometheus, and import `grafana.json` into Grafana.

mod health;
mod shop;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use cachify::{Cachify, secs};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{env, error::Error, io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Where the bars of histograms end, in seconds: from a hit in memory to a lease of a minute.
const BUCKETS: [f64; 12] = [0.000_1, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (redis, serve) = words()?;
    // before the instance, which registers what it counts with whoever is there
    let metrics = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    let builder = Cachify::builder().prefix("shop").default_lease(secs(30)).metrics(true);
    let c = match redis {
        Some(url) => builder.redis(&url).init()?,
        None => builder.init()?,
    };
    let router = shop::routes()
        .route("/health", get(health::page))
        .with_state(c.clone())
        .merge(Router::new().route("/metrics", get(scrape)).with_state(metrics.clone()));
    let listener = TcpListener::bind(serve.as_deref().unwrap_or("127.0.0.1:0")).await?;
    let address = listener.local_addr()?;
    println!("the shop is on http://{address}");
    let shown = async { if serve.is_some() { tokio::signal::ctrl_c().await } else { show(address).await } };
    tokio::select! {
        ended = axum::serve(listener, router) => ended?,
        shown = shown => shown?,
        () = sum_up(&metrics) => {}
    }
    c.shutdown(secs(5)).await;
    Ok(())
}

async fn scrape(State(metrics): State<PrometheusHandle>) -> (StatusCode, String) {
    (StatusCode::OK, metrics.render())
}

/// Now and then: what was measured takes room until it is summed up, also where nobody scrapes.
async fn sum_up(metrics: &PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        metrics.run_upkeep();
    }
}

/// Sells a few things, and shows what that looks like.
async fn show(shop: SocketAddr) -> io::Result<()> {
    for _ in 0..3 {
        ask(shop, "GET", "/price/7").await?;
    }
    for way in ["/sell/7/1", "/ship/1", "/ship/1", "/report"] {
        println!("{way}: {}", ask(shop, "POST", way).await?);
    }
    println!("/health: {}", ask(shop, "GET", "/health").await?);
    let page = ask(shop, "GET", "/metrics").await?;
    let counters = ["cachify_cache_requests_total{", "cachify_acquire_total{"];
    for line in page.lines().filter(|line| counters.iter().any(|counter| line.starts_with(counter))) {
        println!("{line}");
    }
    Ok(())
}

async fn ask(shop: SocketAddr, method: &str, way: &str) -> io::Result<String> {
    let request = format!("{method} {way} HTTP/1.1\r\nhost: {shop}\r\nconnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(shop).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    Ok(body.trim_end().to_owned())
}

/// What is behind `--redis` and `--serve`.
fn words() -> Result<(Option<String>, Option<String>), &'static str> {
    let (mut redis, mut serve) = (None, None);
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let of = match &*word {
            "--redis" => &mut redis,
            "--serve" => &mut serve,
            _ => return Err("there are `--redis URL` and `--serve HOST:PORT`"),
        };
        *of = Some(words.next().ok_or("a URL or an address is missing")?);
    }
    Ok((redis, serve))
}
