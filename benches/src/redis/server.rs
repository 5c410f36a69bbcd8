//! A Redis server of the run's own: on a free port of loopback, nothing kept on disk.

use crate::clock::rest;
use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// Ends the server when its own standard input does, which is when this process has ended, however it has.
const WATCHED: &str = r#"trap "" INT TERM HUP; "$@" >/dev/null & server=$!; read -r _; kill -KILL $server"#;

#[derive(Debug)]
pub(super) struct Server {
    shell: Child,
    port: u16,
    /// Where the nodes of a cluster speak to each other.
    bus: u16,
    /// Where a node keeps what it knows of the others.
    file: Option<PathBuf>,
}

impl Server {
    pub(super) fn start() -> Self {
        let [port, bus] = free_ports();
        Self::with(port, bus, &[])
    }

    /// A node of a cluster, which knows no other yet.
    pub(super) fn node() -> Self {
        let [port, bus] = free_ports();
        let file = std::env::temp_dir().join(format!("cachify-node-{}-{port}.conf", std::process::id()));
        let (name, bus_text) = (file.display().to_string(), bus.to_string());
        let words = ["--cluster-enabled", "yes", "--cluster-config-file", &name, "--cluster-port", &bus_text];
        let mut node = Self::with(port, bus, &words);
        node.file = Some(file);
        node
    }

    fn with(port: u16, bus: u16, more: &[&str]) -> Self {
        let port_text = port.to_string();
        let words = ["redis-server", "--bind", "127.0.0.1", "--port", &port_text, "--save", "", "--appendonly", "no"];
        let shell = Command::new("sh")
            .args(["-c", WATCHED, "server"])
            .args(words)
            .args(more)
            .stdin(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let server = Self { shell, port, bus, file: None };
        for _ in 0..500 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return server;
            }
            rest(10);
        }
        panic!("redis-server does not start; is it installed?");
    }

    pub(super) const fn ports(&self) -> [u16; 2] {
        [self.port, self.bus]
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A client as the crate makes them, but for the delay of small writes, which nobody wants.
    pub(super) fn client(&self) -> ::redis::Client {
        client(&self.url())
    }
}

fn free_ports() -> [u16; 2] {
    let free = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports"));
    free.map(|listener| listener.local_addr().expect("a bound port is known").port())
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
        if let Some(file) = self.file.take() {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// A client of the crate `redis` that sends at once.
pub(super) fn client(url: &str) -> ::redis::Client {
    use ::redis::IntoConnectionInfo;
    let info = url.into_connection_info().expect("the URL is ours");
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    ::redis::Client::open(info.set_tcp_settings(tcp)).expect("the URL is ours")
}
