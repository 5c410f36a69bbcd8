//! A service that sentinels watch over: a master, its replica, and three sentinels, each a test's own.

use super::{
    Engine, Server,
    directory::Directory,
    free_ports,
    process::{Process, within_patience},
};
use crate::resp::{Client, Reply};
use std::{fs, io};

/// What the service is called.
const SERVICE: &str = "main";
/// How soon a master that does not answer counts as gone, in milliseconds.
const GONE: u32 = 500;

/// The servers of a service, and its sentinels.
#[derive(Debug)]
pub struct Sentinels {
    /// The first is the master at the beginning.
    pub nodes: [Server; 2],
    watchers: Vec<(Process, u16, Directory)>,
    password: Option<&'static str>,
    /// One that was cut off, and names an address where nobody is.
    stale: Option<(Process, u16, Directory)>,
}

impl Sentinels {
    /// A service whose replica follows, and which all sentinels know.
    #[must_use]
    pub fn start(engine: Engine) -> Self {
        Self::with_password(engine, None)
    }

    /// The same, with sentinels that want one.
    #[must_use]
    pub fn with_password(engine: Engine, password: Option<&'static str>) -> Self {
        let nodes = [(); 2].map(|()| Server::of(engine).option("repl-diskless-sync-delay", 0).start());
        let port = nodes[0].port().to_string();
        assert_eq!(nodes[1].command(&["REPLICAOF", "127.0.0.1", &port]), "OK".into());
        let follows = || says(&nodes[1].command(&["INFO", "replication"]), "master_link_status:up");
        assert!(within_patience(follows), "the replica does not follow");
        let watchers: Vec<_> = (0..3).map(|_| sentinel(engine, &port, password)).collect();
        let knows_all = |port: u16| {
            let asked = at(port, password).and_then(|mut client| client.ask(&["INFO", "sentinel"]));
            asked.is_ok_and(|info| says(&info, "slaves=1,sentinels=3"))
        };
        assert!(within_patience(|| watchers.iter().all(|(_, port, _)| knows_all(*port))), "the sentinels do not meet");
        Self { nodes, watchers, password, stale: None }
    }

    /// The same with one more sentinel, which watches over an address where nobody is; it comes first in the URL.
    #[must_use]
    pub fn with_a_stale_one(engine: Engine) -> Self {
        Self { stale: Some(sentinel(engine, "1", None)), ..Self::start(engine) }
    }

    /// Where a client connects.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(SERVICE)
    }

    /// The same of a service of that name.
    #[must_use]
    pub fn url_of(&self, service: &str) -> String {
        let all = self.stale.iter().chain(&self.watchers);
        let hosts: Vec<_> = all.map(|(_, port, _)| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{service}", hosts.join(","))
    }

    /// Where one sentinel answers.
    #[must_use]
    pub fn sentinel_port(&self) -> u16 {
        self.watchers[0].1
    }

    /// The replica becomes the master although that lives, and the other way round; until everybody knows.
    pub fn fail_over(&self) {
        let before = self.master();
        assert!(
            within_patience(|| self.ask(0, &["SENTINEL", "FAILOVER", SERVICE]) == "OK".into()),
            "no failover begins"
        );
        assert!(within_patience(|| self.all_say(1 - before)), "the failover does not end");
    }

    /// Which of the nodes is the master, as the first sentinel knows.
    #[must_use]
    pub fn master(&self) -> usize {
        usize::from(self.all_say(1))
    }

    fn all_say(&self, node: usize) -> bool {
        let port = Reply::from(self.nodes[node].port().to_string().as_str());
        (0..self.watchers.len()).all(|at| {
            let answer = self.ask(at, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
            matches!(answer, Reply::List(fields) if fields.get(1) == Some(&port))
        })
    }

    fn ask(&self, sentinel: usize, words: &[&str]) -> Reply {
        let (_, port, _) = self.watchers[sentinel];
        at(port, self.password).and_then(|mut client| client.ask(words)).expect("a sentinel answers")
    }
}

/// One sentinel, which watches over whatever is at that port of this machine, and finds nobody to take its place.
#[derive(Debug)]
pub struct Lone {
    port: u16,
    _process: (Process, Directory),
}

impl Lone {
    /// One that answers.
    #[must_use]
    pub fn watching(engine: Engine, master: u16) -> Self {
        let (process, port, directory) = sentinel(engine, &master.to_string(), None);
        Self { port, _process: (process, directory) }
    }

    /// Where it answers.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where a client connects that finds it at another port, such as that of a proxy.
    #[must_use]
    pub fn url_at(port: u16, login: &str) -> String {
        format!("redis+sentinel://{login}127.0.0.1:{port}/{SERVICE}")
    }
}

fn at(port: u16, password: Option<&str>) -> io::Result<Client> {
    let mut client = Client::to(port)?;
    if let Some(password) = password {
        client.ask(&["AUTH", password])?;
    }
    Ok(client)
}

fn says(info: &Reply, words: &str) -> bool {
    matches!(info, Reply::Text(bytes) if String::from_utf8_lossy(bytes).contains(words))
}

fn sentinel(engine: Engine, master: &str, password: Option<&str>) -> (Process, u16, Directory) {
    let directory = Directory::new();
    let [port, _] = free_ports();
    let login = password.map(|password| format!("requirepass {password}"));
    let lines = [
        format!("port {port}"),
        "bind 127.0.0.1".into(),
        "protected-mode no".into(),
        format!("dir {}", directory.text(".")),
        format!("sentinel monitor {SERVICE} 127.0.0.1 {master} 2"),
        format!("sentinel down-after-milliseconds {SERVICE} {GONE}"),
        format!("sentinel failover-timeout {SERVICE} 3000"),
    ];
    fs::write(directory.path().join("sentinel.conf"), lines.into_iter().chain(login).collect::<Vec<_>>().join("\n"))
        .expect("a configuration can be written");
    let words = [directory.text("sentinel.conf"), "--sentinel".into()];
    let answers = |_| at(port, password).and_then(|mut client| client.ask(&["PING"])).is_ok();
    let process = Process::start(&engine.binary(), &words, &[], &directory, answers).expect("a sentinel starts");
    (process, port, directory)
}
