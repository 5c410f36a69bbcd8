//! The guide: a page per subject, each with programs to paste.
//!
//! | to | read |
//! |---|---|
//! | begin: dependencies, features, a program, return types | [`first_steps`] |
//! | write keys | [`keys`] |
//! | cache, forget, change a type | [`caching`] |
//! | let one at a time touch a thing, and reject who came too late | [`locks`] |
//! | run a job once | [`once`] |
//! | bound concurrency | [`pools`] |
//! | share all of it in a fleet | [`redis`] |
//! | go on when one server is not enough, or fails | [`cluster`], [`sentinel`] |
//! | see who holds what, since when, and who waits; take it away | [`the_tool`] |
//! | use a server that runs no scripts | [`without_lua`] |
//! | do without tokio | [`threads`] |
//! | use several instances | [`layers`] |
//! | keep it in SQL, Memcached or a file | [`own_store`] |
//! | test code that uses it | [`testing`] |
//! | count what happens | [`metrics`], [`events`] |
//! | see in traces who waited for what | [`tracing`] |
//! | put it on a microcontroller, alone or behind a gateway | [`firmware`], [`devices`] |
//! | come from Python's py-cachify | [`from_py_cachify`] |
//! | come from `cached`, moka or `quick_cache` | [`from_cached`], [`from_moka`], [`from_quick_cache`] |
//! | know what is promised, and what is not | [`promises`] |
//!
//! The reasons behind the rules are in [`why`](cachify_core::why). This module is documentation only: nothing of it is
//! compiled into a program.

/// A page for each file of `guide/`. Of two definitions of a link the first counts: these lead to modules and types,
/// and those at the end of the files, for whoever reads them in a checkout, to files.
macro_rules! pages {
    ($($page:ident)*) => { $(
        pub mod $page {
            #![doc = "[access list]: crate::guide::redis#access-list"]
            #![doc = "[caching]: crate::guide::caching"]
            #![doc = "[cluster]: crate::guide::cluster"]
            #![doc = "[devices]: crate::guide::devices"]
            #![doc = "[events]: crate::guide::events"]
            #![doc = "[failover]: crate::guide::redis#failover-restart-flush"]
            #![doc = "[firmware]: crate::guide::firmware"]
            #![doc = "[keys]: crate::guide::keys"]
            #![doc = "[layers]: crate::guide::layers"]
            #![doc = "[locks]: crate::guide::locks"]
            #![doc = "[metrics]: crate::guide::metrics"]
            #![doc = "[once]: crate::guide::once"]
            #![doc = "[own_store]: crate::guide::own_store"]
            #![doc = "[pools]: crate::guide::pools"]
            #![doc = "[promises]: crate::guide::promises"]
            #![doc = "[redis]: crate::guide::redis"]
            #![doc = "[return types]: crate::guide::first_steps#return-types"]
            #![doc = "[sentinel]: crate::guide::sentinel"]
            #![doc = "[threads]: crate::guide::threads"]
            #![doc = "[tracing]: crate::guide::tracing"]
            #![doc = "[without_lua]: crate::guide::without_lua"]
            #![doc = "[why]: crate::cachify_core::why"]
            #![doc = "[`about`]: crate::Cachify::about"]
            #![doc = "[`About::tasks_only`]: crate::backend::About::tasks_only"]
            #![doc = "[`AsyncKv`]: crate::AsyncKv"]
            #![doc = "[`AsyncKvStore`]: crate::AsyncKvStore"]
            #![doc = "[`Backend`]: crate::Backend"]
            #![doc = "[`Builder`]: crate::Builder"]
            #![doc = "[`Cachify`]: crate::Cachify"]
            #![doc = "[`Codec`]: crate::Codec"]
            #![doc = "[`Connections`]: crate::Connections"]
            #![doc = "[`Event`]: crate::Event"]
            #![doc = "[`FenceGate`]: crate::FenceGate"]
            #![doc = "[`KeyTemplate`]: crate::KeyTemplate"]
            #![doc = "[`KvStore`]: crate::KvStore"]
            #![doc = "[`KvStore::micros`]: crate::KvStore::micros"]
            #![doc = "[`Kv`]: crate::Kv"]
            #![doc = "[`ManualClock`]: crate::ManualClock"]
            #![doc = "[`Memory`]: crate::Memory"]
            #![doc = "[`Loss`]: crate::Loss"]
            #![doc = "[`Observer`]: crate::Observer"]
            #![doc = "[`Refused`]: crate::Refused"]
            #![doc = ""]
            #![doc = include_str!(concat!("../guide/", stringify!($page), ".md"))]
        }
    )* };
}

pages! {
    first_steps
    keys
    caching
    locks
    once
    pools
    redis
    cluster
    sentinel
    the_tool
    without_lua
    threads
    layers
    own_store
    testing
    events
    firmware
    devices
    from_py_cachify
    from_cached
    from_moka
    from_quick_cache
    promises
}

// their programs ask for what only these features have
#[cfg(any(not(doctest), all(feature = "metrics", feature = "tracing")))]
pages! {
    metrics
    tracing
}
