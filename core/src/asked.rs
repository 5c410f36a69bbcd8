//! Operations about a key, whoever holds it: the companions, as futures and blocking.
//!
//! Not here: what a holder asks, which is the machine's ([`Lease`](crate::lease::Lease)).

use crate::{
    cell::{Holding, MaybeOwned},
    error::{Cause, Error},
    instance::{Handle, Threads},
    key::Kind,
    lease::block,
    op::{Answer, Inspection, Op},
    store::{Asking, OTHER, Platform, Values},
    time::{Instant, Sleep},
    token::HolderToken,
};
use core::task::Context;

type KeyBufOf<H> = <<H as Handle>::Store as Platform>::KeyBuf;
type AskingOf<'a, H> = Asking<'a, 'a, <H as Handle>::Store>;

fn asking<'a, H: Handle>(handle: &'a H, kind: Kind, key: &'a KeyBufOf<H>, op: Op) -> Result<AskingOf<'a, H>, Error> {
    let store = handle.instance().store();
    let key = store.key(kind, key)?;
    Ok(Asking::new(store, H::MAY_BLOCK, key, HolderToken::default(), op))
}

fn cleared(answer: Answer) -> Result<bool, Error> {
    if let Answer::Cleared(was) = answer { Ok(was) } else { Err(OTHER.into()) }
}

fn inspected(answer: Answer) -> Result<Inspection, Error> {
    if let Answer::Inspected(seen) = answer { Ok(seen) } else { Err(OTHER.into()) }
}

const fn filled(answer: Answer) -> Result<bool, Error> {
    match answer {
        Answer::Filled => Ok(true),
        Answer::Absent => Ok(false),
        _ => Err(Error::Store(OTHER)),
    }
}

fn value<H: Handle, V, C>(asking: &mut AskingOf<'_, H>, answer: Answer, codec: &C) -> Result<Option<V>, Error>
where
    H::Store: Values<V, C>,
{
    match answer {
        Answer::Filled => Ok(asking.fetch(codec)),
        Answer::Absent => Ok(None),
        _ => Err(OTHER.into()),
    }
}

/// Ends the lease, the marker or the value; whether there was one.
pub(crate) async fn clear<H: Handle>(handle: &H, kind: Kind, key: &KeyBufOf<H>) -> Result<bool, Error> {
    cleared(asking(handle, kind, key, Op::Clear)?.answer().await?)
}

/// Who holds it.
pub(crate) async fn inspect<H: Handle>(handle: &H, kind: Kind, key: &KeyBufOf<H>) -> Result<Inspection, Error> {
    inspected(asking(handle, kind, key, Op::Inspect)?.answer().await?)
}

/// Whether there is a fresh value, of whatever type.
pub(crate) async fn is_there<H: Handle>(handle: &H, key: &KeyBufOf<H>) -> Result<bool, Error> {
    filled(asking(handle, Kind::Cache, key, Op::Get)?.answer().await?)
}

/// The value, if it is there and fresh.
pub(crate) async fn get<H: Handle, V, C>(handle: &H, key: &KeyBufOf<H>, codec: &C) -> Result<Option<V>, Error>
where
    H::Store: Values<V, C>,
{
    let mut asking = asking(handle, Kind::Cache, key, Op::Get)?;
    let answer = asking.answer().await?;
    value::<H, V, C>(&mut asking, answer, codec)
}

/// Keeps a value for so many milliseconds, `u64::MAX` for ever; a flight under way loses its right to store.
pub(crate) async fn insert<H: Handle, V, C>(
    handle: &H,
    key: &KeyBufOf<H>,
    codec: &C,
    value: MaybeOwned<'_, V>,
    fresh: u64,
) -> Result<(), Error>
where
    H::Store: Values<V, C>,
{
    kept(asking(handle, Kind::Cache, key, Op::Insert { fresh })?.insert(codec, value).await?)
}

const fn kept(answer: Answer) -> Result<(), Error> {
    match answer {
        Answer::Held(Holding::Held) => Ok(()),
        Answer::Full => Err(Error::Store(Cause::Full)),
        _ => Err(Error::Store(OTHER)),
    }
}

fn wait<P: Handle>(handle: &Threads<P>, asking: &mut AskingOf<'_, Threads<P>>) -> Result<Answer, Error>
where
    <P::Store as Platform>::Clock: Sleep,
{
    Ok(block(handle, asking, |_| Instant::MAX, Asking::poll)?)
}

/// [`clear`] for threads.
pub(crate) fn clear_blocking<P: Handle>(handle: &P, kind: Kind, key: &KeyBufOf<P>) -> Result<bool, Error>
where
    <P::Store as Platform>::Clock: Sleep,
{
    let threads = Threads(handle.clone());
    cleared(wait(&threads, &mut asking(&threads, kind, key, Op::Clear)?)?)
}

/// [`inspect`] for threads.
pub(crate) fn inspect_blocking<P: Handle>(handle: &P, kind: Kind, key: &KeyBufOf<P>) -> Result<Inspection, Error>
where
    <P::Store as Platform>::Clock: Sleep,
{
    let threads = Threads(handle.clone());
    inspected(wait(&threads, &mut asking(&threads, kind, key, Op::Inspect)?)?)
}

/// [`is_there`] for threads.
pub(crate) fn is_there_blocking<P: Handle>(handle: &P, key: &KeyBufOf<P>) -> Result<bool, Error>
where
    <P::Store as Platform>::Clock: Sleep,
{
    let threads = Threads(handle.clone());
    filled(wait(&threads, &mut asking(&threads, Kind::Cache, key, Op::Get)?)?)
}

/// [`insert`] for threads.
pub(crate) fn insert_blocking<P: Handle, V, C>(
    handle: &P,
    key: &KeyBufOf<P>,
    codec: &C,
    value: MaybeOwned<'_, V>,
    fresh: u64,
) -> Result<(), Error>
where
    P::Store: Values<V, C>,
    <P::Store as Platform>::Clock: Sleep,
{
    let threads = Threads(handle.clone());
    let mut asking = asking(&threads, Kind::Cache, key, Op::Insert { fresh })?;
    let mut value = Some(value);
    let poll = |asking: &mut AskingOf<'_, Threads<P>>, cx: &mut Context<'_>| asking.poll_insert(codec, &mut value, cx);
    kept(block(&threads, &mut asking, |_| Instant::MAX, poll)?)
}

/// [`get`] for threads.
pub(crate) fn get_blocking<P: Handle, V, C>(handle: &P, key: &KeyBufOf<P>, codec: &C) -> Result<Option<V>, Error>
where
    P::Store: Values<V, C>,
    <P::Store as Platform>::Clock: Sleep,
{
    let threads = Threads(handle.clone());
    let mut asking = asking(&threads, Kind::Cache, key, Op::Get)?;
    let answer = wait(&threads, &mut asking)?;
    value::<Threads<P>, V, C>(&mut asking, answer, codec)
}
