//! Where a server is: at an address of its own, or where the sentinels of a service say.

use super::sentinel::{Sentinels, elsewhere};
use cachify_core::Cause;
use redis::{Client, ConnectionAddr};
use std::time::Duration;

#[derive(Clone)]
pub(crate) enum Address {
    Fixed(Client),
    Sentinels(Sentinels),
}

impl Address {
    /// How the server is reached now; whoever asks may be kept for as long as `limit` for each sentinel.
    pub(super) fn client(&self, limit: Duration) -> Result<Client, Cause> {
        match self {
            Self::Fixed(client) => Ok(client.clone()),
            Self::Sentinels(sentinels) => sentinels.client(limit),
        }
    }

    /// What was found there is not who was looked for.
    pub(super) fn distrust(&self) {
        if let Self::Sentinels(sentinels) = self {
            sentinels.distrust();
        }
    }

    /// A replica of it, where it can be asked for one.
    pub(super) fn of_replica(&self) -> Option<Self> {
        match self {
            Self::Fixed(_) => None,
            Self::Sentinels(sentinels) => Some(Self::Sentinels(sentinels.of_replicas())),
        }
    }

    /// The client, where nobody has to be asked for it.
    pub(super) const fn fixed(&self) -> Option<&Client> {
        match self {
            Self::Fixed(client) => Some(client),
            Self::Sentinels(_) => None,
        }
    }

    /// The number of the database, where there are several.
    pub(super) fn database(&self) -> i64 {
        self.fixed().map_or(0, |client| client.get_connection_info().redis_settings().db())
    }

    pub(super) fn speaks_tls(&self) -> bool {
        self.fixed().is_some_and(speaks_tls)
    }

    /// Host and port, by which the nodes of a cluster are told apart.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Fixed(client) => client.get_connection_info().addr().to_string(),
            Self::Sentinels(sentinels) => sentinels.to_string(),
        }
    }

    pub(super) fn host(&self) -> String {
        match self.fixed().map(|client| client.get_connection_info().addr()) {
            Some(ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) => host.clone(),
            _ => String::new(),
        }
    }

    /// Another server that is reached the same way, at that port of that host, or of this one's.
    pub(super) fn at(&self, host: Option<&str>, port: u16) -> Option<Self> {
        let host = host.map_or_else(|| self.host(), str::to_owned);
        elsewhere(self.fixed()?.get_connection_info(), host, port).ok().map(Self::Fixed)
    }
}

pub(super) fn speaks_tls(client: &Client) -> bool {
    matches!(client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. })
}
