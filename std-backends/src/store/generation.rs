//! The generation of a group outside the process: a value beside its values, each of which carries the one that was seen before
//! it was loaded. Another generation, and none of them counts any more.
//!
//! A generation is a random number, compared for equality alone: no clocks and no counts meet. One that is missing, since the
//! server dropped it, is made anew. Not here: groups in memory, which forget what they have.

use super::{
    AnyStore, Kind, Remote,
    away::Away,
    knowledge::{Generation, LEN},
};
use crate::{
    backend::{OwnedKey, Reply},
    token,
};
use cachify_core::{
    Cause, Holding, Label,
    key::{Key, Kind as Of},
    op::{Answer, Ask, Op, Outcome, Request},
    time::{Clock, Sleep, Timer},
    token::HolderToken,
};
use std::{
    future::{Future, pending},
    pin::pin,
    task::{Context, Poll, ready},
    time::Duration,
};

/// No key of a user's has a control character in front.
const KEY: &[u8] = b"\x1fgeneration";
/// How long whoever makes one is waited for, and how often: he may have gone.
const PAUSE: Duration = Duration::from_millis(20);
const TRIES: u32 = 100;
/// How many milliseconds he has for it.
const MAKING: u64 = 1_000;

/// On the way to a generation: looked at first, and where there is none, made by one under a flight of its own, which the master
/// grants.
struct Search {
    token: HolderToken,
    made: Generation,
    /// What lies there and is none.
    foreign: Option<Vec<u8>>,
    step: Step,
    tries: u32,
}

#[derive(Clone, Copy)]
enum Step {
    Look,
    Join,
    Wait,
    Publish,
    Found(Generation),
}

enum Next {
    Ask(Op, Option<Vec<u8>>),
    Pause,
    Over(Result<Generation, Cause>),
}

impl Search {
    fn new() -> Self {
        Self { token: token::shared(), made: made(), foreign: None, step: Step::Look, tries: 0 }
    }

    fn next(&self) -> Next {
        match self.step {
            _ if self.tries == TRIES => Next::Over(Err(LOST)),
            Step::Look => Next::Ask(Op::Get, None),
            Step::Join => {
                let ask = Ask { ttl: MAKING, wait: 0, size: 1, window: 0, label: Label::NONE };
                Next::Ask(Op::Acquire(ask), self.foreign.clone())
            }
            Step::Publish => Next::Ask(Op::Release(Outcome::Done { fresh: u64::MAX }), Some(self.made.into())),
            Step::Wait => Next::Pause,
            Step::Found(generation) => Next::Over(Ok(generation)),
        }
    }

    fn heard(&mut self, reply: Reply) {
        self.step = match (self.step, reply) {
            (_, Reply::Filled(bytes)) => match bytes.as_slice().try_into() {
                Ok(generation) => Step::Found(generation),
                Err(_) => {
                    self.foreign = Some(bytes);
                    Step::Wait
                }
            },
            (Step::Look, _) => Step::Join,
            (Step::Join, Reply::Granted { .. }) => Step::Publish,
            (Step::Publish, Reply::Held(Holding::Held)) => Step::Found(self.made),
            _ => Step::Wait,
        };
    }

    fn paused(&mut self) {
        (self.step, self.tries) = (Step::Join, self.tries + 1);
    }
}

const KEEP: Op = Op::Insert { fresh: u64::MAX };

fn made() -> Generation {
    let mut generation = [0; LEN];
    let words = [token::random_word(), token::random_word()];
    generation.iter_mut().zip(words.iter().flat_map(|word| word.to_le_bytes())).for_each(|(to, from)| *to = from);
    generation
}

impl AnyStore {
    fn generation_key(&self) -> OwnedKey {
        OwnedKey::under(&self.prefix, &Key::new(Of::Cache, &self.prefix, KEY, self.seed))
    }

