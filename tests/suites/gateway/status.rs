//! What people and machines see of a gateway while it works, while its store is away, and while strangers ask.

use crate::lines::{on, run, tcp};
use cachify_tests::{
    program::{Program, insecure_gateway, port_of},
    server::{Engine, Server},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};
use tokio::io::AsyncWriteExt;

/// A gateway on a server, and the port of its status.
fn begin(url: &str) -> (Program, u16) {
    let gateway = insecure_gateway(&["--listen", "tcp:127.0.0.1:0", "--redis", url, "--status", "127.0.0.1:0"]);
    let said = gateway.says(|line| line.starts_with("gateway: its status is on http://127.0.0.1:"));
    (gateway, said.rsplit_once(':').unwrap().1.parse().unwrap())
}

/// What a plain request is answered.
fn ask(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answer = Vec::new();
    // one that is cut off in the middle has what came before
    let _ = stream.write_all(request);
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn get(port: u16, page: &str) -> String {
    ask(port, format!("GET {page} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

/// Asks until the answer is so.
fn until(port: u16, page: &str, is: impl Fn(&str) -> bool) -> String {
    for _ in 0..600 {
        let answer = get(port, page);
        if is(&answer) {
            return answer;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{page} stays so: {}", get(port, page));
}

fn number(page: &str, of: &str) -> u64 {
    let line = page.lines().find(|line| line.starts_with(of)).unwrap_or_else(|| panic!("{of} is not in {page}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

fn requests(outcome: &str) -> String {
    format!("cachify_gateway_requests_total{{outcome=\"{outcome}\"}}")
}

#[test]
fn health_follows_the_store() {
    let mut server = Server::start(Engine::Redis);
    let (gateway, port) = begin(&server.url());
    assert!(
        get(port, "/health").starts_with("HTTP/1.1 200 OK\r\n") && get(port, "/health").ends_with("\r\n\r\nready\n")
    );
    let calls = || server.calls().values().sum::<u64>();
    let (before, began) = (calls(), Instant::now());
    for _ in 0..100 {
        get(port, "/health");
    }
    let asked = calls() - before;
    assert!(
        asked <= 10 * (began.elapsed().as_secs() + 1),
        "{asked}: the store is asked once a second, whoever wants to know"
    );
    server.kill();
    let away = until(port, "/health", |answer| answer.contains("\r\n\r\ndegraded: the store cannot be reached"));
    assert!(away.starts_with("HTTP/1.1 503 "), "{away}");
    server.restart();
    until(port, "/health", |answer| answer.starts_with("HTTP/1.1 200 "));
    server.pause();
    until(port, "/health", |answer| answer.contains("degraded: the store did not answer in time"));
    server.resume();
    until(port, "/health", |answer| answer.starts_with("HTTP/1.1 200 "));
    gateway.interrupt();
    gateway.says(|line| line == "gateway: ended, 0 served");
}

#[test]
fn numbers_are_those_of_lines_that_are_up() {
    let server = Server::start(Engine::Redis);
    let (gateway, port) = begin(&server.url());
    let nothing = get(port, "/metrics");
    assert_eq!((number(&nothing, "cachify_gateway_connections"), number(&nothing, &requests("done"))), (0, 0));
    let line = port_of(&gateway);
    run(async {
        on(tcp(line).await, 1, async |device| {
            device.lock("k").acquire().await.unwrap().release().await.unwrap();
            let mut rubbish = tcp(line).await;
            rubbish.write_all(&[0, 1, 2, 3, 4, 5, 0]).await.unwrap();
            let page = tokio::task::spawn_blocking(move || {
                until(port, "/metrics", |page| number(page, &requests("rubbish")) > 0)
            });
            let page = page.await.unwrap();
            assert_eq!(number(&page, "cachify_gateway_connections"), 2, "{page}");
            // that it begins, that it wants it, that it gives it back
            assert!(number(&page, &requests("done")) >= 2, "{page}");
        })
        .await;
    });
    let page = until(port, "/metrics", |page| number(page, "cachify_gateway_connections") < 1);
    let (done, rubbish) = (number(&page, &requests("done")), number(&page, &requests("rubbish")));
    let told = gateway.says(|line| line.starts_with("device 1: ") && line.contains("requests done"));
    assert!(told.starts_with(&format!("device 1: {done} requests done")), "{told} beside {page}");
    assert!(
        gateway
            .says(|line| line.contains("pieces of rubbish") && line.starts_with("device 2: "))
            .contains(&format!(", {rubbish} pieces"))
    );
}

#[test]
fn strangers_ask_in_vain_and_harm_nobody() {
    let server = Server::start(Engine::Redis);
    let (_gateway, port) = begin(&server.url());
    assert!(get(port, "/").starts_with("HTTP/1.1 404 "));
    assert!(get(port, "/metrics/../etc").starts_with("HTTP/1.1 404 "));
    assert!(
        ask(port, b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
            .starts_with("HTTP/1.1 405 ")
    );
    for rubbish in [&b"\0\0\0\0\r\n\r\n"[..], b"GET /health HTTP/9.9\r\n\r\n", &vec![b'x'; 100_000]] {
        let answer = ask(port, rubbish);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20));
    assert!(!ask(port, long.as_bytes()).contains(" 200 "));
    // more than are answered at a time, none of which ends its request
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.write_all(b"GET /health HT").unwrap();
            stream
        })
        .collect();
    assert!(get(port, "/health").contains(" 200 "), "they are cut off");
    drop(slow);
}
