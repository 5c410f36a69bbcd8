//! The contract of `KvStore` and `AsyncKvStore`, one message per MUST that one client alone can see.

use super::conformance::{Broken, TTL};
use crate::kv::{AsyncKv, AsyncKvStore, Blocking, Kv, KvStore};
use cachify_core::drive::ready;
use std::time::Duration;

const HALF: Duration = Duration::from_millis(200);

/// The contract of [`AsyncKvStore`], over an empty store.
///
/// # Errors
/// The first promise that is not kept.
pub async fn key_values<S: AsyncKvStore>(kv: &AsyncKv<S>, advance: &impl Fn(Duration)) -> Result<(), Broken> {
    exchanges(&kv.0).await?;
    removals(&kv.0).await?;
    ends(&kv.0, advance).await
}

/// The contract of [`KvStore`], over an empty store.
///
/// ```
/// # use cachify::{Cause, Kv, KvStore, testing::{conformance::Broken, key_values_blocking}};
/// # use std::time::Duration;
/// # struct Forgetful;
/// # impl KvStore for Forgetful {
/// #     type Error = Cause;
/// #     fn get(&self, _: &str) -> Result<Option<Vec<u8>>, Cause> { Ok(None) }
/// #     fn compare_exchange(&self, _: &str, _: Option<&[u8]>, _: Option<&[u8]>, _: Option<Duration>) -> Result<bool, Cause> { Ok(true) }
/// #     fn remove(&self, _: &str) -> Result<bool, Cause> { Ok(false) }
/// # }
/// // `Forgetful` says yes to every exchange and keeps nothing
/// let found = key_values_blocking(&Kv(Forgetful), &std::thread::sleep);
/// assert_eq!(found, Err(Broken("not exchange what is absent")));
/// ```
///
/// # Errors
/// The first promise that is not kept.
pub fn key_values_blocking<S: KvStore>(kv: &Kv<S>, advance: &impl Fn(Duration)) -> Result<(), Broken> {
    ready(key_values(&AsyncKv(Blocking(&kv.0)), advance))
}

const KEY: &str = "p:l:{kv:%25 é}:0";
const OTHER: &str = "p:l:{kv:%25 É}:0";
const SILENT: Broken = Broken("answer while it is reachable");
/// With bytes that end, quote or escape strings elsewhere; the second is the first but for its end.
const ONE: &[u8] = b"\0one\xff'\"%_\\\n\0";
const TWO: &[u8] = b"\0one\xff'\"%_\\\n";

async fn get<S: AsyncKvStore>(kv: &S, key: &str, is: Option<&[u8]>, what: &'static str) -> Result<(), Broken> {
    let found = kv.get(key).await.map_err(|_| SILENT)?;
    if found.as_deref() == is { Ok(()) } else { Err(Broken(what)) }
}

async fn exchange<S: AsyncKvStore>(
    kv: &S,
    [old, new]: [Option<&[u8]>; 2],
    ttl: Option<Duration>,
    done: bool,
    what: &'static str,
) -> Result<(), Broken> {
    let answer = kv.compare_exchange(KEY, old, new, ttl).await.map_err(|_| SILENT)?;
    if answer == done { Ok(()) } else { Err(Broken(what)) }
}

async fn exchanges<S: AsyncKvStore>(kv: &S) -> Result<(), Broken> {
    get(kv, KEY, None, "begin empty").await?;
    exchange(kv, [Some(ONE), Some(TWO)], None, false, "not exchange what is absent").await?;
    exchange(kv, [Some(ONE), None], None, false, "not remove what is absent").await?;
    get(kv, KEY, None, "leave an absent key absent").await?;
    exchange(kv, [None, Some(ONE)], None, true, "write what was absent").await?;
    get(kv, KEY, Some(ONE), "give back the bytes that were written").await?;
    get(kv, OTHER, None, "tell keys apart byte for byte").await?;
    exchange(kv, [None, Some(TWO)], None, false, "not write over what is there").await?;
    exchange(kv, [Some(TWO), Some(TWO)], None, false, "not exchange other bytes").await?;
    exchange(kv, [Some(TWO), None], None, false, "not remove other bytes").await?;
    exchange(kv, [Some(b""), Some(TWO)], None, false, "tell empty bytes from all others").await?;
    get(kv, KEY, Some(ONE), "change nothing where it says that nothing was exchanged").await?;
    exchange(kv, [Some(ONE), Some(TWO)], None, true, "exchange what is there").await?;
    exchange(kv, [Some(TWO), Some(b"")], None, true, "exchange what was exchanged").await?;
    get(kv, KEY, Some(b""), "keep empty bytes apart from nothing").await?;
    exchange(kv, [None, Some(ONE)], None, false, "not write over empty bytes").await?;
    exchange(kv, [Some(b""), Some(b"")], None, true, "exchange bytes for the same bytes").await?;
    exchange(kv, [Some(b""), None], None, true, "remove what is there").await?;
    get(kv, KEY, None, "forget what was removed").await
}

async fn remove<S: AsyncKvStore>(kv: &S, done: bool, what: &'static str) -> Result<(), Broken> {
    let answer = kv.remove(KEY).await.map_err(|_| SILENT)?;
    if answer == done { Ok(()) } else { Err(Broken(what)) }
}

async fn removals<S: AsyncKvStore>(kv: &S) -> Result<(), Broken> {
    remove(kv, false, "find nothing to remove in an absent key").await?;
    exchange(kv, [None, Some(ONE)], None, true, "write what was removed").await?;
    remove(kv, true, "tell that it removed something").await?;
    get(kv, KEY, None, "remove what is there, whatever it is").await
}

async fn ends<S: AsyncKvStore>(kv: &S, advance: &impl Fn(Duration)) -> Result<(), Broken> {
    exchange(kv, [None, Some(ONE)], Some(TTL), true, "write with a TTL").await?;
    advance(HALF);
    get(kv, KEY, Some(ONE), "keep a key until its TTL").await?;
    exchange(kv, [Some(ONE), Some(ONE)], Some(TTL), true, "exchange what has a TTL").await?;
    advance(HALF);
    get(kv, KEY, Some(ONE), "count a TTL anew with every exchange").await?;
    advance(HALF);
    get(kv, KEY, None, "end a key at its TTL").await?;
    exchange(kv, [Some(ONE), Some(TWO)], None, false, "not exchange what has ended").await?;
    exchange(kv, [Some(ONE), None], None, false, "not remove what has ended").await?;
    remove(kv, false, "find nothing to remove in what has ended").await?;
    exchange(kv, [None, Some(ONE)], Some(TTL), true, "write over what has ended").await?;
    exchange(kv, [Some(ONE), Some(TWO)], None, true, "exchange what has a TTL").await?;
    advance(TTL);
    get(kv, KEY, Some(TWO), "keep for ever what was exchanged without a TTL").await?;
    exchange(kv, [Some(TWO), Some(ONE)], Some(HALF), true, "give a TTL to what had none").await?;
    advance(HALF);
    get(kv, KEY, None, "end at its TTL what had none before").await
}
