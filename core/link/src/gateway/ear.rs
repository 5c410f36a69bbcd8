//! What is heard on a line: messages out of its bytes, as fast as it may speak, for as long as it lasts.

use super::{
    Limits, Place, Served,
    admission::{DeviceRequest, Line},
    pace::Pace,
    perform::became,
    window::{Incoming, Window},
};
use crate::{command::Reply, frame::Decoder};
use alloc::{vec, vec::Vec};
use cachify_core::time::{Clock, Instant};

pub(super) struct Ear<'a, C> {
    place: &'a Place,
    clock: &'a C,
    limits: Limits,
    /// Until it has ended: its device may be on its next one by then.
    line: Option<Line<'a>>,
    decoder: Decoder<Vec<u8>>,
    pace: Pace,
}

impl<'a, C: Clock> Ear<'a, C> {
    pub(super) fn new(place: &'a Place, clock: &'a C, limits: Limits, line: Line<'a>) -> Self {
        let (line, decoder) = (Some(line), Decoder::new(vec![0; limits.frame]));
        Self { place, clock, limits, line, decoder, pace: Pace::new(clock.now()) }
    }

    /// Takes what came; until when nothing more is to be read.
    pub(super) fn hear(&mut self, chunk: &[u8], window: &mut Window, running: usize) -> Option<Instant> {
        let Self { place, clock, limits, ref line, ref mut decoder, ref mut pace } = *self;
        let admits = |request: &DeviceRequest<'_>| match line {
            Some(line) => line.admits(request, clock.now(), &limits),
            None => Ok(()),
        };
        let messages = window.hear(chunk, decoder, &limits, running, &admits, place);
        let until = pace.heard(chunk.len(), messages, clock.now(), &limits);
        window.served.paced += u64::from(until.is_some());
        until
    }

    /// Tells who admitted a request what became of it.
    pub(super) fn told(&self, incoming: &Incoming, reply: &Reply) {
        if let Some(line) = &self.line {
            incoming.request(|request| line.told(request, became(&request.op, reply), self.clock.now()));
        }
    }

    /// Tells them what was counted, if that is more than `told`.
    pub(super) fn counted(&self, served: &Served, told: &mut Served) {
        if let Some(line) = &self.line
            && *served != *told
        {
            line.counted(served);
            *told = *served;
        }
    }

    pub(super) fn line_ended(&mut self) {
        self.line = None;
    }
}
