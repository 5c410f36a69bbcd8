//! The harness for real servers keeps its own promises, on every engine.
//!
//! Only here is it tested that a pause pauses and a cut cuts: a suite that breaks a server relies on it.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

use cachify_tests::{
    proxy::{Direction, Proxy},
    resp::{Client, Reply},
    server::{Engine, Server},
};
use std::{
    env,
    io::{BufRead, BufReader, ErrorKind},
    os::unix::net::UnixStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// So long without an answer is no answer.
const SILENCE: Duration = Duration::from_millis(60);

const DELAY: Duration = Duration::from_millis(40);

fn on_every_engine(test: impl Fn(Engine)) {
    Engine::ALL.into_iter().for_each(test);
}

fn assert_pong(client: &mut Client) {
    assert_eq!(client.ask(&["PING"]).unwrap(), "PONG".into());
}

/// The client is impatient from here on.
fn assert_silent(client: &mut Client) {
    client.waits(SILENCE).unwrap();
    let error = client.answer().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    client.waits(Duration::from_secs(5)).unwrap();
}

/// The connection ended: it is not merely silent.
fn assert_closed(client: &mut Client) {
    let error = client.ask(&["PING"]).unwrap_err();
    assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
}

/// Nobody listens: silence would not do.
fn refuses(port: u16) -> bool {
    Client::to(port).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn soon(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn time_of(what: impl FnOnce()) -> Duration {
    let began = Instant::now();
    what();
    began.elapsed()
}

#[test]
fn every_kind_of_reply_is_read() {
    on_every_engine(|engine| {
        let server = Server::start(engine);
        assert_eq!(server.command(&["PING"]), "PONG".into());
        assert_eq!(server.command(&["SET", "key", "two\r\nlines"]), "OK".into());
        assert_eq!(server.command(&["GET", "key"]), "two\r\nlines".into());
        assert_eq!(server.command(&["GET", "nothing"]), Reply::Nil);
        assert_eq!(server.command(&["INCR", "number"]), Reply::Int(1));
        assert_eq!(server.command(&["MGET", "number", "nothing"]), Reply::List(vec!["1".into(), Reply::Nil]));
        assert!(matches!(server.command(&["INCR", "key"]), Reply::Error(why) if why.starts_with("ERR")));
    });
}

#[test]
fn each_engine_is_itself() {
    let name = |engine| {
        let Reply::Text(info) = Server::start(engine).command(&["INFO", "server"]) else { panic!("INFO is text") };
        String::from_utf8(info).unwrap()
    };
    assert!(!name(Engine::Redis).contains("valkey_version"));
    assert!(name(Engine::Valkey).contains("valkey_version"));
}

#[test]
fn calls_are_counted_without_those_of_the_harness() {
    on_every_engine(|engine| {
        let server = Server::start(engine);
        server.reset_stats();
        assert!(server.calls().is_empty());
        let _ = server.command(&["GET", "a"]);
        let _ = server.command(&["EVAL", "return redis.call('GET', 'b')", "0"]);
        assert_eq!(server.calls().into_iter().collect::<Vec<_>>(), [("eval".into(), 1), ("get".into(), 2)]);
        assert_eq!((server.commandstats("GET"), server.commandstats("SET")), (2, 0));
    });
}

#[test]
fn a_paused_server_is_silent_until_it_is_resumed() {
    on_every_engine(|engine| {
        let server = Server::start(engine);
        let mut client = server.connect().unwrap();
        server.pause();
        client.send(&["PING"]).unwrap();
        assert_silent(&mut client);
        server.resume();
        assert_eq!(client.answer().unwrap(), "PONG".into());
    });
}

#[test]
fn a_killed_server_refuses_and_comes_back_empty_on_its_port() {
    on_every_engine(|engine| {
        let mut server = Server::start(engine);
        let (url, pid) = (server.url(), server.pid());
        let mut client = server.connect().unwrap();
        assert_eq!(client.ask(&["SET", "key", "value"]).unwrap(), "OK".into());
        server.kill();
        assert_closed(&mut client);
        assert!(refuses(server.port()));
        server.restart();
        assert_eq!(server.command(&["GET", "key"]), Reply::Nil);
        assert_eq!(server.url(), url);
        assert_ne!(server.pid(), pid);
    });
}

#[test]
fn servers_share_nothing_and_a_dropped_one_is_gone() {
    let servers = [Engine::Redis, Engine::Redis, Engine::Valkey].map(Server::start);
    let ports = servers.each_ref().map(Server::port);
    assert!(ports[0] != ports[1] && ports[1] != ports[2] && ports[0] != ports[2]);
    assert_eq!(servers[0].command(&["SET", "key", "value"]), "OK".into());
    assert_eq!(servers[1].command(&["GET", "key"]), Reply::Nil);
    servers[2].pause();
    let directories = servers.each_ref().map(|server| server.socket().parent().unwrap().to_owned());
    assert!(directories.iter().all(|directory| directory.exists()));
    drop(servers);
    assert!(ports.into_iter().all(refuses));
    assert!(!directories.iter().any(|directory| directory.exists()));
}

#[test]
fn options_reach_the_server() {
    on_every_engine(|engine| {
        let server = Server::of(engine)
            .password("open-sesame")
            .user("reader on >secret ~shared:* +get")
            .option("maxmemory-policy", "allkeys-lru")
            .unix_socket()
            .start();
        assert!(server.url().starts_with("redis://:open-sesame@127.0.0.1:"));
        assert_eq!(
            server.command(&["CONFIG", "GET", "maxmemory-policy"]),
            Reply::List(vec!["maxmemory-policy".into(), "allkeys-lru".into()])
        );
        let mut reader = Client::to(server.port()).unwrap();
        assert!(matches!(reader.ask(&["GET", "shared:a"]).unwrap(), Reply::Error(why) if why.starts_with("NOAUTH")));
        assert_eq!(reader.ask(&["AUTH", "reader", "secret"]).unwrap(), "OK".into());
        assert_eq!(reader.ask(&["GET", "shared:a"]).unwrap(), Reply::Nil);
        assert!(matches!(reader.ask(&["GET", "mine"]).unwrap(), Reply::Error(why) if why.starts_with("NOPERM")));
        assert!(UnixStream::connect(server.socket()).is_ok());
    });
}

#[test]
fn a_tls_server_shows_a_certificate_that_its_authority_vouches_for() {
    on_every_engine(|engine| {
        let server = Server::of(engine).tls().start();
        assert!(server.url().starts_with("rediss://127.0.0.1:"));
        assert_eq!(server.command(&["PING"]), "PONG".into());
        let shaken = Command::new("openssl")
            .args(["s_client", "-brief", "-verify_return_error", "-verify_hostname", "localhost", "-CAfile"])
            .arg(server.authority())
            .args(["-connect", &format!("127.0.0.1:{}", server.port())])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&shaken.stderr);
        assert!(shaken.status.success() && said.contains("Verification: OK"), "{said}");
    });
}

#[test]
#[should_panic(expected = "no-such-option")]
fn a_server_that_does_not_start_says_why() {
    let _server = Server::of(Engine::Redis).option("no-such-option", "1").start();
}

/// The test runs itself once more, as the process that dies.
#[test]
fn no_server_outlives_the_test_process() {
    const DIES: &str = "CACHIFY_HARNESS_DIES";
    if env::var_os(DIES).is_some() {
        let server = Server::start(Engine::Redis);
        server.pause();
        println!("\nserver at {} in {}", server.port(), server.socket().parent().unwrap().display());
        loop {
            thread::park();
        }
    }
    let mut dying = Command::new(env::current_exe().unwrap())
        .args(["--exact", "no_server_outlives_the_test_process", "--nocapture"])
        .env(DIES, "")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(dying.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.starts_with("server at ")).expect("the process says where its server is");
    let [_, _, port, _, directory] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let port: u16 = port.parse().unwrap();
    assert!(Client::to(port).is_ok());
    dying.kill().unwrap();
    dying.wait().unwrap();
    soon("the server is gone", || refuses(port));
    soon("its directory is gone", || !Path::new(directory).exists());
}

#[test]
fn a_cut_closes_open_connections_and_a_refusal_new_ones() {
    on_every_engine(|engine| {
        let server = Server::start(engine);
        let proxy = Proxy::to(server.port());
        let mut first = Client::to(proxy.port()).unwrap();
        assert_pong(&mut first);
        assert_eq!((proxy.connections(), proxy.open()), (1, 1));
        proxy.cut();
        assert_closed(&mut first);

        let mut second = Client::to(proxy.port()).unwrap();
        assert_pong(&mut second);
        proxy.refuse();
        assert!(Client::to(proxy.port()).and_then(|mut third| third.ask(&["PING"])).is_err());
        assert_pong(&mut second);
        proxy.accept();
        assert_pong(&mut Client::to(proxy.port()).unwrap());
        assert_eq!(proxy.connections(), 3);
    });
}

#[test]
fn a_command_may_be_done_though_its_answer_is_lost() {
    on_every_engine(|engine| {
        let server = Server::start(engine);
        let proxy = Proxy::to(server.port());
        let mut client = Client::to(proxy.port()).unwrap();

        proxy.blackhole(Direction::ToClient);
        client.send(&["INCR", "done"]).unwrap();
        assert_silent(&mut client);
        assert_eq!(server.command(&["GET", "done"]), "1".into());

        proxy.heal();
        proxy.blackhole(Direction::ToServer);
        client.send(&["INCR", "done"]).unwrap();
        assert_silent(&mut client);
        assert_eq!(server.command(&["GET", "done"]), "1".into());

        proxy.heal();
        assert_pong(&mut client);
    });
}

#[test]
fn a_blackhole_hides_even_the_death_of_a_server() {
    let mut server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let mut client = Client::to(proxy.port()).unwrap();
    assert_pong(&mut client);
    proxy.blackhole(Direction::ToClient);
    server.kill();
    assert_silent(&mut client);
    proxy.heal();
    assert_closed(&mut client);
    soon("the connection is forgotten", || proxy.open() == 0);
}

#[test]
fn a_delay_is_waited_out_one_way_and_ends_with_the_fault() {
    on_every_engine(|engine| {
        let server = Server::start(engine);
        let proxy = Proxy::to(server.port());
        let mut client = Client::to(proxy.port()).unwrap();
        for direction in [Direction::ToServer, Direction::ToClient] {
            proxy.delay(direction, DELAY);
            assert!(time_of(|| assert_pong(&mut client)) >= DELAY);
            proxy.heal();
        }
        proxy.delay(Direction::ToServer, Duration::from_secs(60));
        client.send(&["PING"]).unwrap();
        assert_silent(&mut client);
        proxy.heal();
        assert_eq!(client.answer().unwrap(), "PONG".into());
    });
}

#[test]
fn a_dropped_proxy_lets_go_of_a_connection_it_is_holding_back() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let mut client = Client::to(proxy.port()).unwrap();
    assert_pong(&mut client);
    proxy.delay(Direction::ToServer, Duration::from_secs(60));
    client.send(&["PING"]).unwrap();
    assert_silent(&mut client);
    let port = proxy.port();
    drop(proxy);
    assert!(client.answer().is_err());
    // a child that another test is just starting shares the closed listener until it is another program
    soon("the port refuses", || refuses(port));
}
