//! Connections of the program's own: what it lends is used, and nothing beside it but what no pool can do.

use super::{
    connecting::does_everything,
    world::{int, millis, pass, patient, run, text, until, until_blocking},
};
use cachify::{Cachify, Cause, Connections, Error, Holding, Refused, secs};
use cachify_core::testing::conformance;
use cachify_tests::{
    proxy::Proxy,
    server::{Engine, Server},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

struct Deadpool(deadpool_redis::Pool);

impl Connections for Deadpool {
    type Connection = deadpool_redis::Connection;

    async fn connection(&self) -> Result<Self::Connection, Cause> {
        self.0.get().await.map_err(|_| Cause::Unreachable)
    }
}

struct Bb8(bb8_redis::bb8::Pool<bb8_redis::RedisConnectionManager>);

impl Connections for Bb8 {
    type Connection = OfBb8;

    async fn connection(&self) -> Result<OfBb8, Cause> {
        self.0.get_owned().await.map(OfBb8).map_err(|_| Cause::Unreachable)
    }
}

/// What that pool lends hides that it is a connection.
struct OfBb8(bb8_redis::bb8::PooledConnection<'static, bb8_redis::RedisConnectionManager>);

impl redis::aio::ConnectionLike for OfBb8 {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a redis::Cmd) -> redis::RedisFuture<'a, redis::Value> {
        self.0.req_packed_command(cmd)
    }
    fn req_packed_commands<'a>(
        &'a mut self,
        pipe: &'a redis::Pipeline,
        offset: usize,
        count: usize,
    ) -> redis::RedisFuture<'a, Vec<redis::Value>> {
        self.0.req_packed_commands(pipe, offset, count)
    }
    fn get_db(&self) -> i64 {
        self.0.get_db()
    }
}

/// A pool that counts what it lends, and has so many.
struct Few {
    connection: redis::aio::MultiplexedConnection,
    left: Arc<Semaphore>,
    lent: Arc<AtomicUsize>,
}

struct OfFew(
    redis::aio::MultiplexedConnection,
    #[expect(dead_code, reason = "given back by being dropped")] OwnedSemaphorePermit,
);

impl redis::aio::ConnectionLike for OfFew {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a redis::Cmd) -> redis::RedisFuture<'a, redis::Value> {
        self.0.req_packed_command(cmd)
    }
    fn req_packed_commands<'a>(
        &'a mut self,
        pipe: &'a redis::Pipeline,
        offset: usize,
        count: usize,
    ) -> redis::RedisFuture<'a, Vec<redis::Value>> {
        self.0.req_packed_commands(pipe, offset, count)
    }
    fn get_db(&self) -> i64 {
        self.0.get_db()
    }
}

impl Connections for Few {
    type Connection = OfFew;

    async fn connection(&self) -> Result<OfFew, Cause> {
        let permit = self.left.clone().acquire_owned().await.map_err(|_| Cause::Unreachable)?;
        self.lent.fetch_add(1, SeqCst);
        Ok(OfFew(self.connection.clone(), permit))
    }
}

fn client(url: &str) -> redis::Client {
    redis::Client::open(url).unwrap()
}

async fn shared(url: &str) -> redis::aio::MultiplexedConnection {
    client(url).get_multiplexed_async_connection().await.unwrap()
}

/// An instance for each kind of connections, in the runtime of its caller.
async fn every_kind(url: &str) -> Vec<Cachify> {
    let build = || patient(url).prefix("app").flight(secs(3));
    let deadpool = deadpool_redis::Config::from_url(url).create_pool(Some(deadpool_redis::Runtime::Tokio1)).unwrap();
    let manager = bb8_redis::RedisConnectionManager::new(url).unwrap();
    let bb8 = bb8_redis::bb8::Pool::builder().build(manager).await.unwrap();
    let own_reconnects = client(url).get_connection_manager().await.unwrap();
    [
        build().redis_connections(shared(url).await),
        build().redis_connections(own_reconnects),
        build().redis_connections(Deadpool(deadpool)),
        build().redis_connections(Bb8(bb8)),
    ]
    .map(|builder| builder.build().unwrap())
    .into()
}