    /// The generation, which is made if there is none.
    pub(super) fn learn(&self, remote: &Remote) -> impl Future<Output = Result<Generation, Cause>> + Send + 'static {
        let (key, remote) = (self.generation_key(), remote.clone());
        async move {
            let mut search = Search::new();
            loop {
                match search.next() {
                    Next::Ask(op, bytes) => {
                        let call = remote.question(key.clone(), search.token, op).with(bytes);
                        search.heard(remote.clone().call(call).await?);
                    }
                    Next::Pause => {
                        remote.clock().sleep_until(remote.clock().now().saturating_add(PAUSE)).await;
                        search.paused();
                    }
                    Next::Over(found) => return found,
                }
            }
        }
    }

    /// The same for threads.
    pub(super) fn learn_blocking(&self, remote: &Remote) -> Result<Generation, Cause> {
        let (key, mut search) = (self.generation_key(), Search::new());
        loop {
            match search.next() {
                Next::Ask(op, bytes) => {
                    let call = remote.question(key.clone(), search.token, op).with(bytes);
                    search.heard(remote.call_blocking(call)?);
                }
                Next::Pause => {
                    remote.clock().wait(remote.clock().now().saturating_add(PAUSE), pin!(pending()));
                    search.paused();
                }
                Next::Over(found) => return found,
            }
        }
    }

    /// Another generation from now on.
    pub(super) async fn renew_generation(&self, remote: &Remote) -> Result<(), Cause> {
        let call = remote.question(self.generation_key(), HolderToken::default(), KEEP).with(Some(made().into()));
        remote.clone().call(call).await.map(drop)
    }

    /// The same for threads.
    pub(super) fn renew_generation_blocking(&self, remote: &Remote) -> Result<(), Cause> {
        let call = remote.question(self.generation_key(), HolderToken::default(), KEEP).with(Some(made().into()));
        remote.call_blocking(call).map(drop)
    }

    /// Whether an operation on the key of a group has to know its generation, and does not yet.
    pub(super) fn has_to_learn(&self, away: &Away, key: &Key<'_>, op: &Op) -> bool {
        let asks = matches!(op, Op::Get | Op::Acquire(_) | Op::Insert { .. });
        self.is_part && key.kind == Of::Cache && asks && away.group.generation.is_none()
    }

    /// Learns the generation before anything else is asked, if it has to.
    pub(super) fn poll_learn(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Cause>> {
        if self.has_to_learn(away, request.key, request.op) {
            away.group.generation = Some(if request.may_block {
                self.learn_blocking(remote)?
            } else {
                ready!(away.group.learning.poll(|| Box::pin(self.learn(remote)), cx))?
            });
        }
        Poll::Ready(Ok(()))
    }

    /// Whether there is a value whose life can be asked for: one that a group has forgotten is none.
    pub(super) fn poll_there(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<bool, Cause>> {
        if self.is_part && *request.op == Op::Inspect && request.key.kind == Of::Cache && !away.group.is_there {
            let looked = ready!(self.poll_away(away, remote, request, Op::Get, |_| None, cx))?;
            away.group.is_there = matches!(looked, Reply::Filled(bytes) if self.is_current(away, &bytes));
            return Poll::Ready(Ok(away.group.is_there));
        }
        Poll::Ready(Ok(true))
    }

    /// Whether the value that an answer brought does not count. Asked again, exactly these bytes count for none, if they are of an
    /// older generation; unless they are of one that the caller does not know yet, which it then learns.
    pub(super) fn is_of_old(&self, away: &mut Away, answer: &Answer) -> bool {
        let is_value = matches!(answer, Answer::Filled | Answer::Stale);
        if !is_value || away.value.as_ref().is_some_and(|bytes| self.is_current(away, bytes)) {
            return false;
        }
        let bytes = away.value.take();
        if away.group.is_new {
            away.foreign = bytes;
        } else {
            (away.foreign, away.group.generation) = (None, None);
        }
        true
    }

    /// Whether stored bytes count: those of the generation that the caller saw.
    pub(super) fn is_current(&self, away: &Away, bytes: &[u8]) -> bool {
        !self.is_part || away.group.generation.is_some_and(|generation| bytes.starts_with(&generation))
    }

    /// An entry with the generation that was seen before it was loaded.
    pub(super) fn dated(&self, away: &Away, entry: Vec<u8>) -> Vec<u8> {
        match self.is_part {
            true => [away.group.generation.unwrap_or_default().as_slice(), &entry].concat(),
            false => entry,
        }
    }

    /// The entry of stored bytes.
    pub(super) fn undated<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        if self.is_part { bytes.get(LEN..).unwrap_or_default() } else { bytes }
    }

    /// What lies outside the process, of a group.
    pub(super) const fn as_part(&self) -> Option<&Remote> {
        match &self.kind {
            Kind::Remote(remote) if self.is_part => Some(remote),
            _ => None,
        }
    }
}

const LOST: Cause = Cause::Unsupported("the store does not keep the generation of a group");
