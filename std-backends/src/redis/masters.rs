//! The servers that have an instance's keys, for the tool `cachify`, which looks at all of them: no part of the interface.

use super::{
    fleet::slots::{SLOTS, served, slot_of},
    reply::{failure, is_doubtful, unconnected, unreached},
    server::knock::knock,
    target::Target,
};
use cachify_core::Cause;
use redis::{Client, Connection, RedisError, RedisResult, Value};
use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

/// Where the servers of an instance are.
#[expect(missing_debug_implementations, reason = "an address may hold a password")]
pub struct Servers {
    target: Target,
    /// What all keys of the instance begin with.
    pub prefix: String,
}

/// One that serves keys.
#[expect(missing_debug_implementations, reason = "an address may hold a password")]
pub struct Master {
    /// `host:port`, or what else it is known by.
    pub address: String,
    client: Client,
    slots: Vec<RangeInclusive<u16>>,
}

impl Servers {
    pub(crate) const fn new(target: Target, prefix: String) -> Self {
        Self { target, prefix }
    }

    /// Every server that serves keys now; each of those asked for it may take as long as `limit`.
    ///
    /// # Errors
    /// Why nobody could say.
    pub fn masters(&self, limit: Duration) -> Result<Vec<Master>, Cause> {
        let seeds = match &self.target {
            Target::Cluster(seeds) => seeds,
            Target::One(address) => {
                let (client, slots) = (address.client(limit)?, vec![0..=SLOTS - 1]);
                return Ok(vec![Master { address: address.text(), client, slots }]);
            }
        };
        let mut why = Cause::Unreachable;
        for seed in seeds {
            let asked = connect(&seed.client(limit)?, limit).and_then(|mut connection| {
                let slots = redis::cmd("CLUSTER").arg("SLOTS").query::<Value>(&mut connection);
                served(&slots.map_err(|error| self::why(&error))?, &seed.host())
            });
            match asked {
                Err(cause) => why = cause,
                Ok(all) => {
                    let mut masters = BTreeMap::<_, Vec<_>>::new();
                    for some in all {
                        masters.entry(some.at).or_default().push(some.slots);
                    }
                    let master = |(address, slots): (String, _)| {
                        let (host, port) = address.rsplit_once(':')?;
                        let client = seed.at(Some(host), port.parse().ok()?)?.fixed()?.clone();
                        Some(Master { address, client, slots })
                    };
                    return Ok(masters.into_iter().filter_map(master).collect());
                }
            }
        }
        Err(why)
    }
}

impl Master {
    /// Whether the key of that name lies here.
    #[must_use]
    pub fn serves(&self, name: &str) -> bool {
        self.slots.iter().any(|slots| slots.contains(&slot_of(name)))
    }

    /// A connection to it, whose answers may take as long as `limit` each.
    ///
    /// # Errors
    /// Why there is none.
    pub fn connect(&self, limit: Duration) -> Result<Connection, Cause> {
        connect(&self.client, limit)
    }
}

fn connect(client: &Client, limit: Duration) -> Result<Connection, Cause> {
    let limited = |mut connection: Connection| -> RedisResult<_> {
        connection.set_read_timeout(Some(limit))?;
        connection.set_write_timeout(Some(limit))?;
        // whoever may not say this may say other things
        match redis::cmd("PING").exec(&mut connection) {
            Err(error) if error.code() != Some("NOPERM") => Err(error),
            _ => Ok(connection),
        }
    };
    client.get_connection_with_timeout(limit).and_then(limited).map_err(|error| {
        let told = is_doubtful(&error).then(|| knock(client, limit)).flatten();
        told.unwrap_or_else(|| unconnected(&error))
    })
}

/// What an error means, in one sentence without anything of the server's own text.
#[must_use]
pub fn why(error: &RedisError) -> Cause {
    unreached(&failure(error))
}
