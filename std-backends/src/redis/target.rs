//! Which servers an instance has: one, a service with sentinels, or a cluster.

use super::{
    address::Address,
    options::{self, Login, Tls},
};
use crate::Error;

/// Where the servers are.
#[derive(Clone)]
pub(crate) enum Target {
    /// One, which may be another one after each failover.
    One(Box<Address>),
    /// Some nodes of a cluster.
    Cluster(Vec<Address>),
}

impl Target {
    /// The servers of a URL; nothing is sent yet.
    pub(crate) fn of_url(url: &str, tls: &Tls, at_sentinels: &Login) -> Result<Self, Error> {
        options::target(url, tls, at_sentinels)
    }

    /// A cluster, by the URLs of some of its nodes.
    pub(crate) fn cluster(urls: &[String], tls: &Tls, at_sentinels: &Login) -> Result<Self, Error> {
        if at_sentinels.is_any() {
            return Err(options::NO_SENTINELS);
        }
        options::cluster(urls.iter().map(String::as_str), tls)
    }

    pub(super) const fn kept_in(&self) -> &'static str {
        match self {
            _ if self.is_fixed() => "one server",
            Self::One(_) => "sentinels",
            Self::Cluster(_) => "cluster",
        }
    }

    /// Whether it can be asked where replicas are.
    pub(crate) const fn has_replicas(&self) -> bool {
        !self.is_fixed()
    }

    /// Whether it is one server, and always the same.
    pub(crate) const fn is_fixed(&self) -> bool {
        match self {
            Self::Cluster(_) => false,
            Self::One(address) => address.fixed().is_some(),
        }
    }

    /// The server of a client.
    #[cfg(feature = "redis-1-client")]
    pub(crate) fn of_client(client: redis::Client) -> Self {
        let settled = redis::Client::open(options::settled(client.get_connection_info().clone()));
        Self::One(Address::Fixed(settled.unwrap_or(client)).into())
    }
}
