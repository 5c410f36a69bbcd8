//! Cache a result, hold a lock, run a job once, bound concurrency: by attribute or by value, for tokio and threads.
//!
//! ```
//! use cachify::{Cachify, cached, secs};
//!
//! /// Cached for 5 minutes. On a cold key one caller computes; the others wait for its answer.
//! #[cached(key = "user:{id}", ttl = 300)]
//! fn user(id: u64) -> Result<String, std::io::Error> {
//!     Ok(format!("user {id}"))
//! }
//!
//! Cachify::builder().default_ttl(secs(300)).init()?;
//! assert_eq!(user(42)?, "user 42");
//! assert!(user::reset(42)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The [`guide`] has a page per subject. The rules live in `cachify-core`, re-exported as [`cachify_core`]; its
//! [`why`](cachify_core::why) tells the reasons. This crate adds what needs an operating system: memory with locks and
//! shards, clocks, renewal in the background, a global instance.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backend;
mod backlog;
mod builder;
pub mod clock;
mod closing;
mod detached;
mod flights;
mod global;
mod groups;
mod health;
// documentation only; its programs are tests, and need both features
#[cfg(any(all(doc, not(doctest)), all(doctest, feature = "macros", feature = "redis")))]
pub mod guide;
mod instance;
#[cfg(feature = "json")]
mod json;
mod kv;
mod lines;
mod loads;
mod memory;
mod observe;
mod process;
#[cfg(feature = "redis")]
mod redis;
mod renewer;
#[cfg(any(feature = "metrics", feature = "tracing"))]
mod seeing;
#[cfg(not(any(feature = "metrics", feature = "tracing")))]
#[path = "seeing/off.rs"]
mod seeing;
mod stats;
mod store;
mod sync;
mod templates;
#[cfg(feature = "testing")]
pub mod testing;
mod token;
#[cfg(feature = "redis")]
#[doc(hidden)]
pub mod tool;

pub use cachify_core;
pub use cachify_core::{
    AsIs, Asked, Cause, Code, Config, Done, Error, Holding, Label, Ran, Refused, Success, Ttl,
    cache::{Early, Fetched, Source},
    codec::{Codec, Postcard, Sink, Tagged, Uncodable},
    key::{Arguments, Hashed, KeyError, KeyPart, KeyTemplate, Shown},
    observe::{Event, Eviction, Loss, Observer},
    outcome::LoadFailed,
    token::{FenceGate, FencingToken, HolderToken},
};
#[cfg(feature = "macros")]
pub use cachify_macros::{KeyPart, cached, lock, once, pooled};

pub use backend::Backend;
pub use builder::Builder;
#[cfg(feature = "redis")]
pub use builder::ReadFrom;
pub use clock::{ManualClock, secs};
#[cfg(feature = "tokio")]
pub use detached::detached;
pub use global::global;
pub use health::{Found, Health, Node};
pub use instance::{Cachify, Group, Pong};
#[cfg(feature = "json")]
pub use json::Json;
pub use kv::{AsyncKv, AsyncKvStore, Kv, KvStore};
pub use memory::{DEFAULT_MAX_ENTRIES, Memory, mib};
pub use observe::Watcher;
#[cfg(feature = "redis-1-client")]
pub use redis::Connections;
pub use renewer::Renewed;
pub use stats::Stats;
pub use store::AnyStore;
#[cfg(feature = "link")]
pub use store::RawStore;
pub use sync::StdLock;

/// A lock that is held by a task.
pub type LockGuard<S = AnyStore> = cachify_core::guard::LockGuard<Cachify<S>>;
/// A lock that is held by a thread.
pub type BlockingLockGuard<S = AnyStore> = cachify_core::guard::BlockingLockGuard<Cachify<S>>;
/// A permit that is held by a task.
pub type Permit<S = AnyStore> = cachify_core::guard::Permit<Cachify<S>>;
/// A permit that is held by a thread.
pub type BlockingPermit<S = AnyStore> = cachify_core::guard::BlockingPermit<Cachify<S>>;
/// A run under way in a task.
pub type RunGuard<S = AnyStore> = cachify_core::guard::RunGuard<Cachify<S>>;
/// A run under way in a thread.
pub type BlockingRunGuard<S = AnyStore> = cachify_core::guard::BlockingRunGuard<Cachify<S>>;

/// What the attribute macros expand against; not part of the interface.
#[doc(hidden)]
pub mod __private {
    use crate::{AnyStore, Watcher};
    pub use crate::{
        Error, Stats,
        detached::in_a_task,
        global::current as global,
        groups::{Said, forget, forget_blocking, group, stats},
        observe::Meets,
        seeing::run,
        templates::Site,
    };
    pub use cachify_core::{
        __private::{
            Aging, AtMost, ByDisplay, ByPart, Carries, Closed, Encoded, Ends, Fetched, Inspection, IsAny, IsCopied,
            IsOption, IsResult, IsTold, Keeps, KeyBuffer, KeyError, KeyPart, KeySink, Label, Lasting, LeaseOf, Lends,
            Named, Part, Probe, Refuses, Same, Shape, Tagged, Text, Ttl, Wait, Whole, Within, begun, brought, carried,
            decide, duration, err_for, keeps_err, keeps_none, named, none_for, once, pass_on, put_hash, put_part,
            refuse_closed, refuse_lock, serves_err,
        },
        Refused,
        key::{Kind, LongKeyBuf as KeyBuf},
        outcome::Refusal,
    };
    use std::pin::Pin;

    /// The text of a rendered key.
    #[expect(clippy::needless_pass_by_value, reason = "core gives the buffer back, and the macros call both alike")]
    pub fn key_of(buf: KeyBuf) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(buf.bytes()?).into_owned())
    }

    pub fn boxed<F>(future: F) -> Pin<Box<F>> {
        Box::pin(future)
    }

    /// What a call returns that did not run.
    ///
    /// # Panics
    /// Where the return type cannot say why (`()`, `Option`) and nothing was initialised.
    #[must_use]
    #[track_caller]
    pub fn refuse<R: Refusal<By>, By>(_: By, why: Refused) -> R {
        let grave = why == Refused::NotInitialised && !R::SAYS_WHY;
        assert!(!grave, "{why} (return a `Result`, or say `otherwise`, to handle this)");
        R::refused(why)
    }

    /// A cached function has no error to return before `init`.
    #[track_caller]
    pub fn initialised(instance: &cachify_core::Instance<AnyStore, Watcher>) {
        if instance.store().is_nothing() {
            crate::global::not_initialised();
        }
    }

    /// A handler of a full pool does not hide that nothing was initialised.
    #[track_caller]
    pub fn checked(why: Refused) {
        assert!(why != Refused::NotInitialised, "{why}");
    }
}

/// The program of the README, compiled and run as a test of the documentation.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The pages of the attributes, whose programs need both crates.
#[cfg(all(doctest, feature = "macros"))]
mod attributes {
    #[doc = include_str!("../../core/macros/docs/cached.md")]
    struct Cached;
    #[doc = include_str!("../../core/macros/docs/lock.md")]
    struct Lock;
    #[doc = include_str!("../../core/macros/docs/key_part.md")]
    struct KeyPart;
    #[doc = include_str!("../../core/macros/docs/once.md")]
    struct Once;
    #[doc = include_str!("../../core/macros/docs/pooled.md")]
    struct Pooled;
}
