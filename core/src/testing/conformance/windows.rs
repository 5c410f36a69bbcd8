//! What a store promises of values that are loaded again while they are there.

use super::{
    super::{
        pace::{Pace, Time},
        words::Client,
    },
    Broken, Named, ask, fills, refused,
};
use crate::{
    cell::{Ask, Holding, Life, Lookup, MaybeOwned},
    error::Cause,
    key::{Key, Kind},
    op,
    patience::Contended,
    store::{Platform, Values},
    ttl::Ttl,
};
use core::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
/// A window in which a value of an hour, kept for another one, is fresh.
const FRESH: u32 = 1_800_000;
/// One in which it is not.
const STALE: u32 = 10_800_000;

/// Flights beside a value, of a store that can tell when a value ends.
pub(super) async fn windows<S, V, C>(
    client: &Client<'_, S>,
    pace: &Pace<'_, impl Time>,
    [one, two]: [V; 2],
) -> Result<(), Broken>
where
    S: Values<V, C> + Platform<Codec = C>,
    C: Default,
    V: Clone + PartialEq,
{
    let codec = &C::default();
    let named = Named::<S>::new(Kind::Cache, "window");
    let key = named.key(client)?;
    let (a, b) = (ask(client, pace), ask(client, pace));
    let life = Life { ttl: Ttl::For(HOUR), stale_for: HOUR };
    let is = |seen: &Contended<Lookup<V>>, stale: bool, value: &V| match seen {
        Contended::Granted(Lookup::Stale(v)) => stale && v == value,
        Contended::Granted(Lookup::Fresh(v)) => !stale && v == value,
        _ => false,
    };
    must!(fills(&answer!(client.join_within(key, codec, &a, STALE))), "let somebody fill within any window");
    refused(&answer!(client.join_within(key, codec, &b, STALE)), pace, "let nobody else fill where there is no value")?;
    must!(answer!(client.publish(key, codec, a.token, MaybeOwned::Borrowed(&one), life)) == Holding::Held, "store");
    if matches!(client.remaining(key).await, Err(Cause::Unsupported(_))) {
        return Ok(());
    }
    must!(
        is(&answer!(client.join_within(key, codec, &b, FRESH)), false, &one),
        "give back a value that is fresh for longer than the window"
    );
    must!(
        fills(&answer!(client.join_within(key, codec, &a, STALE))),
        "let one caller fill beside a value near its end"
    );
    must!(fills(&answer!(client.join_within(key, codec, &a, STALE))), "let the same token fill beside it again");
    must!(is(&answer!(client.join_within(key, codec, &b, STALE)), true, &one), "give others that value meanwhile");
    must!(is(&answer!(client.join(key, codec, &b)), false, &one), "give it as fresh to whoever asks without a window");
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == one), "keep a value while it is loaded again");
    must!(answer!(client.keep_flying(key, &a)) == Holding::Held, "extend a flight beside a value");
    must!(answer!(client.give_up(key, a.token)) == Holding::Held, "end a flight beside a value");
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == one), "keep the value when its load failed");
    must!(fills(&answer!(client.join_within(key, codec, &b, STALE))), "let the next one fill after that");
    must!(
        answer!(client.publish(key, codec, b.token, MaybeOwned::Borrowed(&two), life)) == Holding::Held,
        "store beside"
    );
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == two), "give back what was loaded again");
    for window in [op::Ask::AGAIN, op::Ask::ALONE] {
        must!(fills(&answer!(client.join_within(key, codec, &a, window))), "let one caller load again what is fresh");
        let busy: Contended<Lookup<V>> = answer!(client.join_within(key, codec, &b, window));
        refused(&busy, pace, "let nobody else load that meanwhile")?;
        must!(is(&answer!(client.join(key, codec, &b)), false, &two), "give others the fresh value meanwhile");
        must!(answer!(client.give_up(key, a.token)) == Holding::Held, "end that flight");
        must!(answer!(client.get(key, codec)).is_some_and(|v| v == two), "keep the fresh value");
    }
    changes(client, key, codec, &a, [&one, &two]).await
}

/// Changes of a value, of a store that keeps flights beside it.
async fn changes<S, V, C>(
    client: &Client<'_, S>,
    key: Key<'_>,
    codec: &C,
    a: &Ask,
    [one, two]: [&V; 2],
) -> Result<(), Broken>
where
    S: Values<V, C> + Platform<Codec = C>,
    V: Clone + PartialEq,
{
    let life = Life { ttl: Ttl::For(HOUR), stale_for: HOUR };
    let lands = || client.publish(key, codec, a.token, MaybeOwned::Borrowed(one), life);
    must!(fills(&answer!(client.join_within(key, codec, a, op::Ask::ALONE))), "let somebody change a value");
    let _ = answer!(client.insert(key, codec, MaybeOwned::Borrowed(two), Ttl::Forever));
    must!(answer!(lands()) == Holding::Lost, "answer `Lost` to a change during which a value was inserted");
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == *two), "keep what was inserted during a change");
    must!(fills(&answer!(client.join_within(key, codec, a, op::Ask::ALONE))), "let somebody change what was inserted");
    must!(answer!(client.give_up(key, a.token)) == Holding::Held, "end a change of a value without an end");
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == *two), "keep for ever what has no end");
    must!(fills(&answer!(client.join_within(key, codec, a, op::Ask::ALONE))), "let somebody change it again");
    must!(answer!(client.invalidate(key)), "tell that a value was forgotten beside its flight");
    must!(answer!(client.get(key, codec)).is_none(), "forget a value beside its flight");
    must!(answer!(lands()) == Holding::Lost, "answer `Lost` to a change during which all was forgotten");
    must!(answer!(client.get(key, codec)).is_none(), "store nothing after that");
    Ok(())
}
