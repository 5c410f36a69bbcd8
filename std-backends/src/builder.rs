//! From a few words to an instance.

mod bounds;
mod check;
mod parameters;
#[cfg(any(feature = "metrics", feature = "tracing"))]
mod seeing;
#[cfg(feature = "redis")]
mod servers;

#[cfg(feature = "redis")]
use crate::redis::{Login, Target, Tls};
use crate::{
    Error,
    backend::Backend,
    clock::StdClock,
    global,
    instance::Cachify,
    memory::{Bounds, DEFAULT_MAX_ENTRIES, DEFAULT_MAX_MARKERS, Memory, Weighers},
    observe::Watcher,
    seeing::{Asked, Seeing},
    store::{AnyStore, Limits, Remote},
};
use cachify_core::{Config, Instance, Label, Ttl, observe::Observer, store::Platform};
#[cfg(feature = "redis")]
pub use servers::ReadFrom;
use std::{fmt, sync::Arc, time::Duration};

/// How many bytes a value may have outside the process unless told otherwise.
const DEFAULT_MAX_VALUE_BYTES: usize = 16 << 20;

/// Builds an instance. Everything has a default; in memory unless a store is given.
///
/// ```
/// use cachify::{Cachify, secs};
/// let c = Cachify::builder().prefix("app").default_ttl(secs(300)).build()?;
/// # let _ = c;
/// # Ok::<(), cachify::Error>(())
/// ```
#[must_use = "nothing is built before `build` or `init`"]
pub struct Builder {
    prefix: String,
    config: Config,
    bounds: Bounds,
    weighers: Weighers,
    op_timeout: Option<Duration>,
    max_value_bytes: usize,
    blocking: bool,
    label_fits: bool,
    connect_timeout: Duration,
    clock: StdClock,
    watcher: Watcher,
    seeing: Asked,
    backend: Where,
    #[cfg(feature = "redis")]
    read_from: ReadFrom,
    #[cfg(feature = "redis")]
    tls: Tls,
    #[cfg(feature = "redis")]
    at_sentinels: Login,
    #[cfg(feature = "redis-1-client")]
    lent: Option<crate::redis::Lent>,
}

