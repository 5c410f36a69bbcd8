//! Where the server is: a URL, checked before anything is done.

use crate::Error;
use redis::{Client, ConnectionInfo, IntoConnectionInfo, io::tcp::socket2::TcpKeepalive};
use std::time::Duration;

/// A client for `url`. Nothing of the URL appears in an error: it may hold a password.
pub(super) fn client(url: &str) -> Result<Client, Error> {
    let (scheme, _) = url.split_once("://").ok_or(Error::Config(FORM))?;
    match scheme {
        "redis" | "valkey" | "unix" | "redis+unix" | "valkey+unix" => {}
        "rediss" | "valkeys" if cfg!(feature = "redis-tls") => {}
        "rediss" | "valkeys" => return Err(Error::Config("`rediss://` needs cachify's feature `redis-tls`")),
        _ => return Err(Error::Config(FORM)),
    }
    let info = url.into_connection_info().map_err(|_| Error::Config(FORM))?;
    Client::open(settled(info)).map_err(|_| Error::Config("this kind of address is not available on this system"))
}

/// What every connection needs, whoever made the client.
pub(super) fn settled(info: ConnectionInfo) -> ConnectionInfo {
    // without nodelay, a write that follows a write waits for 40 ms; without probes, a way that was forgotten between
    // here and there is noticed only by a call
    let probes = TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
    let tcp = info.tcp_settings().clone().set_nodelay(true).set_keepalive(probes);
    // two commands less to wait for, each with a time limit of its own
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    info.set_tcp_settings(tcp).set_redis_settings(settings)
}

const FORM: &str = "the URL of the server is not one: `redis://[user:password@]host[:port][/database]`, `rediss://..` for TLS, or `unix:///path`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_checked_without_connecting_and_never_shown() {
        for url in
            ["", "localhost:6379", "http://:secret@x", "redis://:secret@", "redis://:secret@h:port", "redis://h/x"]
        {
            let why = client(url).map(drop).unwrap_err();
            assert!(matches!(why, Error::Config(_)), "{url}");
            assert!(!format!("{why} {why:?}").contains("secret"));
        }
        for url in ["redis://h", "redis://:secret@h:7000/3", "unix:///run/redis.sock", "valkey://h"] {
            assert!(client(url).is_ok(), "{url}");
        }
        assert_eq!(client("rediss://h").is_ok(), cfg!(feature = "redis-tls"));
    }

    #[test]
    fn small_writes_are_not_held_back() {
        assert!(client("redis://h").unwrap().get_connection_info().tcp_settings().nodelay());
    }
}
