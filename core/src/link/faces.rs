//! Every capability of a store behind a gateway: each operation is one request.

use super::{
    OTHER_QUESTION, TOO_LONG,
    frame::checksum,
    message::{Answer, Command, Skipped, take_whole},
    remote::RemoteStore,
    wire::{Parse, Reader},
};
use crate::{
    cell::{Ask, Begun, Grant, Holding, Kept, Life, Lookup},
    codec::{
        Codec, Sink,
        entry::{self, Found},
    },
    key::Key,
    patience::Contended,
    store::{
        AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore,
        Fault, lock::Lock,
    },
    time::Timer,
    token::HolderToken,
};
use core::time::Duration;

/// The label stays behind.
const fn bare(ask: &Ask) -> Ask {
    let mut bare = Ask::new(ask.token, ask.ttl);
    bare.within = ask.within;
    bare
}

/// Anything but a failure.
fn answer<'a, B: Parse<'a>>(reader: Reader<'a>) -> Result<Answer<B>, Fault> {
    match take_whole(reader).ok_or(OTHER_QUESTION)? {
        Answer::Failed(fault) => Err(fault),
        answer => Ok(answer),
    }
}

/// The same, of an answer that brings no value.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
fn plain(reader: Reader<'_>) -> Result<Answer<Skipped>, Fault> {
    answer(reader)
}

// methods of one result share one future: what chooses among them is compiled to a few calls
macro_rules! remote {
    ($($Async:ident { $(fn $f:ident($($a:ident: $t:ty),*) -> $r:ty = $command:expr, $Answer:ident;)* })*) => { $(
        impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
            $Async for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
        {
            $(fn $f(&self, key: Key<'_>, $($a: $t),*) -> impl Future<Output = Result<$r, Fault>> {
                self.plain(key, $command, |answer| match answer {
                    Answer::$Answer(answer) => Some(answer),
                    _ => None,
                })
            })*
        }

        impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
            $Async for &RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
        {
            $(fn $f(&self, key: Key<'_>, $($a: $t),*) -> impl Future<Output = Result<$r, Fault>> {
                (**self).$f(key, $($a),*)
            })*
        }
    )* };
}

remote! {
    AsyncLeaseStore {
        fn acquire(ask: &Ask) -> Contended<Grant> = Command::Acquire(bare(ask)), Grant;
        fn renew(ask: &Ask) -> Holding = Command::Renew(bare(ask)), Holding;
        fn release(token: HolderToken) -> Holding = Command::Release(token), Holding;
    }
    AsyncPermitStore {
        fn take(size: u16, ask: &Ask) -> Contended<Grant> = Command::Take(size, bare(ask)), Grant;
        fn extend(ask: &Ask) -> Holding = Command::Extend(bare(ask)), Holding;
        fn give_back(token: HolderToken) -> Holding = Command::GiveBack(token), Holding;
        fn in_use() -> u16 = Command::InUse, Count;
    }
    AsyncOnceStore {
        fn begin(ask: &Ask) -> Begun = Command::Begin(bare(ask)), Begun;
        fn touch(ask: &Ask) -> Holding = Command::Touch(bare(ask)), Holding;
        fn complete(token: HolderToken, keep: Duration) -> Holding = Command::Complete(token, keep), Holding;
        fn fail(token: HolderToken) -> Holding = Command::Fail(token), Holding;
    }
    AsyncInspect {
        fn remaining() -> Option<Duration> = Command::Remaining, Remaining;
    }
    AsyncForce {
        fn force_release() -> bool = Command::ForceRelease, Flag;
    }
    AsyncEntryStore {
        fn keep_flying(ask: &Ask) -> Holding = Command::KeepFlying(bare(ask)), Holding;
        fn abandon(token: HolderToken) -> Holding = Command::Abandon(token), Holding;
        fn invalidate() -> bool = Command::Invalidate, Flag;
    }
}

/// A value, encoded; as long as a frame at most.
pub(super) struct Short<const FRAME: usize> {
    bytes: [u8; FRAME],
    len: usize,
}

