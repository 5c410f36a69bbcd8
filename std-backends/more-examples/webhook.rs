//! A webhook that processes each delivery once, however often it is sent.
//!
//! A sender repeats what it got no answer to. `#[once]` lets the first attempt run; those after it are told that it was
//! done, or is being done. What fails is not remembered, so the next attempt runs again.
//!
//! `cargo run -p cachify-examples --example webhook` starts the server, sends itself a few deliveries, and ends. With
//! `-- --redis redis://localhost` all servers that share this Redis process a delivery once between them.

use axum::{Router, extract::Path, http::StatusCode, routing::post};
use cachify::{Cachify, Refused, once, secs};
use std::{env, error::Error, io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Why a delivery was not processed.
enum NotProcessed {
    Refused(Refused),
    Incomplete,
}

impl From<Refused> for NotProcessed {
    fn from(why: Refused) -> Self {
        Self::Refused(why)
    }
}

/// Remembered for a day after it succeeded: longer than any sender tries.
#[once(key = "delivery:{id}", keep = "1d")]
async fn process(id: &str, order: &str) -> Result<(), NotProcessed> {
    if order.is_empty() {
        return Err(NotProcessed::Incomplete);
    }
    println!("  the order of delivery {id} is {order}"); // stands for a row in a database
    Ok(())
}

async fn receive(Path(id): Path<String>, order: String) -> (StatusCode, &'static str) {
    match process(&id, &order).await {
        Ok(()) => (StatusCode::OK, "processed"),
        Err(NotProcessed::Refused(Refused::Done(_))) => (StatusCode::OK, "processed before"),
        // for an earlier attempt, which may fail: the sender tries again
        Err(NotProcessed::Refused(Refused::Running { .. })) => (StatusCode::CONFLICT, "being processed"),
        // without its store nobody knows whether it was done: the sender tries again later
        Err(NotProcessed::Refused(_)) => (StatusCode::SERVICE_UNAVAILABLE, "not now"),
        Err(NotProcessed::Incomplete) => (StatusCode::BAD_REQUEST, "incomplete"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // a sender waits for longer than this
    let builder = Cachify::builder().prefix("webhook").op_timeout(secs(2));
    let c = match redis()? {
        Some(url) => builder.redis(url).init()?,
        None => builder.init()?,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = axum::serve(listener, Router::new().route("/deliveries/{id}", post(receive)));
    tokio::select! {
        ended = server => ended?,
        sent = send_some(address) => sent?,
    }
    c.shutdown(secs(5)).await;
    Ok(())
}

/// A sender that has lost some answers.
async fn send_some(to: SocketAddr) -> io::Result<()> {
    println!("delivery 1, three times at once:");
    let apples = || send(to, 1, "3 apples");
    let (a, b, c) = tokio::try_join!(apples(), apples(), apples())?;
    println!("  {a}, {b}, {c}");
    println!("delivery 1, once more:\n  {}", apples().await?);
    println!("delivery 2, cut short on its way:\n  {}", send(to, 2, "").await?);
    println!("delivery 2, once more:\n  {}", send(to, 2, "5 pears").await?);
    println!("delivery 2, once more:\n  {}", send(to, 2, "5 pears").await?);
    Ok(())
}

/// What the server answers.
async fn send(to: SocketAddr, id: u32, order: &str) -> io::Result<String> {
    let head = format!("POST /deliveries/{id} HTTP/1.1\r\nhost: {to}\r\nconnection: close");
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{order}", order.len());
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    Ok(body.to_owned())
}

/// The URL behind `--redis`, if there is one.
fn redis() -> Result<Option<String>, &'static str> {
    let mut words = env::args().skip(1);
    match (words.next().as_deref(), words.next()) {
        (None, _) => Ok(None),
        (Some("--redis"), Some(url)) => Ok(Some(url)),
        _ => Err("the one option is `--redis URL`"),
    }
}