/// Every connection but that of whoever asks, and what it last did.
fn connections(server: &Server) -> Vec<String> {
    let list = text(&server.command(&["CLIENT", "LIST"]));
    let all = list.lines().filter_map(|line| line.split(' ').find_map(|field| field.strip_prefix("cmd=")));
    all.filter(|did| *did != "client|list").map(str::to_owned).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn pools_and_shared_connections_do_everything() {
    let (server, runtime) = (Server::start(Engine::Redis), runtime());
    for c in runtime.block_on(every_kind(&server.url())) {
        does_everything(&server, &c);
    }
}

#[test]
fn a_shared_connection_conforms_on_both_faces() {
    for engine in Engine::ALL {
        let (server, runtime) = (Server::of(engine).still_clock().start(), runtime());
        let advance = |by| server.advance(by);
        let c = runtime
            .block_on(async { patient(server.url()).redis_connections(shared(&server.url()).await).build().unwrap() });
        run(conformance::all(c.clone(), &advance, ["a".to_owned(), "b".to_owned()])).unwrap();
        conformance::all_blocking(c, &advance, [1_u64, 2]).unwrap();
    }
}

#[test]
fn there_is_no_second_set_of_connections() {
    let server = Server::start(Engine::Redis);
    run(async {
        let (left, count) = (Arc::new(Semaphore::new(2)), Arc::<AtomicUsize>::default());
        let few = Few { connection: shared(&server.url()).await, left, lent: count.clone() };
        let c = patient(server.url()).redis_connections(few).poll(secs(60)).build().unwrap();
        let held = c.lock("k").ttl(secs(60)).acquire().await.unwrap();
        c.cache("k").get_or_insert(async { 7_u8 }).await;
        tokio::task::spawn_blocking({
            let c = c.clone();
            move || c.lock("other").acquire_blocking().unwrap().release().unwrap()
        })
        .await
        .unwrap();
        assert!(c.about().await.is_well());
        assert_eq!(connections(&server).len(), 1, "the one that was lent: {:?}", connections(&server));
        assert!(count.load(SeqCst) >= 6);
        // one more listens once somebody waits, who is told and does not poll
        let waiter = tokio::spawn({
            let lock = c.lock("k").wait(secs(20));
            async move { lock.acquire().await.map(drop) }
        });
        until(|| int(&server.command(&["ZCARD", "t:l:{k}:q"])) == 1).await;
        held.release().await.unwrap();
        waiter.await.unwrap().unwrap();
        assert_eq!(connections(&server).len(), 2, "{:?}", connections(&server));
    });
}

#[test]
fn a_pool_that_lends_nothing_refuses_within_the_limit_and_nothing_is_asked_twice() {
    let server = Server::start(Engine::Redis);
    let runtime = runtime();
    let left = Arc::new(Semaphore::new(1));
    let c = runtime.block_on(async {
        let few = Few { connection: shared(&server.url()).await, left: left.clone(), lent: Arc::default() };
        patient(server.url()).op_timeout(millis(300)).redis_connections(few).build().unwrap()
    });
    let held = c.lock("held").ttl(secs(4)).acquire_blocking().unwrap();
    let all = left.clone().try_acquire_owned().unwrap();
    for refused in [c.lock("k").acquire_blocking().map(drop), runtime.block_on(c.lock("k").acquire()).map(drop)] {
        assert!(matches!(refused, Err(Refused::Unavailable { .. } | Refused::Indeterminate { .. })), "{refused:?}");
    }
    assert_eq!(c.cache("v").get_or_insert_blocking(|| 7_u8), 7, "computed");
    assert!(held.is_valid());
    drop(all);
    // it is renewed again, and what may have been asked is given back
    pass(secs(5));
    assert!(held.is_valid());
    let guard = c.lock("k").wait(secs(10)).acquire_blocking().unwrap();
    assert_eq!((guard.release(), held.release()), (Ok(Holding::Held), Ok(Holding::Held)));
}

#[test]
fn a_pool_that_is_closed_is_no_server() {
    let server = Server::start(Engine::Redis);
    let runtime = runtime();
    let left = Arc::new(Semaphore::new(1));
    let c = runtime.block_on(async {
        let few = Few { connection: shared(&server.url()).await, left: left.clone(), lent: Arc::default() };
        patient(server.url()).redis_connections(few).build().unwrap()
    });
    left.close();
    for why in [c.ping_blocking().unwrap_err(), runtime.block_on(c.ping()).unwrap_err()] {
        assert_eq!(why, Error::Store(Cause::Unreachable));
    }
}

/// One that is made anew when it breaks, as the manager of the crate `redis` is.
#[test]
fn a_connection_that_breaks_is_noticed_by_nobody_who_waits() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let runtime = runtime();
    let c = runtime.block_on(async {
        let managed = client(&server.url_at(proxy.port())).get_connection_manager().await.unwrap();
        patient(server.url_at(proxy.port())).redis_connections(managed).build().unwrap()
    });
    let held = c.lock("held").ttl(secs(3)).acquire_blocking().unwrap();
    for round in 0..6 {
        proxy.cut();
        if round % 2 == 0 {
            c.lock("k").wait(secs(20)).acquire_blocking().unwrap().release().unwrap();
        } else {
            runtime.block_on(async { c.lock("k").wait(secs(20)).acquire().await.unwrap().release().await }).unwrap();
        }
    }
    pass(secs(4));
    assert!(held.is_valid());
    assert_eq!(held.release(), Ok(Holding::Held));
}

