//! What a device may make others carry: values that it has no room for, and places on which nobody speaks.

use crate::lines::{on, run, tcp, works};
use cachify::{Cachify, Cause, Error, secs};
use cachify_tests::{
    program::{insecure_gateway, port_of},
    resp::Reply,
    server::{Engine, Server},
};
use std::time::Duration;
use tokio::io::AsyncReadExt;

fn sent_by(server: &Server) -> u64 {
    let Reply::Text(info) = server.command(&["INFO", "stats"]) else { panic!("INFO answers with text") };
    let info = String::from_utf8_lossy(&info).into_owned();
    let figure = info.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    figure.expect("it counts what it sends").parse().unwrap()
}

/// 10 kB of questions for values of megabytes made a server buffer gigabytes for its gateway.
#[test]
fn a_value_that_a_device_has_no_room_for_never_leaves_the_server() {
    for engine in [Engine::Redis, Engine::Valkey] {
        let server = Server::start(engine);
        let c = Cachify::builder().redis(server.url()).prefix("t").op_timeout(secs(10)).build().unwrap();
        let large = vec![7_u8; 4 << 20];
        c.cache("large").ttl(secs(600)).insert_blocking(large).unwrap();
        c.cache("small").ttl(secs(600)).insert_blocking(7_u32).unwrap();
        let held = c.lock("fleet").ttl(secs(2)).acquire_blocking().unwrap();
        let gateway = insecure_gateway(&["--listen", "tcp:127.0.0.1:0", "--redis", &server.url(), "--prefix", "t"]);
        let port = port_of(&gateway);
        let before = sent_by(&server);
        run(async {
            on(tcp(port).await, 1, async |device| {
                for n in 0..50_u8 {
                    let cache = device.cache("large").ttl(secs(60));
                    let got = cache.get::<Vec<u8>>().await;
                    assert!(matches!(got, Err(Error::Store(Cause::Rejected { .. }))), "{got:?}");
                    let loaded = cache.get_or_insert_with(async || Ok::<_, ()>(vec![n])).await;
                    assert_eq!(loaded, Ok(vec![n]), "it computes");
                }
                assert_eq!(device.cache("small").get::<u32>().await, Ok(Some(7)), "what fits is brought");
                assert_eq!(device.cache("none").get::<u32>().await, Ok(None));
            })
            .await;
        });
        let sent = sent_by(&server) - before;
        assert!(sent < 1 << 20, "{engine:?} sent {sent} bytes for values of 4 MiB that nobody has room for");
        assert!(held.is_valid(), "a server's lock is renewed meanwhile");
        assert_eq!(c.cache("large").get_blocking::<Vec<u8>>().unwrap().map(|value| value.len()), Some(4 << 20));
    }
}

#[test]
fn silent_connections_keep_no_device_out() {
    let gateway = insecure_gateway(&["--listen", "tcp:127.0.0.1:0", "--memory", "--devices", "4", "--silence", "1"]);
    let port = port_of(&gateway);
    run(async {
        on(tcp(port).await, 1, async |speaks| {
            works(speaks, "speaks").await;
            let mut silent = Vec::new();
            for _ in 0..3 {
                silent.push(tcp(port).await);
            }
            gateway.says(|line| line.starts_with("device 4: came on "));
            // turned away, until one of those was silent for long enough
            let mut tries = 0;
            loop {
                works(speaks, "speaks").await;
                let mut late = tcp(port).await;
                if tokio::time::timeout(Duration::from_millis(200), late.read(&mut [0])).await.is_err() {
                    on(late, 2, async |device| works(device, "late").await).await;
                    break;
                }
                tries += 1;
                assert!(tries < 200, "nobody makes room");
            }
            works(speaks, "speaks").await;
        })
        .await;
    });
    let told = gateway.says(|line| line.ends_with("it was silent, and another one came"));
    assert!(!told.starts_with("device 1:"), "{told}");
}
