//! What answers at the server's address, asked by one more connection when one failed without saying why.
//!
//! A server that is full of clients says so before it was asked anything, a TLS port says nothing to plain words, and a
//! plain port waits for the end of a line that a TLS handshake does not have; what the client makes of each is that the
//! connection broke. Not here: what a server says to a client that it serves (`reply`).

use super::Server;
use crate::redis::{
    address::speaks_tls,
    reply::{FULL, NO_SERVER, PROTECTED, unconnected},
};
use cachify_core::{Cause, drive::beside, time::Timer};
use redis::{Client, ConnectionAddr, RedisConnectionInfo, Value};
use std::{
    future::{Future, pending},
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// How long a TLS handshake with a server that was never met may take before it is asked whether it speaks TLS.
const SLOW: Duration = Duration::from_millis(250);

const WANTS_TLS: Cause = Cause::rejected("the server speaks TLS at this address: its URL is `rediss://..`");
const WANTS_NONE: Cause = Cause::rejected("the server speaks no TLS at this address: its URL is `redis://..`");

/// One thing said to everybody: to TLS a message that it must refuse with an alert, to Redis three lines, the second of
/// which is a `PING`, to anything else rubbish.
fn hello() -> Vec<u8> {
    // a handshake of 257 bytes, so that none of the header is a zero, at which Redis stops looking for the line's end
    let mut hello = vec![0x16, 3, 1, 1, 1];
    hello.extend(b"\r\nPING\r\n");
    hello.resize(5 + 257, b' ');
    hello
}

/// What an answer to that tells beside what the failed connection did.
fn told(answer: &[u8], by_tls: bool) -> Option<Cause> {
    let says = |words: &[u8]| answer.windows(words.len()).any(|part| part == words);
    match answer {
        [] => None,
        [0x15 | 0x16, 3, ..] => (!by_tls).then_some(WANTS_TLS),
        [b'-', ..] if says(b"max number of clients") => Some(Cause::NotNow(FULL)),
        [b'-', ..] if says(b"DENIED") => Some(Cause::rejected(PROTECTED)),
        [b'-' | b'+', ..] => by_tls.then_some(WANTS_NONE),
        _ => Some(Cause::rejected(NO_SERVER)),
    }
}

/// Asks whatever answers there; each step may take as long as `limit`.
pub(in crate::redis) fn knock(client: &Client, limit: Duration) -> Option<Cause> {
    plainly(client, limit).or_else(|| speaks_tls(client).then(|| over_tls(client, limit)).flatten())
}

fn plainly(client: &Client, limit: Duration) -> Option<Cause> {
    told(&heard(client, limit).ok()?, speaks_tls(client))
}

/// What is said over TLS before anything is asked: whoever asks may find the connection closed, and what was said lost.
fn over_tls(client: &Client, limit: Duration) -> Option<Cause> {
    let silent = RedisConnectionInfo::default().set_skip_set_lib_name();
    let client = Client::open(client.get_connection_info().clone().set_redis_settings(silent)).ok()?;
    let mut connection = client.get_connection_with_timeout(limit).ok()?;
    connection.set_read_timeout(Some(limit)).and_then(|()| connection.set_write_timeout(Some(limit))).ok()?;
    let refused = connection.recv_response().and_then(Value::extract_error).err()?;
    Some(unconnected(&refused)).filter(|cause| *cause != Cause::Unreachable)
}

fn heard(client: &Client, limit: Duration) -> io::Result<Vec<u8>> {
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            let mut last = Err(io::ErrorKind::NotFound.into());
            for address in (host.as_str(), *port).to_socket_addrs()? {
                last = TcpStream::connect_timeout(&address, limit);
                if last.is_ok() {
                    break;
                }
            }
            let stream = last?;
            stream.set_read_timeout(Some(limit))?;
            stream.set_write_timeout(Some(limit))?;
            answer(stream)
        }
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => {
            let stream = std::os::unix::net::UnixStream::connect(path)?;
            stream.set_read_timeout(Some(limit))?;
            stream.set_write_timeout(Some(limit))?;
            answer(stream)
        }
        _ => Ok(Vec::new()),
    }
}

fn answer(mut stream: impl Read + Write) -> io::Result<Vec<u8>> {
    // whoever was refused already may not be able to write, but has an answer
    let _ = stream.write_all(&hello());
    let mut answer = [0; 128];
    let length = stream.read(&mut answer)?;
    Ok(answer[..length].to_vec())
}

/// What blocks, done by a thread of its own; `None` if there is none to be had.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = oneshot::channel();
    let threads = thread::Builder::new().name("cachify-connect".into());
    threads.spawn(move || drop(sender.send(work()))).ok()?;
    receiver.await.ok()
}

impl Server {
    /// How long each step of a knock may take: a part of what an attempt may.
    pub(super) fn knock_limit(&self) -> Duration {
        self.common.connect_timeout / 4
    }

    /// Whether an attempt may wait in vain for a handshake that its server does not know.
    pub(super) fn may_speak_no_tls(&self) -> bool {
        self.address.speaks_tls() && !self.node.is_met()
    }

    /// An attempt to connect, unless it is found out meanwhile that its server speaks no TLS.
    pub(super) async fn or_told<T>(&self, client: &Client, attempt: impl Future<Output = T>) -> Result<T, Cause> {
        let told = async {
            if !self.may_speak_no_tls() {
                return pending().await;
            }
            let slow = SLOW.min(self.knock_limit());
            self.common.clock.sleep_until(self.now().saturating_add(slow)).await;
            let (client, limit) = (client.clone(), self.knock_limit());
            match aside(move || plainly(&client, limit)).await.flatten() {
                Some(why) => why,
                None => pending().await,
            }
        };
        beside(attempt, told).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let full = Some(Cause::NotNow(FULL));
        for (answer, plain, tls) in [
            (&b""[..], None, None),
            (b"-ERR max number of clients reached\r\n", full, full),
            (b"-ERR unknown command", None, Some(WANTS_NONE)),
            (b"-NOAUTH Authentication required.\r\n", None, Some(WANTS_NONE)),
            (b"\x15\x03\x03\x00\x02\x02\x0a", Some(WANTS_TLS), None),
            (b"\x15", Some(Cause::rejected(NO_SERVER)), Some(Cause::rejected(NO_SERVER))),
            (b"HTTP/1.1 400 Bad Request", Some(Cause::rejected(NO_SERVER)), Some(Cause::rejected(NO_SERVER))),
        ] {
            assert_eq!((told(answer, false), told(answer, true)), (plain, tls), "{answer:?}");
        }
    }

    #[test]
    fn a_line_of_redis_ends_before_any_zero() {
        let hello = hello();
        assert_eq!(hello.len() - 5, usize::from(u16::from_be_bytes([hello[3], hello[4]])));
        assert!(!hello.contains(&0));
    }
}
