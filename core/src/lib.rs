//! Cache, lock, once and pool as state machines over abstract clocks and stores, for microcontrollers and servers.
//!
//! What an operation *means* is a pure function of state, time and request ([`cell`]); what waits, locks or sleeps is
//! a thin shell round it ([`drive`], [`store`]). Core never allocates by default, never spawns, never sleeps and never
//! reads a clock by itself. Servers use the crate `cachify`, which builds on this one; firmware uses this one:
//!
//! ```
//! use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::{ManualClock, block_on}};
//! use core::time::Duration;
//!
//! let clock = ManualClock::new();
//! let store = FixedStore::<NoLock, _, 8, u32>::new(&clock); // 8 keys, values of one type, no heap
//! let device = Instance::new(&store);
//! let reading = device.cache("temperature").ttl(Duration::from_secs(5));
//! let value = block_on(reading.get_or_insert_with(async || Ok::<u32, ()>(21)));
//! assert_eq!(value, Ok(21));
//! ```
//!
//! See [`why`] for the reasons behind the rules.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// the traits leave `Send` to the concrete store, so that one trait serves executors with and without threads
#![allow(async_fn_in_trait)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod asked;
mod below;
pub mod cache;
pub mod cell;
pub mod codec;
mod companions;
pub mod drive;
#[cfg(feature = "embassy")]
pub mod embassy;
pub mod error;
pub mod guard;
pub mod instance;
mod keeping;
pub mod key;
mod label;
#[doc(hidden)]
pub mod lease;
pub mod lock;
pub mod observe;
pub mod once;
pub mod op;
#[doc(hidden)]
pub mod outcome;
pub mod patience;
pub mod pool;
pub mod primitives;
#[cfg(feature = "defmt")]
mod shown;
mod span;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod token;
pub mod ttl;
pub mod validity;
pub mod why;

pub use cell::Holding;
pub use codec::AsIs;
pub use error::{Asked, Cause, Code, Done, Error, Refused};
pub use instance::{Config, Instance};
pub use key::KeyPart;
pub use label::Label;
pub use once::{Ran, Success};
pub use primitives::{CacheHandle, TaskHandle};
pub use store::fixed::{FixedStore, WhenFull};
pub use ttl::Ttl;

#[cfg(feature = "macros")]
pub use cachify_macros::{
    KeyPartCore as KeyPart, cached_core as cached, lock_core as lock, once_core as once, pooled_core as pooled,
};

/// What the attribute macros expand against; not part of the interface.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "hash")]
    pub use crate::key::put_hash;
    pub use crate::{
        below::Within,
        cache::{Aging, Carries, Fetched, brought},
        codec::Tagged,
        companions::Same,
        keeping::{BySerde, Encodes, Keeps, Lends, Shares},
        key::{ByDisplay, ByPart, KeyBuffer, KeyError, KeyPart, KeySink, Kind, Part, Text, put_part},
        label::Label,
        lease::{LeaseOf, Wait, begun, carried},
        op::Inspection,
        outcome::{
            AtMost, Closed, Closes, Encoded, Ends, IsAny, IsOption, IsResult, Lasting, NeverSilent, Probe, Refusal,
            Refuses, Shape, Whole, err_for, keeps_err, keeps_none, none_for, pass_on, serves_err,
        },
        span::duration,
        ttl::Ttl,
    };

    pub use crate::__if_stale as if_stale;
    pub use crate::error::{Error, Named, Refused};
    #[cfg(feature = "alloc")]
    pub use crate::outcome::{IsCopied, IsTold};

    /// Core does not allocate: a rendered key comes in the buffer it was rendered into.
    pub fn key_of<B: KeyBuffer>(buf: B) -> Result<B, Error> {
        match buf.bytes() {
            Ok(_) => Ok(buf),
            Err(why) => Err(why.into()),
        }
    }

    #[must_use]
    pub fn refuse<R: Refusal<By>, By>(_: By, why: Refused) -> R {
        R::refused(why)
    }

    #[must_use]
    pub fn refuse_lock<R: NeverSilent<By>, By>(_: By, why: Refused) -> R {
        R::refused(why)
    }

    #[must_use]
    pub fn refuse_closed<R: Closes<By>, By>(_: By, why: Refused) -> R {
        R::refused(why)
    }

    /// Runs a body as one that is called once: it may hand back what was lent to the function to be changed.
    #[inline]
    pub fn run<R>(body: impl FnOnce() -> R) -> R {
        body()
    }

    /// A closure that is called once: one that hands on what was lent to be changed would else be taken for more.
    #[inline]
    pub const fn once<R, F: FnOnce() -> R>(load: F) -> F {
        load
    }

    /// The refusal of an attribute.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "nothing at all on a device")]
    #[must_use]
    pub fn named(why: Refused, named: &'static Named) -> Refused {
        why.of(crate::Asked::by(named))
    }

    pub fn decide<R>(otherwise: impl FnOnce(Refused) -> R, why: Refused) -> R {
        otherwise(why)
    }

    pub const fn checked(_: Refused) {}
}
