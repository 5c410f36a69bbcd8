//! A cached value that another caller of this process loads: its waiters get it from there, and without the store one
//! loads for all.

use super::{
    AnyStore, Remote,
    away::{Away, Look},
};
use crate::{
    backend::{Reply, lasting},
    loads::{self, Failure, News, Part},
};
use cachify_core::{
    Cause, Holding,
    key::{Key, Kind as Of},
    observe::Event,
    op::{Answer, Ask, Left, Op, Request},
    patience::Ticket,
    time::Instant,
    token::{FencingToken, HolderToken},
};
use std::task::Poll;

/// The ticket of one who waits for a load of this process.
const LOADED: Ticket = Ticket(1);

impl AnyStore {
    /// What is known of a load without asking the store; nothing if that is to be asked.
    pub(super) fn loaded(&self, away: &mut Away, remote: &Remote, now: Instant) -> Option<Result<Answer, Cause>> {
        let (news, cause) = match away.load.as_ref()? {
            Part::Leads(..) => return None,
            Part::Stands(waiter) | Part::Ends(waiter) => {
                // in this order: once it has ended there are news, and no end any more
                let by = waiter.ends_by().filter(|by| now < *by && remote.closing().check().is_ok());
                match (waiter.take(), by) {
                    (Some(news), _) => (news, None),
                    (None, by) => {
                        away.load = away.load.take().map(|part| part.at_end(by.is_some()));
                        return by.map(|until| Ok(Answer::Busy { until, ticket: LOADED }));
                    }
                }
            }
            Part::Waits(waiter, cause, until) => match (waiter.take(), remote.closing().check()) {
                (Some(news), _) => (news, Some(*cause)),
                (None, Ok(())) if now < waiter.until().max(*until) => {
                    return Some(Ok(Answer::Busy { until: waiter.until().max(*until), ticket: LOADED }));
                }
                // it computes: the one who loads does not get on, or nobody is to wait any more
                (None, closed) => {
                    let cause = closed.err().unwrap_or(*cause);
                    away.load = None;
                    return Some(Err(cause));
                }
            },
        };
        away.load = None;
        match (news, cause) {
            // of a generation that it does not know: that is asked for
            (News::Value(bytes), _) if away.group.generation.is_some() && !self.is_current(away, &bytes) => {
                away.group.generation = None;
                None
            }
            (News::Value(bytes), _) => {
                away.value = Some(bytes.to_vec());
                Some(Ok(Answer::Filled))
            }
            (News::Nothing(Some(failure)), _) if away.failure.is_none() && failure.seen == away.group.generation => {
                (away.failure, away.is_alone) = (Some(failure), true);
                Some(Ok(Answer::Filled))
            }
            (News::Nothing(_), Some(cause)) => Some(Err(cause)),
            // it failed: who waited loads at once, one of them for those to come
            (News::Nothing(_), None) => {
                away.is_alone = true;
                None
            }
            (News::Gone, _) => None,
        }
    }

    /// The store failed: one caller of this process loads for all.
    pub(super) fn without_store(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        ask: &Ask,
        cause: Cause,
    ) -> Result<Answer, Cause> {
        if matches!(cause, Cause::ShutDown | Cause::KeyTooLong | Cause::Codec) {
            return Err(cause);
        }
        let key = self.own(request.key);
        // the store may have granted a flight, or noted that it waits
        if away.look == Look::Over {
            let left = if cause.is_indeterminate() { Left::Lease } else { Left::WakeUp };
            remote.abandon(key.clone(), request.token, left);
        }
        // nor does it wait for the store any more
        (away.load, away.place) = (None, None);
        match loads::join(remote.loads(), &key, request.token) {
            Ok(leader) => {
                self.watcher.tell(&Event::Failed { key: Some(*request.key), cause });
                away.load = Some(Part::Leads(leader, cause));
                Ok(Answer::Granted { fence: FencingToken(0), index: 0 })
            }
            // it computes, and waits no longer
            Err(_) if away.patience.is_in_vain(remote.id(), request.key, request.now, ask.ttl) => Err(cause),
            Err(waiter) => {
                let until = request.now.saturating_add(lasting(ask.ttl));
                away.load = Some(Part::Waits(waiter, cause, until));
                Ok(Answer::Busy { until, ticket: LOADED })
            }
        }
    }

