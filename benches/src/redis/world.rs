//! What all comparisons use: one server, a connection for each side, one runtime.

use super::{
    helper::Helper,
    server::{Server, client},
};
use crate::clock::nanos;
use ::redis::{Cmd, aio::MultiplexedConnection};
use cachify::Cachify;
use rslock::LockManager;
use std::future::Future;
use tokio::runtime::Runtime;

pub(super) struct World {
    pub(super) server: Server,
    pub(super) runtime: Runtime,
    pub(super) ours: Cachify,
    pub(super) raw: MultiplexedConnection,
    pub(super) rslock: LockManager,
    /// `py-cachify`, if it is installed.
    pub(super) python: Option<Helper>,
    pub(super) options: Options,
}

/// What the command line said.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// An interpreter that has py-cachify.
    pub(super) python: Option<String>,
    /// Only one thread runs tasks.
    pub(super) one_thread: bool,
    /// The parts that are wanted; all if none is named.
    pub(super) parts: Vec<String>,
    /// A tenth of the rounds.
    pub(super) quick: bool,
}

impl Options {
    pub(super) fn runtime(&self) -> Runtime {
        let mut builder = match self.one_thread {
            true => tokio::runtime::Builder::new_current_thread(),
            false => tokio::runtime::Builder::new_multi_thread(),
        };
        builder.enable_all().build().expect("a runtime")
    }

    /// The interpreter, as a process that speaks to this server.
    pub(super) fn helper(&self, server: &Server) -> Option<Helper> {
        self.helper_with(server, None)
    }

    /// The same with one more word for it.
    pub(super) fn helper_with(&self, server: &Server, word: Option<&str>) -> Option<Helper> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peer.py");
        let url = server.url();
        let words: Vec<_> = [script, &url].into_iter().chain(word).collect();
        Helper::start(self.python.as_ref()?, &words)
    }

    pub(super) fn rounds(&self, all: usize) -> usize {
        if self.quick { (all / 10).max(3) } else { all }
    }
}

impl World {
    pub(super) fn new(options: Options) -> Self {
        let server = Server::start();
        let runtime = options.runtime();
        let ours = Cachify::builder().redis(server.url()).prefix("ours").init().expect("the URL is ours");
        let raw = runtime.block_on(server.client().get_multiplexed_async_connection()).expect("the server answers");
        let rslock = LockManager::from_clients(vec![client(&server.url())]);
        let python = options.helper(&server);
        Self { server, runtime, ours, raw, rslock, python, options }
    }

    /// Microseconds for each of `count` operations, one after another in one task.
    pub(super) fn each<F: Future<Output = ()> + Send + 'static>(
        &self,
        count: u32,
        operation: impl Fn(u32) -> F + Send + 'static,
    ) -> f64 {
        let all = async move {
            for at in 0..count {
                operation(at).await;
            }
        };
        let took = nanos(|| self.runtime.block_on(async { tokio::spawn(all).await.expect("no task panics") }));
        took / 1e3 / f64::from(count)
    }

    /// Microseconds for each operation, when so many tasks do `count` of them each at the same time.
    pub(super) fn crowd<F: Future<Output = ()> + Send + 'static>(
        &self,
        tasks: u32,
        count: u32,
        operation: impl Fn(u32) -> F + Clone + Send + 'static,
    ) -> f64 {
        let all = async {
            let tasks: Vec<_> = (0..tasks)
                .map(|task| {
                    let operation = operation.clone();
                    tokio::spawn(async move {
                        for at in 0..count {
                            operation(task * count + at).await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("no task panics");
            }
        };
        nanos(|| self.runtime.block_on(all)) / 1e3 / f64::from(tasks * count)
    }

    /// py-cachify's turn: microseconds for each operation.
    pub(super) fn python(&self, line: String) -> Option<super::table::Turn<'_>> {
        let python = self.python.as_ref()?;
        Some(Box::new(move || {
            let [micros] = python.ask(&line);
            micros
        }))
    }

    /// One raw command, its answer not looked at.
    pub(super) async fn raw(mut connection: MultiplexedConnection, command: Cmd) {
        let () = command.query_async(&mut connection).await.expect("the server answers");
    }
}
