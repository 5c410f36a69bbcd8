//! What is seen of a key.

use super::{Parse, Put, Reader};
use crate::{link::frame::Encoder, op::Inspection, time::short};

/// An end that is not known, or further than 49 days away, is none.
impl Put for Inspection {
    fn put(&self, to: &mut Encoder<'_>) {
        self.held.put(to);
        short(self.remaining).put(to);
    }
}

impl Parse<'_> for Inspection {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        let (held, remaining) = (u16::parse(from)?, u32::parse(from)?);
        Some(Self::new(held, if remaining == u32::MAX { u64::MAX } else { remaining.into() }))
    }
}
