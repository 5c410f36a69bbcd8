//! What no instance can be built from.

use super::Builder;
use crate::Error;
use cachify_core::Ttl;

impl Builder {
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = [
            ("`default_ttl` is zero", self.config.ttl.is_some_and(Ttl::is_zero)),
            ("`default_lease` is zero", self.config.lease.is_zero()),
            ("`default_permit` is zero", self.config.permit.is_zero()),
            ("`flight` is zero", self.config.flight.is_zero()),
            ("`poll` is zero", self.config.poll.is_zero()),
            ("`op_timeout` is zero", self.op_timeout.is_some_and(|limit| limit.is_zero())),
            ("`connect_timeout` is zero", self.connect_timeout.is_zero()),
            ("`max_entries` is zero", self.bounds.entries == 0),
            ("`max_markers` is zero", self.bounds.markers == 0),
            ("`max_weight` is zero", self.bounds.weight == Some(0)),
            ("`idle` is zero", self.bounds.idle.is_some_and(|idle| idle.is_zero())),
            ("`max_value_bytes` is zero", self.max_value_bytes == 0),
            ("`redis_connections` needs the URL of its server, too", self.lends_in_vain()),
            ("`label` is longer than 32 bytes, or has a control character", !self.label_fits),
        ];
        wrong.iter().find(|(_, is_so)| *is_so).map_or(Ok(()), |(what, _)| Err(Error::Config(what)))
    }

    #[cfg(feature = "redis-1-client")]
    const fn lends_in_vain(&self) -> bool {
        self.lent.is_some() && matches!(self.backend, super::Where::Memory | super::Where::Own(_))
    }

    #[cfg(not(feature = "redis-1-client"))]
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    const fn lends_in_vain(&self) -> bool {
        false
    }
}
