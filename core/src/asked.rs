//! Operations about a key, whoever holds it: the companions, as futures and blocking.
//!
//! Not here: what a holder asks, which is the machine's ([`Lease`](crate::lease::Lease)).

use crate::{
    instance::Handle,
    key::Kind,
    lease::block,
    op::{Answer, Op, Request},
    store::{Fault, Host, Leases, Threads, Values},
    time::{Clock, Instant, Sleep},
    token::HolderToken,
};
use core::{
    future::poll_fn,
    task::{Context, Poll},
};

type KeyBufOf<H> = <<H as Handle>::Store as Host>::KeyBuf;

/// A question under way. Dropping it changes nothing but that nobody waits for the answer.
struct Asked<'a, H: Handle> {
    handle: &'a H,
    kind: Kind,
    key: &'a KeyBufOf<H>,
    op: Op,
    state: <H::Store as Leases>::InFlight,
}

impl<'a, H: Handle> Asked<'a, H> {
    fn new(handle: &'a H, kind: Kind, key: &'a KeyBufOf<H>, op: Op) -> Self {
        Self { handle, kind, key, op, state: Default::default() }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Fault>> {
        let store = self.handle.instance().store();
        let Ok(key) = store.key(self.kind, self.key) else { return Poll::Ready(Err(Fault::KeyTooLong)) };
        let (token, now) = (HolderToken::default(), store.clock().now());
        let request = Request { key: &key, token, now, op: &self.op, may_block: H::MAY_BLOCK };
        store.poll_op(&mut self.state, &request, cx).map_err(Into::into)
    }

    fn value<V, C>(&mut self, answer: Answer, codec: &C) -> Result<Option<V>, Fault>
    where
        H::Store: Values<V, C>,
    {
        match answer {
            Answer::Filled => {
                let store = self.handle.instance().store();
                Ok(store.key(self.kind, self.key).ok().and_then(|key| store.fetch(&mut self.state, &key, codec)))
            }
            Answer::Absent => Ok(None),
            _ => Err(OTHER),
        }
    }
}

impl<H: Handle> Drop for Asked<'_, H> {
    fn drop(&mut self) {
        self.handle.instance().store().cancel(&mut self.state);
    }
}

const OTHER: Fault = Fault::Unsupported("the store answered another question");

fn cleared(answer: Answer) -> Result<bool, Fault> {
    if let Answer::Cleared(was) = answer { Ok(was) } else { Err(OTHER) }
}

fn counted(answer: Answer) -> Result<u16, Fault> {
    if let Answer::Inspected(seen) = answer { Ok(seen.held) } else { Err(OTHER) }
}

/// Ends the lease, the marker or the value; whether there was one.
pub(crate) async fn clear<H: Handle>(handle: &H, kind: Kind, key: &KeyBufOf<H>) -> Result<bool, Fault> {
    let mut asked = Asked::new(handle, kind, key, Op::Clear);
    cleared(poll_fn(|cx| asked.poll(cx)).await?)
}

/// How many hold it.
pub(crate) async fn count<H: Handle>(handle: &H, kind: Kind, key: &KeyBufOf<H>) -> Result<u16, Fault> {
    let mut asked = Asked::new(handle, kind, key, Op::Inspect);
    counted(poll_fn(|cx| asked.poll(cx)).await?)
}

/// The value, if it is there and fresh.
pub(crate) async fn get<H: Handle, V, C>(handle: &H, key: &KeyBufOf<H>, codec: &C) -> Result<Option<V>, Fault>
where
    H::Store: Values<V, C>,
{
    let mut asked = Asked::new(handle, Kind::Cache, key, Op::Get);
    let answer = poll_fn(|cx| asked.poll(cx)).await?;
    asked.value(answer, codec)
}

fn wait<P: Handle>(asked: &mut Asked<'_, Threads<P>>) -> Result<Answer, Fault>
where
    <P::Store as Host>::Clock: Sleep,
{
    let handle = asked.handle;
    block(handle, asked, |_| Instant::MAX, Asked::poll)
}

/// [`clear`] for threads.
pub(crate) fn clear_blocking<P: Handle>(handle: &P, kind: Kind, key: &KeyBufOf<P>) -> Result<bool, Fault>
where
    <P::Store as Host>::Clock: Sleep,
{
    cleared(wait(&mut Asked::new(&Threads(handle.clone()), kind, key, Op::Clear))?)
}

/// [`count`] for threads.
pub(crate) fn count_blocking<P: Handle>(handle: &P, kind: Kind, key: &KeyBufOf<P>) -> Result<u16, Fault>
where
    <P::Store as Host>::Clock: Sleep,
{
    counted(wait(&mut Asked::new(&Threads(handle.clone()), kind, key, Op::Inspect))?)
}

/// [`get`] for threads.
pub(crate) fn get_blocking<P: Handle, V, C>(handle: &P, key: &KeyBufOf<P>, codec: &C) -> Result<Option<V>, Fault>
where
    P::Store: Values<V, C>,
    <P::Store as Host>::Clock: Sleep,
{
    let threads = Threads(handle.clone());
    let mut asked = Asked::new(&threads, Kind::Cache, key, Op::Get);
    let answer = wait(&mut asked)?;
    asked.value(answer, codec)
}
