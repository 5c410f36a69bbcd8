//! Which servers of Redis or Valkey, and how they are reached.

use super::{Builder, Where};
use crate::{
    Cachify, Error,
    redis::{Target, masters::Servers},
};

/// Where cached values are read on a cluster, or a service with sentinels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ReadFrom {
    /// Where they are written.
    #[default]
    Master,
    /// At replicas, in turn, as long as one answers.
    Replicas,
}

impl Builder {
    /// Redis, Valkey, or what speaks like them: `redis://[user:password@]host[:port][/database]`, `rediss://..` for
    /// TLS (feature `redis-tls`), or `unix:///path`. A cluster by some of its nodes:
    /// `redis+cluster://[user:password@]host[:port],host[:port]`. The master of a service by its sentinels:
    /// `redis+sentinel://[user:password@]host[:port],host[:port]/service[/database]`, where user, password and database are
    /// the master's; `rediss+cluster://..` and `rediss+sentinel://..` for TLS.
    ///
    /// Parameters of the URL say what this builder's methods do, and count before these: `?prefix=app&op_timeout=250ms`.
    /// The URL is checked when the instance is built; the server is called at the first need, or by
    /// [`ping`](Cachify::ping).
    pub fn redis(mut self, url: impl Into<String>) -> Self {
        self.backend = Where::Redis(url.into());
        self
    }

    /// By what this client logs in at sentinels that want a password; that of the URL is their master's.
    pub fn sentinel_password(mut self, password: impl Into<String>) -> Self {
        self.at_sentinels.password = Some(password.into());
        self
    }

    /// The user of that password, where it is not the default one's.
    pub fn sentinel_user(mut self, user: impl Into<String>) -> Self {
        self.at_sentinels.user = Some(user.into());
        self
    }

    /// Files in PEM format by which TLS knows the server: its authority, instead of those that the system trusts.
    #[cfg(feature = "redis-tls")]
    pub fn tls_authority(mut self, file: impl Into<std::path::PathBuf>) -> Self {
        self.tls.authority = Some(file.into());
        self
    }

    /// Files in PEM format by which the server knows this client: a certificate, and its key.
    #[cfg(feature = "redis-tls")]
    pub fn tls_identity(
        mut self,
        certificate: impl Into<std::path::PathBuf>,
        key: impl Into<std::path::PathBuf>,
    ) -> Self {
        (self.tls.certificate, self.tls.key) = (Some(certificate.into()), Some(key.into()));
        self
    }

    /// A cluster of Redis or Valkey, by the URLs of some of its nodes; the others are told by these.
    ///
    /// The URLs are checked when the instance is built; the first of them says how nodes are reached that none of them names.
    pub fn redis_cluster<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.backend = Where::Cluster(urls.into_iter().map(Into::into).collect());
        self
    }

    /// Where cached values are read on a cluster, or a service with sentinels; where they are written unless said.
    ///
    /// A replica lags: for that long a read may find what was reset, or miss what was stored, and a miss is then looked at
    /// once more where it is written. Leases, and whatever fills a key, never go there.
    pub fn read_from(mut self, read_from: ReadFrom) -> Self {
        self.read_from = read_from;
        self
    }

    /// The same by a client of your own, for certificates and credentials that no URL can hold.
    ///
    /// A client and not a connection, because tasks, threads and the subscription each need connections of their own.
    /// The type is that of the crate `redis`, version 1.
    #[cfg(feature = "redis-1-client")]
    pub fn redis_client(mut self, client: redis::Client) -> Self {
        self.backend = Where::Client(Box::new(client));
        self
    }
    /// Connections of the program's own, by which questions travel instead of by connections of this instance: a pool, or
    /// one that is shared by being cloned (`redis::aio::ConnectionManager`). The URL, of one server, is needed still: one
    /// connection listens there once somebody waits, and a child of a fork has connections of its own.
    ///
    /// They are used in the runtime in which the instance is built, which must outlive it, and be driven: while it is not, or
    /// the pool is empty, nothing is renewed either, so leases should last several times as long. A blocking call in the one
    /// thread of such a runtime is refused. `op_timeout` bounds what the pool and the server take together. A server that runs no scripts is asked by connections of this instance.
    ///
    /// The types are those of the crate `redis`, version 1.
    #[cfg(feature = "redis-1-client")]
    pub fn redis_connections(mut self, connections: impl crate::Connections) -> Self {
        self.lent = Some(crate::redis::Lent::new(std::sync::Arc::new(connections)));
        self
    }

    /// An instance, and where its servers are; a prefix said here counts before one of the URL. For the tool.
    ///
    /// # Errors
    /// As [`build`](Self::build), and where there are no servers.
    #[doc(hidden)]
    pub fn build_with_servers(self, prefix: Option<String>) -> Result<(Cachify, Servers), Error> {
        let mut built = self.with_parameters()?;
        let Where::Redis(url) = &built.backend else { return Err(Error::Config("it has no URL of servers")) };
        let target = Target::of_url(url, &built.tls, &built.at_sentinels)?;
        built.prefix = prefix.unwrap_or(built.prefix);
        let servers = Servers::new(target, built.prefix.clone());
        Ok((built.finish()?, servers))
    }
}