    /// The answer to one who loads without the store: of that the store is told nothing.
    pub(super) fn led(away: &mut Away, op: &Op) -> Option<Answer> {
        if !matches!(away.load, Some(Part::Leads(..))) {
            return None;
        }
        if let Op::Release(_) = op
            && let Some(Part::Leads(leader, _)) = away.load.take()
        {
            leader.fail(away.failure.take());
        }
        Some(Answer::Held(Holding::Held))
    }

    /// The value of one who loads without the store, for those who wait.
    pub(super) fn led_to(
        &self,
        away: &mut Away,
        bytes: impl FnOnce() -> Result<Vec<u8>, Cause>,
    ) -> Poll<Result<Answer, Cause>> {
        let Some(Part::Leads(leader, _)) = away.load.take() else { return Poll::Pending };
        Poll::Ready(match bytes() {
            Ok(bytes) => {
                leader.land(&self.dated(away, bytes));
                Ok(Answer::Held(Holding::Held))
            }
            Err(cause) => {
                leader.fail(None);
                Err(cause)
            }
        })
    }

    /// A value has landed: those who wait for it in this process have it.
    pub(super) fn landed(&self, away: &mut Away, remote: &Remote, key: &Key<'_>, reply: &Reply) {
        if let Some(bytes) = away.copy.take()
            && *reply == Reply::Held(Holding::Held)
            && away.age == loads::age(remote.loads())
        {
            loads::landed(remote.loads(), &self.own(key), &bytes);
        }
    }

    /// A load of this process brought nothing that is kept.
    pub(super) fn failed(&self, remote: &Remote, key: &Key<'_>, failure: Option<Failure>) {
        loads::failed(remote.loads(), &self.own(key), failure);
    }

    /// A load of this process is about to end, which brought nothing that is kept: those who wait for it have what it passes on
    /// once it has ended, and ask for nothing until then, though the store may call one of them.
    pub(super) fn pass_on<T: Send + Sync + 'static>(
        &self,
        away: &mut Away,
        remote: &Remote,
        key: &Key<'_>,
        failure: impl FnOnce() -> Option<T>,
    ) {
        (away.is_unkept, away.failure) = (true, None);
        let by = remote.deadline();
        if self.is_waited_for(remote, key)
            && let Some(failure) = failure()
        {
            away.failure = Some(Failure { seen: away.group.generation, ..Failure::new(failure) });
            if !matches!(away.load, Some(Part::Leads(..))) {
                loads::ends(remote.loads(), &self.own(key), by);
            }
        }
    }

    /// Nobody waits any more for the answer to the end of such a load, if it was one.
    pub(super) fn unheard(&self, away: &Away, remote: &Remote, key: &Key<'_>) {
        if away.is_unkept && away.failure.is_some() {
            loads::lost(remote.loads(), &self.own(key));
        }
    }

    /// The end of such a load was heard, or that it was none any more.
    pub(super) fn ended(&self, away: &mut Away, remote: &Remote, key: &Key<'_>, answer: &Result<Answer, Cause>) {
        match (answer, away.failure.take()) {
            (Ok(Answer::Held(Holding::Held)), failure) => self.failed(remote, key, failure),
            (_, Some(_)) => loads::lost(remote.loads(), &self.own(key)),
            (_, None) => {}
        }
    }

    /// Whether a flight is a load without the store, which is not renewed there.
    pub(super) fn is_load_of(&self, remote: &Remote, key: &Key<'_>, token: HolderToken) -> bool {
        key.kind == Of::Cache && loads::is_led_by(remote.loads(), &self.own(key), token)
    }

    /// Whether this is a heartbeat of a load without the store; notes that it gets on.
    pub(super) fn beats(&self, remote: &Remote, request: &Request<'_>) -> bool {
        let Op::Renew { ttl } = *request.op else { return false };
        let until = request.now.saturating_add(lasting(ttl));
        request.key.kind == Of::Cache && loads::beats(remote.loads(), &self.own(request.key), request.token, until)
    }

    /// Whether somebody else may be waiting for the value of a flight.
    pub(super) fn is_waited_for(&self, remote: &Remote, key: &Key<'_>) -> bool {
        loads::is_waited_for(remote.loads(), &self.own(key))
    }
}
