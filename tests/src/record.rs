//! Leases as a server keeps them, for tests that look at them or rewrite them.

use crate::{resp::Reply, server::Server};

/// A lease, packed into a string.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The layout of what follows.
    pub layout: u8,
    /// The holder's token; dashes for nobody, plus signs for the marker of a run that is done.
    pub owner: [u8; 32],
    /// Since when, in milliseconds of the server; when it ends; the last fence.
    pub times: [f64; 3],
    /// Whether anybody may wait.
    pub waited: u8,
    /// What its holder calls itself.
    pub label: Vec<u8>,
}

impl Record {
    /// What a server answered to `GET`; `None` for no record.
    #[must_use]
    pub fn parse(reply: &Reply) -> Option<Self> {
        let Reply::Text(bytes) = reply else { return None };
        let time = |n: usize| Some(f64::from_be_bytes(bytes.get(33 + 8 * n..41 + 8 * n)?.try_into().ok()?));
        Some(Self {
            layout: *bytes.first()?,
            owner: bytes.get(1..33)?.try_into().ok()?,
            times: [time(0)?, time(1)?, time(2)?],
            waited: *bytes.get(57)?,
            label: bytes.get(58..)?.to_vec(),
        })
    }

    /// Whether somebody was given it who has not given it back.
    #[must_use]
    pub fn has_owner(&self) -> bool {
        self.owner.iter().all(u8::is_ascii_hexdigit)
    }

    /// Whether it is the marker of a run that is done.
    #[must_use]
    pub fn is_marker(&self) -> bool {
        self.owner == [b'+'; 32]
    }

    /// When it ends, in milliseconds of the server.
    #[must_use]
    pub const fn ends(&self) -> u64 {
        whole(self.times[1])
    }

    /// The last fence.
    #[must_use]
    pub const fn fence(&self) -> u64 {
        whole(self.times[2])
    }

    /// The holder's token.
    #[must_use]
    pub fn token(&self) -> String {
        self.owner.iter().map(|byte| char::from(*byte)).collect()
    }

    /// As the server keeps it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let times = self.times.iter().flat_map(|time| time.to_be_bytes());
        let head = [self.layout].into_iter().chain(self.owner).chain(times).chain([self.waited]);
        head.chain(self.label.iter().copied()).collect()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number below 2^53")]
const fn whole(number: f64) -> u64 {
    number as u64
}

impl Server {
    /// The lease of that key.
    #[must_use]
    pub fn record(&self, key: &str) -> Option<Record> {
        Record::parse(&self.command(&["GET", key]))
    }

    /// Whether somebody was given that lease who has not given it back.
    #[must_use]
    pub fn is_held(&self, key: &str) -> bool {
        self.record(key).is_some_and(|record| record.has_owner())
    }

    /// Writes a lease otherwise than it is.
    ///
    /// # Panics
    /// If there is none.
    pub fn rewrite(&self, key: &str, change: impl FnOnce(&mut Record)) {
        let mut record = self.record(key).expect("there is such a record");
        change(&mut record);
        let escaped: Vec<_> = record.bytes().iter().map(u8::to_string).collect();
        let script = format!("return redis.call('SET', KEYS[1], string.char({}), 'KEEPTTL')", escaped.join(","));
        assert_eq!(self.command(&["EVAL", &script, "1", key]), Reply::from("OK"));
    }
}
