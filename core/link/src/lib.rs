//! A gateway's store over a serial line: a device takes part in the fleet's locks and caches.
//!
//! [`RemoteStore`] is the store of the device; its requests travel in frames to a gateway (`Gateway`, feature `alloc`), which
//! does them on any store. Nothing here knows what a line is: both sides take `embedded_io_async`'s `Read` and `Write`.
//!
//! # Frames
//!
//! | part | bytes | what |
//! |---|---|---|
//! | lead | 0 or 1 | `0x00`; at the start, after an error, and before whatever is sent again |
//! | body | n + 1 + n / 254 | COBS of the message and its CRC-32C (little-endian); no `0x00` inside |
//! | end | 1 | `0x00` |
//!
//! | message, in postcard | bytes | what |
//! |---|---|---|
//! | version | 1 | [`VERSION`] |
//! | session | 1 to 5 | one life of one device; [`Session::id`] |
//! | request | 1 to 5 | counts up; the same for everything that is sent again; 0 for a notice |
//! | kind, key | 2 + length | of a request and a notice: `1` cache, `2` lock, `3` once, `4` pool; the user's part, UTF-8 |
//! | number | 1 | of a request or an answer, from the tables below |
//! | fields | | |
//!
//! Tokens are 16 bytes; times are durations in milliseconds, rounded up: for how long something is to last in 64 bits, the
//! rest in 32 (49 days). *Room* is the
//! longest value the device can take, *foreign* the CRC-32C of a value that it cannot read and takes for none.
//!
//! | request | fields | of keys of kind |
//! |---|---|---|
//! | 0 acquire | token, TTL, perhaps for how long the caller still waits; of a pool its size; of a cache room, perhaps foreign | all |
//! | 1 renew | token, TTL | all |
//! | 2 release | token | all |
//! | 3 complete | token, for how long the marker is kept | once |
//! | 4 publish | token, perhaps for how long it is fresh, the value | cache |
//! | 5 clear | | cache, lock, once |
//! | 6 inspect | | lock, once, pool |
//! | 7 get | room | cache |
//! | 8 insert | perhaps for how long it is fresh, the value | cache |
//! | 9 begin | | lock, of an empty key |
//!
//! | reply | fields |
//! |---|---|
//! | 64 granted | fence, index, for how long |
//! | 65 busy | for how long (the longest: no end is known), whether a notice will follow |
//! | 66 done | for how long the marker is kept |
//! | 67 filled | the value |
//! | 68 absent | |
//! | 69 held | whether the token held it: 0 kept, 1 lost |
//! | 70 cleared | whether there was anything |
//! | 71 inspected | held by how many, for how long, perhaps the fence, since when, how many wait |
//! | 72 failed | a cause by number; texts stay behind |
//! | 73 other version | the version that is spoken; the same in every version, like everything before the number |
//!
//! What a later version adds gets new numbers. Values are laid out as [`codec::entry`](cachify_core::codec::entry)
//! says, so a device shares them with servers.
//!
//! # What is promised
//!
//! - **A request is done once.** It is sent again until answered; the gateway remembers the last answers of a session,
//!   and does nothing for a request that it saw before. Requests on one key are done in the order they came.
//! - **No answer in time is an unknown outcome** ([`Cause::TimedOut`](cachify_core::Cause)): the same token asks again
//!   while its caller waits; after that the right is given back. Only what never reached the line is `Unreachable`.
//! - **A dropped future leaves nothing behind but a give-back**, sent until acknowledged, for [`Timing::give_back`] at
//!   most. No room to remember it: the right ends by itself, and [`Stats::forgotten`] counts it.
//! - **A line that is down**: what is held is valid until its end, counted from when it was asked for; after that it is
//!   lost, without asking anybody.
//! - **A reset of the device**: what it held ends by itself. The next life has another session, so old answers mean
//!   nothing to it and its tokens are new. Before anything else it says that it begins (9), which is sent again until
//!   answered: also where a session comes again by mistake, nothing of the older life is answered from memory.
//! - **A restart of the gateway**: what was under way may be done again, by the same token; that changes nothing on a
//!   store that outlives the gateway, but a release done twice says `Lost`, and a forced release or an invalidation,
//!   which have no token, may hit what came after. Fences are that store's, and grow. A gateway that is made anew
//!   for each connection, as that of a network listener is, begins anew with each.
//!
//! # Waiting
//!
//! A refused request leaves a watch at the gateway, which tells of the next release once, in a notice. A request held
//! open until granted was the other way: it keeps a slot of the device for as long as it waits, a line that broke
//! cannot be told from a long wait, and a right granted to somebody who is gone needs a second protocol to be taken
//! back. A notice may be lost: the device asks again every [`Timing::poll`]. If nobody asks after a notice, the gateway
//! passes the turn on.
//!
//! # Boot epochs
//!
//! A device that resets must not repeat itself. One counter in flash, raised at every start, serves both kinds of
//! store:
//!
//! ```
//! use cachify_core::{FixedStore, store::lock::NoLock, testing::ManualClock};
//! use cachify_link::{RemoteStore, Session};
//! # use std::cell::Cell;
//! # struct Flash(Cell<u32>);
//! # impl Flash { fn raise_boot_count(&self) -> u32 { self.0.set(self.0.get() + 1); self.0.get() } }
//! # let flash = Flash(Cell::new(6));
//! # let clock = ManualClock::new();
//! let boot = flash.raise_boot_count(); // written before anything else happens
//! let local = FixedStore::<NoLock, _, 8>::new(&clock);
//! local.set_epoch(boot); // its fences are `boot << 32 | counter`
//! let fleet = RemoteStore::<NoLock, _>::new(&clock);
//! fleet.start(Session { id: boot, device: [0x0042_1337, 7] }); // fences of the fleet come from the gateway's store
//! ```
//!
//! Without flash, a random session will do, but then fences of a local store may repeat after a reset.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod call;
#[cfg(feature = "alloc")]
mod command;
mod crowd;
pub mod frame;
#[cfg(feature = "alloc")]
mod gateway;
#[cfg(feature = "keys")]
pub mod keyed;
mod message;
mod number;
mod pump;
mod question;
mod remote;
mod rights;
mod settings;
mod short;
mod state;
mod wire;

