//! The contract of `KvStore` and `AsyncKvStore`, one message per MUST that one client alone can see.

use super::{Broken, Pace, SILENT, Time, large, must, names};
use crate::kv::{AsyncKv, AsyncKvStore, Blocking, Kv, KvStore};
use cachify_core::drive::ready;
use std::{sync::Barrier, thread, time::Duration};

/// The contract of [`AsyncKvStore`], of a store that has no keys which begin with `namespace`; those used are removed
/// again.
///
/// # Errors
/// The first promise that is not kept.
pub async fn key_values<S: AsyncKvStore>(kv: &AsyncKv<S>, namespace: &str, time: &impl Time) -> Result<(), Broken> {
    let asked = |key: &str| Asked { kv: &kv.0, key: format!("{namespace}{key}") };
    asked(KEY).exchanges(&asked(OTHER)).await?;
    asked(KEY).removals().await?;
    asked(KEY).many(&asked(OTHER)).await?;
    let keys: Vec<_> = names().map(|name| asked(&name)).collect();
    for key in &keys {
        key.write_own().await?;
    }
    for key in &keys {
        key.remove_own().await?;
    }
    asked("large").large().await?;
    asked(KEY).ends(&Pace::of(time)).await
}

/// The contract of [`KvStore`], of a store that has no keys which begin with `namespace`; those used are removed again.
/// Eight threads write the same key at once: one of them finds it absent.
///
/// ```
/// # use cachify::{Cause, Kv, KvStore, testing::{conformance::Broken, key_values_blocking}};
/// # use std::{sync::Barrier, thread, time::Duration};
/// # struct Forgetful;
/// # impl KvStore for Forgetful {
/// #     type Error = Cause;
/// #     fn get(&self, _: &str) -> Result<Option<Vec<u8>>, Cause> { Ok(None) }
/// #     fn compare_exchange(&self, _: &str, _: Option<&[u8]>, _: Option<&[u8]>, _: Option<Duration>) -> Result<bool, Cause> { Ok(true) }
/// #     fn remove(&self, _: &str) -> Result<bool, Cause> { Ok(false) }
/// # }
/// // `Forgetful` says yes to every exchange and keeps nothing
/// let found = key_values_blocking(&Kv(Forgetful), "suite:", &std::thread::sleep);
/// assert_eq!(found, Err(Broken("not exchange what is absent")));
/// ```
///
/// # Errors
/// The first promise that is not kept.
pub fn key_values_blocking<S: KvStore>(kv: &Kv<S>, namespace: &str, time: &impl Time) -> Result<(), Broken> {
    ready(key_values(&AsyncKv(Blocking(&kv.0)), namespace, time))?;
    let key = format!("{namespace}{KEY}");
    for _ in 0..20 {
        let start = Barrier::new(8);
        let wrote = || {
            start.wait();
            kv.0.compare_exchange(&key, None, Some(ONE), None).is_ok_and(|done| done)
        };
        let winners = thread::scope(|scope| {
            let writers = [(); 8].map(|()| scope.spawn(wrote));
            writers.into_iter().filter_map(|writer| writer.join().ok()).filter(|won| *won).count()
        });
        must(winners == 1, "compare and exchange in one step, that nobody can come between")?;
        must(kv.0.remove(&key).is_ok_and(|was| was), "remove what one of many wrote")?;
    }
    Ok(())
}

const KEY: &str = "p:l:{kv:%25 é}:0";
const OTHER: &str = "p:l:{kv:%25 É}:0";
/// With bytes that end, quote or escape strings elsewhere; the second is the first but for its end.
const ONE: &[u8] = b"\0one\xff'\"%_\\\n\0";
const TWO: &[u8] = b"\0one\xff'\"%_\\\n";

/// One key of a store.
struct Asked<'a, S> {
    kv: &'a S,
    key: String,
}

