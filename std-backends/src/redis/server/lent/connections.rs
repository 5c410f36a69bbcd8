//! What a program implements for its pool.

use super::{Lender, Question};
use crate::backend::BoxFuture;
use cachify_core::Cause;
use redis::{RedisResult, Value, aio::ConnectionLike};
use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
};

/// A pool of the program's own, or one connection that is shared by being cloned, as `redis::aio::ConnectionManager` is: that
/// one needs no line of code. See [`Builder::redis_connections`](crate::Builder::redis_connections).
///
/// ```
/// use cachify::{Cause, Connections};
/// # mod deadpool_redis {
/// #     pub type Connection = redis::aio::MultiplexedConnection;
/// #     #[derive(Clone)]
/// #     pub struct Pool;
/// #     impl Pool {
/// #         pub async fn get(&self) -> Result<Connection, ()> { Err(()) }
/// #     }
/// # }
///
/// struct MyPool(deadpool_redis::Pool);
///
/// impl Connections for MyPool {
///     type Connection = deadpool_redis::Connection;
///
///     async fn connection(&self) -> Result<Self::Connection, Cause> {
///         self.0.get().await.map_err(|_| Cause::Unreachable)
///     }
/// }
/// # let _ = MyPool(deadpool_redis::Pool);
/// ```
pub trait Connections: Send + Sync + 'static {
    /// One that nobody else writes to within a pipeline.
    type Connection: ConnectionLike + Send;

    /// A connection for one question, given back by being dropped.
    ///
    /// MUST be to the server, the database and the user that the URL names. MUST NOT be lent again with an answer on it that
    /// nobody read: a question whose caller gives up is dropped, as those of the crate `redis` may be.
    ///
    /// # Errors
    /// Why there is none, as [`Cause::Unreachable`]: nothing was asked.
    fn connection(&self) -> impl Future<Output = Result<Self::Connection, Cause>> + Send;
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Connections for C {
    type Connection = C;

    async fn connection(&self) -> Result<C, Cause> {
        Ok(self.clone())
    }
}

impl<C: Connections> Lender for C {
    fn ask(self: Arc<Self>, question: Question) -> BoxFuture<'static, Result<RedisResult<Vec<Value>>, Cause>> {
        Box::pin(async move {
            let Question { pipe, answers, database, is_sent } = question;
            let mut connection = self.connection().await?;
            if connection.get_db() != database {
                return Err(OTHER_DATABASE);
            }
            is_sent.store(true, Ordering::Release);
            Ok(connection.req_packed_commands(&pipe, 0, answers).await)
        })
    }
}

const OTHER_DATABASE: Cause = Cause::rejected("the connection that was lent is to another database than the URL names");