impl Cachify {
    /// Begins to build an instance.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

/// Where an instance keeps what it keeps.
enum Where {
    Memory,
    Own(Arc<dyn Backend>),
    #[cfg(feature = "redis")]
    Redis(String),
    #[cfg(feature = "redis")]
    Cluster(Vec<String>),
    #[cfg(feature = "redis-1-client")]
    Client(Box<redis::Client>),
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("prefix", &self.prefix).field("config", &self.config).finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            prefix: "cachify".into(),
            config: Config::DEFAULT,
            bounds: Bounds {
                entries: DEFAULT_MAX_ENTRIES,
                markers: DEFAULT_MAX_MARKERS,
                weight: None,
                idle: None,
                idle_above: None,
            },
            weighers: Weighers::default(),
            op_timeout: None,
            max_value_bytes: DEFAULT_MAX_VALUE_BYTES,
            blocking: false,
            label_fits: true,
            connect_timeout: Duration::from_secs(5),
            clock: StdClock::system(),
            watcher: Watcher::default(),
            seeing: Asked::default(),
            backend: Where::Memory,
            #[cfg(feature = "redis")]
            read_from: ReadFrom::Master,
            #[cfg(feature = "redis")]
            tls: Tls::default(),
            #[cfg(feature = "redis")]
            at_sentinels: Login::default(),
            #[cfg(feature = "redis-1-client")]
            lent: None,
        }
    }

    /// What all keys begin with in a store outside the process; `"cachify"` unless said.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// TTL of cached values that say none; for ever unless said.
    pub fn default_ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.config.ttl = Some(ttl.into());
        self
    }

    /// Lease of locks and runs that say none; 30 s unless said.
    pub fn default_lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// Lease of permits that say none; 600 s unless said.
    pub fn default_permit(mut self, permit: Duration) -> Self {
        self.config.permit = permit;
        self
    }

    /// Lease of the flight that fills a key, renewed while it computes; 10 s unless said.
    pub fn flight(mut self, flight: Duration) -> Self {
        self.config.flight = flight;
        self
    }

    /// By what people know who holds something through this instance, who ask with `inspect`: a host, a service. At most 32
    /// bytes that can be seen, refused by [`build`](Self::build) and cut by [`build_memory`](Self::build_memory); none unless
    /// said. A lock or run may say its own.
    pub fn label(mut self, label: &str) -> Self {
        self.set_label(label);
        self
    }

    fn set_label(&mut self, label: &str) {
        self.config.label = Label::new(label);
        self.label_fits = Label::fits(label);
    }

    /// Longest time between two attempts of a waiter whom nothing wakes; 5 s unless said.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.config.poll = poll;
        self
    }

    /// Whether threads will use it, as every attribute on a plain `fn` does: then a store that only tasks can ask
    /// ([`About::tasks_only`](crate::backend::About::tasks_only)) is refused by [`build`](Self::build). Unless said, such a
    /// call is refused when it is made, or computes, which the observer is told each time.
    pub fn blocking(mut self, blocking: bool) -> Self {
        self.blocking = blocking;
        self
    }

    /// Longest time one operation outside the process may take, waiting for a connection included. Unless said 500 ms;
    /// of Redis four times the round trip that was measured, at least 500 ms and at most 3 s, which the first ones have.
    ///
    /// A thread on Redis waits as long again for each piece of an answer larger than what the system buffers, where the
    /// way is slow, and up to twice as long to send such a value; a task does not. The blocking face of a store of your
    /// own keeps to the limits of its own client.
    pub fn op_timeout(mut self, op_timeout: Duration) -> Self {
        self.op_timeout = Some(op_timeout);
        self
    }

    /// Longest time one attempt to connect may take, which goes on after its callers gave up; 5 s unless said.
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    /// The clock, for tests: a [`ManualClock`](crate::ManualClock).
    pub fn clock(mut self, clock: impl Into<StdClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Is told what happens.
    pub fn observer(mut self, observer: impl Observer + Send + Sync + 'static) -> Self {
        self.watcher = Watcher::new(observer).counting_as(&self.watcher);
        self
    }

    /// Whether it counts hits, misses and what else happens to its cached values, for [`Cachify::stats`].
    pub fn stats(mut self, stats: bool) -> Self {
        self.watcher.set_counting(stats);
        self
    }

    /// A store of your own; see [`Backend`].
    pub fn store(mut self, store: impl Backend) -> Self {
        self.backend = Where::Own(Arc::new(store));
        self
    }

    /// Makes this the global instance, which the macros use unless told otherwise; also returns it.
    ///
    /// Doing so again replaces it; calls under way keep the one they began with. Each global instance stays in memory
    /// until the process ends.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn init(self) -> Result<Cachify, Error> {
        let instance = self.build()?;
        global::set(instance.clone());
        Ok(instance)
    }

    /// An instance whose store was chosen at run time. Cached values derive `Serialize` and `Deserialize`.
    ///
    /// # Errors
    /// [`Error::Config`] for a time or number of zero, a URL that cannot be used, or [`blocking`](Self::blocking) over a
    /// store for tasks only.
    pub fn build(self) -> Result<Cachify, Error> {
        self.with_parameters()?.finish()
    }

    /// Sees it from now on, if that was asked for: its clock and its prefix are known.
    fn see(&mut self) {
        self.watcher.see(Seeing::new(self.seeing, &self.prefix, &self.clock));
    }

    fn finish(mut self) -> Result<Cachify, Error> {
        self.check()?;
        self.see();
        let remote = self.remote()?;
        if self.blocking && remote.as_ref().is_some_and(|remote| !remote.serves_threads()) {
            return Err(Error::Config("`blocking`: this store has only an async face"));
        }
        if remote.is_some() && self.bounds.weight.is_some() {
            return Err(Error::Config("`max_weight` bounds values in memory, and these lie outside"));
        }
        if remote.is_some() && self.bounds.idle.is_some() {
            return Err(Error::Config("`idle` is for values in memory, and these lie outside"));
        }
        let Self { prefix, config, clock, watcher, bounds, weighers, .. } = self;
        let store = match remote {
            Some(remote) => AnyStore::remote(remote, clock, &prefix, watcher.clone()),
            None => {
                let memory = Memory::new(clock.clone(), &prefix, bounds, weighers, watcher.clone());
                AnyStore::memory(memory, clock, &prefix, watcher.clone())
            }
        };
        Ok(Cachify::new(Instance::with(store, config, watcher)))
    }

    #[cfg_attr(not(feature = "redis"), expect(clippy::unnecessary_wraps, reason = "a URL may be wrong"))]
    fn remote(&self) -> Result<Option<Remote>, Error> {
        Ok(match &self.backend {
            Where::Memory => None,
            Where::Own(store) => Some(self.over(store.clone())),
            #[cfg(feature = "redis")]
            Where::Redis(url) => {
                Some(self.over(self.connected(Target::of_url(url, &self.tls, &self.at_sentinels)?)?))
            }
            #[cfg(feature = "redis")]
            Where::Cluster(urls) => {
                Some(self.over(self.connected(Target::cluster(urls, &self.tls, &self.at_sentinels)?)?))
            }
            #[cfg(feature = "redis-1-client")]
            Where::Client(client) => Some(self.over(self.connected(Target::of_client(client.as_ref().clone()))?)),
        })
    }

    fn over(&self, backend: Arc<dyn Backend>) -> Remote {
        let limits = Limits { op_timeout: self.op_timeout, max_value_bytes: self.max_value_bytes };
        Remote::new(backend, self.clock.clone(), limits, self.watcher.clone())
    }

    #[cfg(feature = "redis")]
    fn connected(&self, target: Target) -> Result<Arc<dyn Backend>, Error> {
        let reads_replicas = self.read_from == ReadFrom::Replicas;
        if reads_replicas && !target.has_replicas() {
            return Err(Error::Config("`read_from`: only a cluster, or sentinels, can be asked where replicas are"));
        }
        #[cfg(feature = "redis-1-client")]
        let lent = self.lent.clone();
        #[cfg(not(feature = "redis-1-client"))]
        let lent = None;
        if lent.is_some() && !target.is_fixed() {
            return Err(Error::Config("`redis_connections`: only of one server, and its URL is that of one"));
        }
        let limits = crate::redis::Limits { operation: self.op_timeout, connect: self.connect_timeout };
        let (clock, watcher) = (self.clock.clone(), self.watcher.clone());
        let settings = crate::redis::Settings { limits, reads_replicas, lent };
        Ok(Arc::new(crate::redis::Redis::new(target, clock, &self.prefix, settings, watcher)))
    }

    /// An instance that never leaves the process: cached values need no serde. A hit is a `Clone`; `Arc` makes that of
    /// large values cheap. A store that was given is not used.
    ///
    /// A zero among the defaults is refused by the calls that use it.
    #[must_use]
    pub fn build_memory(mut self) -> Cachify<Memory> {
        self.see();
        let memory = Memory::new(self.clock, &self.prefix, self.bounds, self.weighers, self.watcher.clone());
        debug_assert_eq!(memory.prefix(), self.prefix);
        Cachify::new(Instance::with(memory, self.config, self.watcher))
    }
}
