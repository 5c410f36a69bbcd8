//! An operation outside the process, from poll to poll: its future in a box, and what its answer brought.

use super::{
    AnyStore, Remote,
    held::Held,
    knowledge::{Knowledge, Told, both},
};
#[cfg(any(feature = "metrics", feature = "tracing"))]
use crate::seeing::Watch;
use crate::{
    backend::{Call, OwnedKey, Reply},
    flights::{self, Patience},
    lines::{IN_LINE, Place},
    loads::{self, Failure, Part, Waiter},
    memory,
};
use cachify_core::{
    Cause, Holding,
    key::{Key, Kind as Of},
    op::{Answer, Ask, Inspection, Left, Op, Request},
    time::Instant,
};
use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// What an operation keeps between polls.
#[derive(Debug, Default)]
pub struct InFlight {
    pub(super) memory: memory::InFlight,
    pub(super) remote: Option<Box<Away>>,
}

#[cfg(any(feature = "metrics", feature = "tracing"))]
impl InFlight {
    pub(super) const fn watch(&self) -> &Watch {
        self.memory.watch()
    }
    pub(super) const fn watch_mut(&mut self) -> &mut Watch {
        self.memory.watch_mut()
    }
    /// Of a lease that is only watched any more.
    pub(super) fn of(watch: Watch) -> Self {
        Self { memory: memory::InFlight::of(watch), remote: None }
    }
}

/// An operation outside the process, from poll to poll.
#[derive(Debug, Default)]
pub(super) struct Away {
    pub(super) call: Held<Result<Reply, Cause>>,
    pub(super) changed: Held<()>,
    /// When the question was sent: what it is granted began then, or later.
    pub(super) since: Instant,
    /// For how many milliseconds, as the answer says.
    pub(super) lasts: Option<u32>,
    pub(super) look: Look,
    /// The value that an answer brought.
    pub(super) value: Option<Vec<u8>>,
    /// One that was no value to this caller: exactly these bytes count for none.
    pub(super) foreign: Option<Vec<u8>>,
    /// There was another one after that was said.
    pub(super) is_hopeless: bool,
    /// Its own load brought nothing that is kept.
    pub(super) is_unkept: bool,
    /// What its own load passes on that failed without the store, or was passed on to it.
    pub(super) failure: Option<Failure>,
    /// The load that it waited for failed: it waits for no other one.
    pub(super) is_alone: bool,
    /// Of one who waits for a flight, inside of another perhaps.
    pub(super) patience: Patience,
    /// The longest value that its caller can take.
    pub(super) room: Option<usize>,
    /// What it has to do with a load of this process.
    pub(super) load: Option<Part>,
    /// What it knows of the group of its key.
    pub(super) group: Knowledge,
    /// Its value, for others of this process who wait for it.
    pub(super) copy: Option<Vec<u8>>,
    /// How many invalidations of this process there were when the flight was asked for.
    pub(super) age: u64,
    /// Where it stands among those of this process, if its store cannot signal.
    pub(super) place: Option<Place>,
    /// Why a value is not sent, and its flight given up instead.
    pub(super) unfit: Option<Cause>,
}

/// Before a flight is asked for, its value is looked at, which takes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Look {
    #[default]
    New,
    Looking,
    Over,
    /// A device joins with one question, and computes elsewhere.
    Never,
}

/// Whether a value is changed: that is done in turn, and takes nothing of what others load.
const fn is_change(ask: &Ask) -> bool {
    ask.window == Ask::ALONE
}

