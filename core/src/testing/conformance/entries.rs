//! What a store promises of cached values and their flights.

use super::{
    super::{
        pace::{Pace, Time},
        words::Client,
    },
    Broken, Named, ask, fills, refused,
};
use crate::{
    cell::{Holding, Life, Lookup, MaybeOwned},
    error::Cause,
    key::Kind,
    patience::Contended,
    store::{Platform, Values},
    ttl::Ttl,
};
use core::time::Duration;

/// Cached values and their flights.
pub(super) async fn entries<S, V, C>(
    client: &Client<'_, S>,
    pace: &Pace<'_, impl Time>,
    values: [V; 2],
) -> Result<(), Broken>
where
    S: Values<V, C> + Platform<Codec = C>,
    C: Default,
    V: Clone + PartialEq,
{
    let codec = &C::default();
    let named = Named::<S>::new(Kind::Cache, "entry");
    let key = named.key(client)?;
    let (a, b) = (ask(client, pace), ask(client, pace));
    let life = Life::new(Ttl::For(pace.ttl()));
    let [one, two] = values;
    must!(answer!(client.get(key, codec)).is_none(), "begin empty");
    must!(fills(&answer!(client.join(key, codec, &a))), "let the first caller fill");
    must!(fills(&answer!(client.join(key, codec, &a))), "let the same token fill again");
    refused(&answer!(client.join(key, codec, &b)), pace, "let nobody else fill meanwhile")?;
    let stranger = answer!(client.publish(key, codec, b.token, MaybeOwned::Borrowed(&two), life));
    must!(stranger == Holding::Lost, "answer `Lost` to a stranger's value");
    must!(answer!(client.get(key, codec)).is_none(), "store nothing for a stranger");
    pace.pass_half();
    must!(answer!(client.keep_flying(key, &a)) == Holding::Held, "extend a flight for its holder");
    pace.pass_half();
    refused(&answer!(client.join(key, codec, &b)), pace, "count an extended TTL from the extension")?;
    let own = answer!(client.publish(key, codec, a.token, MaybeOwned::Borrowed(&one), life));
    must!(own == Holding::Held, "store for the holder of the flight");
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == one), "give back an equal value");
    let fresh = answer!(client.join(key, codec, &b));
    must!(matches!(fresh, Contended::Granted(Lookup::Fresh(v)) if v == one), "answer a join with a fresh value");
    must!(lives(client.remaining(key).await, |left| pace.may_remain(left)), LIFE);
    pace.pass_half();
    must!(lives(client.remaining(key).await, |left| left <= pace.half()), LIFE);
    pace.pass();
    must!(answer!(client.get(key, codec)).is_none(), "forget a value at the end of its TTL");
    must!(fills(&answer!(client.join(key, codec, &a))), "let somebody fill again after the end");
    must!(answer!(client.give_up(key, a.token)) == Holding::Held, "end a flight without a value");
    must!(fills(&answer!(client.join(key, codec, &b))), "let the next one fill after that");
    pace.pass();
    must!(answer!(client.keep_flying(key, &b)) == Holding::Lost, "answer `Lost` to an extension after the end");
    must!(fills(&answer!(client.join(key, codec, &a))), "let the next one fill after a flight ended");
    let late = answer!(client.publish(key, codec, b.token, MaybeOwned::Borrowed(&two), life));
    must!(late == Holding::Lost, "answer `Lost` to the value of a flight that ended");
    must!(answer!(client.get(key, codec)).is_none(), "store nothing for a flight that ended");
    let _ = answer!(client.invalidate(key));
    let invalidated = answer!(client.publish(key, codec, a.token, MaybeOwned::Borrowed(&two), life));
    must!(invalidated == Holding::Lost, "answer `Lost` after an invalidation during the flight");
    must!(answer!(client.get(key, codec)).is_none(), "store nothing after an invalidation during the flight");
    must!(fills(&answer!(client.join(key, codec, &b))), "let somebody fill after an invalidation");
    let _ = answer!(client.publish(key, codec, b.token, MaybeOwned::Borrowed(&two), Life::new(Ttl::Forever)));
    pace.pass();
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == two), "keep for ever what has no end");
    must!(lives(client.remaining(key).await, |left| !left.is_zero()), LIFE);
    let inserted = answer!(client.insert(key, codec, MaybeOwned::Borrowed(&one), Ttl::For(pace.ttl())));
    must!(inserted == Holding::Held, "insert a value in the place of another");
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == one), "give back what was inserted");
    pace.pass();
    must!(answer!(client.get(key, codec)).is_none(), "forget what was inserted at the end of its TTL");
    must!(fills(&answer!(client.join(key, codec, &a))), "let somebody fill after that end");
    let inserted = answer!(client.insert(key, codec, MaybeOwned::Borrowed(&two), Ttl::Forever));
    must!(inserted == Holding::Held, "insert a value while another is loaded");
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == two), "give back what was inserted during a flight");
    let older = answer!(client.publish(key, codec, a.token, MaybeOwned::Borrowed(&one), life));
    must!(older == Holding::Lost, "answer `Lost` to the value of a flight during which one was inserted");
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == two), "keep what was inserted");
    let fresh = answer!(client.join(key, codec, &b));
    must!(matches!(fresh, Contended::Granted(Lookup::Fresh(v)) if v == two), "answer a join with what was inserted");
    must!(answer!(client.invalidate(key)), "tell that a value was forgotten");
    must!(!answer!(client.invalidate(key)), "tell that there was no value");
    must!(fills(&answer!(client.join(key, codec, &a))), "let somebody fill what was forgotten");
    must!(answer!(client.give_up(key, a.token)) == Holding::Held, "end a flight without a value");
    Ok(())
}

const LIFE: &str = "tell for how long a value is fresh, and never too long; or refuse if it cannot";

fn lives(told: Result<Option<Duration>, Cause>, fits: impl Fn(Duration) -> bool) -> bool {
    told.map_or_else(|cause| matches!(cause, Cause::Unsupported(_)), |left| left.is_some_and(fits))
}
