//! One request, done on the store.

use super::{Place, desk::Incoming};
use crate::{
    cell::{Ask, Kept, Lookup},
    codec::AsIs,
    key::Key,
    link::{
        TOO_LONG,
        command::{Answer, Asked, Command, take_whole},
        frame::checksum,
        wire::Reader,
    },
    patience::{Contended, Ticket},
    store::{
        AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore,
        Fault,
    },
};
use alloc::vec::Vec;

type Bytes = Vec<u8>;

const LARGE: Fault = Fault::Rejected("the gateway serves no pool of that size");

/// Does a request; never fails to answer.
pub(super) async fn perform<S>(store: &S, place: &Place, permits: u16, incoming: Incoming) -> (Incoming, Answer<Bytes>)
where
    S: AsyncLeaseStore
        + AsyncPermitStore
        + AsyncOnceStore
        + AsyncInspect
        + AsyncForce
        + AsyncEntryStore
        + AsyncCacheStore<Bytes, AsIs>,
{
    let answer = match take_whole(Reader::new(&incoming.body, Ticket::NONE)) {
        Some(Asked(_, Command::Take(size, _))) if size > permits => Err(LARGE),
        Some(Asked(_, command)) => dispatch(store, incoming.name.on(place), command).await,
        // it was read before it was accepted
        None => Err(Fault::Rejected("no request")),
    };
    let answer = answer.unwrap_or_else(Answer::Failed);
    (incoming, answer)
}

async fn dispatch<S>(store: &S, key: Key<'_>, command: Command<'_>) -> Result<Answer<Bytes>, Fault>
where
    S: AsyncLeaseStore
        + AsyncPermitStore
        + AsyncOnceStore
        + AsyncInspect
        + AsyncForce
        + AsyncEntryStore
        + AsyncCacheStore<Bytes, AsIs>,
{
    use Command as C;
    let done = match command {
        C::Acquire(ask) => store.acquire(key, &ask).await.map(Answer::Grant),
        C::Renew(ask) => store.renew(key, &ask).await.map(Answer::Holding),
        C::Release(token) => store.release(key, token).await.map(Answer::Holding),
        C::Take(size, ask) => store.take(key, size, &ask).await.map(Answer::Grant),
        C::Extend(ask) => store.extend(key, &ask).await.map(Answer::Holding),
        C::GiveBack(token) => store.give_back(key, token).await.map(Answer::Holding),
        C::InUse => store.in_use(key).await.map(Answer::Count),
        C::Begin(ask) => store.begin(key, &ask).await.map(Answer::Begun),
        C::Touch(ask) => store.touch(key, &ask).await.map(Answer::Holding),
        C::Complete(token, keep) => store.complete(key, token, keep).await.map(Answer::Holding),
        C::Fail(token) => store.fail(key, token).await.map(Answer::Holding),
        C::Remaining => store.remaining(key).await.map(Answer::Remaining),
        C::ForceRelease => store.force_release(key).await.map(Answer::Flag),
        C::Get(room) => match store.get(key, &AsIs).await {
            Ok(value) if value.as_ref().is_some_and(|value| value.len() > room.into()) => return Err(LONG),
            value => value.map(Answer::Value),
        },
        C::Join(room, ask) => return join(store, key, room, &ask).await,
        C::Heal(room, ask, foreign) => {
            let found = store.get(key, &AsIs).await.map_err(Into::into)?;
            if found.is_some_and(|found| checksum(&found) == foreign) {
                store.invalidate(key).await.map_err(Into::into)?;
            }
            return join(store, key, room, &ask).await;
        }
        C::Publish(token, life, value) => {
            store.publish(key, &AsIs, token, Kept::Own(value.into()), life).await.map(Answer::Holding)
        }
        C::KeepFlying(ask) => store.keep_flying(key, &ask).await.map(Answer::Holding),
        C::Abandon(token) => store.give_up(key, token).await.map(Answer::Holding),
        C::Invalidate => store.invalidate(key).await.map(Answer::Flag),
    };
    done.map_err(Into::into)
}

const LONG: Fault = Fault::Rejected(TOO_LONG);

async fn join<S>(store: &S, key: Key<'_>, room: u16, ask: &Ask) -> Result<Answer<Bytes>, Fault>
where
    S: AsyncCacheStore<Bytes, AsIs>,
{
    let fits = |value: &Bytes| value.len() <= room.into();
    match store.join(key, &AsIs, ask).await.map_err(Into::into)? {
        Contended::Granted(Lookup::Fresh(value) | Lookup::Stale(value)) if !fits(&value) => Err(LONG),
        Contended::Granted(Lookup::Fill { stale, fence, remaining }) => {
            let stale = stale.filter(fits);
            Ok(Answer::Lookup(Contended::Granted(Lookup::Fill { stale, fence, remaining })))
        }
        lookup => Ok(Answer::Lookup(lookup)),
    }
}
