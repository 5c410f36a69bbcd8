//! What a bracket asks about one right, and what it is told: a few fields instead of the enums of all messages.
//!
//! On the line they are the messages of the same numbers. A device that only uses brackets needs no more of them.

use super::{
    OTHER_QUESTION,
    frame::Encoder,
    number,
    wire::{Parse, Put, Reader},
};
use crate::{
    cell::{Begun, Holding},
    key::Kind,
    store::Fault,
    token::HolderToken,
};

/// A request about one right; times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    number: u8,
    size: Option<u16>,
    token: HolderToken,
    ttl: Option<u32>,
    /// Of a request that can wait: for how long, or without limit.
    patience: Option<Option<u32>>,
}

impl Question {
    const fn new(number: u8, token: HolderToken) -> Self {
        Self { number, size: None, token, ttl: None, patience: None }
    }

    /// Asks for the right that a key of this kind stands for; `size` is a pool's.
    pub(super) const fn ask(kind: Kind, size: u16, token: HolderToken, ttl: u32, patience: Option<u32>) -> Self {
        let (number, size) = match kind {
            Kind::Lock | Kind::Cache => (number::ACQUIRE, None),
            Kind::Pool => (number::TAKE, Some(size)),
            Kind::Once => (number::BEGIN, None),
        };
        Self { size, ttl: Some(ttl), patience: Some(patience), ..Self::new(number, token) }
    }

    /// Extends a right of that kind.
    pub(super) const fn prolong(kind: Kind, token: HolderToken, ttl: u32) -> Self {
        let number = match kind {
            Kind::Lock => number::RENEW,
            Kind::Pool => number::EXTEND,
            Kind::Once => number::TOUCH,
            Kind::Cache => number::KEEP_FLYING,
        };
        Self { ttl: Some(ttl), patience: Some(None), ..Self::new(number, token) }
    }

    /// Gives back a right of that kind.
    pub(super) const fn give_back(kind: Kind, token: HolderToken) -> Self {
        Self::new(
            match kind {
                Kind::Lock => number::RELEASE,
                Kind::Pool => number::GIVE_BACK,
                Kind::Once => number::FAIL,
                Kind::Cache => number::ABANDON,
            },
            token,
        )
    }

    /// Ends a run that succeeded.
    pub(super) const fn complete(token: HolderToken, keep: u32) -> Self {
        Self { ttl: Some(keep), ..Self::new(number::COMPLETE, token) }
    }
}

impl Put for Question {
    fn put(&self, to: &mut Encoder<'_>) {
        self.number.put(to);
        if let Some(size) = self.size {
            size.put(to);
        }
        self.token.put(to);
        if let Some(ttl) = self.ttl {
            ttl.put(to);
        }
        if let Some(patience) = self.patience {
            patience.put(to);
        }
    }
}

/// What is answered to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// To [`Question::ask`].
    Asked(Begun),
    /// To everything else.
    Held(Holding),
}

/// Reads an answer.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(super) fn reply(mut from: Reader<'_>) -> Result<Reply, Fault> {
    let reply = match from.byte() {
        // a grant is laid out like a run that begins
        Some(number::GRANT | number::BEGUN) => Begun::parse(&mut from).map(Reply::Asked),
        Some(number::HOLDING) => Holding::parse(&mut from).map(Reply::Held),
        Some(number::FAILED) => return Err(Fault::parse(&mut from).unwrap_or(OTHER_QUESTION)),
        _ => None,
    };
    reply.filter(|_| from.is_empty()).ok_or(OTHER_QUESTION)
}

pub(super) fn asked(from: Reader<'_>) -> Result<Begun, Fault> {
    match reply(from)? {
        Reply::Asked(begun) => Ok(begun),
        Reply::Held(_) => Err(OTHER_QUESTION),
    }
}

pub(super) fn held(from: Reader<'_>) -> Result<Holding, Fault> {
    match reply(from)? {
        Reply::Held(holding) => Ok(holding),
        Reply::Asked(_) => Err(OTHER_QUESTION),
    }
}
