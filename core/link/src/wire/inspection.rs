//! What is seen of a key.

use super::{Parse, Put, Reader};
use crate::frame::Encoder;
use cachify_core::{
    op::Inspection,
    time::{millis, short},
    token::FencingToken,
};

/// An end that is not known, or further than 49 days away, is none.
impl Put for Inspection {
    fn put(&self, to: &mut Encoder<'_>) {
        self.held.put(to);
        let endless = if self.held == 0 { 0 } else { u64::MAX };
        short(self.remaining().map_or(endless, millis)).put(to);
        self.fence().map(|fence| fence.0).put(to);
        self.age().map(|age| short(millis(age))).put(to);
        self.waiting().put(to);
    }
}

impl Parse<'_> for Inspection {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        let (held, remaining) = (u32::parse(from)?, u32::parse(from)?);
        let seen = Self::new(held, if remaining == u32::MAX { u64::MAX } else { remaining.into() });
        let (fence, age) = (Option::<u64>::parse(from)?, Option::<u32>::parse(from)?);
        let seen = seen.by(FencingToken(fence.unwrap_or_default()), age.map_or(u64::MAX, u64::from));
        Some(seen.waited_for_by(Option::parse(from)?.unwrap_or(u32::MAX)))
    }
}