impl<const FRAME: usize> Short<FRAME> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; FRAME], len: 0 }
    }

    /// Encodes a value; or why it is not to be sent, and its flight ends without one.
    pub(super) fn fill<V, D: Codec<V>>(&mut self, value: &V, codec: &D, most: usize) -> Result<(), Fault> {
        match entry::encode(value, codec, self) {
            Ok(()) if self.len <= most => Ok(()),
            Ok(()) => Err(Fault::Rejected(TOO_LONG)),
            Err(_) => Err(Fault::Codec),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl<const FRAME: usize> Sink for Short<FRAME> {
    fn put(&mut self, bytes: &[u8]) -> bool {
        let Some(room) = self.bytes.get_mut(self.len..).and_then(|rest| rest.get_mut(..bytes.len())) else {
            return false;
        };
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.len += bytes.len();
        true
    }
}

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// A request whose answer brings no value.
    async fn plain<R>(
        &self,
        key: Key<'_>,
        command: Command<'_>,
        pick: fn(Answer<Skipped>) -> Option<R>,
    ) -> Result<R, Fault> {
        pick(self.exchange(key, &command, command.patience(), plain).await?).ok_or(OTHER_QUESTION)
    }

    async fn look<V, D: Codec<V>>(
        &self,
        key: Key<'_>,
        codec: &D,
        command: Command<'_>,
    ) -> Result<Found<V, u32>, Fault> {
        self.exchange(key, &command, command.patience(), |reader| match answer::<&[u8]>(reader)? {
            Answer::Lookup(lookup) => Ok(entry::found(lookup, codec, checksum)),
            _ => Err(OTHER_QUESTION),
        })
        .await
    }
}

impl<L, C, V, D, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> AsyncCacheStore<V, D>
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
where
    L: Lock,
    C: Timer,
    D: Codec<V>,
{
    async fn get(&self, key: Key<'_>, codec: &D) -> Result<Option<V>, Fault> {
        self.exchange(key, &Command::Get(Self::ROOM), None, |reader| match answer::<&[u8]>(reader)? {
            Answer::Value(bytes) => Ok(bytes.and_then(|bytes| entry::decode(bytes, codec))),
            _ => Err(OTHER_QUESTION),
        })
        .await
    }

    async fn join(&self, key: Key<'_>, codec: &D, ask: &Ask) -> Result<Contended<Lookup<V>>, Fault> {
        let ask = bare(ask);
        match self.look(key, codec, Command::Join(Self::ROOM, ask)).await? {
            Found::Known(lookup) => Ok(lookup),
            // once more these bytes come from somebody who writes them now: the caller computes
            Found::Foreign(sum) => match self.look(key, codec, Command::Heal(Self::ROOM, ask, sum)).await? {
                Found::Known(lookup) => Ok(lookup),
                Found::Foreign(_) => Err(Fault::Codec),
            },
        }
    }

    async fn publish(
        &self,
        key: Key<'_>,
        codec: &D,
        token: HolderToken,
        value: Kept<'_, V>,
        life: Life,
    ) -> Result<Holding, Fault> {
        // encoded before the first await, so that the value is not held across it
        let mut short = Short::<FRAME>::new();
        let fits = short.fill(value.as_ref(), codec, Self::VALUE);
        drop(value);
        let command = match fits {
            Ok(()) => Command::Publish(token, life, short.bytes()),
            Err(_) => Command::Abandon(token),
        };
        match self.exchange(key, &command, None, plain).await? {
            Answer::Holding(holding) => fits.map(|()| holding),
            _ => Err(OTHER_QUESTION),
        }
    }
}

impl<L, C, V, D, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> AsyncCacheStore<V, D>
    for &RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
where
    L: Lock,
    C: Timer,
    D: Codec<V>,
{
    fn get(&self, key: Key<'_>, codec: &D) -> impl Future<Output = Result<Option<V>, Fault>> {
        (**self).get(key, codec)
    }

    fn join(&self, key: Key<'_>, codec: &D, ask: &Ask) -> impl Future<Output = Result<Contended<Lookup<V>>, Fault>> {
        (**self).join(key, codec, ask)
    }

    fn publish(
        &self,
        key: Key<'_>,
        codec: &D,
        token: HolderToken,
        value: Kept<'_, V>,
        life: Life,
    ) -> impl Future<Output = Result<Holding, Fault>> {
        (**self).publish(key, codec, token, value, life)
    }
}
