//! What a device has at the gateway's store, as far as it was asked for here: a device that goes wrong takes all it can get.
//!
//! Invariant: what is counted is never less than what the store has of the device, but for what older gateways granted.

use super::{
    Limits,
    admission::{Became, Denied, DeviceRequest},
};
use alloc::{boxed::Box, vec::Vec};
use cachify_core::{
    key::Kind,
    op::{Op, Outcome},
    time::{Instant, millis},
    token::HolderToken,
};

/// What every stored value and marker costs beside its bytes.
const EACH: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    held: Vec<Held>,
    stored: Vec<Stored>,
}

/// A right that was granted, or may yet be.
#[derive(Debug)]
struct Held {
    token: HolderToken,
    until: Instant,
    is_granted: bool,
}

/// A value, or the marker of a run.
#[derive(Debug)]
struct Stored {
    kind: Kind,
    key: Box<[u8]>,
    /// What is there.
    now: Option<Size>,
    /// What may come to be there.
    next: Option<Size>,
}

#[derive(Clone, Copy, Debug)]
struct Size {
    bytes: usize,
    until: Instant,
}

impl Stored {
    fn is_of(&self, request: &DeviceRequest<'_>) -> bool {
        self.kind == request.kind && *self.key == *request.key
    }

    fn most(&self) -> usize {
        [self.now, self.next].into_iter().flatten().map(|size| size.bytes).max().unwrap_or_default()
    }

    fn is_left(&self, now: Instant) -> bool {
        [self.now, self.next].into_iter().flatten().any(|size| now < size.until)
    }
}

impl Ledger {
    /// Whether nothing of it is left.
    pub(super) fn is_empty(&mut self, now: Instant) -> bool {
        self.held.retain(|held| now < held.until);
        self.stored.retain(|stored| stored.is_left(now));
        self.held.is_empty() && self.stored.is_empty()
    }

    /// Notes what a request may take, or says why it may not.
    pub(super) fn ask(&mut self, request: &DeviceRequest<'_>, now: Instant, limits: &Limits) -> Result<(), Denied> {
        let longest = |limit| millis(limit);
        match request.op {
            Op::Acquire(ask) => {
                if ask.ttl > longest(limits.lease) {
                    return Err(Denied::Lasting);
                }
                self.hold(request.token, now.plus(ask.ttl), now, limits)
            }
            Op::Renew { ttl } if ttl > longest(limits.lease) => Err(Denied::Lasting),
            Op::Release(Outcome::Done { fresh }) if request.kind == Kind::Once && fresh > longest(limits.keep) => {
                Err(Denied::Lasting)
            }
            Op::Insert { fresh } | Op::Release(Outcome::Done { fresh }) => {
                self.store(request, now.plus(fresh.min(longest(limits.keep))), now, limits)
            }
            Op::Renew { .. } | Op::Release(Outcome::Free) | Op::Clear | Op::Inspect | Op::Get => Ok(()),
        }
    }

    fn hold(&mut self, token: HolderToken, until: Instant, now: Instant, limits: &Limits) -> Result<(), Denied> {
        if self.held.iter().any(|held| held.token == token) {
            return Ok(());
        }
        if self.held.len() >= limits.held {
            self.held.retain(|held| now < held.until);
            if self.held.len() >= limits.held {
                return Err(Denied::Held);
            }
        }
        self.held.push(Held { token, until, is_granted: false });
        Ok(())
    }

    fn store(
        &mut self,
        request: &DeviceRequest<'_>,
        until: Instant,
        now: Instant,
        limits: &Limits,
    ) -> Result<(), Denied> {
        let bytes = EACH + request.key.len() + request.value;
        let others = |all: &[Stored]| all.iter().filter(|one| !one.is_of(request)).map(Stored::most).sum::<usize>();
        if others(&self.stored) + bytes > limits.stored {
            self.stored.retain(|stored| stored.is_left(now));
            if others(&self.stored) + bytes > limits.stored {
                return Err(Denied::Stored);
            }
        }
        let next = Some(Size { bytes, until });
        match self.stored.iter_mut().find(|stored| stored.is_of(request)) {
            // several may be under way
            Some(stored) if stored.next.is_some_and(|next| next.bytes > bytes) => {}
            Some(stored) => stored.next = next,
            None => {
                self.stored.push(Stored { kind: request.kind, key: request.key.into(), now: None, next });
            }
        }
        Ok(())
    }

    /// Notes what became of a request.
    pub(super) fn told(&mut self, request: &DeviceRequest<'_>, became: Became, now: Instant) {
        if became == Became::Unknown {
            return;
        }
        let held = self.held.iter_mut().find(|held| held.token == request.token);
        match (request.op, became) {
            (Op::Acquire(_), Became::Granted { remaining }) => {
                if let Some(held) = held {
                    (held.until, held.is_granted) = (now.saturating_add(remaining), true);
                }
            }
            // one that waits; or asks once more for what it has
            (Op::Acquire(_), _) => self.held.retain(|held| held.token != request.token || held.is_granted),
            (Op::Renew { ttl }, Became::Done) => match held {
                Some(held) => held.until = now.plus(ttl),
                // of a gateway before this one
                None => self.held.push(Held { token: request.token, until: now.plus(ttl), is_granted: true }),
            },
            (Op::Renew { .. }, _) => self.held.retain(|held| held.token != request.token),
            (Op::Release(outcome), _) => {
                self.held.retain(|held| held.token != request.token);
                if matches!(outcome, Outcome::Done { .. }) {
                    self.landed(request, became);
                }
            }
            (Op::Insert { .. }, _) => self.landed(request, became),
            (Op::Clear, _) => self.stored.retain(|stored| !stored.is_of(request) || stored.next.is_some()),
            (Op::Inspect | Op::Get, _) => {}
        }
    }

    fn landed(&mut self, request: &DeviceRequest<'_>, became: Became) {
        if let Some(stored) = self.stored.iter_mut().find(|stored| stored.is_of(request)) {
            let next = stored.next.take();
            stored.now = if became == Became::Done { next.or(stored.now) } else { stored.now };
        }
        self.stored.retain(|stored| stored.now.is_some() || stored.next.is_some());
    }
}