#[test]
fn what_a_task_gives_up_is_given_back() {
    let server = Server::start(Engine::Redis);
    run(async {
        let c = patient(server.url()).redis_connections(shared(&server.url()).await).build().unwrap();
        for n in 0..200_u64 {
            let lock = c.lock("k").ttl(secs(60)).wait(secs(30));
            let _ = tokio::time::timeout(Duration::from_micros(n * 10), lock.acquire()).await;
        }
        let guard = c.lock("k").ttl(secs(60)).wait(secs(20)).acquire().await.unwrap();
        assert_eq!(guard.release().await, Ok(Holding::Held));
    });
}

#[test]
fn a_runtime_that_is_gone_took_its_connections_with_it() {
    let server = Server::start(Engine::Redis);
    let home = runtime();
    let c =
        home.block_on(async { patient(server.url()).redis_connections(shared(&server.url()).await).build().unwrap() });
    c.ping_blocking().unwrap();
    home.shutdown_timeout(secs(5));
    for why in [c.ping_blocking().unwrap_err(), run(c.ping()).unwrap_err()] {
        assert!(matches!(why, Error::Store(Cause::Unsupported(why)) if why.contains("runtime is gone")), "{why:?}");
    }
}

#[test]
fn a_server_without_scripts_is_asked_by_connections_of_the_instance() {
    let server = Server::of(Engine::Redis).user("app on >pw ~* &* +@all -eval").start();
    let url = server.url().replace("redis://", "redis://app:pw@");
    run(async {
        let c = patient(&url).redis_connections(shared(&url).await).build().unwrap();
        let guard = c.lock("k").wait(secs(5)).acquire().await.unwrap();
        assert_eq!(guard.release().await, Ok(Holding::Held));
    });
    until_blocking(|| server.commandstats("exec") > 0);
}

#[test]
fn only_one_server_can_be_asked_so() {
    let server = Server::start(Engine::Redis);
    let connection = run(shared(&server.url()));
    let refused =
        |builder: cachify::Builder| builder.redis_connections(connection.clone()).build().unwrap_err().to_string();
    assert!(refused(Cachify::builder()).contains("`redis_connections` needs the URL"));
    for url in ["redis+cluster://localhost", "redis+sentinel://localhost/main"] {
        assert!(refused(Cachify::builder().redis(url)).contains("`redis_connections`: only of one server"));
    }
}

#[test]
fn nothing_was_asked_of_a_server_that_is_gone() {
    let mut server = Server::start(Engine::Redis);
    let runtime = runtime();
    let c = runtime.block_on(async {
        let managed = client(&server.url()).get_connection_manager().await.unwrap();
        patient(server.url()).op_timeout(secs(1)).redis_connections(managed).build().unwrap()
    });
    c.lock("a").acquire_blocking().unwrap().release().unwrap();
    server.kill();
    // the first may find out that the connection is broken
    let _ = c.lock("b").acquire_blocking();
    for n in 0..3 {
        let refused = [c.lock(n).acquire_blocking().map(drop), runtime.block_on(c.lock(n).acquire()).map(drop)];
        assert!(refused.iter().all(|refused| matches!(refused, Err(Refused::Unavailable { .. }))), "{refused:?}");
    }
}

#[test]
fn a_thread_that_would_wait_for_itself_is_told_so() {
    let server = Server::start(Engine::Redis);
    let home = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    home.block_on(async {
        let c = patient(server.url()).redis_connections(shared(&server.url()).await).build().unwrap();
        let refused = c.lock("k").acquire_blocking().map(drop);
        assert!(
            matches!(refused, Err(Refused::Unavailable { cause: Cause::Unsupported(why), .. }) if why.contains("await it")),
            "{refused:?}"
        );
        assert_eq!(c.lock("k").acquire().await.unwrap().release().await, Ok(Holding::Held));
    });
}

#[test]
fn a_connection_to_another_database_is_refused_by_name() {
    let server = Server::start(Engine::Redis);
    let runtime = runtime();
    let lent = runtime.block_on(shared(&format!("{}/3", server.url())));
    let c = runtime.block_on(async { patient(server.url()).redis_connections(lent.clone()).build().unwrap() });
    let why = c.ping_blocking().unwrap_err();
    assert!(matches!(why, Error::Store(Cause::Rejected { why, .. }) if why.contains("database")), "{why:?}");
    let builder = patient(format!("{}/3", server.url()));
    runtime.block_on(async { builder.redis_connections(lent).build().unwrap().ping().await }).unwrap();
}
