//! The heartbeats of one moment: many calls side by side, each within its limit, so that a slow key costs no other.

use super::{BoxFuture, Call, Reply, park};
use crate::{
    process::PerProcess,
    sync::{Bell, locked, wake},
};
use cachify_core::{
    Cause,
    time::{Clock, Instant, Sleep},
};
use std::{
    collections::VecDeque,
    future::poll_fn,
    mem::take,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    thread,
    time::Duration,
};

type Answer = Result<Reply, Cause>;

/// How many are asked at once.
const AT_ONCE: usize = 64;
/// How many threads may ask blocking stores at once in a process, those among them that are never answered.
const THREADS: usize = 64;
/// How many of these a batch begins with, where a store of the user's own is asked.
pub(crate) const FEW: usize = 8;
/// The same where each question has a connection of its own, and may take its way.
#[cfg(feature = "redis")]
pub(crate) const MANY: usize = 48;

/// Futures side by side on this thread, which end by themselves or are ended at their limits.
pub(super) fn futures(
    calls: Vec<Call>,
    keep_limits: bool,
    begin: impl Fn(Call) -> BoxFuture<'static, Answer> + Send + Sync,
) -> Vec<Answer> {
    let mut answers: Vec<Answer> = calls.iter().map(|_| Err(Cause::TimedOut)).collect();
    let mut next: VecDeque<_> = calls.into_iter().enumerate().collect();
    let mut under_way: Vec<(usize, BoxFuture<'_, Answer>)> = Vec::new();
    let all = poll_fn(|cx| {
        loop {
            let was = under_way.len();
            under_way.retain_mut(|(at, call)| match call.as_mut().poll(cx) {
                Poll::Ready(answer) => {
                    answers[*at] = answer;
                    false
                }
                Poll::Pending => true,
            });
            let room = AT_ONCE - under_way.len();
            if room > 0 && !next.is_empty() {
                under_way.extend(next.drain(..room.min(next.len())).map(|(at, call)| {
                    let asked = begin(call.clone());
                    let limited: BoxFuture<'_, Answer> =
                        if keep_limits { asked } else { Box::pin(async move { call.question(asked).await }) };
                    (at, limited)
                }));
            } else if under_way.is_empty() {
                return Poll::Ready(());
            } else if under_way.len() == was {
                return Poll::Pending;
            }
        }
    });
    park(Box::pin(all), Duration::MAX);
    answers
}

/// Blocking calls on threads of their own, which a store that does not answer may keep. `ask` tells by the function it is
/// given when it asks the store: each of these questions has the limit for itself. So many threads begin.
pub(crate) fn threads(
    calls: Vec<Call>,
    begins: usize,
    ask: impl Fn(&Call, &Note<'_>) -> Answer + Send + Sync + 'static,
) -> Vec<Answer> {
    let Some((clock, limit)) = calls.first().map(|call| (call.clock.clone(), call.limit)) else {
        return vec![];
    };
    let count = calls.len();
    let batch = Arc::new(Batch { calls, ask: Box::new(ask), state: Mutex::default(), news: Bell::default() });
    locked(&batch.state).answers = (0..count).map(|_| None).collect();
    let mut workers = (0..begins.min(count)).filter(|_| batch.work()).count();
    loop {
        let now = clock.now();
        let (late, until) = batch.late(now, limit, workers == 0);
        // whoever is late keeps its thread; the rest of the calls get another
        workers -= late;
        workers += (0..late).filter(|_| batch.is_left() && batch.work()).count();
        if late > 0 {
            continue;
        }
        let mut state = locked(&batch.state);
        if state.answers.iter().all(Option::is_some) {
            return state.answers.drain(..).flatten().collect();
        }
        drop(state);
        clock.wait(until, pin!(poll_fn(|cx| batch.news.poll(cx, |news| take(news).then_some(())))));
    }
}

/// What is called when a store is asked.
pub(crate) type Note<'a> = dyn Fn() + Sync + 'a;
type Ask = dyn Fn(&Call, &Note<'_>) -> Answer + Send + Sync;

/// Calls that threads take from, one after another.
struct Batch {
    calls: Vec<Call>,
    ask: Box<Ask>,
    state: Mutex<State>,
    news: Bell<bool>,
}

#[derive(Default)]
struct State {
    next: usize,
    /// When those under way were asked last.
    asked: Vec<(usize, Instant)>,
    answers: Vec<Option<Answer>>,
}

impl Batch {
    /// Has one more thread take calls; whether there is one.
    fn work(self: &Arc<Self>) -> bool {
        static ALIVE: PerProcess<AtomicUsize> = PerProcess::new();
        let alive = ALIVE.get_or_init(AtomicUsize::default);
        if alive.fetch_add(1, SeqCst) >= THREADS {
            alive.fetch_sub(1, SeqCst);
            return false;
        }
        let batch = self.clone();
        let work = move || {
            while let Some(at) = batch.take() {
                let call = &batch.calls[at];
                let note = || batch.note(at);
                let answer = catch_unwind(AssertUnwindSafe(|| (batch.ask)(call, &note)));
                let answer = answer.unwrap_or(Err(Cause::Unknown));
                if !batch.put(at, answer) {
                    break;
                }
            }
            alive.fetch_sub(1, SeqCst);
        };
        let is_there = thread::Builder::new().name("cachify-renewals".into()).spawn(work).is_ok();
        if !is_there {
            alive.fetch_sub(1, SeqCst);
        }
        is_there
    }

    fn take(&self) -> Option<usize> {
        let mut state = locked(&self.state);
        let at = state.next;
        let now = self.calls.get(at)?.clock.now();
        state.next += 1;
        state.asked.push((at, now));
        Some(at)
    }

    /// Notes that the store is asked for it now.
    fn note(&self, at: usize) {
        let mut state = locked(&self.state);
        let now = self.calls[at].clock.now();
        state.asked.iter_mut().filter(|(other, _)| *other == at).for_each(|(_, asked)| *asked = now);
    }

    /// Notes an answer; whether it came in time.
    fn put(&self, at: usize, answer: Answer) -> bool {
        let in_time = {
            let mut state = locked(&self.state);
            let asked = state.asked.len();
            state.asked.retain(|(other, _)| *other != at);
            let in_time = state.asked.len() < asked;
            if in_time {
                state.answers[at] = Some(answer);
            }
            in_time
        };
        self.news.note(|news| *news = true).into_iter().for_each(wake);
        in_time
    }

    fn is_left(&self) -> bool {
        locked(&self.state).next < self.calls.len()
    }

    /// Ends those that are late, and with nobody to ask them all others; how many are late, and when the next will be.
    fn late(&self, now: Instant, limit: Duration, is_alone: bool) -> (usize, Instant) {
        let mut state = locked(&self.state);
        let State { asked, answers, next, .. } = &mut *state;
        let before = asked.len();
        asked.retain(|(at, since)| {
            let is_late = since.saturating_add(limit) <= now;
            if is_late {
                answers[*at] = Some(Err(Cause::TimedOut));
            }
            !is_late
        });
        if is_alone && asked.is_empty() {
            // no thread could be had, so these were not asked
            answers.iter_mut().skip(*next).for_each(|answer| *answer = Some(Err(Cause::Unreachable)));
            *next = answers.len();
        }
        let until = asked.iter().map(|(_, since)| since.saturating_add(limit)).min();
        (before - asked.len(), until.unwrap_or(Instant::MAX))
    }
}

#[cfg(test)]
mod tests;