#[cfg(feature = "alloc")]
pub use gateway::{Admission, Became, Denied, DeviceRequest, Gateway, Identity, Limits, Lines, Roster, Served};
pub use remote::RemoteStore;
pub use settings::{Session, Stats, Timing};
pub use state::State;

use cachify_core::store::Cause;
use core::fmt;
use embedded_io_async::Write;

/// The version of the link that is spoken here.
pub const VERSION: u8 = 1;

/// What a second device of one identity is refused with.
const RIVAL: &str = "another device has this identity";

/// What a request is refused with that a device may not have done; the gateway's log says why.
#[cfg(feature = "alloc")]
const DENIED: &str = "the gateway does not do this";

/// What a value is refused with that is longer than a frame of the device.
const TOO_LONG: &str = "longer than a frame of the device";

const OTHER_QUESTION: Cause = Cause::Unsupported("the gateway answered another question");

/// Why a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum LineEnd<R, W> {
    /// The other side closed it.
    Closed,
    /// Reading failed.
    Read(R),
    /// Writing failed.
    Write(W),
}

impl<R: fmt::Display, W: fmt::Display> fmt::Display for LineEnd<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the line was closed"),
            Self::Read(e) => write!(f, "the line cannot be read: {e}"),
            Self::Write(e) => write!(f, "the line cannot be written: {e}"),
        }
    }
}

impl<R: core::error::Error, W: core::error::Error> core::error::Error for LineEnd<R, W> {}

/// Writes and flushes all of it; a failure tells how much was taken before.
async fn write_all<W: Write, E>(writer: &mut W, mut bytes: &[u8]) -> Result<(), (usize, LineEnd<E, W::Error>)> {
    let mut taken = 0;
    while !bytes.is_empty() {
        match writer.write(bytes).await {
            Ok(0) => return Err((taken, LineEnd::Closed)),
            Ok(len) => {
                taken += len;
                bytes = bytes.get(len..).unwrap_or_default();
            }
            Err(error) => return Err((taken, LineEnd::Write(error))),
        }
    }
    writer.flush().await.map_err(|error| (taken, LineEnd::Write(error)))
}
