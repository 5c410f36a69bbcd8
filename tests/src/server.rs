//! A real server of a test's own: started on a free port, killed when dropped, gone when the test process dies.
//!
//! It listens on loopback only and keeps nothing on disk. What it is asked through `command` is asked by a client of
//! our own, so that a fault of the client under test cannot hide in what it reports.
#![allow(clippy::missing_panics_doc, reason = "a harness that cannot go on ends the test")]

mod clock;
mod cluster;
mod directory;
mod process;
mod sentinels;
mod tls;

use crate::resp::{Client, Reply};
use clock::StillClock;
pub use cluster::Cluster;
use directory::Directory;
use process::Process;
pub use sentinels::{Lone, Sentinels};
use std::{
    collections::BTreeMap,
    env,
    fmt::Display,
    io,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    time::Duration,
};

/// How often another port is tried when somebody took the free one first.
const PORTS: usize = 5;

/// On loopback, in the foreground, in memory only.
const NOTHING_KEPT: [&str; 10] =
    ["--bind", "127.0.0.1", "--protected-mode", "no", "--daemonize", "no", "--save", "", "--appendonly", "no"];

/// Loaded before the C library, it searches for addresses in vain, for as many milliseconds as `CACHIFY_SEARCH` says.
pub const SLOW_NAMES: &str = env!("CACHIFY_NAMES_LIBRARY");

/// Loaded before the C library, it lets the machine have slept for as many seconds as the file `CACHIFY_SLEPT` says.
pub const ASLEEP: &str = env!("CACHIFY_SLEEP_LIBRARY");

/// Loaded by a server as a module, it is a double of `BLESS`, which notes what was blessed in the set `blessed`.
pub const BLESS: &str = env!("CACHIFY_BLESS_LIBRARY");

/// Commands by which this harness itself asks for figures.
const OUR_OWN: [&str; 2] = ["info", "config|resetstat"];

/// Which server to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// `redis-server`.
    Redis,
    /// `valkey-server`.
    Valkey,
    /// Valkey 9.1, which does without Lua once its module is taken away.
    Valkey9,
}

impl Engine {
    /// Every engine that the store promises to work on.
    pub const ALL: [Self; 2] = [Self::Redis, Self::Valkey];

    fn binary(self) -> String {
        match self {
            Self::Redis => "redis-server".into(),
            Self::Valkey => "valkey-server".into(),
            // where `tests/servers.sh` puts it
            Self::Valkey9 => {
                let home = || env::var("HOME").map(|home| format!("{home}/.cache"));
                let cache = env::var("XDG_CACHE_HOME").or_else(|_| home()).expect("there is a home");
                format!("{cache}/cachify/valkey-9.1")
            }
        }
    }
}

/// What a server is started with.
#[derive(Clone, Debug)]
#[must_use = "a server runs once it is started"]
pub struct Options {
    engine: Engine,
    words: Vec<String>,
    password: Option<String>,
    socket: bool,
    /// The names in its certificate.
    tls: Option<&'static str>,
    still: bool,
}

impl Options {
    /// Whoever connects as the default user needs this password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self.option("requirepass", password)
    }

    /// One more user, in the words of an ACL file: `"alice on >secret ~* +@all"`.
    pub fn user(mut self, line: &str) -> Self {
        self.words.push("--user".into());
        self.words.extend(line.split_whitespace().map(Into::into));
        self
    }

    /// Any line of a configuration file: `option("maxmemory-policy", "allkeys-lru")`.
    pub fn option(mut self, name: &str, value: impl Display) -> Self {
        self.words.extend([format!("--{name}"), value.to_string()]);
        self
    }

    /// The server listens on a Unix socket too.
    pub const fn unix_socket(mut self) -> Self {
        self.socket = true;
        self
    }

    /// The server's port speaks TLS, with a certificate for `localhost` and `127.0.0.1` by an authority of its own.
    pub const fn tls(self) -> Self {
        self.tls_of("DNS:localhost, IP:127.0.0.1")
    }

    /// The same with a certificate for other names, as OpenSSL writes them.
    pub const fn tls_of(mut self, names: &'static str) -> Self {
        self.tls = Some(names);
        self
    }

    /// The server's wall clock stands still unless it is moved by `advance` or `step_back`.
    pub const fn still_clock(mut self) -> Self {
        self.still = true;
        self
    }

    /// A server that answers.
    #[must_use]
    pub fn start(self) -> Server {
        let directory = Directory::new();
        if let Some(names) = self.tls {
            tls::certify(directory.path(), names);
        }
        let clock = self.still.then(|| StillClock::new(&directory));
        let mut server = Server { options: self, process: None, plain: 0, secure: 0, clock, directory };
        for _ in 0..PORTS {
            [server.plain, server.secure] = free_ports();
            if server.launch() {
                return server;
            }
        }
        panic!("{} does not start: {}", server.options.engine.binary(), server.directory.log());
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    options: Options,
    // before the directory: who lives in it goes first
    process: Option<Process>,
    plain: u16,
    secure: u16,
    clock: Option<StillClock>,
    directory: Directory,
}

impl Server {
    /// A server without any options.
    #[must_use]
    pub fn start(engine: Engine) -> Self {
        Self::of(engine).start()
    }