impl AnyStore {
    /// One operation outside the process, or a part of it; `bytes` are asked for when it begins.
    pub(super) fn poll_away(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        op: Op,
        bytes: impl FnOnce(&mut Away) -> Option<Vec<u8>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Reply, Cause>> {
        if away.call.get().is_none() {
            away.since = request.now;
            let bytes = bytes(away);
            let learns = self.has_to_learn(away, request.key, &op);
            away.group.is_new = learns;
            let call =
                Call { room: away.room, ..remote.question(self.own(request.key), request.token, op).with(bytes) };
            let (op, room) = (call.op, call.room);
            if request.may_block {
                if learns {
                    // before the value: what is seen is never newer than its generation
                    away.group.generation = Some(self.learn_blocking(remote)?);
                }
                let reply = remote.call_blocking(call)?.of(&op, request.key.kind);
                return Poll::Ready(reply.and_then(|reply| reply.within(room)));
            }
            let kind = request.key.kind;
            let asked = remote.clone().call(call);
            *away.call.get() = Some(if learns {
                let (told, generation) = (Arc::<Told>::default(), self.learn(remote));
                away.group.told = Some(told.clone());
                Box::pin(async move {
                    let (generation, reply) = both(generation, asked).await;
                    let _ = told.set(generation);
                    reply?.of(&op, kind)?.within(room)
                })
            } else {
                Box::pin(async move { asked.await?.of(&op, kind)?.within(room) })
            });
        }
        let reply = ready!(away.call.poll(|| Box::pin(std::future::pending()), cx));
        if let Some(told) = away.group.told.take().and_then(|told| told.get().copied()) {
            away.group.generation = Some(told?);
        }
        Poll::Ready(reply)
    }

    /// The key as a call keeps it; a gateway may have a prefix of its own.
    pub(super) fn own(&self, key: &Key<'_>) -> OwnedKey {
        if *key.prefix == *self.prefix { OwnedKey::under(&self.prefix, key) } else { OwnedKey::of(*key) }
    }

    pub(super) fn poll_remote(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        let ask = match request.op {
            Op::Acquire(ask) if request.key.kind == Of::Cache && away.look != Look::Never && !is_change(ask) => ask,
            op => match Self::led(away, op) {
                Some(answer) => return Poll::Ready(Ok(answer)),
                // a heartbeat has no part of its own in the load
                None if self.beats(remote, request) => {
                    away.since = request.now;
                    return Poll::Ready(Ok(Answer::Held(Holding::Held)));
                }
                None => {
                    let answer = ready!(self.poll_store(away, remote, request, cx));
                    if away.is_unkept {
                        self.ended(away, remote, request.key, &answer);
                    }
                    return Poll::Ready(answer);
                }
            },
        };
        if away.load.is_some()
            && away.call.get().is_none()
            && let Some(known) = self.loaded(away, remote, request.now)
        {
            *away.changed.get() = None;
            if known == Ok(Answer::Filled) && away.place.is_none() {
                // a store that signals has noted that it waits
                remote.abandon(self.own(request.key), request.token, Left::HandOff);
            }
            away.place = None;
            return Poll::Ready(known);
        }
        Poll::Ready(match ready!(self.poll_store(away, remote, request, cx)) {
            Err(cause) => self.without_store(away, remote, request, ask, cause),
            Ok(answer) => {
                if !matches!(answer, Answer::Busy { .. }) {
                    away.load = None;
                }
                Ok(answer)
            }
        })
    }

    /// The operation as the store does it.
    fn poll_store(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        if let Op::Acquire(ask) = request.op
            && let Some(answer) = ready!(self.poll_begin(away, remote, request, ask, cx))?
        {
            return Poll::Ready(Ok(answer));
        }
        if !ready!(self.poll_there(away, remote, request, cx))? {
            return Poll::Ready(Ok(Answer::Inspected(Inspection::FREE)));
        }
        let foreign = |away: &mut Away| away.foreign.clone().filter(|_| matches!(request.op, Op::Acquire(_)));
        let reply = ready!(self.poll_away(away, remote, request, *request.op, foreign, cx));
        if reply.as_ref().is_err_and(|cause| !cause.may_pass() || request.key.kind == Of::Cache) {
            // it is asked for no more
            away.place = None;
        }
        let answer = away.read(reply?, request.now);
        if self.is_of_old(away, &answer) {
            return match request.op {
                Op::Get => Poll::Ready(Ok(Answer::Absent)),
                _ => self.poll_store(away, remote, request, cx),
            };
        }
        if let Op::Acquire(ask) = request.op {
            self.in_line(away, remote, request, ask, &answer);
        }
        if matches!(answer, Answer::Granted { .. }) && remote.closing().is_drained() {
            remote.abandon(self.own(request.key), request.token, Left::Lease);
            return Poll::Ready(Err(Cause::ShutDown));
        }
        if let (Op::Acquire(ask), Of::Cache, Answer::Busy { .. }) = (request.op, request.key.kind, answer)
            && away.look != Look::Never
            && (away.is_alone || away.patience.is_in_vain(remote.id(), request.key, request.now, ask.ttl))
        {
            // it computes, and waits no longer
            away.place = None;
            remote.abandon(self.own(request.key), request.token, Left::WakeUp);
            return Poll::Ready(Ok(Answer::Recursive));
        }
        Poll::Ready(Ok(match answer {
            Answer::Busy { until, .. } if away.place.is_some() => Answer::Busy { until, ticket: IN_LINE },
            answer => answer,
        }))
    }

    /// What is known of a right before it is asked for, or has to be; `None` if that is to be asked now.
    fn poll_begin(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        ask: &Ask,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        // what is on its way is heard out
        if away.call.get().is_none() {
            remote.closing().check()?;
        }
        // whatever woke the caller, its wait is over
        *away.changed.get() = None;
        if let Some(until) = self.is_behind(away, remote, request, ask) {
            return Poll::Ready(Ok(Some(Answer::Busy { until, ticket: IN_LINE })));
        }
        away.patience.ask();
        if request.key.kind == Of::Cache
            && away.look != Look::Never
            && let Some(answer) = ready!(self.poll_look(away, remote, request, ask, cx))?
        {
            return Poll::Ready(Ok(Some(answer)));
        }
        if request.key.kind == Of::Cache && away.look == Look::Over && away.load.is_none() && !is_change(ask) {
            away.age = loads::age(remote.loads());
            // before it asks: the value may land before it hears that it is to wait
            away.load = Some(Part::Stands(Waiter::new(remote.loads(), &self.own(request.key))));
        }
        Poll::Ready(Ok(None))
    }

    /// Looks at the value before its flight is asked for, which takes nothing; `None` if that is to be asked now.
    pub(super) fn poll_look(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        ask: &Ask,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        if flights::is_marked(remote.id(), request.key) {
            return Poll::Ready(Ok(Some(Answer::Recursive)));
        }
        if ask.window > 0 {
            // for how long a value is fresh only the question for its flight tells
            away.look = Look::Over;
        }
        if away.look != Look::Over {
            away.look = Look::Looking;
            let looked = ready!(self.poll_away(away, remote, request, Op::Get, |_| None, cx))?;
            away.look = Look::Over;
            match looked {
                Reply::Filled(bytes) if self.is_current(away, &bytes) => {
                    away.value = Some(bytes);
                    return Poll::Ready(Ok(Some(Answer::Filled)));
                }
                Reply::Filled(bytes) => away.foreign = Some(bytes),
                _ => {}
            }
        }
        Poll::Ready(if away.is_hopeless { Err(Cause::Codec) } else { Ok(None) })
    }
}

impl Away {
    /// What a reply means to a caller whose clock shows `now`.
    pub(super) fn read(&mut self, reply: Reply, now: Instant) -> Answer {
        // without an end that is known
        let after = |left| if left == Duration::MAX { Instant::MAX } else { now.saturating_add(left) };
        match reply {
            Reply::Granted { fence, index, remaining } => {
                self.lasts = Some(u32::try_from(remaining.as_millis()).unwrap_or(u32::MAX));
                Answer::Granted { fence, index }
            }
            Reply::Busy { remaining, ticket } => Answer::Busy { until: after(remaining), ticket },
            Reply::Done { remaining } => Answer::Done { until: after(remaining) },
            Reply::Filled(bytes) => {
                self.value = Some(bytes);
                Answer::Filled
            }
            Reply::Stale(bytes) => {
                self.value = Some(bytes);
                Answer::Stale
            }
            Reply::Absent => Answer::Absent,
            Reply::Held(holding) => Answer::Held(holding),
            Reply::Cleared(was) => Answer::Cleared(was),
            Reply::Inspected(seen) => Answer::Inspected(seen),
        }
    }
}
