//! Groups in memory, and what forgets all values of one.

use super::{Bounds, Memory, values};
use crate::{
    groups::{Groups, Parts, Said},
    observe::Watcher,
    stats::Content,
    sync::locked,
};
use cachify_core::{
    Cause,
    cell::waiters::{Place, Woken},
    key::{Key, Kind},
    time::Clock,
    token::HolderToken,
};
use std::time::Duration;

impl Memory {
    /// Forgets all values; no flight that began before brings another one. Shard by shard: in one step for each key.
    fn forget_all(&self) {
        let (now, shards) = (self.0.clock.now(), self.0.values.len());
        for (at, values) in self.0.values.iter().enumerate() {
            let (mut woken, mut ended) = (Vec::new(), Vec::new());
            // others take one of these alone
            let mut rights: Vec<_> = self.0.shards.iter().skip(at).step_by(shards).map(|s| locked(&s.rights)).collect();
            for ram in &mut rights {
                for key in ram.table.end_of(Kind::Cache, now) {
                    let mut next = Woken::NOBODY;
                    ram.leave(&self.key_of(&key), HolderToken::default(), &mut Place::default(), now, &mut next);
                    woken.push(next);
                    ended.push(key);
                }
            }
            let gone = values::write(&values.0).take_all(&self.0.room);
            drop(rights);
            // a waker, and a user's `Drop`, are not ours to run in there
            woken.into_iter().for_each(Woken::wake);
            for key in &ended {
                let key = self.key_of(key);
                self.0.wake_each(&key, |ram| ram.waiters.next_watching(&key));
            }
            drop(gone);
        }
    }

    fn key_of<'k>(&'k self, bytes: &'k [u8]) -> Key<'k> {
        Key::new(Kind::Cache, &self.0.prefix, bytes, self.0.seed)
    }
}

impl Parts for Memory {
    #[expect(private_interfaces, reason = "nobody else's")]
    fn groups(&self) -> &Groups<Self> {
        &self.0.groups
    }
    fn part(&self, name: &str, said: Said, watcher: Watcher) -> Self {
        let prefix = format!("{}:g:{name}", self.0.prefix);
        let Said { entries, weight, idle } = said;
        let (entries, idle_above) = (entries.unwrap_or_else(|| self.0.room.bound()), self.0.room.idle());
        let idle_above = idle_above.map(Duration::from_millis);
        let bounds = Bounds { entries, markers: 0, weight, idle, idle_above };
        Self::new(self.0.clock.clone(), &prefix, bounds, self.0.weighers.below(), watcher)
    }
    #[expect(private_interfaces, reason = "nobody else's")]
    fn content(&self) -> Content {
        self.whole_content()
    }
    fn is_closed(&self) -> bool {
        self.0.closing.check().is_err()
    }
    fn shut(&self) {
        self.close();
    }
    async fn forget(&self) -> Result<(), Cause> {
        self.forget_blocking()
    }
    fn forget_blocking(&self) -> Result<(), Cause> {
        self.forget_all();
        Ok(())
    }
}