    /// What to start a server with.
    pub const fn of(engine: Engine) -> Options {
        Options { engine, words: Vec::new(), password: None, socket: false, tls: None, still: false }
    }

    /// Where a client connects, with the password if there is one.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.port())
    }

    /// The same through another port, such as that of a proxy.
    #[must_use]
    pub fn url_at(&self, port: u16) -> String {
        let scheme = if self.options.tls.is_some() { "rediss" } else { "redis" };
        let password = self.options.password.as_ref().map_or(String::new(), |password| format!(":{password}@"));
        format!("{scheme}://{password}{}:{port}", Ipv4Addr::LOCALHOST)
    }

    /// The port of the URL. It stays the same over a restart.
    #[must_use]
    pub const fn port(&self) -> u16 {
        if self.options.tls.is_some() { self.secure } else { self.plain }
    }

    /// Whether it was started and not killed.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// The process of the server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// The Unix socket, if one was asked for.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// The certificate of the authority that a TLS client has to trust.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join(tls::AUTHORITY)
    }

    /// The certificate of a client that the server takes, and its key.
    #[must_use]
    pub fn identity(&self) -> [PathBuf; 2] {
        ["client.crt", "client.key"].map(|file| self.directory.path().join(file))
    }

    /// The server stands still with its connections open; what is sent to it waits.
    pub fn pause(&self) {
        self.process().pause();
    }

    /// The server goes on, and answers what was sent meanwhile.
    pub fn resume(&self) {
        self.process().resume();
    }

    /// The server is gone at once, with all that it held; its port refuses.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// An empty server on the same port.
    pub fn restart(&mut self) {
        self.kill();
        let again = process::within_patience(|| self.launch());
        assert!(again, "{} does not start again: {}", self.options.engine.binary(), self.directory.log());
    }

    /// Time passes for the server. Its clock must be one that stands still.
    pub fn advance(&self, by: Duration) {
        self.clock.as_ref().expect("started with `still_clock`").step(by, true);
    }

    /// Somebody sets the server's clock back. It must be one that stands still.
    pub fn step_back(&self, by: Duration) {
        self.clock.as_ref().expect("started with `still_clock`").step(by, false);
    }

    /// A connection of its own, past TLS and past any proxy.
    pub fn connect(&self) -> io::Result<Client> {
        let mut client = Client::to(self.plain)?;
        if let Some(password) = &self.options.password {
            client.ask(&["AUTH", password])?;
        }
        Ok(client)
    }

    /// The answer to one command, on a new connection.
    pub fn command(&self, words: &[&str]) -> Reply {
        let reply = self.connect().and_then(|mut client| client.ask(words));
        reply.unwrap_or_else(|error| panic!("{words:?} has no answer: {error}"))
    }

    /// How often each command was called, in lower case (`client|setname`), also by scripts.
    ///
    /// Without the two by which the harness asks for and forgets these figures.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let Reply::Text(info) = self.command(&["INFO", "commandstats"]) else { panic!("INFO answers with text") };
        let info = String::from_utf8_lossy(&info);
        let figures = info.lines().filter_map(|line| {
            let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), figures.split(',').next()?.parse().ok()?))
        });
        figures.filter(|(name, _)| !OUR_OWN.contains(&name.as_str())).collect()
    }

    /// How often this command was called.
    #[must_use]
    pub fn commandstats(&self, name: &str) -> u64 {
        self.calls().get(&name.to_lowercase()).copied().unwrap_or_default()
    }

    /// Every count starts at zero again.
    pub fn reset_stats(&self) {
        assert_eq!(self.command(&["CONFIG", "RESETSTAT"]), "OK".into());
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the server was killed; restart it first")
    }

    /// False if the server ended by itself, as one does whose port is taken.
    fn launch(&mut self) -> bool {
        let mut words = self.fixed_words();
        words.extend_from_slice(&self.options.words);
        let clock = self.clock.as_ref().map(|_| StillClock::environment(&self.directory));
        let (binary, environment) = (self.options.engine.binary(), clock.iter().flatten().cloned().collect::<Vec<_>>());
        self.process = Process::start(&binary, &words, &environment, &self.directory, |pid| self.is_ours(pid));
        self.process.is_some()
    }

    fn fixed_words(&self) -> Vec<String> {
        let mut words: Vec<String> = NOTHING_KEPT.map(Into::into).into();
        words.extend(["--dir".into(), self.directory.text("."), "--port".into(), self.plain.to_string()]);
        if self.options.socket {
            words.extend(["--unixsocket".into(), self.directory.text("socket")]);
        }
        if self.options.tls.is_some() {
            words.extend(["--tls-port".into(), self.secure.to_string()]);
            words.extend(tls::words(&self.directory));
        }
        words
    }

    /// On a port that somebody else took first, somebody else answers.
    fn is_ours(&self, pid: u32) -> bool {
        let Ok(Reply::Text(info)) = self.connect().and_then(|mut client| client.ask(&["INFO", "server"])) else {
            return false;
        };
        String::from_utf8_lossy(&info).lines().any(|line| line == format!("process_id:{pid}"))
    }
}

/// Ports that nobody listens on now. They are free for somebody else too until the server has them.
fn free_ports() -> [u16; 2] {
    let free = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports"));
    free.map(|listener| listener.local_addr().expect("a bound port is known").port())
}
