//! One attempt to connect, for tasks and the subscription; threads have their own, by the blocking client.

use super::{
    Server,
    knock::{aside, knock},
    node::greeting,
};
use crate::redis::reply::{is_doubtful, unconnected};
use cachify_core::{Cause, drive::beside, time::Timer};
use redis::{
    AsyncConnectionConfig, Cmd, ProtocolVersion, RedisFuture, RedisResult, Value, aio::MultiplexedConnection,
    io::AsyncDNSResolver,
};
use std::{
    future::{Future, poll_fn},
    io, iter,
    net::{SocketAddr, ToSocketAddrs},
    task::Poll,
};

/// One attempt to connect, with a limit of its own.
pub(in crate::redis) async fn dial(
    server: &Server,
    config: AsyncConnectionConfig,
    protocol: Option<ProtocolVersion>,
) -> Result<MultiplexedConnection, Cause> {
    let limit = server.common.clock.sleep_until(server.now().saturating_add(server.common.connect_timeout));
    let client = &beside(client(server, protocol), limit).await.map_err(|()| Cause::Unreachable)??;
    // no limits by timers of a runtime that may have none: this attempt has its own, and so has every operation
    let config = config.set_connection_timeout(None).set_response_timeout(None).set_dns_resolver(Search);
    // the client's part of it is large
    let attempt = Box::pin(async {
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let began = server.now();
        if server.is_replica {
            connection.clone().send_packed_command(&redis::cmd("READONLY")).await?;
        }
        let answers = greet(&connection).await?;
        server.node.measured(server.now().since(began));
        RedisResult::Ok((connection, answers))
    });
    let limit = server.common.clock.sleep_until(server.now().saturating_add(server.common.connect_timeout));
    match beside(server.or_told(client, attempt), limit).await.map_err(|()| Cause::Unreachable)?? {
        Ok((connection, answers)) => server.greeted(&answers).map(|()| connection),
        Err(error) if is_doubtful(&error) => {
            let (client, limit) = (client.clone(), server.knock_limit());
            Err(aside(move || knock(&client, limit)).await.flatten().unwrap_or_else(|| unconnected(&error)))
        }
        Err(error) => Err(unconnected(&error)),
    }
}

/// How the server is reached, by that protocol if one is named.
async fn client(server: &Server, protocol: Option<ProtocolVersion>) -> Result<redis::Client, Cause> {
    let client = match server.address.fixed() {
        Some(client) => client.clone(),
        None => {
            let (address, limit) = (server.address.clone(), server.knock_limit());
            aside(move || address.client(limit)).await.unwrap_or(Err(Cause::Unreachable))?
        }
    };
    let Some(protocol) = protocol else { return Ok(client) };
    let info = client.get_connection_info();
    let settings = info.redis_settings().clone().set_protocol(protocol);
    redis::Client::open(info.clone().set_redis_settings(settings)).map_err(|_| Cause::Unreachable)
}

/// A search for an address on a thread of ours. On one of the runtime's it would keep that from ending for as long as the
/// system searches.
struct Search;

impl AsyncDNSResolver for Search {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        host: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        let host = host.to_owned();
        Box::pin(async move {
            let search = move || (host.as_str(), port).to_socket_addrs();
            let found = aside(search).await.unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))?;
            Ok(Box::new(found) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        })
    }
}

/// The answers to what a new connection asks first. Each is asked by itself: of a pipeline that breaks the client tells
/// no single answer.
async fn greet(connection: &MultiplexedConnection) -> RedisResult<Vec<Value>> {
    let ask = async |cmd: Cmd| connection.clone().send_packed_command(&cmd).await;
    let mut answers = all(greeting().map(ask)).await;
    // whoever is not served may be told so once
    if let Some(refused @ Ok(Value::ServerError(_))) = answers.first_mut() {
        let refused = std::mem::replace(refused, Ok(Value::Nil));
        return Ok(iter::once(refused?).chain(iter::repeat_n(Value::Nil, answers.len() - 1)).collect());
    }
    answers.into_iter().collect()
}

/// All of them, side by side.
async fn all<F: Future, const N: usize>(futures: [F; N]) -> Vec<F::Output> {
    let mut futures = futures.map(Box::pin);
    let mut done = [const { None }; N];
    poll_fn(|cx| {
        for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            *done = ended(future.as_mut().poll(cx));
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

fn ended<T>(polled: Poll<T>) -> Option<T> {
    if let Poll::Ready(out) = polled { Some(out) } else { None }
}
