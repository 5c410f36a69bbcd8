//! A Redis server of the run's own: on a free port of loopback, nothing kept on disk.

use crate::clock::rest;
use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

/// Ends the server when its own standard input does, which is when this process has ended, however it has.
const WATCHED: &str = r#"trap "" INT TERM HUP; "$@" >/dev/null & server=$!; read -r _; kill -KILL $server"#;

#[derive(Debug)]
pub(super) struct Server {
    shell: Child,
    port: u16,
}

impl Server {
    pub(super) fn start() -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let port = free.local_addr().expect("a bound port is known").port();
        drop(free);
        let port_text = port.to_string();
        let words = ["redis-server", "--bind", "127.0.0.1", "--port", &port_text, "--save", "", "--appendonly", "no"];
        let shell = Command::new("sh")
            .args(["-c", WATCHED, "server"])
            .args(words)
            .stdin(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let server = Self { shell, port };
        for _ in 0..500 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return server;
            }
            rest(10);
        }
        panic!("redis-server does not start; is it installed?");
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A client as the crate makes them, but for the delay of small writes, which nobody wants.
    pub(super) fn client(&self) -> ::redis::Client {
        client(&self.url())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// A client of the crate `redis` that sends at once.
pub(super) fn client(url: &str) -> ::redis::Client {
    use ::redis::IntoConnectionInfo;
    let info = url.into_connection_info().expect("the URL is ours");
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    ::redis::Client::open(info.set_tcp_settings(tcp)).expect("the URL is ours")
}
