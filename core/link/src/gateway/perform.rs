//! One request, done on the store.

use super::{Place, window::Incoming};
use crate::{
    TOO_LONG,
    command::{Asked, Command, Reply},
    frame::checksum,
    message::Name,
    wire::Reader,
};
use alloc::vec::Vec;
use cachify_core::{
    cell::MaybeOwned,
    codec::AsIs,
    key::{Key, Kind},
    op::{Answer, Op, Outcome},
    patience::Ticket,
    store::{Asking, Cause, Values},
    time::{Instant, millis, short},
    token::HolderToken,
};

type Bytes = Vec<u8>;

const LARGE: Cause = Cause::rejected("the gateway serves no pool of that size");
/// How often a value may be gone between the answer and the look at it.
const LOOKS: usize = 3;
/// When a device asks again whom nobody will tell, in milliseconds.
const AGAIN: u32 = 100;
const LONG: Cause = Cause::rejected(TOO_LONG);

/// Does a request; never fails to answer.
pub(super) async fn perform<S>(store: &S, place: &Place, permits: u32, incoming: Incoming) -> (Incoming, Reply)
where
    S: Values<Bytes, AsIs>,
{
    let reply = match Asked::read(Reader::new(&incoming.body, Ticket::NONE)) {
        Some(Asked(Name { kind: Kind::Pool, .. }, Command { op: Op::Acquire(ask), .. })) if ask.size > permits => {
            Err(LARGE)
        }
        Some(Asked(_, command)) => dispatch(store, incoming.name.on(place), command).await,
        // it was read before it was accepted
        None => Err(Cause::rejected("no request")),
    };
    let reply = reply.unwrap_or_else(Reply::Failed);
    (incoming, reply)
}

async fn dispatch<S: Values<Bytes, AsIs>>(store: &S, key: Key<'_>, command: Command<'_>) -> Result<Reply, Cause> {
    let Command { op, token, room, foreign, value } = command;
    if let Some(foreign) = foreign {
        heal(store, key, foreign).await?;
    }
    let mut asking = Asking::new(store, false, key, token, op);
    let mut answer = match op {
        Op::Insert { .. } => asking.insert(&AsIs, MaybeOwned::Owned(value.into())).await?,
        Op::Release(Outcome::Done { .. }) if key.kind == Kind::Cache => {
            asking.publish(&AsIs, MaybeOwned::Owned(value.into())).await?
        }
        _ => asking.answer().await?,
    };
    for _ in 0..LOOKS {
        if !matches!(answer, Answer::Filled | Answer::Stale) {
            break;
        }
        match asking.fetch(&AsIs) {
            Some(value) if value.len() > room.into() => return Err(LONG),
            Some(value) if answer == Answer::Stale => return Ok(Reply::Stale(value)),
            Some(value) => return Ok(Reply::Filled(value)),
            None if op == Op::Get => return Ok(Reply::Absent),
            // gone since, or no device's, which counts for none when it is asked again
            None => answer = asking.answer().await?,
        }
    }
    let now = asking.answered_at();
    let left = |until: Instant| if until == Instant::MAX { u32::MAX } else { short(until.millis_since(now)) };
    Ok(match answer {
        Answer::Granted { fence, index } => {
            Reply::Granted { fence, index, remaining: short(millis(asking.remaining())) }
        }
        Answer::Busy { until, ticket } => Reply::Busy { remaining: left(until), ticket },
        Answer::Done { until } => Reply::Done { remaining: left(until) },
        Answer::Absent => Reply::Absent,
        Answer::Held(holding) => Reply::Held(holding),
        Answer::Cleared(was) => Reply::Cleared(was),
        Answer::Inspected(seen) => Reply::Inspected(seen),
        Answer::Full => return Err(Cause::Full),
        // a value that goes as fast as it comes, or a flight further up this very stack: the device asks again
        Answer::Filled | Answer::Stale | Answer::Recursive => Reply::Busy { remaining: AGAIN, ticket: Ticket::NONE },
    })
}

/// Forgets the value if it is the one that its caller cannot read.
async fn heal<S: Values<Bytes, AsIs>>(store: &S, key: Key<'_>, foreign: u32) -> Result<(), Cause> {
    let mut look = Asking::new(store, false, key, HolderToken::default(), Op::Get);
    if look.answer().await? == Answer::Filled
        && look.fetch(&AsIs).is_some_and(|found: Bytes| checksum(&found) == foreign)
    {
        Asking::new(store, false, key, HolderToken::default(), Op::Clear).answer().await?;
    }
    Ok(())
}
