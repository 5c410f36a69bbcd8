//! A caller's place among those of its process who wait for what the store cannot signal.

use super::{AnyStore, Remote, away::Away};
use crate::lines::{self, Place};
use cachify_core::{
    key::Kind as Of,
    op::{Answer, Ask, Request},
    patience::Ticket,
    time::Instant,
};

impl AnyStore {
    /// Whether another of this process asks for those who wait for the key: until when they wait, as far as is known.
    pub(super) fn is_behind(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        ask: &Ask,
    ) -> Option<Instant> {
        // what is under way goes on, and while the store is silent everybody finds that out
        if away.call.get().is_some() || remote.outage(request.now) > 0 {
            return None;
        }
        let lines = remote.lines();
        if away.place.is_none() && request.key.kind != Of::Cache && !lines::are_empty(lines) {
            let key = self.own(request.key);
            let seen = lines::look(lines, &key, ask.size, request.now)?;
            if ask.wait == 0 {
                return (!seen.is_asleep).then(|| seen.until.max(request.now));
            }
            away.place = Some(Place::new(lines, key, ask.size, request.token));
        }
        let place = away.place.as_mut()?;
        if !place.may_ask(request.now) {
            return Some(place.until(request.now));
        }
        place.asks(request.now.saturating_add(2 * remote.limit()));
        None
    }

    /// Notes what an answer means to one who stands in a line, or is to.
    pub(super) fn in_line(&self, away: &mut Away, remote: &Remote, request: &Request<'_>, ask: &Ask, answer: &Answer) {
        match *answer {
            Answer::Busy { until, ticket: Ticket::NONE } if ask.wait > 0 => {
                let fresh = || Place::new(remote.lines(), self.own(request.key), ask.size, request.token);
                away.place.get_or_insert_with(fresh).told(request.now, until);
            }
            Answer::Busy { ticket: Ticket::NONE, .. } => {}
            // done for everybody
            Answer::Filled | Answer::Done { .. } => away.place.take().into_iter().for_each(Place::end_all),
            _ => away.place = None,
        }
    }
}
