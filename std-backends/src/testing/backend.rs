//! The contract of `Backend`, one message per MUST that one process can see.

use super::{Broken, SILENT, Time, conformance, large, must, names};
use crate::{
    Builder, Cachify, Refused,
    backend::{Ask, Backend, Call, Left, Op, Outcome, OwnedKey, Reply, park},
    clock::StdClock,
};
use cachify_core::{
    Cause, Holding, Label,
    drive::beside,
    key::{Key, Kind},
    store::Platform,
    time::{Clock, Timer},
    token::HolderToken,
};
use std::{future::Future, sync::Arc, time::Duration};

/// How long an operation may take, and what was left behind before it is given back; leases of this part end later.
const LIMIT: Duration = Duration::from_secs(10);
const LEASE: Duration = Duration::from_secs(60);
const TTL: u64 = 60_000;

/// The contract of [`Backend`] as tasks see it; `open` says how an instance reaches the store. Keys begin with
/// `namespace`, which nobody else uses, nor used within the last minute.
///
/// What is left behind is asked about only where calls run [anywhere](crate::backend::About::anywhere), for only there
/// it is taken back.
///
/// ```no_run
/// # use cachify::{Backend, Cachify, testing};
/// # async fn tried<B: Backend>(my_store: impl Fn() -> B) -> Result<(), testing::Broken> {
/// let open = || Cachify::builder().store(my_store());
/// testing::backend(open, "suite-1:", &std::thread::sleep).await
/// # }
/// ```
///
/// # Errors
/// The first promise that is not kept.
pub async fn backend(open: impl Fn() -> Builder, namespace: &str, time: &impl Time) -> Result<(), Broken> {
    let c = opened(&open, &format!("{namespace}tasks:"))?;
    conformance::all(c.clone(), time, [vec![1_u8], Vec::new()]).await?;
    let keys: Vec<_> = names().map(|name| ("names", name)).collect();
    let mut held = Vec::new();
    for (class, name) in &keys {
        held.push(c.lock((*class, name)).ttl(LEASE).acquire().await.map_err(|why| apart(&why))?);
    }
    for (class, name) in &keys {
        let again = c.lock((*class, name)).try_acquire().await.map_err(|why| apart(&why))?;
        must(again.is_none(), "know a key again, whatever its characters and its length")?;
    }
    for guard in held {
        must(guard.release().await == Ok(Holding::Held), "release a lease of any key")?;
    }
    let other = opened(&open, &format!("{namespace}other:"))?;
    let guard = c.lock("prefix").ttl(LEASE).acquire().await.map_err(|_| Broken("grant a free lease"))?;
    let apart = other.lock("prefix").ttl(LEASE).acquire().await.map_err(|_| Broken("keep prefixes apart"))?;
    for guard in [guard, apart] {
        must(guard.release().await == Ok(Holding::Held), "release a lease of any prefix")?;
    }
    let _ = c.cache("large").get_or_insert(async { large() }).await;
    must(c.cache("large").get().await == Ok(Some(large())), "give back values of a mebibyte")?;
    must(c.cache("large").reset().await == Ok(true), "forget values of a mebibyte")?;
    let left = Behind::of(&c)?;
    if left.backend.about().anywhere {
        left.is_taken_back(async |call| within(left.backend.clone().call(call)).await?).await?;
    }
    Ok(())
}

/// The contract of [`Backend`] as threads see it: not for one whose futures run in tasks only. Keys begin with
/// `namespace`, which nobody else uses, nor used within the last minute.
///
/// # Errors
/// The first promise that is not kept.
pub fn backend_blocking(open: impl Fn() -> Builder, namespace: &str, time: &impl Time) -> Result<(), Broken> {
    let c = opened(&open, &format!("{namespace}threads:"))?;
    conformance::all_blocking(c.clone(), time, [vec![1_u8], Vec::new()])?;
    let left = Behind::of(&c)?;
    left.renews_many()?;
    let taken = left.is_taken_back(async |call| left.backend.clone().call_blocking(call));
    park(Box::pin(taken), LIMIT * 10).unwrap_or(Err(SILENT))
}

/// The result, if there is one in time.
async fn within<T>(future: impl Future<Output = T>) -> Result<T, Cause> {
    let clock = StdClock::system();
    beside(future, clock.sleep_until(clock.now().saturating_add(LIMIT))).await.map_err(|()| Cause::TimedOut)
}

