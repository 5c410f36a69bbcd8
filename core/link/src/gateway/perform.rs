//! One request, done on the store.

use super::{Place, admission::Became, window::Incoming};
use crate::{
    TOO_LONG,
    command::{Asked, Command, Reply},
    frame::checksum,
    message::Name,
    wire::Reader,
};
use alloc::vec::Vec;
use cachify_core::{
    cell::{Holding, MaybeOwned},
    codec::AsIs,
    key::{Key, Kind},
    op::{Answer, Op, Outcome},
    patience::Ticket,
    store::{Asking, Cause, Values},
    time::{Instant, millis, short},
    token::HolderToken,
};
use core::time::Duration;

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
        Some(Asked(_, command)) => dispatch(store, incoming.name.on(place), command, incoming.token).await,
        // it was read before it was accepted
        None => Err(Cause::rejected("no request")),
    };
    let reply = reply.unwrap_or_else(Reply::Failed);
    (incoming, reply)
}

async fn dispatch<S: Values<Bytes, AsIs>>(
    store: &S,
    key: Key<'_>,
    command: Command<'_>,
    token: Option<HolderToken>,
) -> Result<Reply, Cause> {
    let Command { op, room, foreign, value, .. } = command;
    if let Some(foreign) = foreign {
        heal(store, key, foreign, room).await?;
    }
    let mut asking = Asking::new(store, false, key, token.unwrap_or_default(), op);
    if matches!(op, Op::Get | Op::Acquire(_)) {
        asking = asking.with_room(room.into());
    }
    let mut answer = match op {
        Op::Insert { .. } => asking.insert(&AsIs, MaybeOwned::Owned(value.into())).await?,
        Op::Release(Outcome::Done { .. }) if key.kind == Kind::Cache => {
            asking.publish(&AsIs, MaybeOwned::Owned(value.into())).await?
        }
        _ => asking.answer().await.map_err(at_all)?,
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
            None => answer = asking.answer().await.map_err(at_all)?,
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

/// What a device is told of a value that it has no room for.
fn at_all(cause: Cause) -> Cause {
    if cause == Cause::NO_ROOM { LONG } else { cause }
}

/// What became of a request that was answered.
pub(super) fn became(op: &Op, reply: &Reply) -> Became {
    match reply {
        Reply::Granted { remaining, .. } => Became::Granted { remaining: Duration::from_millis(u64::from(*remaining)) },
        Reply::Held(Holding::Held) | Reply::Cleared(_) => Became::Done,
        Reply::Failed(cause) if cause.is_indeterminate() => Became::Unknown,
        // whatever was held is held on
        Reply::Failed(_) if !matches!(op, Op::Acquire(_) | Op::Insert { .. }) => Became::Unknown,
        _ => Became::Refused,
    }
}

/// Forgets the value if it is the one that its caller cannot read.
async fn heal<S: Values<Bytes, AsIs>>(store: &S, key: Key<'_>, foreign: u32, room: u16) -> Result<(), Cause> {
    let mut look = Asking::new(store, false, key, HolderToken::default(), Op::Get).with_room(room.into());
    // what is too long is no value that the device has seen
    let seen = match look.answer().await {
        Err(Cause::NO_ROOM) => return Ok(()),
        seen => seen?,
    };
    if seen == Answer::Filled && look.fetch(&AsIs).is_some_and(|found: Bytes| checksum(&found) == foreign) {
        Asking::new(store, false, key, HolderToken::default(), Op::Clear).answer().await?;
    }
    Ok(())
}
