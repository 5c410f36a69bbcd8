//! What a store says of its leases to whoever sees the instance, as the same few functions of each.

/// Of a platform that has a `watcher()`.
macro_rules! sees_keys {
    () => {
        fn name(&self, template: &str) -> u16 {
            self.watcher().sight().map_or(0, |sight| sight.number(template))
        }
        #[inline]
        fn met(&self, what: cachify_core::store::Met) -> u16 {
            self.watcher().sight().map_or(0, |sight| sight.met(what))
        }
        fn served(&self, buf: &Self::KeyBuf, event: &cachify_core::observe::Event<'_>) {
            if let Some(sight) = self.watcher().sight() {
                sight.served(buf.name(), event);
            }
        }
    };
}

/// Of a store whose leases have a `watch`.
macro_rules! sees_leases {
    () => {
        fn named(state: &mut InFlight, buf: &Self::KeyBuf, kind: cachify_core::key::Kind) {
            state.watch_mut().named(buf.name(), kind);
        }
        fn noted(&self, state: &InFlight, event: &cachify_core::observe::Event<'_>) {
            state.watch().noted(self.watcher().sight(), event);
        }
        fn seen(state: &mut InFlight) -> InFlight {
            InFlight::of(std::mem::take(state.watch_mut()))
        }
        fn within<T>(state: &InFlight, step: impl FnOnce() -> T) -> T {
            state.watch().within(step)
        }
    };
}

pub(crate) use {sees_keys, sees_leases};