impl<S: AsyncKvStore> Asked<'_, S> {
    async fn get(&self, is: Option<&[u8]>, what: &'static str) -> Result<(), Broken> {
        let found = self.kv.get(&self.key).await.map_err(|_| SILENT)?;
        must(found.as_deref() == is, what)
    }

    async fn exchange(
        &self,
        [old, new]: [Option<&[u8]>; 2],
        ttl: Option<Duration>,
        done: bool,
        what: &'static str,
    ) -> Result<(), Broken> {
        let answer = self.kv.compare_exchange(&self.key, old, new, ttl).await.map_err(|_| SILENT)?;
        must(answer == done, what)
    }

    async fn remove(&self, done: bool, what: &'static str) -> Result<(), Broken> {
        let answer = self.kv.remove(&self.key).await.map_err(|_| SILENT)?;
        must(answer == done, what)
    }

    async fn exchanges(&self, other: &Self) -> Result<(), Broken> {
        self.get(None, "begin empty").await?;
        self.exchange([Some(ONE), Some(TWO)], None, false, "not exchange what is absent").await?;
        self.exchange([Some(ONE), None], None, false, "not remove what is absent").await?;
        self.get(None, "leave an absent key absent").await?;
        self.exchange([None, Some(ONE)], None, true, "write what was absent").await?;
        self.get(Some(ONE), "give back the bytes that were written").await?;
        other.get(None, "tell keys apart byte for byte").await?;
        self.exchange([None, Some(TWO)], None, false, "not write over what is there").await?;
        self.exchange([Some(TWO), Some(TWO)], None, false, "not exchange other bytes").await?;
        self.exchange([Some(TWO), None], None, false, "not remove other bytes").await?;
        self.exchange([Some(b""), Some(TWO)], None, false, "tell empty bytes from all others").await?;
        self.get(Some(ONE), "change nothing where it says that nothing was exchanged").await?;
        self.exchange([Some(ONE), Some(TWO)], None, true, "exchange what is there").await?;
        self.exchange([Some(TWO), Some(b"")], None, true, "exchange what was exchanged").await?;
        self.get(Some(b""), "keep empty bytes apart from nothing").await?;
        self.exchange([None, Some(ONE)], None, false, "not write over empty bytes").await?;
        self.exchange([Some(b""), Some(b"")], None, true, "exchange bytes for the same bytes").await?;
        self.exchange([Some(b""), None], None, true, "remove what is there").await?;
        self.get(None, "forget what was removed").await
    }

    async fn removals(&self) -> Result<(), Broken> {
        self.remove(false, "find nothing to remove in an absent key").await?;
        self.exchange([None, Some(ONE)], None, true, "write what was removed").await?;
        self.remove(true, "tell that it removed something").await?;
        self.get(None, "remove what is there, whatever it is").await
    }

    async fn many(&self, other: &Self) -> Result<(), Broken> {
        self.exchange([None, Some(ONE)], None, true, "write what was removed").await?;
        let absent = format!("{}?", self.key);
        let keys = [&absent, &self.key, &other.key, &self.key].map(Clone::clone);
        for asked in [&keys[..], &keys[..1], &[]] {
            let found = self.kv.get_many(asked).await.map_err(|_| SILENT)?;
            let is: Vec<_> = [None, Some(ONE), None, Some(ONE)].into_iter().take(asked.len()).collect();
            let same = found.iter().map(Option::as_deref).eq(is);
            must(same, "answer for many keys what it answers for each, in the order in which they were asked for")?;
        }
        self.remove(true, "remove what is there").await
    }

    async fn ends(&self, pace: &Pace<'_, impl Time>) -> Result<(), Broken> {
        self.exchange([None, Some(ONE)], Some(pace.ttl()), true, "write with a TTL").await?;
        pace.pass_half();
        self.get(Some(ONE), "keep a key until its TTL").await?;
        self.exchange([Some(ONE), Some(ONE)], Some(pace.ttl()), true, "exchange what has a TTL").await?;
        pace.pass_half();
        self.get(Some(ONE), "count a TTL anew with every exchange").await?;
        pace.pass_half();
        self.get(None, "end a key at its TTL").await?;
        // each of these is the first to meet what has ended
        for new in [Some(TWO), None] {
            self.exchange([None, Some(ONE)], Some(pace.ttl()), true, "write over what has ended").await?;
            pace.pass();
            self.exchange([Some(ONE), new], None, false, "exchange or remove nothing that has ended").await?;
        }
        self.exchange([None, Some(ONE)], Some(pace.ttl()), true, "write over what has ended").await?;
        pace.pass();
        self.remove(false, "find nothing to remove in what has ended").await?;
        self.exchange([None, Some(ONE)], Some(pace.ttl()), true, "write what was removed").await?;
        pace.pass();
        self.exchange([None, Some(ONE)], Some(pace.ttl()), true, "write over what has ended").await?;
        self.exchange([Some(ONE), Some(TWO)], None, true, "exchange what has a TTL").await?;
        pace.pass();
        self.get(Some(TWO), "keep for ever what was exchanged without a TTL").await?;
        self.exchange([Some(TWO), Some(ONE)], Some(pace.odd()), true, "give a TTL to what had none").await?;
        pace.pass_most_of_odd();
        self.get(Some(ONE), "keep a key until its TTL, which is no whole step").await?;
        pace.pass_half();
        self.get(None, "end at its TTL what had none before").await
    }

    /// A key holds its own text.
    async fn write_own(&self) -> Result<(), Broken> {
        self.get(None, "tell keys apart, whatever their characters and their length").await?;
        self.exchange([None, Some(self.key.as_bytes())], None, true, "take keys of any character and length").await
    }

    async fn remove_own(&self) -> Result<(), Broken> {
        let own = Some(self.key.as_bytes());
        self.get(own, "give back what was written under any key").await?;
        self.exchange([own, None], None, true, "remove what was written under any key").await
    }

    /// A value of a mebibyte, and one that differs in its last byte.
    async fn large(&self) -> Result<(), Broken> {
        let one = large();
        let mut two = one.clone();
        two[one.len() - 1] ^= 1;
        self.exchange([None, Some(&one)], None, true, "take values of a mebibyte").await?;
        self.get(Some(&one), "give back values of a mebibyte").await?;
        self.exchange([Some(&two), None], None, false, "compare values to their last byte").await?;
        self.exchange([Some(&one), Some(&two)], None, true, "exchange values of a mebibyte").await?;
        self.exchange([Some(&two), None], None, true, "remove values of a mebibyte").await
    }
}