fn opened(open: impl Fn() -> Builder, prefix: &str) -> Result<Cachify, Broken> {
    open().prefix(prefix).build().map_err(|_| Broken("be reachable"))
}

fn apart(why: &Refused) -> Broken {
    match why {
        Refused::Busy { .. } => Broken("keep keys apart, whatever their characters and their length"),
        _ => Broken("take keys of any character and length"),
    }
}

/// Calls as an instance makes them.
struct Behind<'a> {
    c: &'a Cachify,
    backend: Arc<dyn Backend>,
}

impl<'a> Behind<'a> {
    fn of(c: &'a Cachify) -> Result<Self, Broken> {
        const NEAR: Broken = Broken("lie outside the process, to be asked by this suite");
        let remote = c.instance().store().as_remote().ok_or(NEAR)?;
        Ok(Self { c, backend: remote.backend() })
    }

    fn token(&self) -> HolderToken {
        self.c.instance().store().token()
    }

    fn key(&self, kind: Kind, name: &str) -> OwnedKey {
        OwnedKey::of(Key::new(kind, self.c.instance().store().prefix(), name.as_bytes(), 0))
    }

    fn acquire(key: &OwnedKey, token: HolderToken) -> Call {
        Call::new(
            key.clone(),
            token,
            Op::Acquire(Ask { ttl: TTL, wait: 0, size: 1, window: 0, label: Label::NONE }),
            LIMIT,
        )
    }

    /// Renewals of one moment: answered in their order, whoever of them still holds anything.
    fn renews_many(&self) -> Result<(), Broken> {
        let keys: Vec<_> = (0..3).map(|n| self.key(Kind::Lock, &format!("many-{n}"))).collect();
        let tokens = [(); 3].map(|()| self.token());
        for at in [0, 1] {
            let got = self.backend.clone().call_blocking(Self::acquire(&keys[at], tokens[at]));
            must(matches!(got, Ok(Reply::Granted { .. })), "grant a free lease")?;
        }
        let call = |op| keys.iter().zip(tokens).map(|(key, token)| Call::new(key.clone(), token, op, LIMIT)).collect();
        for op in [Op::Renew { ttl: TTL }, Op::Release(Outcome::Free)] {
            let answers = self.backend.clone().call_many_blocking(call(op));
            let is = [Holding::Held, Holding::Held, Holding::Lost].map(|holding| Ok(Reply::Held(holding)));
            must(answers == is, "answer many calls in their order")?;
        }
        Ok(())
    }

    /// What its holder left behind, who waits for no answer.
    async fn is_taken_back<F: Future<Output = Result<Reply, Cause>>>(
        &self,
        call: impl Fn(Call) -> F,
    ) -> Result<(), Broken> {
        let lock = self.key(Kind::Lock, "left");
        let (a, b, stranger) = (self.token(), self.token(), self.token());
        let ask = async |key: &OwnedKey, token| call(Self::acquire(key, token)).await.map_err(|_| SILENT);
        let granted = |reply: &Reply| matches!(reply, Reply::Granted { .. });
        must(granted(&ask(&lock, a).await?), "grant a free lease")?;
        self.leave(&lock, stranger, Left::Lease).await?;
        must(matches!(ask(&lock, b).await?, Reply::Busy { .. }), "take nothing back that somebody else holds")?;
        self.leave(&lock, a, Left::Lease).await?;
        must(granted(&ask(&lock, b).await?), "take back what was abandoned, before `flush` ends")?;
        self.leave(&lock, b, Left::HandOff).await?;
        must(matches!(ask(&lock, a).await?, Reply::Busy { .. }), "keep a lease when a wake-up alone is handed on")?;
        self.leave(&lock, b, Left::WakeUp).await?;
        must(granted(&ask(&lock, a).await?), "take back what was granted to a caller who only waited")?;
        self.leave(&lock, a, Left::Lease).await?;
        let run = self.key(Kind::Once, "left");
        must(granted(&ask(&run, a).await?), "grant a free run")?;
        self.leave(&run, a, Left::Done { fresh: TTL, ttl: TTL }).await?;
        must(matches!(ask(&run, b).await?, Reply::Done { .. }), "keep the marker of a run whose holder left")
    }

    async fn leave(&self, key: &OwnedKey, token: HolderToken, left: Left) -> Result<(), Broken> {
        self.backend.clone().abandon(key.clone(), token, left);
        within(self.backend.clone().flush()).await.map_err(|_| Broken("end `flush` when all was given back"))
    }
}
